"""What came of a job: shown with the jobs that it submitted in turn, as the answer to the write that made it.

What a job comes to is what its family comes to: a node's evacuation has failed when one of the jobs it made has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, TypeVar

from rapier.api.http import first_of
from rapier.api.v3.problems import Problem, not_found, problem_for
from rapier.api.v3.request import Answer, Request
from rapier.cluster.families import Family
from rapier.cluster.guard import Submitted
from rapier.cluster.objects import Found
from rapier.errors import GanetiError, MasterError, MasterSilent
from rapier.ganeti.jobs import CANCELED, ERROR, SUCCESS
from rapier.ganeti.kinds import JOB

T = TypeVar("T")
# What to answer when the job has ended well: from the object as it was before, and the time of the loop until which
# the client waits. Raises `NotShown` where the change could not be seen until then.
Result = Callable[[Found, float], Awaitable[Answer]]

# How long luxid may be away while what came of a job is asked for: a restart takes a second
AWAY_SECONDS = 8.0
LOOK_EVERY_SECONDS = 0.2


class NotShown(Exception):
    """A job has ended well, and luxid shows nothing of it yet."""


async def shown(request: Request, job_id: int) -> tuple[Found, Family]:
    """The job as clients see it, and its family; equal questions share an answer. Raises a 404."""
    job, family = await request.cluster.read(("v3 job", job_id), lambda: _look(request, job_id))
    return Found(dict(job.value), job.stamp), family


async def _look(request: Request, job_id: int) -> tuple[Found, Family]:
    # in this order: a family that has ended shows a job that has ended
    family = await request.cluster.families.read(job_id)
    job = await request.cluster.objects.one(JOB, str(job_id))
    if job is None:
        raise not_found(f"There is no job {job_id}")
    job.value["outcome"] = None if family.unfinished else family.status
    job.value["serial"] = family.serial
    job.value["children"] = [
        *({"id": str(one.job_id), "status": one.status, "error": _text(one.error)} for one in family.children),
        *({"id": None, "status": ERROR, "error": text} for one in family.members for text in one.not_submitted),
    ]
    return job, family


async def nothing_but_the_job(current: Found, until: float) -> Answer:
    """What a write comes to that leaves no object: the answer is its job."""
    return Answer(None, None)


def _text(error: GanetiError | None) -> str | None:
    return None if error is None else str(error)


async def made(request: Request, submitted: Submitted[Found], result: Result) -> Answer:
    """The answer to a write whose job is in the queue: what came of it where the client waits for that, or the job.

    The job is there, whatever becomes of luxid: no answer may read as if it were not.
    """
    request.told["job"] = submitted.job_id
    try:
        return await _told(request, submitted, result)
    except MasterError as problem:
        uri = request.job_uri(submitted.job_id)
        said = f"The job is in the queue: {uri}. What comes of it could not be seen: {problem}"
        raise Problem("outcome-unknown", said, {"job": uri}, [(b"location", uri.encode())]) from None


async def _told(request: Request, submitted: Submitted[Found], result: Result) -> Answer:
    job_id = submitted.job_id
    uri = request.job_uri(job_id)
    headers = [("link", f'<{uri}>; rel="job"')]
    raced = bool(submitted.raced) or not submitted.looked  # then no answer may read as if the guard had held
    if request.wait_seconds is not None:
        headers += [("preference-applied", f"wait={request.wait_seconds}")]
        loop = asyncio.get_running_loop()
        end = loop.time() + request.wait_seconds
        waiting = persistently(lambda: request.cluster.families.wait(job_id, end - loop.time()))
        family = await first_of(waiting, request.draining.wait(), request.gone())
        if family is not None and not family.unfinished and not raced:
            ended = persistently(lambda: _ended(request, submitted, family, result, end, headers))
            with suppress(NotShown):  # then the job is the answer, which tells that it succeeded
                answer = await first_of(ended, request.draining.wait(), request.gone())
                if answer is not None:
                    return answer
    job, _ = await persistently(lambda: shown(request, job_id))
    if raced:
        others = [request.job_uri(other) for other in submitted.raced]
        said = "These jobs touch the same object and may have run first; this one could not be cancelled any more"
        if not submitted.looked:
            said = "The master daemon went away before it could be seen whether other jobs touch the same object"
        job.value["raced"] = Problem("object-busy", said, {"jobs": others}).body()
    headers = [("location", uri), *headers]
    return Answer(job.value, JOB.shape, HTTPStatus.ACCEPTED, volatile=True, headers=headers)


async def persistently(ask: Callable[[], Awaitable[T]]) -> T:
    """What `ask` answers, also of a luxid that goes away and comes back. Raises `MasterError` after `AWAY_SECONDS`."""
    loop = asyncio.get_running_loop()
    end: float | None = None
    while True:
        try:
            return await ask()
        except MasterSilent:
            raise  # that took a deadline already
        except MasterError:
            end = loop.time() + AWAY_SECONDS if end is None else end
            if loop.time() > end:
                raise
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _ended(
    request: Request,
    submitted: Submitted[Found],
    family: Family,
    result: Result,
    until: float,
    headers: list[tuple[str, str]],
) -> Answer:
    job_id = submitted.job_id
    if family.status != SUCCESS:
        failure = _failure(request, job_id, family)
        failure.headers += [(name.encode(), value.encode()) for name, value in headers]
        raise failure
    answer = await result(submitted.current, until)
    if answer.shape is None:  # there is no object any more
        job, _ = await shown(request, job_id)
        answer = Answer(job.value, JOB.shape, stamp=job.stamp)
    answer.headers += headers
    answer.volatile = True
    return answer


def _failure(request: Request, job_id: int, family: Family) -> Problem:
    """The problem that says which of the family failed, and why."""
    uri = request.job_uri(job_id)
    if family.status == CANCELED:
        return Problem("job-canceled", f"{uri} was cancelled", {"job": uri})
    summaries = {member.job_id: member.summary for member in family.members}
    failed = [
        {
            "job": None if one.job_id is None else request.job_uri(one.job_id),
            "summary": "" if one.job_id is None else summaries[one.job_id],
            "status": ERROR,
            "detail": str(one.error),
        }
        for one in family.failures
    ]
    members: dict[str, Any] = {"job": uri, "failed": failed}
    first = family.failures[0]
    if first.job_id == job_id:
        return problem_for(first.error, **members)
    said = "; ".join(f"{one['job'] or 'a job that could not be submitted'}: {one['detail']}" for one in failed)
    return Problem("job-failed", said, members)
