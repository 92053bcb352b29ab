"""From a row of a query's answer to an object, as the kind's definition says it.

A `Reading` is made once for each kind and each choice of what to show; it holds the query's fields in their order, and
functions that take one row. A row has `[status, value]` for each field (LUXI Query).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from rapier.ganeti.members import (
    Member,
    Object,
    Origin,
    annotation,
    members_of,
    struct_in,
    struct_listed,
)

Cell = list[Any]
Row = list[Cell]
Make = Callable[[Row], Any]  # a member's value, UNSET where it is left out
MakeColumn = Callable[[Row], list[Any]]

GOOD, UNKNOWN, NO_DATA, UNAVAILABLE, OFFLINE = range(5)
_NOT_TOLD = {NO_DATA: {"unavailable": "no-data"}, OFFLINE: {"unavailable": "offline"}}
STAMP_BYTES = 12
# one order of keys, so that equal values have equal bytes
_encode = msgspec.json.Encoder(order="deterministic").encode


class Reading:
    """How objects of `shape` are read. `live`: with what nodes tell; `alone`: with what is shown of one object only."""

    def __init__(self, shape: type[msgspec.Struct], *, live: bool, alone: bool) -> None:
        self._live = live
        self._alone = alone
        self._places: dict[str, int] = {}
        self._own: list[int] = []
        self._kind = members_of(shape)["kind"].__args__[0]
        self._make = self._struct(shape)
        self.fields = tuple(self._places)

    def object(self, row: Row, cluster: str) -> dict[str, Any]:
        """The object, as plain values."""
        return {"kind": self._kind, "cluster": cluster, **self._make(row)}

    def stamp(self, row: Row) -> str:
        """A digest over what the object itself owns: it changes when the object's configuration does, and only then."""
        return stamp_of([row[place][1] for place in self._own])

    # -- building ----------------------------------------------------------------------------------------------------

    def _wanted(self, member: Member) -> bool:
        return (self._live or member.origin is not Origin.LIVE) and (self._alone or not member.alone)

    def _place(self, member: Member) -> int:
        place = self._places.setdefault(member.field, len(self._places))
        if member.origin is Origin.OWN and place not in self._own:
            self._own.append(place)
        return place

    def _struct(self, shape: type[msgspec.Struct]) -> Make:
        makers: list[tuple[str, Make]] = []
        for name, hint in members_of(shape).items():
            if name in Object.__struct_fields__:
                continue
            member = annotation(hint, Member)
            if member is not None:
                if self._wanted(member):
                    makers.append((name, _value(member, self._place(member))))
            elif (listed := struct_listed(hint)) is not None:
                if columns := self._columns(listed):
                    makers.append((name, _rows(columns)))
            elif (group := struct_in(hint)) is not None and self._has_members(group):
                makers.append((name, self._struct(group)))

        def make(row: Row) -> dict[str, Any]:
            made = {name: maker(row) for name, maker in makers}
            return {name: value for name, value in made.items() if value is not UNSET}

        return make

    def _has_members(self, shape: type[msgspec.Struct]) -> bool:
        members = (annotation(hint, Member) for hint in members_of(shape).values())
        return any(member is None or self._wanted(member) for member in members)

    def _columns(self, shape: type[msgspec.Struct]) -> list[tuple[str, MakeColumn]]:
        columns: list[tuple[str, MakeColumn]] = []
        for name, hint in members_of(shape).items():
            member = annotation(hint, Member)
            if member is not None:
                if self._wanted(member):
                    columns.append((name, _column(member, self._place(member))))
            elif (group := struct_in(hint)) is not None:
                columns.append((name, _rows(self._columns(group))))
        return columns


def stamp_of(values: Any) -> str:
    """The version stamp of values that an object owns."""
    return hashlib.blake2b(_encode(values), digest_size=STAMP_BYTES).hexdigest()


def _value(member: Member, place: int) -> Make:
    read, is_live = member.read, member.origin is Origin.LIVE

    def make(row: Row) -> Any:
        status, value = row[place]
        if status != GOOD:
            return _NOT_TOLD.get(status, UNSET) if is_live else None
        return value if read is None or value is None else read(value)

    return make


def _column(member: Member, place: int) -> MakeColumn:
    read = member.read

    def make(row: Row) -> list[Any]:
        status, values = row[place]
        if status != GOOD or values is None:
            return []
        return values if read is None else read(values)  # type: ignore[no-any-return]

    return make


def _rows(columns: list[tuple[str, MakeColumn]]) -> MakeColumn:
    """The rows of several columns; one that is shorter has null at its end."""
    names = tuple(name for name, _ in columns)

    def make(row: Row) -> list[Any]:
        made = [column(row) for _, column in columns]
        length = max(map(len, made), default=0)
        padded = [values + [None] * (length - len(values)) for values in made]
        return [dict(zip(names, values, strict=True)) for values in zip(*padded, strict=True)]

    return make
