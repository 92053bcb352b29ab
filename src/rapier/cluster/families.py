"""A job's outcome is its family's: its own, and that of the jobs it submitted, and of theirs.

An opcode that works by jobs of their own (evacuating a node, migrating all instances of one) ends with
`{"jobs": [[true, JOB ID], [false, WHY NOT], ...]}` as its result, and its job is `success` while those have not begun.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from rapier.cluster.sharing import Sharing
from rapier.cluster.waiting import JobWaiting, Progress, progress_of
from rapier.errors import GanetiError, JobLost, OpExecError, ganeti_error
from rapier.ganeti.jobs import CANCELED, ERROR, FINISHED, SUCCESS
from rapier.luxi.client import JobId, Luxi

Outcome = Literal["unfinished", "success", "error", "canceled"]

# `archived` makes luxid look into the archive as well, where ended jobs go
_FIELDS = ("id", "status", "opstatus", "opresult", "oplog", "summary", "archived")


@dataclass(frozen=True)
class Member:
    """One job of a family. `error` is what it ended with, None where it did not end in error."""

    job_id: JobId
    status: str
    children: tuple[JobId, ...]
    not_submitted: tuple[str, ...]  # why jobs that it was to submit are none
    error: GanetiError | None
    summary: str  # what its opcodes do
    progress: Progress


@dataclass(frozen=True)
class Failure:
    """What went wrong in a family. `job_id` is None for a job that could not even be submitted."""

    job_id: JobId | None
    error: GanetiError


@dataclass(frozen=True)
class Family:
    """A job and all that came of it, in the order of their submission."""

    job: Member
    children: tuple[Member, ...]

    @property
    def members(self) -> tuple[Member, ...]:
        """The job and its children."""
        return (self.job, *self.children)

    @property
    def serial(self) -> str:
        """Another one when anything of the family has changed; it has no order."""
        serials = [(member.job_id, member.progress.serial) for member in self.members]
        return blake2b(msgspec.json.encode(serials), digest_size=9).hexdigest()

    @property
    def unfinished(self) -> list[JobId]:
        """The jobs that have not ended."""
        return [member.job_id for member in self.members if member.status not in FINISHED]

    @property
    def failures(self) -> list[Failure]:
        """What went wrong: jobs that ended in error, and jobs that could not be submitted."""
        return [
            failure
            for member in self.members
            for failure in (
                *([Failure(member.job_id, member.error)] if member.error else ()),
                *(Failure(None, OpExecError("OpExecError", [text])) for text in member.not_submitted),
            )
        ]

    @property
    def status(self) -> Outcome:
        """How it ended as a whole. A failure weighs more than a job that was cancelled."""
        if self.unfinished:
            return "unfinished"
        if self.failures:
            return "error"
        return "canceled" if any(member.status == CANCELED for member in self.members) else "success"


class Families:
    """The families of one cluster's jobs."""

    def __init__(self, luxi: Luxi, waiting: JobWaiting, sharing: Sharing) -> None:
        self._luxi = luxi
        self._waiting = waiting
        self._sharing = sharing

    async def read(self, job_id: JobId) -> Family:
        """The job's family as it is; equal questions share an answer. Raises `JobLost` for an unknown job."""
        return await self._sharing(("family", job_id), lambda: self._read(job_id))

    async def _read(self, job_id: JobId) -> Family:
        found = await self._members([job_id])
        if not found:
            raise JobLost("JobLost", [f"Can't load the file of job {job_id}"])
        [job] = found
        known = {job_id: job}
        generation = [job]
        while born := sorted({child for parent in generation for child in parent.children} - known.keys()):
            generation = await self._members(born)
            known |= {member.job_id: member for member in generation}
        del known[job_id]
        return Family(job, tuple(known[child] for child in sorted(known)))

    async def wait(self, job_id: JobId, seconds: float) -> Family:
        """The job's family when all of it has ended, or after `seconds`. Raises `JobLost` for an unknown job."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            family = await self.read(job_id)
            if not family.unfinished or loop.time() >= end:
                return family
            # All have to end, so it does not matter which of them is waited for
            try:
                await self._waiting.ended(family.unfinished[0], end - loop.time())
            except JobLost:  # archived since: the next reading finds it there
                continue

    async def change(self, job_id: JobId, serial: str, seconds: float) -> Family:
        """The job's family when its serial is another one or all has ended, or after `seconds`. Raises as `wait`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            family = await self.read(job_id)
            left = end - loop.time()
            if family.serial != serial or not family.unfinished or left <= 0:
                return family
            await self._any_change(family, left)

    async def _any_change(self, family: Family, seconds: float) -> None:
        """Returns when one of those that have not ended is not any more as it was, or after `seconds`."""
        waits = [
            asyncio.ensure_future(self._waiting.progress(member.job_id, member.progress.serial, seconds))
            for member in family.members
            if member.status not in FINISHED
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)  # of one that is lost, the next reading tells

    async def _members(self, job_ids: list[JobId]) -> list[Member]:
        """Those that are there: ended ones are taken out of the archive after some weeks."""
        condition = ["|", *(["=", "id", job_id] for job_id in job_ids)]
        answer = await self._luxi.query("job", _FIELDS, condition)
        found = {row[0][1]: _member(*(value for _, value in row[:6])) for row in answer["data"] if row[1][0] == 0}
        return [found[job_id] for job_id in job_ids if job_id in found]


def _member(
    job_id: JobId, status: str, opcode_statuses: list[str], results: list[Any], logs: list[Any], summary: list[str]
) -> Member:
    children: list[JobId] = []
    not_submitted: list[str] = []
    for opcode_status, result in zip(opcode_statuses, results, strict=False):
        if opcode_status == SUCCESS and isinstance(result, dict) and isinstance(result.get("jobs"), list):
            for submitted, what in result["jobs"]:
                if submitted:
                    children.append(int(what))
                else:
                    not_submitted.append(str(what))
    return Member(
        job_id,
        status,
        tuple(children),
        tuple(not_submitted),
        _error(job_id, opcode_statuses, results, status),
        ", ".join(summary),
        progress_of(job_id, [status, opcode_statuses, logs]),
    )


def _error(job_id: JobId, opcode_statuses: list[str], results: list[Any], status: str) -> GanetiError | None:
    if status != ERROR:
        return None
    for opcode_status, result in zip(opcode_statuses, results, strict=False):
        if opcode_status == ERROR and isinstance(result, list):
            return ganeti_error(result)
    return OpExecError("OpExecError", [f"job {job_id} ended {status}"])
