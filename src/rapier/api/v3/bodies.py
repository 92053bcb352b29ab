"""Bodies of requests: checked against their shape, and turned into the parameters of opcodes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from rapier.api.v3.problems import unprocessable
from rapier.api.v3.request import nearest
from rapier.ganeti.kinds import Kind
from rapier.ganeti.members import Creates, Member, annotation, members_of, struct_in, struct_listed
from rapier.ganeti.opcodes import NOT_FOR_CLIENTS, OPCODES, InvalidParameter, Parameter, Params, UnknownParameter

# What an object shows and nobody sets: it may stand in a creation, and counts for nothing
SHOWN_ONLY = ("cluster", "serial_no", "ctime", "mtime", "effective", "live")
# Parameters that say again, by uuid, what another one says by name
NODE_UUIDS: Mapping[str, str] = {"pnode_uuid": "pnode", "snode_uuid": "snode", "src_node_uuid": "src_node"}
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
                f"There is no member {name!r} here{nearest(name, members)}", pointer=below(pointer, name)
            )
        if isinstance(member, dict) and (group := struct_in(members[name])) is not None:
            _check_names(member, group, below(pointer, name))
        elif isinstance(member, list) and (listed := struct_listed(members[name])) is not None:
            for place, one in enumerate(member):
                if isinstance(one, dict):
                    _check_names(one, listed, f"{below(pointer, name)}/{place}")


def _pointer(place: str, text: str) -> str:
    """A JSON pointer from msgspec's `$.disks[0].size_mib`, and from the name of what is missing there."""
    pointer = "".join(f"/{name or index}" for name, index in re.findall(r"\.([\w/-]+)|\[(\d+|\.\.\.)\]", place))
    missing = re.search(r"missing required field `(.+?)`", text)
    return f"{pointer}/{missing[1]}" if missing else pointer


def fill(
    op_id: str, given: Mapping[str, Any], fixed: Params, pointer: str = "", members: Mapping[str, str] | None = None
) -> Params:
    """An opcode with the client's parameters and those that the path or other members give, wholly checked.

    `pointer` is where the given ones stand in the body, `members` where the fixed ones do. Raises a 422.
    """
    for name in given:
        if name in NOT_FOR_CLIENTS:
            raise unprocessable(f"{name} is not for clients to say", pointer=below(pointer, name), opcode=op_id)
        if name in fixed:
            raise unprocessable(f"{name} is given by the URI", pointer=below(pointer, name), opcode=op_id)
    known = OPCODES[op_id].parameters
    params = {**given, **fixed}
    try:
        return OPCODES[op_id].fill(params)
    except (InvalidParameter, UnknownParameter) as problem:
        name, said = problem.parameter, str(problem)
    except TypeError as problem:  # of a value that cannot even be compared with what is wanted
        name, said = next(name for name in params if not _comparable(known[name], params[name])), str(problem)
    hint = f"; it has to be {known[name].type.words}" if name in known else nearest(name, known)
    place = (members or {}).get(name, below(pointer, name))
    raise unprocessable(f"{said}{hint}", pointer=place, parameter=name, opcode=op_id)


def _comparable(parameter: Parameter, value: Any) -> bool:
    try:
        parameter.accepts(value)
    except TypeError:
        return False
    return True


def below(pointer: str, name: str) -> str:
    """The JSON pointer of a member (RFC 6901)."""
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


# -- creating --------------------------------------------------------------------------------------------------------


@cache
def creation_shape(kind: Kind) -> type[msgspec.Struct]:
    """What creates an object: its members that a creation can give, and in `create` what else the opcode takes."""
    members, given = _creating_members(kind.shape)
    given |= NODE_UUIDS.keys()
    create = OPCODES[kind.create].shape(given, optional=True)
    shown = [(name, Any | UnsetType, UNSET) for name in SHOWN_ONLY if name in members_of(kind.shape)]
    further = ("create", create | UnsetType, UNSET)
    members = [("kind", str | UnsetType, UNSET), *members, further, *shown]
    return _creation_struct(kind.shape, members, f"What creates: {kind.shape.__doc__}")  # type: ignore[no-any-return]


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
            one = _creation_struct(listed, _creating_members(listed)[0], listed.__doc__)
            members.append((name, Annotated[list[one], creates] | UnsetType, UNSET))  # type: ignore[valid-type]
        elif (group := struct_in(hint)) is not None:
            of_group, given = _creating_members(group)
            if of_group:
                parameters |= given
                members.append((name, _creation_struct(group, of_group, group.__doc__) | UnsetType, UNSET))
    return members, parameters


def _creation_struct(shape: type[msgspec.Struct], members: list[Any], meaning: str | None) -> Any:
    return msgspec.defstruct(
        f"{shape.__name__}Creation",
        members,
        kw_only=True,
        forbid_unknown_fields=True,
        namespace={"__doc__": meaning},
    )


def creation(kind: Kind, body: Any, clusters: Sequence[str], name: str | None = None) -> tuple[str, Params]:
    """The new object's name, and the opcode that creates it. `name` is the URI's, where that gives it.

    `clusters` are the names that the cluster has.

    Raises a 422 for a body that does not fit.
    """
    wanted = check(body, creation_shape(kind))
    if wanted.get("kind", kind.name) != kind.name:
        raise unprocessable(f"This is an {kind.name}, not {wanted['kind']!r}", pointer="/kind")
    if wanted.get("cluster", clusters[0]) not in clusters:
        raise unprocessable(f"The URI says that the cluster is {clusters[0]!r}", pointer="/cluster")
    if name is not None and wanted.get("name", name) != name:
        raise unprocessable(f"The URI says that the name is {name!r}", pointer="/name")
    if name is None and "name" not in wanted:
        raise unprocessable("Object missing required field `name`", pointer="/name")
    params = _params(kind.shape, wanted, "") | {kind.parameter: new_name(name or wanted["name"], "/name")}
    known = OPCODES[kind.create].parameters
    missing = {name: value for name, value in _EMPTY.items() if name in known and name not in params}
    opcode = fill(kind.create, missing | wanted.get("create", {}), params, "/create", _pointers(kind.shape))
    return str(opcode[kind.parameter]), opcode


def new_name(name: Any, pointer: str) -> Any:
    """A name that an object may get: one that can stand in a URI, and be found again. Raises a 422."""
    if isinstance(name, str) and (name in ("", ".", "..") or not re.fullmatch(r"[!-.0-~]+", name)):
        raise unprocessable(
            f"{name!r} cannot be a name: it has to be ASCII without blanks and slashes", pointer=pointer
        )
    return name


@cache
def _pointers(shape: type[msgspec.Struct], pointer: str = "") -> Mapping[str, str]:
    """Where a creation's body has each parameter that its members give."""
    places: dict[str, str] = {}
    for name, hint in members_of(shape).items():
        member, creates = annotation(hint, Member), annotation(hint, Creates)
        if member is not None:
            if member.create is not None:
                places[member.create] = below(pointer, name)
        elif creates is not None:
            places[creates.parameter] = below(pointer, name)
        elif (group := struct_in(hint)) is not None:
            places |= _pointers(group, below(pointer, name))
    return places


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
        elif (group := struct_in(hint)) is not None and isinstance(value, dict):
            params |= _params(group, value, f"{pointer}/{name}")
    return params


def _written(member: Member, value: Any, pointer: str) -> Any:
    try:
        return value if member.write is None else member.write(value)
    except ValueError as problem:
        raise unprocessable(str(problem), pointer=pointer) from None
