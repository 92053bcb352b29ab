"""Bodies of requests: checked against their shape, and turned into the parameters of opcodes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from rapier.api.v3.problems import Problem, unprocessable
from rapier.api.v3.request import nearest
from rapier.ganeti.kinds import Kind
from rapier.ganeti.members import Creates, Member, annotation, members_of, struct_in, struct_listed, without_unset
from rapier.ganeti.opcodes import OPCODES, InvalidParameter, Params, UnknownParameter

# What an object shows and nobody sets: a client may send back what it read
SHOWN_ONLY = ("cluster", "serial_no", "ctime", "mtime", "effective", "live", "children")
# What a list of an opcode's is when the client says nothing of it, where Ganeti itself has no default
_EMPTY: Mapping[str, Any] = {"disks": [], "nics": [], "mode": "create"}


# -- checking --------------------------------------------------------------------------------------------------------


def check(value: Any, shape: type[msgspec.Struct]) -> dict[str, Any]:
    """The value, which is of the shape. Raises a 422 with a pointer to what is unknown, missing or of another type."""
    if not isinstance(value, dict):
        raise unprocessable("The body has to be an object", pointer="")
    _check_names(value, shape, "")
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError as problem:
        text, _, place = str(problem).partition(" - at ")
        raise unprocessable(text, pointer=_pointer(place.strip("`"), text)) from None
    return value


def _check_names(value: Any, shape: type[msgspec.Struct], pointer: str) -> None:
    members = members_of(shape)
    for name, member in value.items():
        if name not in members:
            raise unprocessable(
                f"There is no member {name!r} here{nearest(name, members)}", pointer=f"{pointer}/{name}"
            )
        below = f"{pointer}/{name}"
        if isinstance(member, dict) and (group := struct_in(members[name])) is not None:
            _check_names(member, group, below)
        elif isinstance(member, list) and (listed := struct_listed(members[name])) is not None:
            for place, one in enumerate(member):
                if isinstance(one, dict):
                    _check_names(one, listed, f"{below}/{place}")


def _pointer(place: str, text: str) -> str:
    """A JSON pointer from msgspec's `$.disks[0].size_mib`, and from the name of what is missing there."""
    pointer = "".join(f"/{name or index}" for name, index in re.findall(r"\.([\w/-]+)|\[(\d+|\.\.\.)\]", place))
    missing = re.search(r"missing required field `(.+?)`", text)
    return f"{pointer}/{missing[1]}" if missing else pointer


def fill(op_id: str, given: Mapping[str, Any], fixed: Params, pointer: str = "") -> Params:
    """An opcode with the client's parameters and those that the path gives, wholly checked. Raises a 422."""
    for name in given:
        if name in fixed:
            raise unprocessable(
                f"{name} is given by the URI, not by the body", pointer=f"{pointer}/{name}", opcode=op_id
            )
    try:
        return OPCODES[op_id].fill({**given, **fixed})
    except (InvalidParameter, UnknownParameter) as problem:
        known = OPCODES[op_id].parameters
        hint = (
            nearest(problem.parameter, known) if problem.parameter not in known else _wanted(op_id, problem.parameter)
        )
        raise unprocessable(
            f"{problem}{hint}", pointer=f"{pointer}/{problem.parameter}", parameter=problem.parameter, opcode=op_id
        ) from None
    except TypeError as problem:  # of a value that cannot be compared with what is wanted
        raise unprocessable(str(problem), opcode=op_id) from None


def _wanted(op_id: str, name: str) -> str:
    return f"; it has to be {OPCODES[op_id].parameters[name].type.words}"


# -- creating --------------------------------------------------------------------------------------------------------


@cache
def creation_shape(kind: Kind) -> type[msgspec.Struct]:
    """What creates an object: its members that a creation can give, and in `create` what else the opcode takes."""
    members, given = _creating_members(kind.shape)
    given |= {name for name in (*_node_uuids(given), kind.uuid_parameter) if name}
    create = OPCODES[kind.create].shape(given, optional=True)
    shown = [
        (name, Any | UnsetType, UNSET) for name in SHOWN_ONLY if name in members_of(kind.shape) or name == "cluster"
    ]
    return msgspec.defstruct(
        f"{kind.shape.__name__}Creation",
        [
            ("kind", members_of(kind.shape)["kind"] | UnsetType, UNSET),
            *members,
            ("create", create | UnsetType, UNSET),
            *shown,
        ],
        kw_only=True,
        forbid_unknown_fields=True,
        namespace={"__doc__": f"What creates: {kind.shape.__doc__}"},
    )


def _node_uuids(given: Collection[str]) -> list[str]:
    return [f"{name}_uuid" for name in given]


def _creating_members(shape: type[msgspec.Struct]) -> tuple[list[Any], set[str]]:
    """The members of a creation, all optional, and the opcode's parameters that they give."""
    members: list[Any] = []
    parameters: set[str] = set()
    for name, hint in members_of(shape).items():
        member, creates = annotation(hint, Member), annotation(hint, Creates)
        if member is not None:
            if member.create is None:
                continue
            parameters.add(member.create)
            members.append((name, hint | UnsetType, UNSET))
        elif creates is not None and (listed := struct_listed(hint)) is not None:
            parameters.add(creates.parameter)
            below, _ = _creating_members(listed)
            one = msgspec.defstruct(
                f"{listed.__name__}Creation",
                below,
                kw_only=True,
                forbid_unknown_fields=True,
                namespace={"__doc__": listed.__doc__},
            )
            members.append((name, Annotated[list[one], creates] | UnsetType, UNSET))  # type: ignore[valid-type]
        elif (group := struct_in(hint)) is not None:
            below, given = _creating_members(group)
            if below:
                parameters |= given
                one = msgspec.defstruct(
                    f"{group.__name__}Creation",
                    below,
                    kw_only=True,
                    forbid_unknown_fields=True,
                    namespace={"__doc__": group.__doc__},
                )
                members.append((name, one | UnsetType, UNSET))
    return members, parameters


def creation(kind: Kind, body: Any, cluster: str, name: str | None = None) -> tuple[str, Params]:
    """The new object's name, and the opcode that creates it. `name` is the URI's, where that gives it.

    Raises a 422 for a body that does not fit.
    """
    wanted = check(body, creation_shape(kind))
    for member, must_be in (("cluster", cluster), ("name", name)):
        if must_be is not None and wanted.get(member, must_be) != must_be:
            raise unprocessable(f"The URI says that {member} is {must_be!r}", pointer=f"/{member}")
    if name is None and "name" not in wanted:
        raise unprocessable("Object missing required field `name`", pointer="/name")
    further = wanted.get("create", {})
    params = _params(kind.shape, wanted, "") | {kind.parameter: name or wanted["name"]}
    known = OPCODES[kind.create].parameters
    missing = {name: value for name, value in _EMPTY.items() if name in known and name not in params}
    opcode = fill(kind.create, missing | further, params, "/create")
    return str(opcode[kind.parameter]), opcode


def _params(shape: type[msgspec.Struct], wanted: Mapping[str, Any], pointer: str) -> Params:
    params: Params = {}
    for name, hint in members_of(shape).items():
        value = wanted.get(name)
        if value is None:
            continue
        member, creates = annotation(hint, Member), annotation(hint, Creates)
        if member is not None:
            if member.create == "*":
                params |= value
            elif member.create is not None:
                params[member.create] = _written(member, value, f"{pointer}/{name}")
        elif creates is not None and (listed := struct_listed(hint)) is not None:
            params[creates.parameter] = [
                _params(listed, one, f"{pointer}/{name}/{place}") for place, one in enumerate(value)
            ]
        elif (group := struct_in(without_unset(hint))) is not None and isinstance(value, dict):
            params |= _params(group, value, f"{pointer}/{name}")
    return params


def _written(member: Member, value: Any, pointer: str) -> Any:
    try:
        return value if member.write is None else member.write(value)
    except ValueError as problem:
        raise unprocessable(str(problem), pointer=pointer) from None


def no_body(body: Any) -> None:
    """Raises a 422 for a body where none has a meaning."""
    if body not in ({}, None):
        raise Problem("unprocessable", "This takes no body", {"pointer": ""})
