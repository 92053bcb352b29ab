"""One cluster, as every API version sees it: reads, jobs, waiting. Knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rapier.cluster.families import Families
from rapier.cluster.guard import Guard
from rapier.cluster.objects import Objects
from rapier.cluster.readiness import Readiness
from rapier.cluster.sharing import Sharing
from rapier.cluster.submission import Submissions
from rapier.cluster.waiting import JobWaiting
from rapier.errors import OpExecError, StillRunning, ganeti_error
from rapier.ganeti.jobs import FINISHED, SUCCESS
from rapier.luxi.client import JobId, Luxi, Opcode

T = TypeVar("T")

# How long one wait lasts before it is asked again, where somebody waits for a job's end
WAIT_SECONDS = 10


class Cluster:
    """The cluster behind one master daemon.

    `guard_lock` is the file by which all processes of this host keep guarded writes apart; by default beside the
    master's socket.
    """

    def __init__(self, luxi: Luxi, guard_lock: Path | None = None) -> None:
        self.luxi = luxi
        self._sharing = Sharing()
        self.waiting = JobWaiting(luxi, self._sharing)
        self.objects = Objects(luxi, self._sharing)
        self.families = Families(luxi, self.waiting, self._sharing)
        self.submissions = Submissions(luxi)
        self.guard = Guard(luxi, self.submissions, self.waiting, guard_lock)
        self.ready = Readiness(luxi)
        self._asking: dict[Hashable, JobId] = {}  # the jobs of reads that are under way

    async def read(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What `make()` answers, shared with equal reads, never older than this question. See `sharing`."""
        return await self._sharing(key, make)

    @property
    def reads(self) -> tuple[int, int]:
        """How many calls reads made, and how many reads cost no call of their own."""
        return self._sharing.calls, self._sharing.shared

    async def submit(self, opcodes: Sequence[Opcode]) -> JobId:
        """Puts one job into the queue, once; its id. Raises as `Luxi.submit_job`.

        A lost answer stays lost, as clients of version 2 know it; `submissions` finds out.
        """
        return await self.luxi.submit_job(opcodes)

    async def ask_by_job(self, key: Hashable, opcode: Opcode, seconds: float) -> Any:
        """What an opcode that only reads answers; equal questions share a job, and one that goes on is waited for.

        Raises as `run`, and `StillRunning` after `seconds`.
        """

        async def make() -> Any:
            try:
                return await self.run(opcode, lambda job_id: self._asking.update({key: job_id}))
            finally:
                self._asking.pop(key, None)

        try:
            async with asyncio.timeout(seconds):
                return await self.read(("job", key), make)
        except TimeoutError:
            raise StillRunning(self._asking.get(key)) from None

    async def run(self, opcode: Opcode, submitted: Callable[[JobId], None] = lambda job_id: None) -> Any:
        """Submits one opcode, waits for its end, and answers its result. `submitted` is told the job's id.

        Raises the error that the job ended with, `OpExecError` for a job that was cancelled, `JobLost` for one that
        was archived meanwhile.
        """
        job_id = await self.submit([opcode])
        submitted(job_id)
        known: list[Any] | None = None
        while True:
            change = await self.waiting.change(job_id, ["status", "opresult"], known, None, WAIT_SECONDS)
            if change is None:
                continue
            known, _ = change
            status, results = known
            if status == SUCCESS:
                return results[0]
            if status in FINISHED:
                failure = results[0] if results else None
                if isinstance(failure, list):
                    raise ganeti_error(failure)
                # a job that was cancelled has a bare text there, or nothing
                raise OpExecError("OpExecError", [failure or f"job {job_id} ended {status}"])

    async def close(self) -> None:
        """Ends what is under way and closes the connections to the master daemon."""
        await self.guard.close()
        await self.ready.close()
        await self.waiting.close()
        await self._sharing.close()
        self.luxi.close()
