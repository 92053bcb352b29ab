"""What came of a job: shown with the jobs that it submitted in turn, as the answer to the write that made it.

What a job comes to is what its family comes to: a node's evacuation has failed when one of the jobs it made has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from rapier.api.http import first_of
from rapier.api.v3.problems import Problem, not_found, problem_for
from rapier.api.v3.request import Answer, Request
from rapier.cluster.families import Family
from rapier.cluster.guard import Submitted
from rapier.cluster.objects import Found
from rapier.errors import ganeti_error
from rapier.ganeti.jobs import CANCELED, SUCCESS
from rapier.ganeti.kinds import JOB


async def shown(request: Request, job_id: int) -> tuple[Found, Family]:
    """The job as clients see it, and its family. Raises a 404."""
    job = await request.cluster.objects.one(JOB, str(job_id))
    if job is None:
        raise not_found(f"There is no job {job_id}")
    family = await request.cluster.families.of(job_id)
    job.value["outcome"] = family.outcome
    job.value["serial"] = family.serial
    job.value["children"] = [
        {"id": None if child.id is None else str(child.id), "status": child.status, "error": child.error}
        for child in family.children
    ]
    return job, family


async def made(request: Request, submitted: Submitted, result: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer to a write whose job is in the queue: what came of it where the client waits for that, else the job."""
    job_id = submitted.job_id
    uri = request.uri(JOB.collection, str(job_id))
    applied = []
    if request.wait_seconds is not None:
        applied = [("preference-applied", f"wait={request.wait_seconds}")]
        family = await _end(request, job_id, request.wait_seconds)
        if family is not None and family.outcome is not None:
            if family.outcome != SUCCESS:
                raise _failure(request, job_id, family, uri)
            answer = await result()
            if answer.shape is None:  # there is no object any more
                job, _ = await shown(request, job_id)
                answer = Answer(job.value, JOB.shape, stamp=job.stamp)
            answer.headers += [("link", f'<{uri}>; rel="job"'), *applied]
            answer.volatile = True
            return answer
    job, _ = await shown(request, job_id)
    if submitted.raced:
        job.value["raced"] = [request.uri(JOB.collection, str(other)) for other in submitted.raced]
    headers = [("location", uri), *applied]
    return Answer(job.value, JOB.shape, HTTPStatus.ACCEPTED, volatile=True, headers=headers)


async def _end(request: Request, job_id: int, seconds: int) -> Family | None:
    """The family when it has ended, or as it is when the time is over or the daemon drains."""
    waiting = request.cluster.families.end_of(job_id, seconds)
    return await first_of(waiting, request.draining.wait(), request.gone())


def _failure(request: Request, job_id: int, family: Family, uri: str) -> Problem:
    """The problem that says which of the family failed, and why."""
    failed = [
        {
            "job": None if one.id is None else request.uri(JOB.collection, str(one.id)),
            "summary": one.summary,
            "status": one.status,
            "detail": _said(one.error),
        }
        for one in family.failed
    ]
    members: dict[str, Any] = {"job": uri, "failed": failed}
    first = family.failed[0]
    if family.outcome == CANCELED:
        return Problem("job-canceled", f"{uri} was cancelled", members)
    if first.id == job_id and isinstance(first.error, list):
        return problem_for(ganeti_error(first.error), **members)
    return Problem("job-failed", "; ".join(f"{one['job']}: {one['detail']}" for one in failed), members)


def _said(error: Any) -> str:
    """An opcode's error as a sentence."""
    return str(ganeti_error(error)) if isinstance(error, list) else str(error)
