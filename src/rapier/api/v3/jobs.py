"""Jobs of version 3: submitted, shown, waited for, cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from http import HTTPStatus
from typing import Any

from rapier.api.http import first_of
from rapier.api.v3.bodies import check, fill, new_name
from rapier.api.v3.changes import OF_JOBS, Change, carry_out
from rapier.api.v3.operations import Operation
from rapier.api.v3.outcomes import nothing_but_the_job, persistently, shown
from rapier.api.v3.problems import Problem, not_found, precondition_failed, unprocessable
from rapier.api.v3.request import Answer, Argument, Request, nearest
from rapier.api.v3.shapes import Submission
from rapier.cluster.families import Family
from rapier.cluster.objects import Found, collection_stamp, is_job_id
from rapier.ganeti.jobs import CANCELED, FINISHED, QUEUED
from rapier.ganeti.kinds import JOB, KINDS
from rapier.ganeti.opcodes import CLOSED_TO_CLIENTS, OPCODES, Params
from rapier.ganeti.touching import Target

# -- one job ---------------------------------------------------------------------------------------------------------


def _job_id(request: Request) -> int:
    name = request.names["job"]
    if not is_job_id(name):
        raise not_found(f"{name!r} is no job's id")
    return int(name)


async def _read(request: Request) -> Answer:
    job_id = _job_id(request)
    seconds, since = request.query["wait"], request.query["since"]
    job, family = await shown(request, job_id)
    if seconds is not None and family.unfinished:
        loop = asyncio.get_running_loop()
        end = loop.time() + max(0, min(seconds, request.longest_wait_seconds))
        families = request.cluster.families

        def wait() -> Awaitable[Family]:
            left_seconds = end - loop.time()
            if since is None:
                return families.wait(job_id, left_seconds)
            return families.change(job_id, since, left_seconds)

        # who waits for a job waits for luxid's return as well
        await first_of(persistently(wait), request.draining.wait(), request.gone())
        job, family = await persistently(lambda: shown(request, job_id))
    volatile = seconds is not None or bool(family.unfinished)
    return Answer(job.value, JOB.shape, stamp=job.stamp, volatile=volatile)


READ = Operation(
    _read,
    "One job, with the jobs that it submitted",
    {200: JOB.shape},
    arguments={
        "wait": Argument(int, "seconds to wait for the family's end, or with `since` for any change"),
        "since": Argument(str, "the `serial` that the client knows: answer as soon as there is another"),
    },
)


async def _cancel(request: Request) -> Answer:
    job_id = _job_id(request)
    job, _ = await shown(request, job_id)
    if job.value["status"] in FINISHED:
        raise Problem("not-cancellable", f"The job has ended: {job.value['status']}", {"job": request.job_uri(job_id)})
    wanted, unless = request.preconditions.if_match, request.preconditions.if_none_match
    if request.demands_precondition and wanted is None:
        raise Problem("precondition-required", "Send If-Match with the entity tag of the job")
    # a job changes by itself: between this look and the cancelling nothing can be kept still
    if (wanted is not None and not wanted.name_stamp(job.stamp)) or (
        unless is not None and unless.name_stamp(job.stamp)
    ):
        raise precondition_failed("The job is not as the request says", job.stamp)
    done, said, job = await _cancelled(request, job_id)
    if done or job.value["status"] == CANCELED:
        return Answer(job.value, JOB.shape, stamp=job.stamp, volatile=True)
    # a job at work is told to stop all the same, and does so before its next opcode
    if job.value["status"] not in FINISHED and _has_more(job):
        return Answer(
            job.value, JOB.shape, HTTPStatus.ACCEPTED, volatile=True, headers=[("location", request.job_uri(job_id))]
        )
    raise Problem("not-cancellable", said, {"job": request.job_uri(job_id)})


async def _cancelled(request: Request, job_id: int) -> tuple[bool, str, Found]:
    """Whether the job is cancelled, what the master says of it, and the job afterwards.

    luxid knows nothing of a job whose file it has written a moment ago: then it is told again, a little later.
    """
    for pause_seconds in (0.05, 0.1, 0.2, 0.4, 0.8, 0):
        done, said = await request.cluster.luxi.cancel_job(job_id)
        job, _ = await shown(request, job_id)
        if done or job.value["status"] != QUEUED:
            break
        await asyncio.sleep(pause_seconds)
    return done, said, job


def _has_more(job: Found) -> bool:
    return any(opcode["status"] in ("queued", "waiting") for opcode in job.value["opcodes"])


CANCEL = Operation(
    _cancel,
    "Cancel: 200 it is cancelled, 202 it stops before its next opcode, 409 it cannot be",
    {200: JOB.shape, 202: JOB.shape},
    problems=("not-cancellable", "precondition-failed", "precondition-required", "etag-without-if-match"),
    writes=True,
)


# -- submitting ------------------------------------------------------------------------------------------------------


async def _submit(request: Request) -> Answer:
    wanted = check(request.given_parameters, Submission)
    opcodes = [_opcode(one, place) for place, one in enumerate(wanted["opcodes"])]

    async def read() -> Found:
        if request.preconditions.if_match is None:
            return Found({}, "")
        return Found({}, collection_stamp(await request.cluster.objects.all(JOB)))

    return await carry_out(request, Change(read, lambda _: opcodes, lambda _: Target.everything(), nothing_but_the_job))


# Which parameter of an opcode is an object's new name
_NAMING: Mapping[str, str] = {
    **{kind.create: kind.parameter for kind in KINDS if kind.create},
    "OP_INSTANCE_RENAME": "new_name",
    "OP_GROUP_RENAME": "new_name",
    "OP_NETWORK_RENAME": "new_name",
}


def _opcode(given: dict[str, Any], place: int) -> Params:
    pointer = f"/opcodes/{place}"
    op_id = given.get("OP_ID")
    allowed = OPCODES.keys() - CLOSED_TO_CLIENTS
    if not isinstance(op_id, str) or op_id not in allowed:
        raise unprocessable(
            f"There is no opcode {op_id!r} here{nearest(str(op_id), allowed)}", pointer=f"{pointer}/OP_ID"
        )
    if (naming := _NAMING.get(op_id)) in given:
        new_name(given[naming], f"{pointer}/{naming}")
    return fill(op_id, {name: value for name, value in given.items() if name != "OP_ID"}, {}, pointer)


SUBMIT = Operation(
    _submit,
    "Submit a job of opcodes that no other resource covers",
    {200: JOB.shape, 202: JOB.shape},
    body=Submission,
    problems=OF_JOBS,
    writes=True,
)
