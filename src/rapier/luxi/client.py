"""One typed method for each LUXI call. Shapes, units and errors are those of Ganeti 3.0's luxid.

Every method may raise `GanetiError` (what the master answered) and `MasterError` (it was not reached or understood).
A read that lost its connection is tried a second time; a call that changes something is sent once, and where its answer
is missing the error says that it may have been carried out. An answer of another shape than its call has is garbled.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, TypeVar, cast

import msgspec

from rapier.durations import Durations
from rapier.errors import MasterGarbled, MasterLost, MasterSilent, RequestRefused
from rapier.luxi.pool import Pool

T = TypeVar("T")

Names = Sequence[str]
Fields = Sequence[str]
Row = list[Any]
JobId = int
Opcode = dict[str, Any]
Filter = list[Any] | None

# Waiting calls have a pool of their own, so that no crowd of waiters holds up a query.
QUERY_CONNECTIONS = 16
WAIT_CONNECTIONS = 32
PROBE_CONNECTIONS = 1
LARGEST_JOB_ID = 2**63 - 1
# luxid may answer a wait a little after the time it was given; never later than any other call
WAIT_GRACE_SECONDS = 10.0


class FieldDefinition(TypedDict):
    """What luxid says of a field: `kind` is text, bool, number, unit, timestamp, other, or unknown."""

    name: str
    title: str
    kind: str
    doc: str


class QueryResult(TypedDict):
    """`data` has a row for each object, and in it `[status, value]` for each field; status 0 is a good value."""

    fields: list[FieldDefinition]
    data: list[list[Annotated[list[Any], msgspec.Meta(min_length=2, max_length=2)]]]


class Luxi:
    """The calls of one master daemon. `deadline_seconds` holds for each call, waiting for a connection included."""

    def __init__(self, socket_path: Path, deadline_seconds: float = 60.0) -> None:
        self.socket_path = socket_path
        self.deadline_seconds = deadline_seconds
        self.calls: Durations[tuple[str, str]] = Durations()  # by method and outcome
        self._calls = Pool(socket_path, QUERY_CONNECTIONS, self.calls)
        self._waits = Pool(socket_path, WAIT_CONNECTIONS, self.calls)
        self._probes = Pool(socket_path, PROBE_CONNECTIONS, self.calls)
        self.pools = {"calls": self._calls, "waits": self._waits, "probes": self._probes}

    def close(self) -> None:
        """Closes every connection."""
        for pool in self.pools.values():
            pool.close()

    async def probe(self, deadline_seconds: float) -> None:
        """Asks for next to nothing, on a connection of its own that no crowd holds. Raises as any call."""
        await self._probes.call("QueryConfigValues", [["cluster_name"]], deadline_seconds, repeatable=True)

    async def _read(self, shape: type[T], method: str, *args: Any) -> T:
        return _shaped(await self._calls.call(method, args, self.deadline_seconds, repeatable=True), shape, method)

    async def _rows(self, method: str, args: list[Any], fields: Fields) -> list[Row]:
        """Rows, each with a value for every field."""
        rows = await self._read(list[Row], method, *args)
        _check_rows(rows, fields, method)
        return rows

    async def _change(self, shape: type[T], method: str, *args: Any) -> T:
        try:
            answer = await self._calls.call(method, args, self.deadline_seconds, repeatable=False)
            return _shaped(answer, shape, method)
        except (MasterSilent, MasterLost, MasterGarbled) as problem:
            if isinstance(problem, MasterSilent) and not problem.sent:
                raise
            raise type(problem)(f"{problem}; {method} may have been carried out") from problem

    # Queries

    async def query_cluster_info(self) -> dict[str, Any]:
        """The cluster's configuration and software versions (LUXI QueryClusterInfo)."""
        return await self._read(dict[str, Any], "QueryClusterInfo")

    async def query(self, kind: str, fields: Fields, filter: Filter = None) -> QueryResult:
        """Any fields of any kind of object, with a status for each value (LUXI Query)."""
        answer = await self._read(QueryResult, "Query", kind, fields, filter)
        _check_rows(answer["data"], fields, "Query")
        return answer

    async def query_fields(self, kind: str, fields: Fields | None = None) -> list[FieldDefinition]:
        """The fields that a kind of object has; `None` for all (LUXI QueryFields)."""
        answer = await self._read(dict[str, Any], "QueryFields", kind, None if fields is None else list(fields))
        return cast(list[FieldDefinition], answer["fields"])

    async def query_instances(self, names: Names, fields: Fields, use_locking: bool = False) -> list[Row]:
        """A row for each instance in `names`, or for all; none for an unknown name."""
        return await self._rows("QueryInstances", [list(names), list(fields), use_locking], fields)

    async def query_nodes(self, names: Names, fields: Fields, use_locking: bool = False) -> list[Row]:
        """A row for each node in `names`, or for all; none for an unknown name."""
        return await self._rows("QueryNodes", [list(names), list(fields), use_locking], fields)

    async def query_groups(self, names: Names, fields: Fields, use_locking: bool = False) -> list[Row]:
        """A row for each node group in `names`, or for all; none for an unknown name."""
        return await self._rows("QueryGroups", [list(names), list(fields), use_locking], fields)

    async def query_networks(self, names: Names, fields: Fields, use_locking: bool = False) -> list[Row]:
        """A row for each network in `names`, or for all; none for an unknown name."""
        return await self._rows("QueryNetworks", [list(names), list(fields), use_locking], fields)

    async def query_exports(self, nodes: Names, use_locking: bool = False) -> list[Row]:
        """`[node, export]` for each export on the nodes, or on all; null for a node that has none."""
        return await self._read(list[Row], "QueryExports", list(nodes), use_locking)

    async def query_jobs(self, ids: Sequence[JobId] | None, fields: Fields) -> list[Row]:
        """A row for each job in `ids`, or for all. An unknown id gives a row of nulls but for the id."""
        asked = None if ids is None else list(ids)
        rows = await self._rows("QueryJobs", [asked, list(fields)], fields)
        if asked and len(rows) != len(asked):
            raise MasterGarbled("the master's answer to QueryJobs has another number of rows than it was asked for")
        return rows

    async def query_config_values(self, names: Names) -> list[Any]:
        """Single values of the configuration (`cluster_name`, `watcher_pause`, ...); null for an unknown name."""
        return await self._read(list[Any], "QueryConfigValues", list(names))

    async def query_tags(self, kind: str, name: str | None) -> list[str]:
        """The tags of the cluster, or of the object `name`. Raises `OpPrereqError` for an unknown name."""
        return await self._read(list[str], "QueryTags", kind, name or "")

    async def query_filters(self, uuids: Names | None, fields: Fields) -> list[Row]:
        """A row for each job filter in `uuids`, or for all. Raises `OpPrereqError` for an unknown uuid."""
        return await self._rows("QueryFilters", [None if uuids is None else list(uuids), list(fields)], fields)

    # Jobs

    async def submit_job(self, opcodes: Sequence[Opcode]) -> JobId:
        """Puts one job of `opcodes` into the queue. Each opcode must carry `reason`.

        Raises `JobQueueFull`, `JobQueueDrainError`. After `MasterSilent`, `MasterLost` or `MasterGarbled` it is not
        known whether the job is in the queue.
        """
        return await self._change(int, "SubmitJob", list(opcodes))

    async def submit_job_to_drained_queue(self, opcodes: Sequence[Opcode]) -> JobId:
        """As `submit_job`, also into a drained queue."""
        return await self._change(int, "SubmitJobToDrainedQueue", list(opcodes))

    async def submit_many_jobs(self, jobs: Sequence[Sequence[Opcode]]) -> list[tuple[bool, JobId | str]]:
        """Submits several jobs; for each `(True, id)` or `(False, why not)`."""
        return await self._change(list[tuple[bool, JobId | str]], "SubmitManyJobs", [list(job) for job in jobs])

    async def pickup_job(self, job_id: JobId) -> None:
        """Tells luxid to read a job that another daemon wrote into the queue."""
        await self._change(object, "PickupJob", job_id)

    async def wait_for_job_change(
        self,
        job_id: JobId,
        fields: Fields,
        previous_info: Sequence[Any] | None,
        previous_log_serial: int | None,
        timeout_seconds: int,
    ) -> tuple[list[Any], list[Any]] | Literal["nochange"] | None:
        """Waits until a job's `fields` differ from `previous_info` or its log has entries after the serial.

        Answers `(info, log entries)`, at once for a job that has ended, and after the timeout with what is known
        already; `"nochange"` is in the protocol, but luxid does not say it. Raises `JobLost` for an unknown job (LUXI
        WaitForJobChange).
        """
        answer = await self._waits.call(
            "WaitForJobChange",
            [job_id, list(fields), previous_info, previous_log_serial, timeout_seconds],
            timeout_seconds + min(WAIT_GRACE_SECONDS, self.deadline_seconds),
            repeatable=True,
        )
        if answer is None or answer == "nochange":
            return answer  # type: ignore[no-any-return]
        return _shaped(answer, tuple[list[Any], list[Any]], "WaitForJobChange")

    async def cancel_job(self, job_id: JobId, kill: bool = False) -> tuple[bool, str]:
        """`(True, what was done)`, or `(False, why not)`; a running job is signalled all the same."""
        return await self._change(tuple[bool, str], "CancelJob", job_id, kill)

    async def archive_job(self, job_id: JobId) -> bool:
        """Moves an ended job into the archive; whether it did."""
        return await self._change(bool, "ArchiveJob", job_id)

    async def auto_archive_jobs(self, age_seconds: int, timeout_seconds: int) -> tuple[int, int]:
        """Archives jobs that ended longer ago than `age_seconds` (-1: all): `(archived, left to look at)`."""
        return await self._change(tuple[int, int], "AutoArchiveJobs", age_seconds, timeout_seconds)

    async def change_job_priority(self, job_id: JobId, priority: int) -> tuple[bool, str]:
        """`(True, what was done)`, or `(False, why not)`."""
        return await self._change(tuple[bool, str], "ChangeJobPriority", job_id, priority)

    # Queue, filters, watcher

    async def set_drain_flag(self, drained: bool) -> None:
        """Closes the queue for new jobs, or opens it."""
        await self._change(object, "SetDrainFlag", drained)

    async def replace_filter(
        self, uuid: str | None, priority: int, predicates: list[Any], action: Any, reason: list[Any]
    ) -> str:
        """Makes a job filter (`uuid` None) or replaces one; its uuid."""
        return await self._change(str, "ReplaceFilter", uuid, priority, predicates, action, reason)

    async def delete_filter(self, uuid: str) -> None:
        """Removes a job filter. Raises `OpPrereqError` for an unknown uuid."""
        await self._change(object, "DeleteFilter", uuid)

    async def set_watcher_pause(self, until: float | None) -> None:
        """Pauses the watcher until a time in seconds since 1970; `None` ends the pause."""
        await self._change(object, "SetWatcherPause", until)


def read_job_id(digits: str) -> JobId:
    """A job's id in decimal digits. Raises `RequestRefused`, as luxid does, for one of more than 63 bits."""
    digits = digits.lstrip("0") or "0"
    if len(digits) > 19 or int(digits) > LARGEST_JOB_ID:
        raise RequestRefused("GenericError", [f"Failed to parse request: {digits[:30]} is too large for a job's id"])
    return int(digits)


def _check_rows(rows: Sequence[Row], fields: Fields, method: str) -> None:
    if any(len(row) != len(fields) for row in rows):
        raise MasterGarbled(f"the master's answer to {method} has rows of other lengths than it was asked for")


def _shaped(answer: Any, shape: type[T], method: str) -> T:
    """The answer, which has that shape at its outside; a number that came as text is a number. Raises MasterGarbled."""
    try:
        return msgspec.convert(answer, shape, strict=False)
    except msgspec.ValidationError as problem:
        raise MasterGarbled(f"the master's answer to {method} has another shape than it should: {problem}") from problem
