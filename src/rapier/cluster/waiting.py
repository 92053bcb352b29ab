"""Waiting for jobs to change, without a connection to the master daemon for each waiter.

Equal waits share one call, and up to 32 calls wait at luxid, each on a connection of its own: their waiters hear of a
change at once. Beyond that, one call every half second looks at all the jobs that the others wait for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from rapier.cluster.sharing import Sharing
from rapier.errors import JobLost, OpPrereqError
from rapier.ganeti.jobs import FINISHED
from rapier.ganeti.query_fields import QUERY_FIELDS
from rapier.luxi.client import WAIT_CONNECTIONS, JobId, Luxi

LOOK_EVERY_SECONDS = 0.5
# How long a shared wait for progress lasts at luxid before it is asked again, while somebody still waits
PROGRESS_SECONDS = 60

# A job's fields as asked for, and the log entries that are new
Change = tuple[list[Any], list[Any]]
Answer = Change | Literal["nochange"] | None
_PROGRESS = ("status", "opstatus", "oplog")


@dataclass(frozen=True)
class Progress:
    """How far a job is. `serial` is another when its status, an opcode's status or its log is; it has no order."""

    job_id: JobId
    status: str
    serial: str

    @property
    def finished(self) -> bool:
        """Whether the job itself has ended; jobs that it submitted may go on."""
        return self.status in FINISHED


class JobWaiting:
    """Waits for changes of one cluster's jobs."""

    def __init__(self, luxi: Luxi, sharing: Sharing) -> None:
        self._luxi = luxi
        self._sharing = sharing
        self._calls: dict[Hashable, _SharedCall] = {}
        self._rounds = _Rounds(luxi)

    @property
    def at_master(self) -> int:
        """How many calls wait at luxid."""
        return len(self._calls)

    @property
    def waiters(self) -> int:
        """How many wait, at luxid or by the looks."""
        return sum(call.waiters for call in self._calls.values()) + self._rounds.waiters

    # -- as LUXI has it ------------------------------------------------------------------------------------------------

    async def change(
        self,
        job_id: JobId,
        fields: Sequence[str],
        previous_info: Sequence[Any] | None,
        previous_log_serial: int | None,
        seconds: int,
    ) -> Change | None:
        """A change against what the caller knows; after `seconds` without one what is known already, or `None`.

        A job that has ended answers at once, changed or not. Raises `JobLost` for an unknown job.
        """
        key = msgspec.json.encode((job_id, fields, previous_info, previous_log_serial))
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while call := self._calls.get(key):
            # Nothing had changed as long as that call is unanswered, so its answer is news for who joins it as well
            try:
                async with asyncio.timeout_at(end):
                    answer = await call.wait()
            except TimeoutError:
                return await self._look(job_id, fields, previous_info, previous_log_serial, 0)
            if isinstance(answer, tuple) and (answer[0] != previous_info or answer[1]):
                return answer
            if loop.time() >= end:
                return answer if isinstance(answer, tuple) else None
            # its time was over, not ours
        seconds = max(0, round(end - loop.time()))
        if len(self._calls) >= WAIT_CONNECTIONS:
            return await self._look(job_id, fields, previous_info, previous_log_serial, seconds)
        answer = await self._begin(
            key, lambda: self._luxi.wait_for_job_change(job_id, fields, previous_info, previous_log_serial, seconds)
        ).wait()
        return answer if isinstance(answer, tuple) else None

    async def _look(
        self,
        job_id: JobId,
        fields: Sequence[str],
        previous_info: Sequence[Any] | None,
        previous_log_serial: int | None,
        seconds: int,
    ) -> Change:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        asked = (*fields, "status", "oplog")
        row = await self._sharing(("job", job_id, msgspec.json.encode(asked)), lambda: self._row(job_id, asked))
        while True:
            *info, status, log_of_opcodes = row
            if status is None:
                raise JobLost("JobLost", ["Can't load job file"])
            serial = -1 if previous_log_serial is None else previous_log_serial
            log = [entry for log in log_of_opcodes for entry in log if entry[0] > serial]
            if info != previous_info or log or status in FINISHED or loop.time() >= end:
                return info, log
            row = await self._rounds.row(job_id, asked)

    async def _row(self, job_id: JobId, asked: Sequence[str]) -> list[Any]:
        """The job's fields, `status` and `oplog` last. One unknown makes the others null, as in WaitForJobChange."""
        try:
            [row] = await self._luxi.query_jobs([job_id], asked)
        except OpPrereqError:
            [row] = await self._luxi.query_jobs([job_id], asked[-2:])
            return [None] * (len(asked) - 2) + row
        return row

    # -- by a serial -------------------------------------------------------------------------------------------------

    async def progress(self, job_id: JobId, since: str | None = None, seconds: float = 0) -> Progress:
        """How far the job is: at once where its serial is not `since` or it has ended, else at its next change.

        After `seconds` without a change, as it is. Raises `JobLost` for an unknown job.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        row = await self._sharing(("progress", job_id), lambda: self._row(job_id, _PROGRESS))
        while True:
            known = progress_of(job_id, row)
            if known.serial != since or known.finished or loop.time() >= end:
                return known
            try:
                async with asyncio.timeout_at(end):
                    row = await self._next_row(known, row)
            except TimeoutError:
                return known

    async def ended(self, job_id: JobId, seconds: float) -> Progress:
        """How far the job is when it has ended, or after `seconds`. Raises `JobLost` for an unknown job."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        known = await self.progress(job_id)
        while not known.finished and loop.time() < end:
            known = await self.progress(job_id, known.serial, end - loop.time())
        return known

    async def _next_row(self, known: Progress, row: list[Any]) -> list[Any]:
        """The job as it is after a change; perhaps as it was."""
        # All who wait for a job know it as it is, so they share this one call. One who knows an older state does not
        # come here: `progress` has answered.
        key = (known.job_id, known.serial)
        call = self._calls.get(key)
        if call is None:
            if len(self._calls) >= WAIT_CONNECTIONS:
                return await self._rounds.row(known.job_id, _PROGRESS)
            status, opcode_statuses, _ = row
            call = self._begin(
                key,
                lambda: self._luxi.wait_for_job_change(
                    known.job_id, _PROGRESS[:2], [status, opcode_statuses], _last_entry(row), PROGRESS_SECONDS
                ),
            )
        await call.wait()
        return await self._sharing(("progress", known.job_id), lambda: self._row(known.job_id, _PROGRESS))

    # ----------------------------------------------------------------------------------------------------------------

    def _begin(self, key: Hashable, ask: Callable[[], Awaitable[Answer]]) -> _SharedCall:
        call = self._calls[key] = _SharedCall(ask, lambda: self._calls.pop(key, None))
        return call

    async def close(self) -> None:
        """Ends the waiting; who waits is cancelled."""
        await asyncio.gather(*(call.end() for call in list(self._calls.values())), self._rounds.close())


class _SharedCall:
    """A call that many wait for. When the last of them has left, it is given up."""

    def __init__(self, ask: Callable[[], Awaitable[Answer]], ended: Callable[[], object]) -> None:
        self._ask = ask
        self._ended = ended
        self.waiters = 0
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> Answer:
        try:
            return await self._ask()
        finally:
            self._forget()

    def _forget(self) -> None:
        """Takes no newcomers any more; only once, since a later call may have the same key."""
        self._ended()
        self._ended = int

    async def wait(self) -> Answer:
        """The call's answer, or its error."""
        self.waiters += 1
        try:
            return await asyncio.shield(self._task)
        finally:
            self.waiters -= 1
            if not self.waiters and not self._task.done():
                self._forget()
                self._task.cancel()

    async def end(self) -> None:
        """Gives it up, whoever waits."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class _Rounds:
    """One look at all awaited jobs every half second, as long as there are any."""

    def __init__(self, luxi: Luxi) -> None:
        self._luxi = luxi
        self._waiting: list[tuple[JobId, tuple[str, ...], asyncio.Future[list[Any]]]] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def waiters(self) -> int:
        """How many wait for the next look."""
        return len(self._waiting)

    async def row(self, job_id: JobId, fields: tuple[str, ...]) -> list[Any]:
        """The job's fields at the next look; null where one of them is unknown, but for `status` and `oplog`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Any]] = loop.create_future()
        self._waiting.append((job_id, fields, answer))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            waiting, self._waiting = self._waiting, []
            awaited = [one for one in waiting if not one[2].done()]
            if not awaited:
                continue
            job_ids = sorted({job_id for job_id, _, _ in awaited})
            # one field that luxid does not know would cost the others theirs
            fields = sorted(
                {field for _, asked, _ in awaited for field in (asked if _all_known(asked) else asked[-2:])}
            )
            try:
                rows = await self._luxi.query_jobs(job_ids, fields)
                found = {job_id: dict(zip(fields, row, strict=True)) for job_id, row in zip(job_ids, rows, strict=True)}
            except asyncio.CancelledError:
                self._waiting += awaited
                raise
            except Exception as problem:
                for _, _, answer in awaited:
                    if not answer.done():
                        answer.set_exception(problem)
                continue
            for job_id, asked, answer in awaited:
                if answer.done():
                    continue
                nulls = 0 if _all_known(asked) else len(asked) - 2
                answer.set_result([None] * nulls + [found[job_id][field] for field in asked[nulls:]])

    async def close(self) -> None:
        """Ends it; who waits is cancelled."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for _, _, answer in self._waiting:
            answer.cancel()
        self._waiting.clear()


def _all_known(fields: Sequence[str]) -> bool:
    return all(isinstance(field, str) and field in QUERY_FIELDS["job"] for field in fields)


def progress_of(job_id: JobId, row: list[Any]) -> Progress:
    """How far a job is by its `status`, `opstatus` and `oplog`. Raises `JobLost` where they are null."""
    status, opcode_statuses, log = row
    if status is None:
        raise JobLost("JobLost", ["Can't load job file"])
    seen = msgspec.json.encode((status, opcode_statuses, [len(entries) for entries in log], _last_entry(row)))
    return Progress(job_id, status, blake2b(seen, digest_size=9).hexdigest())


def _last_entry(row: list[Any]) -> int:
    """The serial of the newest log entry; -1 for none."""
    return max((entry[0] for entries in row[2] for entry in entries), default=-1)
