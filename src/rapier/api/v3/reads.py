"""Version 3's reads: the same for every kind of object."""

from __future__ import annotations

import urllib.parse
from typing import Any

from rapier import __version__
from rapier.api.v3.operations import Operation
from rapier.api.v3.problems import not_found
from rapier.api.v3.request import Answer, Argument, Request
from rapier.api.v3.shapes import SelfAnswer, TagSet, VersionAnswer, collection_of
from rapier.cluster.objects import Found, collection_stamp
from rapier.ganeti.kinds import CLUSTER, JOB, Kind
from rapier.ganeti.members import members_of

FEATURES = ("etag", "guarded-writes", "prefer-wait", "job-families", "representation-json", "representation-xml")
LIVE = Argument(bool, "whether to ask the nodes for what only they know; without it the answer comes much sooner", True)


def has_live(kind: Kind) -> bool:
    """Whether objects of the kind show what nodes tell."""
    return "live" in members_of(kind.shape)


async def found(request: Request, kind: Kind, *, live: bool = False) -> Found:
    """The object that the path names. Raises a 404."""
    name = request.names.get(kind.name, "")
    one = await request.cluster.objects.one(kind, name, live=live)
    if one is None:
        raise not_found(f"There is no {kind.name} {name!r} in the cluster {request.cluster_name!r}")
    return one


def collection(kind: Kind) -> Operation:
    """All objects of a kind."""

    async def handle(request: Request) -> Answer:
        live = request.query.get("live", False)
        found = await request.cluster.objects.all(kind, live=live)
        value = {"kind": kind.collection, "items": [one.value for one in found]}
        return Answer(value, collection_of(kind), stamp=collection_stamp(found), volatile=live or kind is JOB)

    return Operation(
        handle,
        f"All {kind.collection} of the cluster",
        {200: collection_of(kind)},
        arguments={"live": LIVE} if has_live(kind) else {},
        shared=True,
    )


def one(kind: Kind) -> Operation:
    """One object, by name or uuid."""

    async def handle(request: Request) -> Answer:
        live = request.query.get("live", False)
        it = await found(request, kind, live=live)
        return Answer(it.value, kind.shape, stamp=it.stamp, volatile=live)

    return Operation(
        handle,
        "The cluster's configuration" if kind is CLUSTER else f"One {kind.name}",
        {200: kind.shape},
        arguments={"live": LIVE} if has_live(kind) else {},
        shared=True,
    )


def tags(kind: Kind) -> Operation:
    """The tags of an object, under the object's own entity tag."""

    async def handle(request: Request) -> Answer:
        it = await found(request, kind)
        return Answer({"kind": "tag", "tags": it.value["tags"]}, TagSet, stamp=it.stamp)

    return Operation(handle, f"The tags of the {kind.name}", {200: TagSet}, shared=True)


async def _version(request: Request) -> Answer:
    name = await request.cluster.objects.cluster_name()
    value: dict[str, Any] = {
        "kind": "api",
        "version": 3,
        "software": f"Rapier {__version__}",
        "features": list(FEATURES),
        # by the alias where there is one: a name may be a word of the API's own
        "clusters": [{"name": name, "uri": f"/3/{urllib.parse.quote([*request.cluster_names, name][0], safe='')}"}],
        "description": "/3/openapi.json",
        "documentation": "/3/docs",
    }
    return Answer(value, VersionAnswer)


VERSION = Operation(_version, "What this API is, and the clusters it answers for", {200: VersionAnswer})


async def _self(request: Request) -> Answer:
    value = {"kind": "self", "user": request.user, "may_write": request.may_write, "request_id": request.request_id}
    return Answer(value, SelfAnswer, volatile=True)


SELF = Operation(_self, "Who asks, and whether they may write", {200: SelfAnswer})
