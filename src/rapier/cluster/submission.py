"""Submissions whose answer may get lost: each carries a mark, by which its job is found in the queue.

`SubmitJob` is sent once. Where its answer does not come, the job may be in the queue, and a second try could make a
second job. So each opcode's reason trail gets an element `["rapier:mark", UUID, nanoseconds]`, which luxid keeps as it
is, and the queue is searched for it. What a search that finds nothing proves depends on how the answer was lost:

- The connection ended (`MasterLost`). luxid serves a connection in one thread, and closes it when that thread or all of
  luxid has ended. That very thread writes the job's file, so what it had not written by then nobody will write: a
  restarted luxid reads the queue's folder and takes nothing from the dead one's memory. Not there is not submitted.
- The answer came and was no answer (`MasterGarbled`): luxid answers after it has written the job. The same.
- Nothing came before the deadline (`MasterSilent`). The request may still lie in the socket of a luxid that is held, or
  wait for a node to which the queue's serial number is copied before the job is written. Not there proves nothing.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence

from rapier.errors import (
    GanetiError,
    MasterError,
    MasterGarbled,
    MasterLost,
    MasterSilent,
    NotSubmitted,
    SubmissionUnknown,
)
from rapier.luxi.client import JobId, Luxi, Opcode

MARK = "rapier:mark"
# How long the mark is looked for while luxid comes back: a restart takes a second
LOOK_SECONDS = 8.0
LOOK_EVERY_SECONDS = 0.1
# `archived` makes luxid look into the archive as well: a short job may be there already
_FIELDS = ("id", "ops", "archived")


def new_mark() -> str:
    """A mark that no other submission has."""
    return str(uuid.uuid4())


def marked(opcodes: Sequence[Opcode], mark: str) -> list[Opcode]:
    """The opcodes with the mark in their reason trails."""
    element = [MARK, mark, time.time_ns()]
    return [{**opcode, "reason": [*(opcode.get("reason") or ()), element]} for opcode in opcodes]


class Submissions:
    """Submits jobs to one cluster, and finds out what became of them."""

    def __init__(self, luxi: Luxi) -> None:
        self._luxi = luxi
        # Job ids ascend: a job whose submission began when this one was known has a greater one
        self._newest_known: JobId = 0
        self.lost = 0  # answers that did not come
        self.found = 0  # jobs that were found by their mark

    async def __call__(self, opcodes: Sequence[Opcode]) -> JobId:
        """Puts one job of `opcodes` into the queue, once; its id, also where luxid's answer was lost.

        Raises `NotSubmitted` where the answer was lost and there is no such job nor will be, `SubmissionUnknown` where
        that cannot be told, and otherwise as `Luxi.submit_job`.
        """
        mark, before = new_mark(), self._newest_known
        try:
            job_id = await self._luxi.submit_job(marked(opcodes, mark))
        except (MasterLost, MasterGarbled, MasterSilent) as problem:
            if isinstance(problem, MasterSilent) and not problem.sent:
                raise NotSubmitted(f"{problem}. Nothing was sent", mark) from problem
            self.lost += 1
            job_id = await self._search(mark, before, problem)
            self.found += 1
        self._newest_known = max(self._newest_known, job_id)
        return job_id

    async def _search(self, mark: str, before: JobId, problem: MasterError) -> JobId:
        proves = not isinstance(problem, MasterSilent)
        loop = asyncio.get_running_loop()
        end = loop.time() + LOOK_SECONDS
        while True:
            try:
                # A luxid that hangs must not make this last for a deadline of its own
                async with asyncio.timeout_at(end):
                    job_id, complete = await self._job_with(mark, before)
            except (MasterError, GanetiError, TimeoutError):
                pass  # luxid is away, or has not read its configuration yet
            else:
                if job_id is not None:
                    return job_id
                if complete and proves:
                    raise NotSubmitted(f"{problem}. No job came of it", mark) from problem
            if loop.time() + LOOK_EVERY_SECONDS >= end:
                raise SubmissionUnknown(
                    f"{problem}. If there is a job of it, its reason trail has {MARK} {mark}", mark
                ) from problem
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _job_with(self, mark: str, before: JobId) -> tuple[JobId | None, bool]:
        """The job that carries the mark, if any, and whether every job was readable that could be it."""
        # `id` is the one condition for which luxid opens no file. The newest known job is asked for as well: where not
        # even that one comes, it has been removed, or this is another queue than it was, whose ids began anew.
        answer = await self._luxi.query("job", _FIELDS, [">=", "id", before])
        if not answer["data"] and before:
            answer = await self._luxi.query("job", _FIELDS)
        found: JobId | None = None
        complete = True
        for (_, job_id), (status, opcodes), _ in answer["data"]:
            if status != 0:
                complete = False
                continue
            # Jobs that a job submits inherit its trail: the first one is ours
            if (found is None or job_id < found) and any(_carries(opcode, mark) for opcode in opcodes):
                found = job_id
        return found, complete


def _carries(opcode: Opcode, mark: str) -> bool:
    return any(element[:2] == [MARK, mark] for element in opcode.get("reason") or ())
