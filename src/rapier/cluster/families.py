"""A job and the jobs that it submitted, and theirs: what a job comes to is what its family comes to.

An opcode that submits jobs ends with `{"jobs": [[true, id], [false, why not], ...]}` as its result (a node's evacuation,
for one), and is a success by then, whatever becomes of those jobs.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from rapier.cluster.sharing import Sharing
from rapier.cluster.waiting import JobWaiting
from rapier.errors import JobLost
from rapier.ganeti.jobs import CANCELED, ERROR, FINISHED, SUCCESS
from rapier.luxi.client import JobId, Luxi

FIELDS = ("status", "opstatus", "opresult", "oplog", "summary")
WAIT_SECONDS = 10


@dataclass(frozen=True)
class Member:
    """One job of a family; `id` is `None` for one that could not be submitted. `error` says why it failed."""

    id: JobId | None
    status: str
    summary: str
    error: Any = None
    seen: tuple[Any, ...] = ()  # its status and its opcodes', from which a wait for a change goes on
    log_serial: int = 0


@dataclass(frozen=True)
class Family:
    """The job first, then those that it submitted. `serial` differs when anything of it has changed."""

    members: tuple[Member, ...]
    serial: str

    @property
    def children(self) -> tuple[Member, ...]:
        """All but the job itself."""
        return self.members[1:]

    @property
    def failed(self) -> tuple[Member, ...]:
        """Those that ended otherwise than well."""
        return tuple(one for one in self.members if one.status in (ERROR, CANCELED))

    @property
    def outcome(self) -> str | None:
        """`None` until all have ended; then success, or error, or canceled where nothing worse happened."""
        statuses = {one.status for one in self.members}
        if not statuses <= FINISHED:
            return None
        return next((status for status in (ERROR, CANCELED) if status in statuses), SUCCESS)


class Families:
    """The families of one cluster's jobs."""

    def __init__(self, luxi: Luxi, waiting: JobWaiting, sharing: Sharing) -> None:
        self._luxi = luxi
        self._waiting = waiting
        self._sharing = sharing

    async def of(self, job_id: JobId) -> Family:
        """The family as it is; equal questions share a look. Raises `JobLost` for an unknown job."""
        return await self._sharing(("family", job_id), lambda: self._look(job_id))

    async def _look(self, job_id: JobId) -> Family:
        """LUXI QueryJobs, once for each generation."""
        members: list[Member] = []
        seen: list[Any] = []
        known: set[JobId] = set()
        generation = [job_id]
        while generation:
            known.update(generation)
            following: list[JobId] = []
            rows = await self._luxi.query_jobs(generation, FIELDS)
            for one, (status, opstatus, opresult, oplog, summary) in zip(generation, rows, strict=True):
                if status is None:
                    if one == job_id:
                        raise JobLost("JobLost", [f"There is no job {job_id}"])
                    # one that was taken out of the archive, too: what it came to is not known any more
                    members.append(Member(one, ERROR, "", "the job is not there any more"))
                    continue
                log_serial = max((log[-1][0] for log in oplog if log), default=0)
                error = _error(opstatus, opresult)
                members.append(Member(one, status, ", ".join(summary), error, (status, opstatus), log_serial))
                seen.append([one, status, opstatus, log_serial])
                for good, child in _submitted(opresult):
                    if not good:
                        members.append(Member(None, ERROR, "", str(child)))
                    elif child not in known:
                        following.append(int(child))
            generation = following
        serial = hashlib.blake2b(msgspec.json.encode(seen), digest_size=8).hexdigest()
        return Family(tuple(members), serial)

    async def end_of(self, job_id: JobId, seconds: float) -> Family:
        """The family when all of it has ended, or as it is after `seconds`."""
        return await self._until(job_id, seconds, lambda family: family.outcome is not None)

    async def change_of(self, job_id: JobId, serial: str, seconds: float) -> Family:
        """The family when its serial is another, or as it is after `seconds`."""
        return await self._until(job_id, seconds, lambda family: family.serial != serial or family.outcome is not None)

    async def _until(self, job_id: JobId, seconds: float, enough: Callable[[Family], bool]) -> Family:
        """Looks again each time that one of the unfinished jobs has changed."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            family = await self.of(job_id)
            left = end - loop.time()
            if enough(family) or left <= 0:
                return family
            unfinished = [one for one in family.members if one.status not in FINISHED]
            await self._any_change(unfinished, min(left, WAIT_SECONDS))

    async def _any_change(self, unfinished: Sequence[Member], seconds: float) -> None:
        """Returns when one of the jobs is not any more as it was seen, or after `seconds`."""
        waits = [
            asyncio.ensure_future(
                self._waiting.change(one.id, ("status", "opstatus"), one.seen, one.log_serial, max(1, int(seconds)))
            )
            for one in unfinished
            if one.id is not None
        ]
        try:
            done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for wait in done:
                wait.result()
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


def _submitted(results: Any) -> Iterator[tuple[bool, Any]]:
    """What the opcodes' results say of jobs that were submitted: `(True, id)`, or `(False, why not)`."""
    for result in results or ():
        if isinstance(result, dict):
            for good, child in result.get("jobs") or ():
                yield bool(good), child


def _error(statuses: Any, results: Any) -> Any:
    """The result of the first opcode that ended otherwise than well; `None` where there is none."""
    for status, result in zip(statuses or (), results or (), strict=False):
        if status in (ERROR, CANCELED):
            return result
    return None
