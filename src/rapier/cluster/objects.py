"""Objects of one cluster: what they are now, with the stamp of each."""

from __future__ import annotations

import re
import time
from functools import cache
from typing import Any, NamedTuple

from rapier.cluster.sharing import Sharing
from rapier.errors import OpPrereqError
from rapier.ganeti.kinds import CLUSTER, JOB, Kind
from rapier.ganeti.reading import GOOD, Reading, Row, stamp_of
from rapier.luxi.client import LARGEST_JOB_ID, Filter, Luxi

NAME_SECONDS = 10.0
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Found(NamedTuple):
    """An object as plain values, and the stamp of what it owns."""

    value: dict[str, Any]
    stamp: str


@cache
def reading(kind: Kind, *, live: bool, alone: bool) -> Reading:
    """How objects of the kind are read."""
    return Reading(kind.shape, live=live, alone=alone)


class Objects:
    """Reads objects, each time anew."""

    def __init__(self, luxi: Luxi, sharing: Sharing) -> None:
        self._luxi = luxi
        self._sharing = sharing
        self._name = ""
        self._name_until = 0.0

    async def one(self, kind: Kind, name: str, *, live: bool = True) -> Found | None:
        """The object of that name or uuid; `None` where there is none (LUXI Query, QueryClusterInfo for the cluster).

        `live`: with what its nodes tell.
        """

        if kind is CLUSTER:
            return await self._cluster()
        if not name.isascii():
            return None  # luxid's errors cannot repeat such a name, and no answer of its can be read then
        how = reading(kind, live=live, alone=True)
        try:
            answer = await self._luxi.query(kind.name, how.fields, _named(kind, name))
        except OpPrereqError as problem:
            if problem.code == "unknown_entity":
                return None
            raise
        cluster = await self.cluster_name()
        return next((one for row in answer["data"] if (one := _found(kind, how, row, cluster, name))), None)

    async def all(self, kind: Kind, *, live: bool = True) -> list[Found]:
        """Every object of the kind: by name, and jobs with the newest first."""

        how = reading(kind, live=live, alone=False)
        answer = await self._luxi.query(kind.name, how.fields)
        cluster = await self.cluster_name()
        found = [Found(how.object(row, cluster), how.stamp(row)) for row in answer["data"]]
        if kind is JOB:
            return sorted(found, key=lambda one: int(one.value["id"]), reverse=True)
        return sorted(found, key=lambda one: str(one.value["name"]))

    async def cluster_name(self, expected: str | None = None) -> str:
        """What the cluster is called (LUXI QueryConfigValues); asked again when it is not what somebody expected.

        Nobody renames a cluster every day: the answer is kept for `NAME_SECONDS`.
        """
        if time.monotonic() > self._name_until or (expected is not None and expected != self._name):
            [name] = await self._sharing("cluster name", lambda: self._luxi.query_config_values(["cluster_name"]))
            self._name, self._name_until = str(name), time.monotonic() + NAME_SECONDS
        return self._name

    async def _cluster(self) -> Found:
        info = await self._luxi.query_cluster_info()
        how = reading(CLUSTER, live=False, alone=True)
        row: Row = [[GOOD, info.get(field)] for field in how.fields]
        return Found(how.object(row, info["name"]), how.stamp(row))


def collection_stamp(found: list[Found]) -> str:
    """The stamp of a collection: it changes when a member comes, goes or changes."""
    return stamp_of([[one.value.get("uuid") or one.value.get("id"), one.stamp] for one in found])


def _named(kind: Kind, name: str) -> Filter:
    if kind is JOB:
        return ["=", "id", int(name)]
    by_name = ["=", kind.key, name]
    has_uuid = "uuid" in kind.shape.__struct_fields__
    return ["|", by_name, ["=", "uuid", name]] if has_uuid and _UUID.fullmatch(name) else by_name


def is_job_id(name: str) -> bool:
    """Whether a job can have that id."""
    return re.fullmatch(r"[1-9][0-9]{0,18}", name) is not None and int(name) <= LARGEST_JOB_ID


def _found(kind: Kind, how: Reading, row: Row, cluster: str, name: str) -> Found | None:
    """The object, where the row is that of the name: Ganeti also takes a name's beginning for it."""
    if kind is JOB and row[how.fields.index("status")][0] != GOOD:
        return None  # an unknown job has a row too
    value = how.object(row, cluster)
    if kind is not JOB and name not in (value["name"], value.get("uuid")):
        return None
    return Found(value, how.stamp(row))
