"""A job as the queue holds it: its opcodes, each with its status, result, log and times."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from rapier.embedded.refusals import generic
from rapier.ganeti.jobs import FINISHED, QUEUED, SUCCESS
from rapier.ganeti.opcodes import OPCODES

Timestamp = tuple[int, int]  # seconds since 1970, and microseconds
LogEntry = tuple[int, Timestamp, str, str]  # serial, time, kind, text


def now() -> Timestamp:
    """The time."""
    nanoseconds = time.time_ns()
    return nanoseconds // 1_000_000_000, nanoseconds // 1000 % 1_000_000


class QueuedOpcode(msgspec.Struct, kw_only=True):
    """One opcode of a job. `result` is the error `[class, [arguments]]` where it failed."""

    params: dict[str, Any]
    summary: str
    priority: int
    status: str = QUEUED
    result: Any = None
    log: list[LogEntry] = []
    started: Timestamp | None = None
    executed: Timestamp | None = None
    ended: Timestamp | None = None

    @property
    def depends(self) -> list[tuple[int, list[str]]]:
        """The jobs that it depends on, each with the statuses that it may end with."""
        return [(int(job_id), statuses) for job_id, statuses in self.params.get("depends") or ()]


class Job(msgspec.Struct, kw_only=True):
    """One job."""

    id: int
    opcodes: list[QueuedOpcode]
    received: Timestamp = msgspec.field(default_factory=now)
    started: Timestamp | None = None
    ended: Timestamp | None = None
    archived: bool = False
    log_serial: int = 0

    @property
    def status(self) -> str:
        """The job's status: that of its first opcode that is no success. It goes back when the next one waits."""
        return next((opcode.status for opcode in self.opcodes if opcode.status != SUCCESS), SUCCESS)

    @property
    def finished(self) -> bool:
        """Whether it has ended."""
        return self.status in FINISHED

    @property
    def priority(self) -> int:
        """The most urgent priority among the opcodes that are still to come; what an ended job's is, nobody asks."""
        return min((one.priority for one in self.opcodes if one.status not in FINISHED), default=0)

    @property
    def waits_for(self) -> set[int]:
        """The jobs that any of its opcodes depends on: as with luxid, it begins when all of them have ended."""
        unfinished = (one for one in self.opcodes if one.status not in FINISHED)
        return {job_id for one in unfinished for job_id, _ in one.depends}

    def log(self, opcode: QueuedOpcode, text: str) -> None:
        """Adds a line to an opcode's log."""
        self.log_serial += 1
        opcode.log.append((self.log_serial, now(), "message", text))

    def log_after(self, serial: int) -> list[LogEntry]:
        """The log's entries with a higher serial."""
        return [entry for opcode in self.opcodes for entry in opcode.log if entry[0] > serial]

    def after(self, index: int, status: str, result: Any, params: dict[str, Any] | None = None) -> Job:
        """The job as it is when its opcode `index` has ended with `status`. After a failure the others are not tried.

        What ends the whole job, a text for a result, is said of the opcodes that follow too. `params` are the opcode's
        as they were completed.
        """
        ended = now()
        opcodes = list(self.opcodes)
        ending = opcodes[index]
        opcodes[index] = replace(ending, status=status, result=result, ended=ended, params=params or ending.params)
        if status != SUCCESS:
            rest = ["OpExecError", ["Preceding opcode failed"]] if isinstance(result, list) else result
            opcodes[index + 1 :] = [
                replace(one, status=status, result=rest, ended=ended) for one in opcodes[index + 1 :]
            ]
        after = replace(self, opcodes=opcodes)
        return replace(after, ended=ended) if after.finished else after

    def begin_again(self) -> None:
        """The master ended in the middle of it: what had not ended is queued as if it had never begun."""
        for opcode in self.opcodes:
            if opcode.status not in FINISHED:
                opcode.status, opcode.log = QUEUED, []
                opcode.started = opcode.executed = None
        if all(opcode.status == QUEUED for opcode in self.opcodes):
            self.started = None


def new_job(job_id: int, opcodes: list[dict[str, Any]]) -> Job:
    """A job of these opcodes; their `reason` gets a line of its own for the job, as luxid writes it."""
    job = Job(id=job_id, opcodes=[])
    for index, params in enumerate(opcodes):
        source = f"gnt:opcode:{params['OP_ID'].removeprefix('OP_').lower()}"
        params["reason"] = [*params["reason"], (source, f"job={job_id};index={index}", time.time_ns())]
        if params.get("depends"):
            params["depends"] = [[_absolute(wanted, job_id), how] for wanted, how in params["depends"]]
        job.opcodes.append(QueuedOpcode(params=params, summary=summary(params), priority=params["priority"]))
    return job


def read_job_id(given: int | str) -> int:
    """A job's id, which may come as text. Raises `ValueError` with luxid's words."""
    if isinstance(given, str):
        if not re.fullmatch(r"\s*[0-9]+\s*", given):
            raise ValueError(f"parsing job id: cannot parse string '{given}'")
        return int(given)
    if given < 0:
        raise ValueError(f"Invalid value for job ID ' {given}'")
    return given


def _absolute(wanted: int | str, job_id: int) -> int:
    """A dependency's job id, where negative ones count back from the job's own. Raises Ganeti's error for none."""
    number = int(wanted)
    absolute = job_id + number if number < 0 else number
    if absolute < 0:
        raise generic("GenericError", f"Invalid value for job ID ' {absolute}'")
    return absolute


def summary(params: Mapping[str, Any]) -> str:
    """What a list of jobs shows of an opcode: its name, and what it works on."""
    op_id = params["OP_ID"]
    name = op_id.removeprefix("OP_")
    field = OPCODES[op_id].summary_field
    shown = params.get(field) if field else None
    if shown is None:
        return str(name)
    if op_id == "OP_TAGS_GET":
        shown = f"TagKind{params['kind'].capitalize()}"
    elif isinstance(shown, list):
        shown = ",".join(map(str, shown))
    elif op_id == "OP_TEST_DELAY":
        shown = float(shown)
    return f"{name}({shown})"
