"""A write makes a job, guarded where the client says what it has read, and answers with what comes of it.

A write is a `Change`: what is read before it, which opcodes follow from that, and what to show when the job has ended
well. Everything else is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rapier.api.v3.outcomes import made
from rapier.api.v3.problems import Problem, unprocessable
from rapier.api.v3.request import Answer, Request
from rapier.cluster.guard import Submitted
from rapier.cluster.objects import Found
from rapier.errors import Busy, GuardHeld, Stale
from rapier.ganeti.kinds import JOB
from rapier.ganeti.opcodes import Params
from rapier.ganeti.references import references
from rapier.ganeti.touching import Target

GUARDED = ("precondition-failed", "object-busy", "precondition-required", "etag-without-if-match")
SUBMITTED = ("queue-full", "queue-drained", "not-submitted", "unknown", "outcome-unknown", "job-failed", "job-canceled")
OF_JOBS = (*GUARDED, *SUBMITTED, "already-exists", "wrong-state", "no-capacity", "no-capacity-now", "environment")


@dataclass(frozen=True)
class Change:
    """One write.

    `read` answers what the precondition is about, `opcodes` what the job is made of (none: nothing is to be done),
    `result` what to answer when it has ended well. `target` is what the guard keeps others from.
    """

    read: Callable[[], Awaitable[Found]]
    opcodes: Callable[[Found], list[Params]]
    target: Callable[[Found], Target]
    result: Callable[[], Awaitable[Answer]]


async def carry_out(request: Request, change: Change) -> Answer:
    """Submits the job, and waits for its family's end as long as the client prefers to.

    A body that names what is not there is refused before a precondition counts (RFC 9110 13.2.1).
    """
    current = await change.read()
    await _check_references(request, change.opcodes(current))
    wanted = request.preconditions.if_match
    if request.demands_precondition and not request.preconditions.given:
        raise Problem("precondition-required", "Send If-Match with the entity tag of what you have read")
    trail = request.trail()

    def opcodes(current: Found) -> list[Params]:
        return [opcode | {"reason": [*opcode["reason"], *trail]} for opcode in change.opcodes(current)]

    if wanted is not None and not wanted.name_stamp(current.stamp):
        raise _stale(current)
    if not change.opcodes(current):
        return await change.result()  # nothing is to be done
    if wanted is None:
        submitted = Submitted(await request.cluster.submissions(opcodes(current)), current)
    else:
        try:
            submitted = await request.cluster.guard.submit(
                read=change.read,
                matches=lambda current: wanted.name_stamp(current.stamp),
                target=change.target,
                opcodes=opcodes,
            )
        except Stale as stale:
            raise _stale(stale.current) from None
        except Busy as busy:
            raise Problem(
                "object-busy",
                "A job that touches the object is under way, or came in the same moment",
                {"jobs": [request.uri(JOB.collection, str(job_id)) for job_id in busy.job_ids]},
            ) from None
        except GuardHeld as held:
            raise Problem("too-busy", str(held)) from None
    return await made(request, submitted, change.result)


async def _check_references(request: Request, opcodes: list[Params]) -> None:
    """Raises a 422 for the first object that the opcodes name and that is not there."""
    for opcode in opcodes:
        for parameter, kind, name in references(opcode):
            if await request.cluster.objects.one(kind, name, live=False) is None:
                raise unprocessable(f"There is no {kind.name} {name!r}", parameter=parameter, opcode=opcode["OP_ID"])


def _stale(current: Found) -> Problem:
    # the digest of a representation is made where the object is shown; the stamp alone guards a write as well
    return Problem(
        "precondition-failed",
        "The object has changed since; the ETag header has what it is now",
        headers=[(b"etag", f'"{current.stamp}"'.encode())],
    )
