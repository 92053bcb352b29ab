"""The job queue: takes jobs, runs them in their order, and tells who waits.

Ids rise from 1 and are never used again. A job is in memory from its submission until it is archived; that it was
submitted, and what each of its opcodes did, is on the disk before anybody hears of it. A job that was at work when the
master ended is queued again at the next start, less the opcodes that had ended.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from rapier.embedded.configuration import Changes, Configuration
from rapier.embedded.job import Job, QueuedOpcode, now, summary
from rapier.embedded.locks import Locks
from rapier.embedded.refusals import failed, generic
from rapier.embedded.store import Store
from rapier.embedded.work import Execution, Work
from rapier.errors import GanetiError, JobQueueFull
from rapier.ganeti.jobs import CANCELED, ERROR, FINISHED, PENDING, RUNNING, SUCCESS, WAITING

log = logging.getLogger(__name__)

MOST_JOBS = 5000
CANCELED_BY_REQUEST = "Job canceled by request"
NO_LONGER_WAITING = "Job no longer waiting, can't cancel (informed it anyway)"


class JobQueue:
    """The jobs that are not archived."""

    def __init__(
        self,
        store: Store,
        configuration: Configuration,
        executions: Mapping[str, Execution],
        *,
        pace_seconds: float = 0.0,
    ) -> None:
        self._store = store
        self._configuration = configuration
        self._executions = executions
        self._pace = pace_seconds
        self._jobs = {job.id: job for job in store.jobs()}
        self._ids = itertools.count(store.last_job_id() + 1)
        self._waiting = [job for job in self._jobs.values() if not job.finished]  # for their turn
        for job in self._waiting:
            job.begin_again()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._stopping: set[int] = set()  # jobs at work that end before their next opcode
        self._killed: set[int] = set()  # jobs at work that end now
        self._keeping: set[int] = set()  # jobs whose opcode has ended, which is being written
        self._listeners: dict[int, set[asyncio.Event]] = {}
        self._ending = False
        self.locks = Locks()

    def start(self, group: asyncio.TaskGroup) -> None:
        """Jobs run from now on, as tasks of `group`. Those at work when it ends are queued again at the next start."""
        self._group = group
        self._start_what_may()

    async def stop(self) -> None:
        """Returns when no job is at work any more."""
        self._ending = True
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def __iter__(self) -> Iterator[Job]:
        """In the order of their ids."""
        return iter(sorted(self._jobs.values(), key=lambda job: job.id))

    async def find(self, job_id: int) -> Job | None:
        """A job, archived or not."""
        return self._jobs.get(job_id) or await self._store.archived_job(job_id)

    # -- taking jobs -------------------------------------------------------------------------------------------------

    async def submit(self, jobs: Sequence[list[dict[str, Any]]], *, also_drained: bool = False) -> list[int]:
        """The ids of new jobs, all of them kept. `depends` may count back from a job's own place: -1 is the one before.

        Raises Ganeti's errors for a queue that is drained or full.
        """
        if self._configuration.cluster.drained and not also_drained:
            raise generic("GenericError", "Queue drained")  # luxid's word; JobQueueDrainError is the Python daemon's
        if len(self._jobs) + len(jobs) > MOST_JOBS:
            raise JobQueueFull("JobQueueFull", [])
        new = [self._new_job(opcodes) for opcodes in jobs]
        await self._store.write(Changes(), new)
        for job in new:
            self._jobs[job.id] = job
            if not job.finished:
                self._waiting.append(job)
        self._start_what_may()
        return [job.id for job in new]

    def _new_job(self, opcodes: list[dict[str, Any]]) -> Job:
        job = Job(id=next(self._ids), opcodes=[])
        for index, params in enumerate(opcodes):
            source = f"gnt:opcode:{params['OP_ID'].removeprefix('OP_').lower()}"
            params["reason"] = [*params["reason"], (source, f"job={job.id};index={index}", time.time_ns())]
            if params.get("depends"):
                params["depends"] = [[_absolute(wanted, job.id), how] for wanted, how in params["depends"]]
            job.opcodes.append(QueuedOpcode(params=params, summary=summary(params), priority=params["priority"]))
        return job

    # -- running them ------------------------------------------------------------------------------------------------

    def _start_what_may(self) -> None:
        """Starts jobs, the most urgent first, as long as fewer run than may."""
        if self._ending:
            return
        places = self._configuration.cluster.facts["max_running_jobs"] - len(self._tasks)
        for job in sorted(self._waiting, key=lambda job: (job.priority, job.id)):
            if places <= 0:
                return
            if not self._held_up(job):
                self._waiting.remove(job)
                self._tasks[job.id] = self._group.create_task(self._run(job), name=f"job {job.id}")
                places -= 1

    def _held_up(self, job: Job) -> bool:
        """Whether the job waits for another one's end."""
        others = (self._jobs.get(wanted) for wanted, _ in job.depends)
        return any(other is not None and not other.finished for other in others)

    async def _run(self, job: Job) -> None:
        """Runs what is left of a job."""
        try:
            job.started = job.started or now()
            for index, opcode in enumerate(job.opcodes):
                if opcode.status in FINISHED:
                    continue
                if job.id in self._stopping:
                    await self._keep(job, job.after(index, CANCELED, CANCELED_BY_REQUEST))
                else:
                    await self._run_opcode(job, index)
                if job.finished:
                    break
        finally:
            del self._tasks[job.id]
            self._stopping.discard(job.id)
            self._killed.discard(job.id)
        self._start_what_may()

    async def _run_opcode(self, job: Job, index: int) -> None:
        """Carries one opcode out. What became of it is kept, then seen."""
        opcode = job.opcodes[index]
        opcode.status, opcode.started = WAITING, now()
        self._tell(job)
        changes = Changes()
        try:
            await self._see_to_dependencies(job)
            execution = self._execution_of(opcode)
            async with self.locks.held(job, frozenset(execution.locks(opcode.params, self._configuration))):
                opcode.status, opcode.executed = RUNNING, now()
                opcode.params.setdefault("debug_level", 0)
                self._tell(job)
                work = Work(
                    opcode.params, self._configuration, changes, lambda text: self._log(job, opcode, text), self._pace
                )
                result = await execution.run(work)
                await self._keep(job, job.after(index, SUCCESS, result), changes)
        except (_Canceled, asyncio.CancelledError):
            if job.id in self._killed:
                await self._keep(job, job.after(index, ERROR, f"detected death of job {job.id}"))
            elif job.id in self._stopping:
                await self._keep(job, job.after(index, CANCELED, CANCELED_BY_REQUEST))
            else:
                raise  # the master itself ends
        except GanetiError as problem:
            await self._keep(job, job.after(index, ERROR, [problem.ganeti_class, problem.ganeti_args]))
        except Exception as problem:
            log.exception("job %d failed", job.id)
            text = f"Failure in the embedded master: {problem!r}"
            await self._keep(job, job.after(index, ERROR, ["OpExecError", [text]]))

    def _execution_of(self, opcode: QueuedOpcode) -> Execution:
        op_id = opcode.params["OP_ID"]
        if op_id not in self._executions:
            raise failed(f"The embedded master cannot carry out {op_id}")
        return self._executions[op_id]

    async def _see_to_dependencies(self, job: Job) -> None:
        """Raises where a job that this one depends on is not there, or has ended otherwise than it should."""
        for wanted, statuses in job.depends:
            other = await self.find(wanted)
            if other is None:
                raise failed(f"Dependency error: Job {wanted} not found")
            if other.status in statuses or (not statuses and other.status != CANCELED):
                continue
            if other.status == CANCELED:
                self._stopping.add(job.id)
                raise _Canceled
            allowed = ", ".join(f"'{status}'" for status in statuses)
            raise failed(
                f"Dependency job {wanted} finished with status '{other.status}', not one of {allowed} as required"
            )

    async def _keep(self, job: Job, after: Job, changes: Changes | None = None) -> None:
        """The job is from now on as in `after`, and the configuration as in the changes: on the disk, then here."""
        changes = changes or Changes()
        self._keeping.add(job.id)
        await self._store.write(changes, [after])
        self._keeping.discard(job.id)
        self._configuration.apply(changes)
        job.opcodes, job.ended, job.archived = after.opcodes, after.ended, after.archived
        self._tell(job)

    def _log(self, job: Job, opcode: QueuedOpcode, text: str) -> None:
        job.log(opcode, text)
        self._tell(job)

    # -- what may be done with a job ---------------------------------------------------------------------------------

    async def cancel(self, job_id: int, kill: bool = False) -> tuple[bool, str]:
        """`(True, what was done)`, or `(False, why not)`; a job at work is told to stop before its next opcode."""
        job = self._jobs.get(job_id)
        if job is None or job.finished:
            return False, f"Job {job_id} not found in queue"
        if job in self._waiting:
            self._waiting.remove(job)
            await self._keep(job, job.after(_first_unfinished(job), CANCELED, None))
            self._start_what_may()
            return True, f"Dequeued job {job_id}"
        self._stopping.add(job_id)
        if job_id not in self._keeping:
            if kill:
                self._killed.add(job_id)
            if kill or job.status == WAITING:
                self._tasks[job_id].cancel()
                await self.wait_for_end(job)
                return True, "SIGKILL send to the process" if kill else f"Job {job_id} canceled"
        return False, NO_LONGER_WAITING

    async def change_priority(self, job_id: int, priority: int) -> tuple[bool, str]:
        """Changes the priority of what a job has still to do."""
        job = self._jobs.get(job_id)
        if job is None or job.finished:
            return False, f"Job {job_id} not found in queue"
        for opcode in job.opcodes:
            if opcode.status in PENDING:
                opcode.priority = priority
        await self._keep(job, job)
        return True, f"Priorities of pending opcodes for job {job_id} have been changed to {priority}"

    async def archive(self, job_id: int) -> bool:
        """Moves an ended job out of the queue; whether it did."""
        job = self._jobs.get(job_id)
        if job is None or not job.finished:
            return False
        await self._keep(job, replace(job, archived=True))
        self._jobs.pop(job_id, None)
        return True

    async def archive_older(self, age_seconds: float) -> tuple[int, int]:
        """Archives the jobs that ended longer ago than this; how many, and how many ended ones are left."""
        ended = [(job.id, job.ended) for job in self if job.finished]
        before = time.time() - age_seconds
        old = [job_id for job_id, at in ended if at is None or at[0] + at[1] / 1e6 <= before]
        done = [await self.archive(job_id) for job_id in old]
        return sum(done), len(ended) - len(done)

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

    def _tell(self, job: Job) -> None:
        for event in self._listeners.get(job.id, ()):
            event.set()


class _Canceled(Exception):
    """The job is to be cancelled before its opcode begins."""


def _first_unfinished(job: Job) -> int:
    return next(index for index, opcode in enumerate(job.opcodes) if opcode.status not in FINISHED)


def _absolute(wanted: int | str, job_id: int) -> int:
    """A dependency's job id, where negative ones count back from the job's own."""
    number = int(wanted)
    return job_id + number if number < 0 else number
