"""The jobs that are not archived: each is on the disk before anybody hears of it, and whoever waits for one is told.

A job's versions are written one after the other: what is to become of it is decided when the version before is on the
disk. Otherwise a late write could bring back an opcode that has ended, and a restart would run it again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from msgspec.structs import replace

from rapier.embedded.configuration import Changes, Configuration
from rapier.embedded.job import Job
from rapier.embedded.store import Store


class Jobs:
    """All of them, by id. Ids rise from 1 and are never used again."""

    def __init__(self, store: Store, configuration: Configuration) -> None:
        self._store = store
        self._configuration = configuration
        self._by_id = {job.id: job for job in store.jobs()}
        self._last_id = store.last_job_id()
        self._writes: dict[int, asyncio.Task[None]] = {}  # on their way to the disk, by job
        self._listeners: dict[int, set[asyncio.Event]] = {}

    def __iter__(self) -> Iterator[Job]:
        """In the order of their ids."""
        return iter(sorted(self._by_id.values(), key=lambda job: job.id))

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, job_id: int) -> Job | None:
        """A job that is not archived."""
        return self._by_id.get(job_id)

    async def find(self, job_id: int) -> Job | None:
        """A job, archived or not."""
        return self._by_id.get(job_id) or await self._store.archived_job(job_id)

    @property
    def last_id(self) -> int:
        """The highest that a job ever had."""
        return self._last_id

    def new_id(self) -> int:
        """One that no job has."""
        self._last_id += 1
        return self._last_id

    # -- writing -----------------------------------------------------------------------------------------------------

    async def add(self, new: list[Job], then: Callable[[], None]) -> None:
        """New jobs, all of them or none; `then` is called when they are kept, even if nobody waits for that any more.

        Raises `ConfigurationError` where they cannot be.
        """

        async def write() -> None:
            await self._store.write(Changes(), new)
            self._by_id |= {job.id: job for job in new}
            then()

        await asyncio.shield(asyncio.ensure_future(write()))

    async def keep(
        self, job: Job, version: Callable[[], Job], changes: Changes | None = None, children: Sequence[Job] = ()
    ) -> None:
        """The job is from now on as in `version()`, and the configuration as in the changes: on the disk, then here.

        `children` are new jobs that come to be with it. Raises `ConfigurationError` where they cannot be kept; then
        nothing is changed.
        """
        await self.settled(job)
        self._writes[job.id] = asyncio.ensure_future(self._write(job, version(), changes or Changes(), children))
        await asyncio.shield(self._writes[job.id])

    async def _write(self, job: Job, after: Job, changes: Changes, children: Sequence[Job]) -> None:
        try:
            await self._store.write(changes, [after, *children])
            self._configuration.apply(changes)
            self._by_id |= {child.id: child for child in children}
            job.opcodes, job.ended, job.archived = after.opcodes, after.ended, after.archived
            if job.archived:
                self._by_id.pop(job.id, None)
        finally:
            del self._writes[job.id]
        self.tell(job)

    async def settled(self, job: Job) -> None:
        """Returns when no version of the job is on its way to the disk."""
        while job.id in self._writes:
            await asyncio.wait([self._writes[job.id]])

    async def all_settled(self) -> None:
        """Returns when nothing is on its way to the disk."""
        while self._writes:
            await asyncio.wait(list(self._writes.values()))

    # -- archiving ---------------------------------------------------------------------------------------------------

    async def archive(self, job_id: int) -> bool:
        """Moves an ended job out of the queue; whether it did."""
        job = self._by_id.get(job_id)
        if job is None or not job.finished:
            return False
        await self.settled(job)
        if job.archived:
            return False
        await self.keep(job, lambda: replace(job, archived=True))
        return True

    async def archive_older(self, age_seconds: float) -> tuple[int, int]:
        """Archives the jobs that ended longer ago than this; how many, and how many ended ones are left."""
        before = time.time() - age_seconds
        ended = [job for job in self if job.finished]
        old = [job.id for job in ended if job.ended is None or job.ended[0] + job.ended[1] / 1e6 <= before]
        done = await asyncio.gather(*map(self.archive, old))
        return sum(done), len(ended) - len(old)

    # -- who waits for a job -----------------------------------------------------------------------------------------

    @contextmanager
    def changes_of(self, job: Job) -> Iterator[asyncio.Event]:
        """An event that is set at each change of the job; who takes note of one clears it."""
        event = asyncio.Event()
        listening = self._listeners.setdefault(job.id, set())
        listening.add(event)
        try:
            yield event
        finally:
            listening.discard(event)
            if not listening:
                self._listeners.pop(job.id, None)

    async def wait_for_end(self, job: Job) -> None:
        """Returns when the job has ended."""
        with self.changes_of(job) as changed:
            while not job.finished:
                await changed.wait()
                changed.clear()

    def tell(self, job: Job) -> None:
        """Something of the job has changed."""
        for event in self._listeners.get(job.id, ()):
            event.set()
