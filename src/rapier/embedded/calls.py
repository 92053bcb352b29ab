"""LUXI's calls, by name: each a method that takes the call's arguments by position and answers its result."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, get_type_hints
from uuid import UUID

import msgspec

from rapier.embedded import job_filters
from rapier.embedded.configuration import Changes, Configuration
from rapier.embedded.job import read_job_id
from rapier.embedded.jobs import Jobs
from rapier.embedded.lag import Shown
from rapier.embedded.model import ConfigObject, new_uuid
from rapier.embedded.queries import Queries
from rapier.embedded.queue import JobQueue
from rapier.embedded.refusals import UNKNOWN, generic, prereq, unreadable
from rapier.embedded.store import Store
from rapier.embedded.submission import read_opcodes
from rapier.embedded.trouble import loses_answer
from rapier.errors import JobLost

LONGEST_WAIT_SECONDS = 300


JobId = int | str


class Calls:
    """What one master answers. A call's arguments are checked by its method's annotations."""

    def __init__(
        self, configuration: Configuration, store: Store, jobs: Jobs, queue: JobQueue, lag_seconds: float = 0.0
    ) -> None:
        self._configuration = configuration
        self._shown = Shown(configuration, lag_seconds)
        self._store = store
        self._jobs = jobs
        self._queue = queue
        self._queries = Queries(self._shown, jobs, queue.locks)

    async def __call__(self, method: str, args: Any) -> Any:
        """The result of one call. Raises the `GanetiError` that it fails with."""
        call = _CALLS.get(method)
        if call is None:
            raise unreadable(f'Unable to parse LUXI request method: Invalid string value for type LuxiReq: "{method}"')
        return await call.function(self, *call.read(args))

    def loses_answer(self, method: str) -> bool:
        """Whether somebody demanded that nobody hears what became of such a call."""
        return loses_answer(method, self._configuration)

    # -- queries -----------------------------------------------------------------------------------------------------

    async def query_cluster_info(self) -> dict[str, Any]:
        cluster = self._shown.now().cluster
        return cluster.facts | {
            "name": cluster.name,
            "master": self._master_name(),
            "uuid": cluster.uuid,
            "ctime": cluster.ctime,
            "mtime": cluster.mtime,
            "tags": cluster.tags,
        }

    async def query(self, kind: str, fields: list[str], words: Any) -> dict[str, Any]:
        return await self._queries.query(kind, fields, words)

    async def query_fields(self, kind: str, fields: list[str] | None) -> dict[str, Any]:
        return self._queries.fields(kind, fields)

    async def query_instances(self, names: list[str], fields: list[str], use_locking: bool) -> list[list[Any]]:
        return self._queries.rows("instance", names, fields, use_locking)

    async def query_nodes(self, names: list[str], fields: list[str], use_locking: bool) -> list[list[Any]]:
        return self._queries.rows("node", names, fields, use_locking)

    async def query_groups(self, names: list[str], fields: list[str], use_locking: bool) -> list[list[Any]]:
        return self._queries.rows("group", names, fields, use_locking)

    async def query_networks(self, names: list[str], fields: list[str], use_locking: bool) -> list[list[Any]]:
        return self._queries.rows("network", names, fields, use_locking)

    async def query_exports(self, nodes: list[str], use_locking: bool) -> list[list[Any]]:
        for name in nodes:
            if self._shown.now().nodes.find(name) is None:
                raise prereq(f"Node name {name} not found", UNKNOWN)
        return self._queries.rows("export", nodes, ["node", "export"], use_locking)

    async def query_jobs(self, ids: list[JobId] | None, fields: list[str]) -> list[list[Any]]:
        return await self._queries.job_rows(None if ids is None else list(map(_number, ids)), fields)

    async def query_config_values(self, names: list[str]) -> list[Any]:
        cluster = self._shown.now().cluster
        values = {
            "cluster_name": cluster.name,
            "master_node": self._master_name(),
            "drain_flag": self._configuration.switches.drained,
            "watcher_pause": self._configuration.switches.watcher_pause,
            "volume_group_name": cluster.facts["volume_group_name"],
        }
        return [values.get(name) for name in names]

    async def query_tags(
        self, kind: Literal["cluster", "instance", "node", "nodegroup", "network"], name: str
    ) -> list[str]:
        found: ConfigObject | None
        shown = self._shown.now()
        match kind:
            case "cluster":
                found = shown.cluster
            case "instance":
                found = shown.instances.find(name)
            case "node":
                found = shown.nodes.find(name)
            case "nodegroup":
                found = shown.groups.find(name)
            case "network":
                found = shown.networks.find(name)
        if found is None:
            called = "NodeGroup" if kind == "nodegroup" else kind.capitalize()
            raise prereq(f"{called} name {name} not found", UNKNOWN)
        return found.tags

    async def query_filters(self, uuids: list[str] | None, fields: list[str]) -> list[list[Any]]:
        return job_filters.rows(self._configuration, uuids, fields)

    async def replace_filter(
        self, uuid: str | None, priority: int, predicates: list[Any], action: Any, reason: list[Any]
    ) -> str:
        if uuid is not None and not _is_uuid(uuid):
            raise generic("GenericError", "Unable to parse UUID")
        watermark = self._jobs.last_id
        rule = job_filters.rule_of(uuid or new_uuid(), priority, predicates, action, reason, watermark)
        changes = Changes()
        changes.add(rule)
        await self._change_filters(changes)
        return rule.uuid

    async def delete_filter(self, uuid: str) -> None:
        rule = self._configuration.filters.named(uuid)
        if rule is None:
            raise generic("GenericError", f"Filter rule with UUID {uuid} does not exist")
        changes = Changes()
        changes.remove(rule)
        await self._change_filters(changes)

    async def _change_filters(self, changes: Changes) -> None:
        await self._store.write(changes)
        self._configuration.apply(changes)
        self._queue.look_again()

    # -- jobs --------------------------------------------------------------------------------------------------------

    async def submit_job(self, opcodes: list[Any]) -> int:
        [job_id] = await self._queue.submit([read_opcodes(opcodes, "SubmitJob")])
        return job_id

    async def submit_job_to_drained_queue(self, opcodes: list[Any]) -> int:
        words = read_opcodes(opcodes, "SubmitJobToDrainedQueue")
        [job_id] = await self._queue.submit([words], also_drained=True)
        return job_id

    async def submit_many_jobs(self, jobs: list[list[Any]]) -> list[tuple[bool, int]]:
        words = [read_opcodes(job, "SubmitManyJobs") for job in jobs]
        return [(True, job_id) for job_id in await self._queue.submit(words)]

    async def pickup_job(self, job_id: JobId) -> None:
        _number(job_id)
        raise generic("GenericError", "Luxi call 'PickupJob' is for internal use only")

    async def wait_for_job_change(
        self, job_id: JobId, fields: list[str], previous_info: Any, previous_serial: Any, wait_seconds: float
    ) -> tuple[list[Any], list[Any]]:
        job = self._jobs.get(_number(job_id))  # luxid does not look into the archive either
        if job is None:
            raise JobLost("JobLost", ["Can't load job file"])
        serial = previous_serial if isinstance(previous_serial, int) else -1
        end = time.monotonic() + min(int(wait_seconds), LONGEST_WAIT_SECONDS)  # luxid counts whole seconds
        with self._jobs.changes_of(job) as changed:
            while True:
                changed.clear()
                info, entries = self._queries.job_info(job, fields), job.log_after(serial)
                if info != previous_info or entries or job.finished or time.monotonic() >= end:
                    return info, entries  # when the time is over, what is known: luxid never says "nochange"
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(end - time.monotonic()):
                        await changed.wait()

    async def cancel_job(self, job_id: JobId, kill: bool = False) -> tuple[bool, str]:
        return await self._queue.cancel(_number(job_id), kill)

    async def archive_job(self, job_id: JobId) -> bool:
        return await self._jobs.archive(_number(job_id))

    async def auto_archive_jobs(self, age_seconds: float, deadline_seconds: float) -> tuple[int, int]:
        return await self._jobs.archive_older(age_seconds)

    async def change_job_priority(self, job_id: JobId, priority: int) -> tuple[bool, str]:
        return await self._queue.change_priority(_number(job_id), priority)

    # -- the queue's and the watcher's state -------------------------------------------------------------------------

    async def set_drain_flag(self, drained: bool) -> bool:
        self._configuration.switches.drained = drained
        await self._keep_switches()
        return True

    async def set_watcher_pause(self, until: float | None) -> float | None:
        self._configuration.switches.watcher_pause = until
        await self._keep_switches()
        return until

    async def _keep_switches(self) -> None:
        changes = Changes()
        changes.add(self._configuration.switches)
        await self._store.write(changes)

    def _master_name(self) -> str:
        shown = self._shown.now()
        return shown.nodes[shown.cluster.master_node].name


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _number(job_id: JobId) -> int:
    try:
        return read_job_id(job_id)
    except ValueError as problem:
        raise unreadable(str(problem)) from None


class _Call:
    """A method and the types of its arguments."""

    def __init__(self, function: Callable[..., Awaitable[Any]]) -> None:
        self.function = function
        hints = get_type_hints(function)
        del hints["return"]
        self._types = list(hints.values())
        self._optional = len(function.__defaults__ or ())

    def read(self, args: Any) -> Sequence[Any]:
        """The arguments, checked. One that stands alone need not be in a list, and none is looked at where none is due.

        Raises `RequestRefused`.
        """
        if not self._types:
            return ()
        given = args if isinstance(args, list) else [args]
        missing = len(self._types) - len(given)
        if not 0 <= missing <= self._optional:
            text = f"Cannot convert value '{args!r}', error: {len(self._types)} arguments are wanted"
            raise unreadable(text)
        try:
            return [msgspec.convert(one, kind) for one, kind in zip(given, self._types, strict=False)]
        except msgspec.ValidationError as problem:
            raise unreadable(f"Cannot convert value '{args!r}', error: {problem}") from None


def _luxi_name(method: str) -> str:
    return "".join(word.capitalize() for word in method.split("_"))


_CALLS: Mapping[str, _Call] = {
    _luxi_name(name): _Call(function)
    for name, function in vars(Calls).items()
    if not name.startswith("_") and inspect.iscoroutinefunction(function)
}
