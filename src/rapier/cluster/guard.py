"""Guarded writes: carried out only where the object still is as the writer believes.

LUXI has no compare-and-set. What comes closest, under one lock for all processes of this host:

1. an idempotency key would be looked up here, before all else;
2. the jobs in the queue are noted;
3. the object is read and compared: `Stale`;
4. an unfinished job that touches it: `Busy`. One that ended a short time ago: luxid may not show its change yet, so the
   time is waited out, without the lock, and all begins again at 2. Then, where nothing is left to do: `NothingToDo`;
5. the job is submitted;
6. jobs that were not there at 2 are looked at: one that touches the object and may run before ours, or did, makes it
   `Busy` and ours is cancelled; where that is too late, the answer says so (`raced`).

The lock closes the race among guarded writers. 4 and 6 find the jobs of everybody else: other hosts, command line,
unguarded requests. What remains: a job that overtakes ours after 6; and a writer that dies, or hears nothing of luxid,
between 5 and its job's appearance in the queue, since the next one may have the lock by then and not see that job yet;
and a change that luxid shows later than the settle time, where no guarded write of this process sees that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from rapier.cluster.lock import HostLock
from rapier.cluster.settling import Settling
from rapier.cluster.submission import MARK, Submissions
from rapier.cluster.waiting import JobWaiting
from rapier.errors import Busy, GanetiError, GuardRefusal, MasterError, NothingToDo, RapierError, Stale
from rapier.ganeti.jobs import CANCELED, FINISHED, QUEUED, SUCCESS
from rapier.ganeti.touching import Target, surely_change
from rapier.luxi.client import JobId, Luxi, Opcode

T = TypeVar("T")

LOCK_NAME = "rapier-guard.lock"
# How long a write waits for others' changes to settle before it is refused
PATIENCE_SECONDS = 30.0
# How long luxid may be away before the look of step 6 is given up, and a cancelled job may take to end
LOOK_SECONDS = 5.0
CANCEL_SECONDS = 3.0
PAUSE_SECONDS = 0.1
# How long a change that is expected is looked for, and how often, to measure the settle time
MEASURE_SECONDS = 10.0
MEASURE_EVERY_SECONDS = 0.05

_FIELDS = ("id", "status", "ops", "priority", "start_ts", "end_ts")


@dataclass(frozen=True)
class Submitted(Generic[T]):
    """A guarded write's job, and the object as it was before.

    `raced` are jobs that touch the object and may have run before ours; `looked` is False where luxid was lost before
    that could be seen.
    """

    job_id: JobId
    current: T
    raced: tuple[JobId, ...] = ()
    looked: bool = True


@dataclass(frozen=True)
class _Job:
    job_id: JobId
    status: str
    opcodes: list[Opcode]
    priority: int
    start: float | None
    end: float | None

    @property
    def finished(self) -> bool:
        return self.status in FINISHED

    @property
    def started(self) -> bool:
        """Whether an opcode of it may have been carried out, or may be at any moment."""
        return self.start is not None or self.status not in (QUEUED, CANCELED)


class _Unsettled(Exception):
    """Changes of these jobs may not be shown yet for so many seconds."""

    def __init__(self, job_ids: list[JobId], seconds: float) -> None:
        super().__init__(job_ids, seconds)
        self.job_ids = job_ids
        self.seconds = seconds


class Guard:
    """The guarded writes of one cluster. `lock` is a file that all processes of the host name alike."""

    def __init__(self, luxi: Luxi, submissions: Submissions, waiting: JobWaiting, lock: Path | None = None) -> None:
        self._luxi = luxi
        self._submissions = submissions
        self._waiting = waiting
        # Beside the socket: one for each cluster, and who may talk to the master may write there
        self._lock = HostLock(lock or luxi.socket_path.with_name(LOCK_NAME))
        # Ended jobs never change: their files need not be read again
        self._ended: dict[JobId, _Job | None] = {}
        self._settling = Settling()
        self._measuring: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[Any]] = set()
        self.stale = 0  # writes refused since the object had changed
        self.busy = 0  # writes refused since jobs that touch it were under way
        self.waited_out = 0  # times that others' changes were given time to settle
        self.raced = 0  # jobs of ours that could not be cancelled

    @property
    def settle_seconds(self) -> float:
        """How long after a job's end luxid's answers are not trusted."""
        return self._settling.seconds

    async def submit(
        self,
        *,
        read: Callable[[], Awaitable[T]],
        matches: Callable[[T], bool],
        target: Callable[[T], Target],
        opcodes: Callable[[T], Sequence[Opcode]],
    ) -> Submitted[T]:
        """Submits one job of `opcodes(current)` where `matches(current)`; `current` is what `read()` answers.

        `read` must not answer from before its call; what it answers is equal where nothing has changed. `target` is
        what the write is about: jobs that touch it count. Raises `NothingToDo` where there are no opcodes, `Stale`,
        `Busy`, `GuardHeld`, and as `Submissions`. Who is cancelled after the submission has begun leaves a job that is
        looked after all the same.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_SECONDS
        try:
            while True:
                # A task of its own holds the lock: from the submission on it must go to its end though its client
                # leaves, since a job that is not in the queue yet is hidden from the next who gets the lock
                progress = _Progress()
                attempt = loop.create_task(self._attempt(progress, read, matches, target, opcodes))
                self._under_way.add(attempt)
                attempt.add_done_callback(self._under_way.discard)
                try:
                    return await asyncio.shield(attempt)
                except asyncio.CancelledError:
                    if not progress.submitting:
                        attempt.cancel()
                    else:
                        attempt.add_done_callback(_retrieved)
                    raise
                except _Unsettled as unsettled:
                    if loop.time() + unsettled.seconds > end:
                        raise Busy(unsettled.job_ids) from None
                    self.waited_out += 1
                    await asyncio.sleep(unsettled.seconds)
        except Stale:
            self.stale += 1
            raise
        except Busy:
            self.busy += 1
            raise

    async def _attempt(
        self,
        progress: _Progress,
        read: Callable[[], Awaitable[T]],
        matches: Callable[[T], bool],
        target: Callable[[T], Target],
        opcodes: Callable[[T], Sequence[Opcode]],
    ) -> Submitted[T]:
        async with self._lock.held():
            # 2. All ids and not the highest: an id is given before its job is written, so a lower one may come later
            noted = set(await self._job_ids())
            # 3.
            began = time.time()
            current = await read()
            if not matches(current):
                raise Stale(current)
            about = target(current)
            # 4. After the reading: a job that ended before it shows here as just ended, one that was submitted
            # meanwhile as unfinished. Before it, both could slip through.
            self._check_settled(await self._jobs(), about, began)
            # Not before: what the object seemed to be may not have been shown yet
            planned = opcodes(current)
            if not planned:
                raise NothingToDo(current)
            # 5.
            progress.submitting = True
            job_id = await self._submissions(planned)
            # 6.
            submitted = await self._look(Submitted(job_id, current), noted, about)
        if surely_change(planned):
            self._measure(job_id, read, current)
        return submitted

    def _check_settled(self, jobs: list[_Job], about: Target, read_began: float) -> None:
        touching = [job for job in jobs if about.touched_by(job.opcodes)]
        if unfinished := [job.job_id for job in touching if not job.finished]:
            raise Busy(unfinished)
        # Against the reading's beginning: what had settled by then it has shown. A job's end is the master's clock,
        # which is ours; after that was set back, an end in the future counts as now.
        recent = [
            (job.job_id, min(job.end or 0.0, read_began))
            for job in touching
            if job.started and (job.end or 0.0) + self.settle_seconds > read_began
        ]
        if recent:
            newest = max(end for _, end in recent)
            wait = newest + self.settle_seconds - time.time()
            raise _Unsettled([job_id for job_id, _ in recent], max(wait, 0.01))

    async def _look(self, submitted: Submitted[T], noted: set[JobId], about: Target) -> Submitted[T]:
        own_id = submitted.job_id
        try:
            jobs = await self._persistently(self._jobs)
        except RapierError:
            return Submitted(own_id, submitted.current, looked=False)
        own = next((job for job in jobs if job.job_id == own_id), None)
        raced = tuple(
            job.job_id
            for job in jobs
            if job.job_id not in noted
            and job.job_id != own_id
            and about.touched_by(job.opcodes)
            # A job that never began and never will is none. Ours may have jobs of its own by now: they came later, and
            # carry its mark.
            and not (job.finished and not job.started)
            and not (own is not None and job.job_id > own_id and _descends(job, own))
            and (
                job.job_id < own_id  # before ours in the queue
                or (own is not None and job.priority < own.priority)  # overtakes it
                or (job.started and not (own is not None and _came_after(job, own)))  # has overtaken it, or may
            )
        )
        if not raced:
            return submitted
        if await self._cancelled(own_id):
            raise Busy(list(raced))
        self.raced += 1
        return Submitted(own_id, submitted.current, raced)

    async def _cancelled(self, job_id: JobId) -> bool:
        """Whether our job is cancelled before it did anything.

        What luxid says to it does not tell: of a job that has ended it says true, and one that it says false of is told
        to stop all the same, before its next opcode. So the job itself is looked at.
        """
        with suppress(MasterError, GanetiError):  # carried out or not: its status tells
            await self._luxi.cancel_job(job_id)
        end = time.monotonic() + CANCEL_SECONDS
        while True:
            try:
                [[status, opcode_statuses]] = await self._luxi.query_jobs([job_id], ["status", "opstatus"])
            except (MasterError, GanetiError):
                status, opcode_statuses = None, []
            if status in FINISHED:
                return status == CANCELED and all(one == CANCELED for one in opcode_statuses)
            if time.monotonic() > end:
                return False
            await asyncio.sleep(PAUSE_SECONDS)

    # -- the queue ---------------------------------------------------------------------------------------------------

    async def _job_ids(self) -> list[JobId]:
        """The jobs in the queue. luxid lists a folder for it, and opens no file."""
        answer = await self._luxi.query("job", ["id"])
        return [row[0][1] for row in answer["data"]]

    async def _jobs(self) -> list[_Job]:
        """The jobs in the queue, without those that ended long ago."""
        job_ids = await self._job_ids()
        present = set(job_ids)
        self._ended = {job_id: job for job_id, job in self._ended.items() if job_id in present}
        long_ago = time.time() - PATIENCE_SECONDS - self.settle_seconds
        unread = [job_id for job_id in job_ids if job_id not in self._ended]
        jobs = [job for job in self._ended.values() if job is not None]
        if unread:
            for row in await self._luxi.query_jobs(unread, _FIELDS):
                job_id, status, opcodes, priority, start, end = row
                if status is None:
                    continue  # archived since it was listed, so it ended hours ago, or an administrator was quick
                job = _Job(job_id, status, opcodes, priority, _seconds(start), _seconds(end))
                jobs.append(job)
                if job.finished:
                    self._ended[job.job_id] = job
        # Of those that ended long ago nothing is kept but that they did
        self._ended |= {job.job_id: None for job in jobs if job.finished and (job.end or 0.0) < long_ago}
        return jobs

    async def _persistently(self, ask: Callable[[], Awaitable[list[_Job]]]) -> list[_Job]:
        """Asks until luxid answers: it may be on its way back."""
        end = time.monotonic() + LOOK_SECONDS
        while True:
            try:
                return await ask()
            except MasterError:
                if time.monotonic() > end:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)

    # -- the settle time -----------------------------------------------------------------------------------------------

    def _measure(self, job_id: JobId, read: Callable[[], Awaitable[T]], before: T) -> None:
        """Measures in the background, one write at a time."""
        if self._measuring is None or self._measuring.done():
            self._measuring = asyncio.get_running_loop().create_task(self._measured(job_id, read, before))

    async def _measured(self, job_id: JobId, read: Callable[[], Awaitable[T]], before: T) -> None:
        try:
            await self._waiting.ended(job_id, MEASURE_SECONDS)
            [[status, end_ts]] = await self._luxi.query_jobs([job_id], ["status", "end_ts"])
            ended = _seconds(end_ts)
            if status != SUCCESS or ended is None:
                return
            old_was_seen = False
            while (began := time.time()) < ended + MEASURE_SECONDS:
                if not await _is_still(before, read):
                    # With no old answer before it, this says how late we came, not how late luxid was
                    self._settling.take(began - ended if old_was_seen else MEASURE_EVERY_SECONDS)
                    return
                old_was_seen = True
                # Who comes meanwhile must not take what is shown for what is
                self._settling.wait_for(time.time() - ended)
                await asyncio.sleep(MEASURE_EVERY_SECONDS)
            # Changed back by another job before it was shown, or later than anybody can wait for: no sample
        except (MasterError, GanetiError, GuardRefusal):
            return  # another write will be measured
        finally:
            self._settling.wait_for(0.0)

    async def close(self) -> None:
        """Ends what is under way; submissions that have begun are waited for."""
        if self._measuring is not None:
            self._measuring.cancel()
            await asyncio.gather(self._measuring, return_exceptions=True)
        await asyncio.gather(*self._under_way, return_exceptions=True)


async def _is_still(before: T, read: Callable[[], Awaitable[T]]) -> bool:
    """Whether the object is as it was. Of one that is gone, the reading raises whatever its caller is used to."""
    try:
        return await read() == before
    except (MasterError, GanetiError, GuardRefusal):
        raise
    except Exception:
        return False


class _Progress:
    """Whether a write may have submitted its job."""

    submitting = False


def _retrieved(task: asyncio.Task[Any]) -> None:
    """Nobody is left to be told of its error."""
    if not task.cancelled():
        task.exception()


def _came_after(job: _Job, own: _Job) -> bool:
    """Whether a job began when ours had ended."""
    return own.finished and own.end is not None and job.start is not None and job.start >= own.end


def _descends(job: _Job, from_job: _Job) -> bool:
    """Whether a job was submitted by another one, whose reason trail it inherits, our mark included."""
    marks = _marks(from_job)
    return bool(marks & _marks(job))


def _marks(job: _Job) -> set[str]:
    return {element[1] for opcode in job.opcodes for element in opcode.get("reason") or () if element[0] == MARK}


def _seconds(timestamp: Any) -> float | None:
    """A job's time, which LUXI gives as seconds and microseconds."""
    match timestamp:
        case [int(seconds), int(microseconds)]:
            return seconds + microseconds / 1e6
    return None
