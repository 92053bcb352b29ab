"""One typed method for each LUXI call. Shapes, units and errors are those of Ganeti 3.0's luxid.

Every method may raise `GanetiError` (what the master answered) and `MasterError` (it was not reached or understood).
A read that lost its connection is tried a second time; a call that changes something is sent once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

from rapier.luxi.pool import Pool

Names = Sequence[str]
Fields = Sequence[str]
Row = list[Any]
JobId = int
Opcode = dict[str, Any]
Filter = list[Any] | None

# Waiting calls have a pool of their own, so that no crowd of waiters holds up a query.
QUERY_CONNECTIONS = 16
WAIT_CONNECTIONS = 32
# luxid may answer a wait a little after the time it was given
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
    data: list[list[list[Any]]]


class Luxi:
    """The calls of one master daemon. `deadline_seconds` holds for each call, waiting for a connection included."""

    def __init__(self, socket_path: Path, deadline_seconds: float = 60.0) -> None:
        self.socket_path = socket_path
        self.deadline_seconds = deadline_seconds
        self._calls = Pool(socket_path, QUERY_CONNECTIONS)
        self._waits = Pool(socket_path, WAIT_CONNECTIONS)

    def close(self) -> None:
        """Closes every connection."""
        self._calls.close()
        self._waits.close()

    async def _read(self, method: str, *args: Any) -> Any:
        return await self._calls.call(method, args, self.deadline_seconds, repeatable=True)

    async def _change(self, method: str, *args: Any) -> Any:
        return await self._calls.call(method, args, self.deadline_seconds, repeatable=False)

    # Queries

    async def query_cluster_info(self) -> dict[str, Any]:
        """The cluster's configuration and software versions (LUXI QueryClusterInfo)."""
        return await self._read("QueryClusterInfo")  # type: ignore[no-any-return]

    async def query(self, kind: str, fields: Fields, filter: Filter = None) -> QueryResult:
        """Any fields of any kind of object, with a status for each value (LUXI Query)."""
        return await self._read("Query", kind, list(fields), filter)  # type: ignore[no-any-return]

    async def query_fields(self, kind: str, fields: Fields | None = None) -> list[FieldDefinition]:
        """The fields that a kind of object has; `None` for all (LUXI QueryFields)."""
        answer = await self._read("QueryFields", kind, None if fields is None else list(fields))
        return answer["fields"]  # type: ignore[no-any-return]

    async def query_instances(self, names: Names, fields: Fields, use_locking: bool = False) -> list[Row]:
        """A row for each instance in `names`, or for all. Raises `OpPrereqError` for an unknown name."""
        return await self._read("QueryInstances", list(names), list(fields), use_locking)  # type: ignore[no-any-return]

    async def query_nodes(self, names: Names, fields: Fields, use_locking: bool = False) -> list[Row]:
        """A row for each node in `names`, or for all. Raises `OpPrereqError` for an unknown name."""
        return await self._read("QueryNodes", list(names), list(fields), use_locking)  # type: ignore[no-any-return]

    async def query_groups(self, names: Names, fields: Fields, use_locking: bool = False) -> list[Row]:
        """A row for each node group in `names`, or for all. Raises `OpPrereqError` for an unknown name."""
        return await self._read("QueryGroups", list(names), list(fields), use_locking)  # type: ignore[no-any-return]

    async def query_networks(self, names: Names, fields: Fields, use_locking: bool = False) -> list[Row]:
        """A row for each network in `names`, or for all. Raises `OpPrereqError` for an unknown name."""
        return await self._read("QueryNetworks", list(names), list(fields), use_locking)  # type: ignore[no-any-return]

    async def query_exports(self, nodes: Names, use_locking: bool = False) -> dict[str, Any]:
        """The exports on each node in `nodes`, or on all; `False` for a node that did not answer."""
        return await self._read("QueryExports", list(nodes), use_locking)  # type: ignore[no-any-return]

    async def query_jobs(self, ids: Sequence[JobId | str] | None, fields: Fields) -> list[Row]:
        """A row for each job in `ids`, or for all. An unknown id gives a row of nulls but for the id."""
        asked = None if ids is None else [int(one) for one in ids]
        return await self._read("QueryJobs", asked, list(fields))  # type: ignore[no-any-return]

    async def query_config_values(self, names: Names) -> list[Any]:
        """Single values of the configuration (`cluster_name`, `watcher_pause`, ...); null for an unknown name."""
        return await self._read("QueryConfigValues", list(names))  # type: ignore[no-any-return]

    async def query_tags(self, kind: str, name: str | None) -> list[str]:
        """The tags of the cluster, or of the object `name`. Raises `OpPrereqError` for an unknown name."""
        return await self._read("QueryTags", kind, name or "")  # type: ignore[no-any-return]

    async def query_filters(self, uuids: Names | None, fields: Fields) -> list[Row]:
        """A row for each job filter in `uuids`, or for all. Raises `OpPrereqError` for an unknown uuid."""
        return await self._read("QueryFilters", None if uuids is None else list(uuids), list(fields))  # type: ignore[no-any-return]

    # Jobs

    async def submit_job(self, opcodes: Sequence[Opcode]) -> JobId:
        """Puts one job of `opcodes` into the queue. Each opcode must carry `reason`.

        Raises `JobQueueFull`, `JobQueueDrainError`. After `MasterSilent`, `MasterLost` or `MasterGarbled` it is not
        known whether the job is in the queue.
        """
        return int(await self._change("SubmitJob", list(opcodes)))

    async def submit_job_to_drained_queue(self, opcodes: Sequence[Opcode]) -> JobId:
        """As `submit_job`, also into a drained queue."""
        return int(await self._change("SubmitJobToDrainedQueue", list(opcodes)))

    async def submit_many_jobs(self, jobs: Sequence[Sequence[Opcode]]) -> list[tuple[bool, JobId | str]]:
        """Submits several jobs; for each `(True, id)` or `(False, why not)`."""
        answer = await self._change("SubmitManyJobs", [list(job) for job in jobs])
        return [(bool(done), result) for done, result in answer]

    async def pickup_job(self, job_id: JobId) -> None:
        """Tells luxid to read a job that another daemon wrote into the queue."""
        await self._change("PickupJob", job_id)

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
            timeout_seconds + WAIT_GRACE_SECONDS,
            repeatable=True,
        )
        return answer if answer is None or answer == "nochange" else (answer[0], answer[1])

    async def cancel_job(self, job_id: JobId, kill: bool = False) -> tuple[bool, str]:
        """`(True, what was done)`, or `(False, why not)`; a running job is signalled all the same."""
        done, text = await self._change("CancelJob", job_id, kill)
        return bool(done), text

    async def archive_job(self, job_id: JobId) -> bool:
        """Moves an ended job into the archive; whether it did."""
        return bool(await self._change("ArchiveJob", job_id))

    async def auto_archive_jobs(self, age_seconds: int, timeout_seconds: int) -> tuple[int, int]:
        """Archives jobs that ended longer ago than `age_seconds` (-1: all): `(archived, left to look at)`."""
        archived, left = await self._change("AutoArchiveJobs", age_seconds, timeout_seconds)
        return archived, left

    async def change_job_priority(self, job_id: JobId, priority: int) -> tuple[bool, str]:
        """`(True, what was done)`, or `(False, why not)`."""
        done, text = await self._change("ChangeJobPriority", job_id, priority)
        return bool(done), text

    # Queue, filters, watcher

    async def set_drain_flag(self, drained: bool) -> None:
        """Closes the queue for new jobs, or opens it."""
        await self._change("SetDrainFlag", drained)

    async def replace_filter(
        self, uuid: str | None, priority: int, predicates: list[Any], action: Any, reason: list[Any]
    ) -> str:
        """Makes a job filter (`uuid` None) or replaces one; its uuid."""
        return str(await self._change("ReplaceFilter", uuid, priority, predicates, action, reason))

    async def delete_filter(self, uuid: str) -> None:
        """Removes a job filter. Raises `OpPrereqError` for an unknown uuid."""
        await self._change("DeleteFilter", uuid)

    async def set_watcher_pause(self, until: float | None) -> None:
        """Pauses the watcher until a time in seconds since 1970; `None` ends the pause."""
        await self._change("SetWatcherPause", until)
