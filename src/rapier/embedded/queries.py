"""Queries: which fields of which objects. Both of LUXI's forms, `Query` and the older one for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from rapier.embedded.configuration import Configuration, Objects, natural
from rapier.embedded.fields import FIELDS
from rapier.embedded.filters import (
    NO_DATA,
    UNAVAILABLE,
    UNKNOWN_FIELD,
    Filter,
    Missing,
    Value,
    fields_in,
    in_words,
    named_by,
    read_filter,
)
from rapier.embedded.job import Job, read_job_id
from rapier.embedded.jobs import Jobs
from rapier.embedded.lag import Shown
from rapier.embedded.locks import Locks
from rapier.embedded.refusals import UNKNOWN, WRONG_INPUT, generic, prereq, unreadable
from rapier.ganeti.query_fields import QUERY_FIELDS

Getter = Callable[[Configuration, Any], Any]

# What luxid calls an object of a kind when there is none of that name
_CALLED = {"instance": "Instance", "node": "Node", "group": "NodeGroup", "network": "Network"}
# What only opcodes can be asked for
_BY_OPCODE = frozenset({"os"})


class LockRow(NamedTuple):
    """One lock, as a query shows it."""

    name: str
    mode: str | None
    owner: list[str]
    pending: list[Any]


class ExportRow(NamedTuple):
    """The export of one instance on a node, whose name and uuid these are; `None` on a node that has none."""

    name: str
    uuid: str
    export: str | None


class Queries:
    """Answers queries about one configuration, its jobs and their locks."""

    def __init__(self, shown: Shown, jobs: Jobs, locks: Locks) -> None:
        self._shown = shown
        self._jobs = jobs
        self._locks = locks

    @property
    def _configuration(self) -> Configuration:
        return self._shown.now()

    async def query(self, kind: str, names: list[str], words: Any) -> dict[str, Any]:
        """LUXI Query: `{"fields": [definition], "data": [[[status, value], ...], ...]}`."""
        holds = read_filter(words)
        getters = self._getters(kind, "Query")
        chosen = [getters.get(name, _unknown) for name in names]
        if kind == "job" and (ids := named_by(words, "id", str | int)) is not None:
            data = [await self._job_by_id(job_id, names, chosen) for job_id in ids]
        else:
            found = self._found(kind, words, holds, getters)
            data = [[_with_status(get(self._configuration, one)) for get in chosen] for one in found]
        return {"fields": [definition(kind, name) for name in names], "data": data}

    def fields(self, kind: str, names: list[str] | None) -> dict[str, Any]:
        """LUXI QueryFields."""
        known = self._getters(kind, "QueryFields")
        wanted = names or sorted(known, key=natural)
        return {"fields": [definition(kind, name) for name in wanted]}

    def rows(self, kind: str, wanted: Sequence[str], names: Sequence[str], use_locking: bool) -> list[list[Any]]:
        """The older form: plain values, null where there is none; objects that are not there are left out."""
        if use_locking:
            raise prereq("Sync queries are not allowed", WRONG_INPUT)
        chosen = self._known(kind, names)
        objects = self._objects(kind)
        if wanted:
            objects = [one for one in objects if {one.name, one.uuid, one.name.partition(".")[0]} & {*wanted}]
        return [[_plain(get(self._configuration, one)) for get in chosen] for one in objects]

    async def job_rows(self, ids: Sequence[int] | None, names: Sequence[str]) -> list[list[Any]]:
        """LUXI QueryJobs: an unknown id has null in every field but its id."""
        chosen = self._known("job", names)
        if not ids:
            return [[_plain(get(self._configuration, job)) for get in chosen] for job in self._jobs]
        rows = []
        for job_id in ids:
            job = await self._jobs.find(job_id)
            if job is None:
                rows.append([job_id if name == "id" else None for name in names])
            else:
                rows.append([_plain(get(self._configuration, job)) for get in chosen])
        return rows

    def job_info(self, job: Job, names: Sequence[str]) -> list[Any]:
        """A job's fields as waiting for its changes shows them: nulls throughout where one is not known.

        As JSON has them, so that they equal what a client sends back.
        """
        getters = FIELDS["job"]
        if not getters.keys() >= {*names}:
            return [None] * len(names)
        plain = [_plain(getters[name](self._configuration, job)) for name in names]
        return msgspec.json.decode(msgspec.json.encode(plain))  # type: ignore[no-any-return]

    # -- which objects -----------------------------------------------------------------------------------------------

    async def _job_by_id(
        self, job_id: str | int, names: Sequence[str], chosen: Sequence[Getter]
    ) -> list[tuple[int, Any]]:
        """One row; an unknown id has nothing but itself."""
        try:
            number = read_job_id(job_id)
        except ValueError as problem:
            raise generic("GenericError", str(problem)) from None
        if isinstance(job_id, str):
            text = f"Invalid types in comparison, trying to compare {number} with '{in_words(job_id)}'"
            raise generic("ParameterError", text)
        job = await self._jobs.find(number)
        if job is not None:
            return [_with_status(get(self._configuration, job)) for get in chosen]
        nothing = [(UNKNOWN_FIELD if get is _unknown else UNAVAILABLE).status for get in chosen]
        return [(0, number) if name == "id" else (status, None) for name, status in zip(names, nothing, strict=True)]

    def _found(self, kind: str, words: Any, holds: Filter | None, getters: dict[str, Getter]) -> list[Any]:
        """The objects for which the filter in `words` holds; where it does but name some, in the order of the names."""
        if holds is None:
            return list(self._objects(kind))
        for name in sorted(fields_in(words) - getters.keys()):
            raise generic("ParameterError", f"Can't find field named '{name}'")
        if kind in _CALLED and (names := named_by(words, "name", str)) is not None:
            return [self._named(kind, name) for name in names]

        if kind == "export":  # luxid looks for the nodes that are named first
            for name in named_by(words, "node", str) or ():
                self._named("node", name)

        def value_of(one: Any) -> Value:
            return lambda name: getters[name](self._configuration, one)

        return [one for one in self._objects(kind) if holds(value_of(one))]

    def _named(self, kind: str, name: str) -> Any:
        """The object of that name, whole or shortened. Raises Ganeti's error for an unknown one."""
        objects = self._objects(kind)
        found = (objects.named(name) or objects.shortened(name)) if isinstance(objects, Objects) else None
        if found is None:
            raise prereq(f"{_CALLED[kind]} name {name} not found", UNKNOWN)
        return found

    def _objects(self, kind: str) -> Iterable[Any]:
        match kind:
            case "instance":
                return self._configuration.instances
            case "node":
                return self._configuration.nodes
            case "export":
                return self._export_rows()
            case "group":
                return self._configuration.groups
            case "network":
                return self._configuration.networks
            case "job":
                return self._jobs
            case "lock":
                return self._lock_rows()
        return ()

    def _export_rows(self) -> list[ExportRow]:
        rows = []
        for node in self._configuration.nodes:
            exports: list[str | None] = [*node.exports] or [None]
            rows += [ExportRow(node.name, node.uuid, export) for export in exports]
        return rows

    def _lock_rows(self) -> list[LockRow]:
        holders, pending = self._locks.holders, self._locks.pending
        return [
            LockRow(
                name,
                "exclusive" if name in holders else None,
                [str(holders[name])] if name in holders else [],
                [["exclusive", [str(job_id)]] for job_id in pending.get(name, ())],
            )
            for name in sorted({*holders, *pending})
        ]

    # -- which fields ------------------------------------------------------------------------------------------------

    def _getters(self, kind: str, call: str) -> dict[str, Getter]:
        if kind in FIELDS:
            return FIELDS[kind]
        if kind == "lock":
            return {name: lambda configuration, one, name=name: getattr(one, name) for name in QUERY_FIELDS[kind]}  # type: ignore[misc]
        if kind == "export":
            return {
                "node": lambda configuration, one: one.name,
                "export": lambda configuration, one: NO_DATA if one.export is None else one.export,
            }
        if kind in QUERY_FIELDS:
            return dict.fromkeys(QUERY_FIELDS[kind], _unknown)  # a kind that has no objects here
        if kind in _BY_OPCODE:
            raise generic("GenericError", f"{call} 'ItemTypeOpCode QROs' not supported")
        raise unreadable(f"Can't parse value '{kind}' as neitherQueryTypeLuxi nor QueryTypeOp")

    def _known(self, kind: str, names: Sequence[str]) -> list[Getter]:
        getters = self._getters(kind, "Query")
        if unknown := [name for name in names if name not in getters]:
            raise prereq(f"Unknown output fields selected: {', '.join(unknown)}", WRONG_INPUT)
        return [getters[name] for name in names]


def _unknown(configuration: Configuration, one: Any) -> Any:
    return UNKNOWN_FIELD


def _with_status(value: Any) -> tuple[int, Any]:
    return (value.status, None) if isinstance(value, Missing) else (0, value)


def _plain(value: Any) -> Any:
    return None if isinstance(value, Missing) else value


def definition(kind: str, name: str) -> dict[str, str]:
    """What a query's answer says of a field."""
    facts = QUERY_FIELDS[kind].get(name)
    if facts is None:
        return {"name": name, "title": name, "kind": "unknown", "doc": f"Unknown field '{name}'"}
    return {"name": name, "title": facts.title, "kind": facts.kind, "doc": facts.title}
