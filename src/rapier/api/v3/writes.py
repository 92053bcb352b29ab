"""Version 3's writes: the same for every kind of object."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Literal, get_args, get_origin

from rapier.api.v3.bodies import check, fill, new_name
from rapier.api.v3.changes import OF_JOBS, Change, carry_out
from rapier.api.v3.creations import creation, creation_shape
from rapier.api.v3.operations import Handler, Operation
from rapier.api.v3.outcomes import nothing_but_the_job
from rapier.api.v3.problems import Problem, method_not_allowed, precondition_failed, unprocessable
from rapier.api.v3.reads import found
from rapier.api.v3.request import Answer, Argument, Request
from rapier.api.v3.shapes import TagSet
from rapier.cluster.objects import Found, collection_stamp
from rapier.ganeti.kinds import CLUSTER, GROW_DISK, INSTANCE, JOB, TAGS_DELETE, TAGS_SET, Kind
from rapier.ganeti.opcodes import NOT_FOR_CLIENTS, OPCODES, Params
from rapier.ganeti.touching import Target

# How often a change whose job has ended is looked for
LOOK_EVERY_SECONDS = 0.05


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


async def _shown(
    request: Request, kind: Kind, name: str, as_wanted: Callable[[Found], bool] = lambda it: True
) -> Found | None:
    """The object once it is there and as wanted: luxid may show it only some time after the job's end.

    After the settle time, as it is; `None` where there is none.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + request.cluster.guard.settle_seconds
    while True:
        it = await request.cluster.objects.one(kind, name, live=False)
        if (it is not None and as_wanted(it)) or loop.time() >= end:
            return it
        await asyncio.sleep(LOOK_EVERY_SECONDS)


# -- creating and removing -------------------------------------------------------------------------------------------


def _created(request: Request, kind: Kind, opcode: Params) -> Callable[[], Awaitable[Answer]]:
    async def result() -> Answer:
        if opcode.get("dry_run"):
            return await nothing_but_the_job()  # which tells what would have been
        new = await _renamed(request, kind, opcode[kind.parameter])
        location = [("location", request.uri(kind.collection, new.value["name"]))]
        return Answer(new.value, kind.shape, HTTPStatus.CREATED, stamp=new.stamp, headers=location)

    return result


async def _renamed(request: Request, kind: Kind, name: str) -> Found:
    """The object that was given a name: Ganeti may have stored it in lower case, or completed by a domain."""
    it = await _shown(request, kind, name)
    if it is not None:
        return it
    stored = name.lower()
    for one in await request.cluster.objects.all(kind, live=False):
        if one.value["name"] == stored or one.value["name"].startswith(f"{stored}."):
            return one
    raise Problem("not-found", f"The job gave the name {name!r}, and nothing is called so any more")


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
        if preconditions.if_match is not None:
            raise Problem("precondition-failed", f"There is nothing called {name!r} that could be changed")

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

        change = Change(
            lambda: found(request, kind),
            lambda current: [fill(kind.remove, given, _on_object(kind, current))],
            lambda current: _target(kind, current),
            nothing_but_the_job,
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
        to = given.get(renaming) if renaming and not given.get("dry_run") else None
        if renaming in given:
            new_name(given[renaming], f"/{renaming}")
        return await _act(request, kind, opcodes, to)

    return Operation(handle, summary, {200: kind.shape, 202: JOB.shape}, body=shape, problems=OF_JOBS, writes=True)


def grow_disk() -> Operation:
    """POST to a disk's `grow`: the path names the disk by its uuid or its place."""
    shape = OPCODES[GROW_DISK].shape((INSTANCE.parameter, INSTANCE.uuid_parameter, "disk"))

    async def handle(request: Request) -> Answer:
        given = _parameters(request.given_parameters)

        def opcodes(current: Found) -> list[Params]:
            place = _place_of_disk(current, request.names["disk"])
            return [fill(GROW_DISK, given, {**_on_object(INSTANCE, current), "disk": place})]

        return await _act(request, INSTANCE, opcodes, None)

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


async def _act(request: Request, kind: Kind, opcodes: Callable[[Found], list[Params]], renamed: str | None) -> Answer:
    async def result() -> Answer:
        it = await _renamed(request, kind, renamed or request.names[kind.name])
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

        def opcodes(current: Found) -> list[Params]:
            there = current.value["tags"]
            match method:
                case "PUT":
                    added, removed = sorted(set(wanted) - set(there)), sorted(set(there) - set(wanted))
                case "POST":
                    added, removed = sorted(set(wanted) - set(there)), []
                case _:
                    added, removed = [], sorted(set(wanted) & set(there))
            fixed = {"kind": kind.tagged, "name": None if kind is CLUSTER else current.value["name"]}
            jobs = ((TAGS_DELETE, removed), (TAGS_SET, added))
            return [fill(op_id, {}, fixed | {"tags": tags}) for op_id, tags in jobs if tags]

        async def result() -> Answer:
            # shown where nothing is left to be done
            it = await _shown(request, kind, request.names.get(kind.name, ""), lambda it: not opcodes(it))
            if it is None:
                raise Problem("not-found", f"There is no such {kind.name} any more")
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
