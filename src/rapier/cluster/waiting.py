"""Waiting for a job to change, without a connection to the master daemon for each waiter.

As long as there are places, a waiter holds a LUXI connection of its own and hears of a change at once. Beyond that,
waiters look at their job every half second, and equal looks are shared, so that a crowd costs the master daemon little.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from rapier.cluster.sharing import Sharing
from rapier.errors import JobLost, OpPrereqError
from rapier.ganeti.jobs import FINISHED
from rapier.luxi.client import WAIT_CONNECTIONS, JobId, Luxi

LOOK_EVERY_SECONDS = 0.5

# A job's fields as asked for, and the log entries that are new
Change = tuple[list[Any], list[Any]]


class JobWaiting:
    """Waits for changes of one cluster's jobs."""

    def __init__(self, luxi: Luxi, sharing: Sharing) -> None:
        self._luxi = luxi
        self._sharing = sharing
        self._places = asyncio.Semaphore(WAIT_CONNECTIONS)

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
        if self._places.locked():
            return await self._look(job_id, fields, previous_info, previous_log_serial, seconds)
        async with self._places:
            answer = await self._luxi.wait_for_job_change(job_id, fields, previous_info, previous_log_serial, seconds)
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
        while True:
            *info, status, log_of_opcodes = await self._sharing(
                ("job", job_id, msgspec.json.encode(asked)), lambda: self._row(job_id, asked)
            )
            if status is None:
                raise JobLost("JobLost", ["Can't load job file"])
            serial = -1 if previous_log_serial is None else previous_log_serial
            log = [entry for log in log_of_opcodes for entry in log if entry[0] > serial]
            if info != previous_info or log or status in FINISHED or loop.time() >= end:
                return info, log
            await asyncio.sleep(min(LOOK_EVERY_SECONDS, max(0.0, end - loop.time())))

    async def _row(self, job_id: JobId, asked: Sequence[str]) -> list[Any]:
        """The job's fields, `status` and `oplog` last. One unknown makes the others null, as in WaitForJobChange."""
        try:
            [row] = await self._luxi.query_jobs([job_id], asked)
        except OpPrereqError:
            [row] = await self._luxi.query_jobs([job_id], asked[-2:])
            return [None] * (len(asked) - 2) + row
        return row
