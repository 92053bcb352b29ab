"""Jobs: what changes a cluster, one or more opcodes each."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from rapier.ganeti import private
from rapier.ganeti.kinds.kind import Kind
from rapier.ganeti.members import Group, Object, Time, inherited, moment, moments, own

Status = Literal["queued", "waiting", "canceling", "running", "success", "error", "canceled"]


class LogEntry(Group):
    """One line of a job's log. `kind` is Ganeti's: `message`, `progress`, ..."""

    serial: int
    time: Time
    kind: str
    message: Any


def _without_private_values(opcodes: Any) -> Any:
    private.hide(opcodes)
    return opcodes


def _log(logs: Any) -> list[list[dict[str, Any]]]:
    """Ganeti's entries are `[serial, time, kind, message]`."""
    return [
        [
            {"serial": serial, "time": moment(time), "kind": kind, "message": message}
            for serial, time, kind, message in entries
        ]
        for entries in logs
    ]


class JobOpcode(Group):
    """One opcode of a job: as it was submitted, and what became of it."""

    opcode: Annotated[
        dict[str, Any], Meta(description="OP_ID and parameters"), inherited("ops", _without_private_values)
    ]
    status: Annotated[Status, inherited("opstatus")]
    priority: Annotated[int, inherited("oppriority")]
    started: Annotated[Time | None, inherited("opstart", moments)]
    executed: Annotated[Time | None, Meta(description="when it had its locks"), inherited("opexec", moments)]
    ended: Annotated[Time | None, inherited("opend", moments)]
    result: Annotated[Any, inherited("opresult", alone=True)] = UNSET
    log: Annotated[list[LogEntry] | UnsetType, inherited("oplog", _log, alone=True)] = UNSET


class Child(Group):
    """A job that the job submitted, or one that was; `id` is null where it could not be submitted."""

    id: str | None
    status: Status
    error: Annotated[str | None, Meta(description="why it failed, or could not be submitted")]


class Raced(Group):
    """In the shape of a problem: jobs touched the same object in the same moment, and may have run before this one."""

    type: str
    title: str
    status: int
    detail: str
    jobs: Annotated[list[str], Meta(description="their URIs")]


class Job(Object, kw_only=True):
    """A job. Its version stamp is made of its id, status and priority."""

    kind: Literal["job"]
    id: Annotated[str, own("id", str)]
    status: Annotated[Status, own("status")]
    priority: Annotated[int, Meta(description="-20 is the most urgent, 19 the least"), own("priority")]
    archived: Annotated[bool, inherited("archived")]
    summary: Annotated[list[str], Meta(description="what each opcode does"), inherited("summary")]
    received: Annotated[Time | None, inherited("received_ts", moment)]
    started: Annotated[Time | None, inherited("start_ts", moment)]
    ended: Annotated[Time | None, inherited("end_ts", moment)]
    opcodes: list[JobOpcode]
    children: Annotated[list[Child] | UnsetType, Meta(description="the jobs that it submitted, and theirs")] = UNSET
    outcome: Annotated[
        Literal["success", "error", "canceled"] | UnsetType | None,
        Meta(description="what the job and its children came to; null as long as one of them has not ended"),
    ] = UNSET
    serial: Annotated[str | UnsetType, Meta(description="differs when the job or a child has changed")] = UNSET
    raced: Annotated[Raced | UnsetType, Meta(description="a guarded write that could not be stopped any more")] = UNSET


JOB = Kind(
    "job",
    "jobs",
    "id",
    Job,
    shown=(
        *("id", "ops", "status", "summary", "opstatus"),
        *("received_ts", "start_ts", "end_ts", "oplog", "opresult"),
    ),
    shown_alone=("oplog", "opresult"),
)
