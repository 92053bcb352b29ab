"""Version 3's writes: the same for every kind of object."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Literal, TypeVar, get_args, get_origin

from rapier.api.v3.bodies import check, fill, new_name
from rapier.api.v3.changes import OF_JOBS, Change, carry_out
from rapier.api.v3.creations import creation, creation_shape
from rapier.api.v3.operations import Handler, Operation
from rapier.api.v3.outcomes import NotShown, Result, nothing_but_the_job
from rapier.api.v3.problems import Problem, method_not_allowed, precondition_failed, unprocessable
from rapier.api.v3.reads import found
from rapier.api.v3.request import Answer, Argument, Request
from rapier.api.v3.shapes import TagSet
from rapier.cluster.objects import Found, collection_stamp
from rapier.ganeti.kinds import CLUSTER, GROW_DISK, INSTANCE, JOB, TAGS_DELETE, TAGS_SET, Kind
from rapier.ganeti.opcodes import NOT_FOR_CLIENTS, OPCODES, Params
from rapier.ganeti.touching import Target, surely_change

T = TypeVar("T")

# How often a change whose job has ended is looked for: at first, and after a while
LOOK_EVERY_SECONDS = 0.05
LOOK_SELDOM_SECONDS = 0.5


def _target(kind: Kind, current: Found) -> Target:
    if kind is CLUSTER:
        return Target.object(kind.name)
    return Target.object(kind.name, current.value["name"], current.value["uuid"])


def _on_object(kind: Kind, current: Found) -> Params:
    """The parameters that say which object an opcode is about."""
    fixed: Params = {kind.parameter: current.value["name"]}
    if kind.uuid_parameter:
        fixed[kind.uuid_parameter] = current.value["uuid"]
    return fixed


async def _shown(look: Callable[[], Awaitable[T | None]], until: float) -> T:
    """What `look` sees, once it sees something: luxid may show a change only some time after its job's end.

    Raises `NotShown` after `until`, on the loop's clock.
    """
    loop = asyncio.get_running_loop()
    pause_seconds = LOOK_EVERY_SECONDS
    while True:
        if (seen := await look()) is not None:
            return seen
        left_seconds = until - loop.time()
        if left_seconds <= 0:
            raise NotShown
        await asyncio.sleep(min(pause_seconds, left_seconds))
        pause_seconds = min(pause_seconds * 1.5, LOOK_SELDOM_SECONDS)


async def _changed(request: Request, kind: Kind, current: Found, opcodes: list[Params], until: float) -> Found:
    """The object after a job of these opcodes.

    Where they may have changed nothing of it, it is given the settle time to show otherwise.
    """
    # its uuid outlives a renaming; by name luxid finds it sooner
    renamed = any(opcode["OP_ID"] in _RENAMES for opcode in opcodes)
    name = current.value["uuid" if renamed else "name"]

    async def look() -> Found | None:
        return await request.cluster.objects.one(kind, name, live=False)

    async def look_for_a_change() -> Found | None:
        it = await look()
        return it if it is not None and it.stamp != current.stamp else None

    if surely_change(opcodes):
        return await _shown(look_for_a_change, until)
    if _target(kind, current).touched_by(opcodes):
        settled = asyncio.get_running_loop().time() + request.cluster.guard.settle_seconds
        with suppress(NotShown):
            return await _shown(look_for_a_change, min(until, settled))
    return await _shown(look, until)


# -- creating and removing -------------------------------------------------------------------------------------------


def _created(request: Request, kind: Kind, opcode: Params) -> Result:
    name = opcode[kind.parameter]

    async def result(current: Found, until: float) -> Answer:
        if opcode.get("dry_run"):
            return await nothing_but_the_job(current, until)  # which tells what would have been
        settled = asyncio.get_running_loop().time() + request.cluster.guard.settle_seconds

        async def look() -> Found | None:
            it = await request.cluster.objects.one(kind, name, live=False)
            if it is None and asyncio.get_running_loop().time() > min(settled, until):
                return await _completed(request, kind, name)
            return it

        new = await _shown(look, until)
        location = [("location", request.uri(kind.collection, new.value["name"]))]
        return Answer(new.value, kind.shape, HTTPStatus.CREATED, stamp=new.stamp, headers=location)

    return result


async def _completed(request: Request, kind: Kind, name: str) -> Found | None:
    """The object that was given a name which Ganeti stored in lower case, or completed by a domain."""
    stored = name.lower()
    for one in await request.cluster.objects.all(kind, live=False):
        if one.value["name"] == stored or one.value["name"].startswith(f"{stored}."):
            return one
    return None


def create(kind: Kind) -> Operation:
    """POST to a collection: the name stands in the body."""

    async def handle(request: Request) -> Answer:
        name, opcode = creation(kind, request.body, request.cluster_names)

        async def read() -> Found:
            if await request.cluster.objects.one(kind, name, live=False) is not None:
                raise Problem("already-exists", f"There is already one called {name!r}")
            if not request.preconditions.given:
                return Found({}, "")
            return Found({}, collection_stamp(await request.cluster.objects.all(kind, live=False)))

        change = Change(
            read,
            lambda _: [opcode],
            lambda _: Target.collection(kind.name),
            _created(request, kind, opcode),
        )
        return await carry_out(request, change)

    return _creating(kind, handle, f"Create one of the {kind.collection}", creation_shape(kind), OF_JOBS)


def put(kind: Kind) -> Operation:
    """PUT to an object: creates one that is not there. What an existing one should be like cannot be said yet."""

    async def handle(request: Request) -> Answer:
        name = request.names[kind.name]
        existing = await request.cluster.objects.one(kind, name, live=False)
        preconditions = request.preconditions
        if existing is not None:
            if preconditions.if_none_match is not None and preconditions.if_none_match.any:
                raise precondition_failed(f"There is already one called {name!r}", existing.stamp)
            allow = ["DELETE", "GET", "HEAD", "OPTIONS"] if kind.remove else ["GET", "HEAD", "OPTIONS"]
            raise method_not_allowed(f"{name!r} exists: PUT creates, it does not change", allow)
        _, opcode = creation(kind, request.body, request.cluster_names, name)

        async def read() -> Found:
            return Found({}, "")

        change = Change(
            read, lambda _: [opcode], lambda _: Target.collection(kind.name), _created(request, kind, opcode), puts=True
        )
        return await carry_out(request, change)

    shape = creation_shape(kind, uri_names=True)
    return _creating(kind, handle, f"Create the {kind.name} of this name", shape, (*OF_JOBS, "method-not-allowed"))


def _creating(kind: Kind, handle: Handler, summary: str, body: Any, problems: tuple[str, ...]) -> Operation:
    answers = {200: JOB.shape, 201: kind.shape, 202: JOB.shape}
    return Operation(handle, summary, answers, body=body, problems=problems, writes=True)


def remove(kind: Kind) -> Operation:
    """DELETE of an object; the opcode's own parameters are query arguments."""
    arguments = _arguments(kind.remove, (kind.parameter, kind.uuid_parameter))

    async def handle(request: Request) -> Answer:
        given = {name: value for name, value in request.query.items() if name in arguments and value is not None}

        async def result(current: Found, until: float) -> Answer:
            async def look() -> bool | None:
                it = await request.cluster.objects.one(kind, current.value["name"], live=False)
                return True if it is None or it.value["uuid"] != current.value["uuid"] else None

            if not given.get("dry_run"):
                await _shown(look, until)
            return await nothing_but_the_job(current, until)

        change = Change(
            lambda: found(request, kind),
            lambda current: [fill(kind.remove, given, _on_object(kind, current))],
            lambda current: _target(kind, current),
            result,
        )
        return await carry_out(request, change)

    return Operation(
        handle,
        f"Remove the {kind.name}",
        {200: JOB.shape, 202: JOB.shape},
        arguments=arguments,
        problems=OF_JOBS,
        writes=True,
    )


def _arguments(op_id: str, leaving_out: tuple[str, ...]) -> dict[str, Argument]:
    """An opcode's plain parameters as query arguments; lists and dictionaries are not."""
    arguments = {}
    for name, parameter in OPCODES[op_id].parameters.items():
        if name in leaving_out or name in NOT_FOR_CLIENTS:
            continue
        kinds = _plain_types(parameter.type.hint)
        if len(kinds) == 1 and kinds <= {bool, int, str}:
            arguments[name] = Argument(kinds.pop(), f"the parameter of {op_id}")
    return arguments


def _plain_types(hint: Any) -> set[Any]:
    """The types that a value may have, null aside."""
    choices = [one for one in get_args(hint) or (hint,) if one is not type(None)]
    return set(map(type, choices)) if get_origin(hint) is Literal else set(choices)


# -- actions ---------------------------------------------------------------------------------------------------------

# Which parameter of an action's opcode is an object's new name
_RENAMES: Mapping[str, str] = {"OP_INSTANCE_RENAME": "new_name"}


def act(kind: Kind, op_id: str, summary: str) -> Operation:
    """POST to an action: the body is the opcode's parameters, less those that the path gives."""
    shape = OPCODES[op_id].shape((kind.parameter, kind.uuid_parameter))

    async def handle(request: Request) -> Answer:
        given = _parameters(request.given_parameters)

        def opcodes(current: Found) -> list[Params]:
            return [fill(op_id, given, _on_object(kind, current))]

        renaming = _RENAMES.get(op_id)
        if renaming in given:
            new_name(given[renaming], f"/{renaming}")
        return await _act(request, kind, opcodes)

    return Operation(handle, summary, {200: kind.shape, 202: JOB.shape}, body=shape, problems=OF_JOBS, writes=True)


def grow_disk() -> Operation:
    """POST to a disk's `grow`: the path names the disk by its uuid or its place."""
    shape = OPCODES[GROW_DISK].shape((INSTANCE.parameter, INSTANCE.uuid_parameter, "disk"))

    async def handle(request: Request) -> Answer:
        given = _parameters(request.given_parameters)

        def opcodes(current: Found) -> list[Params]:
            place = _place_of_disk(current, request.names["disk"])
            return [fill(GROW_DISK, given, {**_on_object(INSTANCE, current), "disk": place})]

        return await _act(request, INSTANCE, opcodes)

    return Operation(
        handle,
        "Make a disk larger: by `amount` MiB, or with `absolute` to so many",
        {200: INSTANCE.shape, 202: JOB.shape},
        body=shape,
        problems=OF_JOBS,
        writes=True,
    )


def _place_of_disk(current: Found, name: str) -> int:
    disks = current.value["disks"]
    for place, disk in enumerate(disks):
        if name in (str(place), disk["uuid"]):
            return place
    raise Problem("not-found", f"{current.value['name']} has no disk {name!r}; it has {len(disks)}")


async def _act(request: Request, kind: Kind, opcodes: Callable[[Found], list[Params]]) -> Answer:
    async def result(current: Found, until: float) -> Answer:
        it = await _changed(request, kind, current, opcodes(current), until)
        location = [("content-location", request.uri(kind.collection, it.value["name"]))]
        return Answer(it.value, kind.shape, stamp=it.stamp, headers=location)

    change = Change(lambda: found(request, kind), opcodes, lambda current: _target(kind, current), result)
    return await carry_out(request, change)


def _parameters(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise unprocessable("The body has to be an object", pointer="")
    return body


# -- tags ------------------------------------------------------------------------------------------------------------


def change_tags(kind: Kind, method: str) -> Operation:
    """PUT replaces the tags, POST adds some, DELETE removes those that the query string names."""

    async def handle(request: Request) -> Answer:
        wanted = request.query["tag"] if method == "DELETE" else _tags_of(request.body)
        if method == "DELETE" and not wanted:
            raise unprocessable("Say which tags to remove: ?tag=a&tag=b", parameter="tag")

        def difference(current: Found) -> tuple[set[str], set[str]]:
            """The tags to remove, and those to add."""
            named, there = set(wanted), set(current.value["tags"])
            match method:
                case "PUT":
                    return there - named, named - there
                case "POST":
                    return set(), named - there
                case _:
                    return named & there, set()

        def opcodes(current: Found) -> list[Params]:
            fixed = {"kind": kind.tagged, "name": None if kind is CLUSTER else current.value["name"]}
            jobs = zip((TAGS_DELETE, TAGS_SET), difference(current), strict=True)
            return [fill(op_id, {}, fixed | {"tags": sorted(tags)}) for op_id, tags in jobs if tags]

        async def result(current: Found, until: float) -> Answer:
            removed, added = difference(current)

            async def look() -> Found | None:
                it = await request.cluster.objects.one(kind, current.value["name"], live=False)
                there = set() if it is None else set(it.value["tags"])
                return it if added <= there and not removed & there else None

            it = await _shown(look, until) if removed or added else current
            return Answer({"kind": "tag", "tags": it.value["tags"]}, TagSet, stamp=it.stamp)

        change = Change(lambda: found(request, kind), opcodes, lambda current: _target(kind, current), result)
        return await carry_out(request, change)

    deleting = method == "DELETE"
    summaries = {"PUT": "Replace the tags", "POST": "Add tags", "DELETE": "Remove tags"}
    return Operation(
        handle,
        f"{summaries[method]} of the {kind.name}",
        {200: TagSet, 202: JOB.shape},
        arguments={"tag": Argument(list, "a tag to remove; may be repeated", ())} if deleting else {},
        body=None if deleting else TagSet,
        problems=OF_JOBS,
        writes=True,
    )


def _tags_of(body: Any) -> list[str]:
    return list(check(body, TagSet)["tags"])
