"""Locks between jobs: a job has all that an opcode needs, or none.

A lock is a name such as `instance/web1`, held by one job at a time. Jobs that wait are served in the order of their
priorities and ids; one that wants what an earlier one waits for waits behind it, so that nobody starves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rapier.embedded.job import Job


@dataclass(eq=False)
class _Waiter:
    job: Job
    wanted: frozenset[str]
    granted: asyncio.Future[None]


class Locks:
    """Who holds what, and who waits for it."""

    def __init__(self) -> None:
        self.holders: dict[str, int] = {}  # the lock's name, and the job's id
        self._waiting: list[_Waiter] = []

    @property
    def pending(self) -> dict[str, list[int]]:
        """The jobs that wait for each lock."""
        pending: dict[str, list[int]] = {}
        for waiter in self._waiting:
            for name in waiter.wanted:
                pending.setdefault(name, []).append(waiter.job.id)
        return pending

    @asynccontextmanager
    async def held(self, job: Job, wanted: frozenset[str]) -> AsyncIterator[None]:
        """Holds the locks for the block's time; waits for them first."""
        await self._acquire(job, wanted)
        try:
            yield
        finally:
            for name in wanted:
                del self.holders[name]
            self._serve()

    async def _acquire(self, job: Job, wanted: frozenset[str]) -> None:
        waiter = _Waiter(job, wanted, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._serve()
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            else:  # they were granted in the very moment of cancelling
                for name in wanted:
                    del self.holders[name]
            self._serve()
            raise

    def _serve(self) -> None:
        taken = set(self.holders)
        for waiter in sorted(self._waiting, key=lambda one: (one.job.priority, one.job.id)):
            if not waiter.wanted & taken:
                self._waiting.remove(waiter)
                self.holders |= dict.fromkeys(waiter.wanted, waiter.job.id)
                waiter.granted.set_result(None)
            taken |= waiter.wanted
