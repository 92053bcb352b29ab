"""The job queue: takes jobs and runs them in their order.

A job that was at work when the master ended is queued again at the next start, less the opcodes that had ended.
"""

from __future__ import annotations

import asyncio
import bisect
import copy
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from rapier.embedded import job_filters
from rapier.embedded.configuration import Changes, Configuration
from rapier.embedded.job import Job, QueuedOpcode, new_job, now
from rapier.embedded.jobs import Jobs
from rapier.embedded.locks import Locks
from rapier.embedded.model import JobFilter
from rapier.embedded.refusals import failed, generic
from rapier.embedded.trouble import demanded
from rapier.embedded.work import Execution, Work
from rapier.errors import ConfigurationError, GanetiError, JobQueueFull
from rapier.ganeti.jobs import CANCELED, ERROR, FINISHED, PENDING, RUNNING, SUCCESS, WAITING

log = logging.getLogger(__name__)

MOST_JOBS = 5000
CANCELED_BY_REQUEST = "Job canceled by request"
NO_LONGER_WAITING = "Job no longer waiting, can't cancel (informed it anyway)"


class JobQueue:
    """Runs the jobs that have not ended."""

    def __init__(
        self,
        jobs: Jobs,
        configuration: Configuration,
        executions: Mapping[str, Execution],
        *,
        pace_seconds: float = 0.0,
    ) -> None:
        self._jobs = jobs
        self._configuration = configuration
        self._executions = executions
        self._pace = pace_seconds
        self._waiting = sorted((job for job in jobs if not job.finished), key=_turn)  # in the order of their turns
        for job in self._waiting:
            job.begin_again()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._stopping: set[int] = set()  # jobs at work that end before their next opcode
        self._killed: set[int] = set()  # jobs at work that end now
        self._ending = False
        self.locks = Locks()

    def start(self, group: asyncio.TaskGroup) -> None:
        """Jobs run from now on, as tasks of `group`. Those at work when it ends are queued again at the next start."""
        self._group = group
        self._start_what_may()

    async def stop(self) -> None:
        """Returns when no job is at work any more."""
        self._ending = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._jobs.all_settled()

    # -- taking jobs -------------------------------------------------------------------------------------------------

    async def submit(self, jobs: Sequence[list[dict[str, Any]]], *, also_drained: bool = False) -> list[int]:
        """The ids of new jobs, all of them kept. `depends` may count back from a job's own place: -1 is the one before.

        Raises Ganeti's errors for a queue that is drained or full.
        """
        self._check_room(len(jobs), also_drained=also_drained)
        new = [new_job(self._jobs.new_id(), opcodes) for opcodes in jobs]
        await self._jobs.add(new, lambda: self._take(new))
        return [job.id for job in new]

    def _check_room(self, count: int, *, also_drained: bool = False) -> None:
        """Raises Ganeti's errors where no such number of jobs is taken."""
        if self._configuration.switches.drained and not also_drained:
            raise generic("GenericError", "Queue drained")  # luxid's word; JobQueueDrainError is the Python daemon's
        if len(self._jobs) + count > MOST_JOBS:
            raise JobQueueFull("JobQueueFull", [])

    def _take(self, new: Sequence[Job]) -> None:
        """They are kept, and run when it is their turn."""
        for job in new:
            if not job.finished:
                bisect.insort(self._waiting, job, key=_turn)
        self._start_what_may()

    # -- running them ------------------------------------------------------------------------------------------------

    def _start_what_may(self) -> None:
        """Starts jobs, the most urgent first, as long as fewer run than may."""
        if self._ending:
            return
        places = self._configuration.cluster.facts["max_running_jobs"] - len(self._tasks)
        rules = job_filters.in_order(self._configuration)
        for job in list(self._waiting):
            if places <= 0:
                return
            if not self._held_up(job) and self._may_run(job, rules):
                self._waiting.remove(job)
                self._tasks[job.id] = self._group.create_task(self._run(job), name=f"job {job.id}")
                places -= 1

    def _may_run(self, job: Job, rules: Sequence[JobFilter]) -> bool:
        """Whether no job filter keeps it from running now."""
        rule = job_filters.deciding(job, rules)
        match rule and rule.action:
            case None:
                return True
            case job_filters.REJECT:
                self._waiting.remove(job)
                self._group.create_task(self._reject(job))
            case (job_filters.RATE_LIMIT, int(most)):
                running = map(self._jobs.get, self._tasks)
                return sum(one is not None and job_filters.deciding(one, rules) is rule for one in running) < most
        return False

    async def _reject(self, job: Job) -> None:
        await self._jobs.keep(job, lambda: job.after(_first_unfinished(job), CANCELED, None))
        self._start_what_may()  # what depends on it

    def look_again(self) -> None:
        """The job filters have changed."""
        self._start_what_may()

    def _held_up(self, job: Job) -> bool:
        """Whether the job waits for another one's end."""
        others = map(self._jobs.get, job.waits_for)
        return any(other is not None and not other.finished for other in others)

    async def _run(self, job: Job) -> None:
        """Runs what is left of a job."""
        try:
            job.started = job.started or now()
            for index, opcode in enumerate(job.opcodes):
                if opcode.status in FINISHED:
                    continue
                if job.id in self._stopping:
                    await self._jobs.keep(job, lambda index=index: job.after(index, CANCELED, CANCELED_BY_REQUEST))  # type: ignore[misc]
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
        """Carries one opcode out; what becomes of it is kept, then seen. Meanwhile it is kept as it was submitted."""
        opcode = job.opcodes[index]
        opcode.status, opcode.started = WAITING, now()
        self._jobs.tell(job)
        params, changes = copy.deepcopy(opcode.params), Changes()

        async def end(status: str, result: Any, changes: Changes | None = None, children: Sequence[Job] = ()) -> None:
            await self._jobs.keep(job, lambda: job.after(index, status, result, params), changes, children)
            self._take(children)

        try:
            await self._see_to_dependencies(job, opcode)
            execution = self._execution_of(opcode)
            async with self.locks.held(job, frozenset(execution.locks(params, self._configuration))):
                opcode.status, opcode.executed = RUNNING, now()
                params.setdefault("debug_level", 0)
                self._jobs.tell(job)
                work = Work(params, self._configuration, changes, lambda text: self._log(job, opcode, text), self._pace)
                trouble = demanded(params, self._configuration)
                await trouble.begin()
                result = await execution.run(work)
                if trouble.late:
                    await end(ERROR, [trouble.late.ganeti_class, trouble.late.ganeti_args], changes)
                    return
                if work.children:
                    self._check_room(len(work.children))
                children = [new_job(self._jobs.new_id(), opcodes) for opcodes in work.children or ()]
                if work.children is not None:
                    result = {**(result or {}), "jobs": [(True, child.id) for child in children]}
                await end(SUCCESS, result, changes, children)
        except (_Canceled, asyncio.CancelledError):
            if self._ending:
                raise
            if job.id in self._killed:
                await end(ERROR, f"detected death of job {job.id}")
            elif job.id in self._stopping:
                await end(CANCELED, CANCELED_BY_REQUEST)
            else:
                raise  # another task of the master has failed
        except ConfigurationError:
            raise  # the disk fails: the master ends, and the job is queued again at the next start
        except GanetiError as problem:
            await end(ERROR, [problem.ganeti_class, problem.ganeti_args])
        except Exception as problem:
            log.exception("job %d failed", job.id)
            await end(ERROR, ["OpExecError", [f"Failure in the embedded master: {problem!r}"]])

    def _execution_of(self, opcode: QueuedOpcode) -> Execution:
        op_id = opcode.params["OP_ID"]
        if op_id not in self._executions:
            raise failed(f"The embedded master cannot carry out {op_id}")
        return self._executions[op_id]

    async def _see_to_dependencies(self, job: Job, opcode: QueuedOpcode) -> None:
        """Raises where a job that the opcode depends on is not there, or has ended otherwise than it should."""
        for wanted, statuses in opcode.depends:
            other = await self._jobs.find(wanted)
            if other is None:
                raise failed(f"Dependency error: Job {wanted} not found")
            if other.status in statuses or (not statuses and other.status != CANCELED):
                continue
            if other.status == CANCELED:
                self._stopping.add(job.id)
                raise _Canceled
            allowed = ", ".join(statuses)
            raise failed(
                f"Dependency job {wanted} finished with status '{other.status}', not one of '{allowed}' as required"
            )

    def _log(self, job: Job, opcode: QueuedOpcode, text: str) -> None:
        job.log(opcode, text)
        self._jobs.tell(job)

    # -- what may be done with a job ---------------------------------------------------------------------------------

    async def _unfinished(self, job_id: int) -> Job | None:
        """The job, once what was on its way to the disk is settled; `None` for one that has ended, or never was."""
        job = self._jobs.get(job_id)
        if job is None:
            return None
        await self._jobs.settled(job)
        return None if job.finished else job

    async def cancel(self, job_id: int, kill: bool = False) -> tuple[bool, str]:
        """`(True, what was done)`, or `(False, why not)`; a job at work is told to stop before its next opcode."""
        job = await self._unfinished(job_id)
        if job is None:
            return False, f"Job {job_id} not found in queue"
        if job in self._waiting:
            await self._dequeue(job)
            return True, f"Dequeued job {job_id}"
        self._stopping.add(job_id)
        # one that is between two opcodes, or was given its turn this moment, finds itself told
        if job.status == WAITING or (kill and job.status == RUNNING):
            if kill:
                self._killed.add(job_id)
            self._tasks[job_id].cancel()
            await self._jobs.wait_for_end(job)
            return True, "SIGKILL send to the process" if kill else f"Job {job_id} canceled"
        return False, NO_LONGER_WAITING

    async def _dequeue(self, job: Job) -> None:
        self._waiting.remove(job)
        try:
            await self._jobs.keep(job, lambda: job.after(_first_unfinished(job), CANCELED, None))
        except ConfigurationError:
            bisect.insort(self._waiting, job, key=_turn)
            raise
        finally:
            self._start_what_may()  # what depends on it

    async def change_priority(self, job_id: int, priority: int) -> tuple[bool, str]:
        """Changes the priority of what a job has still to do."""
        job = await self._unfinished(job_id)
        if job is None:
            return False, f"Job {job_id} not found in queue"
        for opcode in job.opcodes:
            if opcode.status in PENDING:
                opcode.priority = priority
        self._waiting.sort(key=_turn)
        await self._jobs.keep(job, lambda: job)
        return True, f"Priorities of pending opcodes for job {job_id} have been changed to {priority}"


class _Canceled(Exception):
    """The job is to be cancelled before its opcode begins."""


def _turn(job: Job) -> tuple[int, int]:
    return job.priority, job.id


def _first_unfinished(job: Job) -> int:
    return next(index for index, opcode in enumerate(job.opcodes) if opcode.status not in FINISHED)
