"""A write makes a job, guarded where the client says what it has read, and answers with what comes of it.

A write is a `Change`: what is read before it, which opcodes follow from that, and what to show when the job has ended
well. Everything else is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rapier.api.v3.outcomes import Result, made
from rapier.api.v3.problems import Problem, precondition_failed, unprocessable
from rapier.api.v3.request import Answer, Request
from rapier.cluster.guard import Submitted
from rapier.cluster.objects import Found
from rapier.errors import Busy, GuardHeld, NothingToDo, Stale
from rapier.ganeti.kinds import NODE, Kind
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
    `result` what to answer when it has ended well, or where nothing is to be done. `target` is what the guard keeps
    others from. `puts`: it makes what the URI names, so that `If-None-Match: *` says all that can be said beforehand.
    """

    read: Callable[[], Awaitable[Found]]
    opcodes: Callable[[Found], list[Params]]
    target: Callable[[Found], Target]
    result: Result
    puts: bool = False


async def carry_out(request: Request, change: Change) -> Answer:
    """Submits the job, and waits for its family's end as long as the client prefers to.

    A body that names what is not there is refused before a precondition counts (RFC 9110 13.2.1).
    """
    current = await change.read()
    planned = change.opcodes(current)
    await _check_references(request, planned)
    wanted = request.preconditions.if_match
    unless = request.preconditions.if_none_match
    if unless is not None and current.stamp and unless.name_stamp(current.stamp):
        raise _stale(current, "It is there, and as If-None-Match says")
    only_new = change.puts and unless is not None and unless.any
    if request.demands_precondition and wanted is None and not only_new:
        raise Problem("precondition-required", "Send If-Match with the entity tag of what you have read")
    trail = request.trail()

    def opcodes(current: Found) -> list[Params]:
        return [opcode | {"reason": [*opcode["reason"], *trail]} for opcode in change.opcodes(current)]

    if wanted is not None and not current.stamp:
        raise Problem("precondition-failed", "If-Match needs something that is there: this is yet to be made")
    if wanted is not None and not wanted.name_stamp(current.stamp):
        raise _stale(current)
    if not planned:
        return await change.result(current, 0.0)  # nothing is to be done
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
        except NothingToDo as settled:
            return await change.result(settled.current, 0.0)
        except Stale as stale:
            raise _stale(stale.current) from None
        except Busy as busy:
            raise Problem(
                "object-busy",
                "A job that touches the object is under way, or came in the same moment",
                {"jobs": [request.job_uri(job_id) for job_id in busy.job_ids]},
            ) from None
        except GuardHeld as held:
            raise Problem("too-busy", str(held)) from None
    return await made(request, submitted, change.result)


async def _check_references(request: Request, opcodes: list[Params]) -> None:
    """Raises a 422 for the first object that the opcodes name and that is not there."""
    named = [(one, opcode["OP_ID"]) for opcode in opcodes for one in references(opcode)]
    there = {kind: await _names(request, kind) for kind in {kind for (_, kind, _), _ in named}}
    for (parameter, kind, name), op_id in named:
        if name not in there[kind]:
            raise unprocessable(f"There is no {kind.name} {name!r}", parameter=parameter, opcode=op_id)


async def _names(request: Request, kind: Kind) -> set[str]:
    """What opcodes can call objects of the kind. One question, however many are named."""
    found = await request.cluster.objects.all(kind, live=False)
    # Jobs find a node by its name alone; the other kinds by their uuid as well.
    called = ("name",) if kind is NODE else ("name", "uuid")
    return {one.value[name] for one in found for name in called}


def _stale(current: Found, said: str = "The object has changed since") -> Problem:
    return precondition_failed(f"{said}; the ETag header has what it is now", current.stamp)
