"""What creates an object: its own members, as it shows them, and beside them what else the creating opcode takes.

The members, their places in the body and the opcode's parameters are read off the kind's definition.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from rapier.api.v3.bodies import below, check, fill, new_name
from rapier.api.v3.problems import unprocessable
from rapier.ganeti.kinds import Kind
from rapier.ganeti.members import Creates, Member, annotation, members_of, struct_in, struct_listed
from rapier.ganeti.opcodes import OPCODES, Params

# What an object shows and nobody sets: it may stand in a creation, and counts for nothing
SHOWN_ONLY = ("cluster", "serial_no", "ctime", "mtime", "effective", "live")
# Parameters that say again, by uuid, what another one says by name
NODE_UUIDS: Mapping[str, str] = {"pnode_uuid": "pnode", "snode_uuid": "snode", "src_node_uuid": "src_node"}
# What a list of an opcode's is when the client says nothing of it, where Ganeti itself has no default
_EMPTY: Mapping[str, Any] = {"disks": [], "nics": [], "mode": "create"}

Shape = type[msgspec.Struct]
EVERY_PARAMETER = "*"  # in the place of a parameter: the member's value is a dictionary of parameters


class _Value(NamedTuple):
    """A member that gives a parameter."""

    name: str
    hint: Any
    parameter: str
    write: Callable[[Any], Any] | None


class _List(NamedTuple):
    """A member that is a list of structs and gives a parameter that is a list of dictionaries."""

    name: str
    creates: Creates
    one: Shape


class _Group(NamedTuple):
    """Members below one name."""

    name: str
    shape: Shape


@cache
def _parts(shape: Shape) -> tuple[_Value | _List | _Group, ...]:
    """The members that a creation can give."""

    def parts() -> Iterator[_Value | _List | _Group]:
        for name, hint in members_of(shape).items():
            member, creates = annotation(hint, Member), annotation(hint, Creates)
            if member is not None:
                if member.create is not None:
                    yield _Value(name, hint, member.create, member.write)
            elif creates is not None and (listed := struct_listed(hint)) is not None:
                yield _List(name, creates, listed)
            elif (group := struct_in(hint)) is not None and _parts(group):
                yield _Group(name, group)

    return tuple(parts())


# -- the shape of the body -------------------------------------------------------------------------------------------


@cache
def creation_shape(kind: Kind, *, uri_names: bool = False) -> Shape:
    """What creates an object: its members that a creation can give, and in `create` what else the opcode takes.

    Required is what the opcode requires; the name not where the URI gives it.
    """
    required = {name for name, parameter in OPCODES[kind.create].parameters.items() if parameter.required}
    if uri_names:
        required.remove(kind.parameter)
    further: list[tuple[str, Any, Any]] = [("create", _further(kind) | UnsetType, UNSET)]
    further += [(name, Any | UnsetType, UNSET) for name in SHOWN_ONLY if name in members_of(kind.shape)]
    return msgspec.defstruct(
        f"{kind.shape.__name__}Creation{'ByURI' if uri_names else ''}",
        [("kind", str | UnsetType, UNSET), *_members(kind.shape, required), *further],
        kw_only=True,
        forbid_unknown_fields=True,
        namespace={"__doc__": f"What creates: {kind.shape.__doc__}"},
    )


@cache
def _further(kind: Kind) -> Shape:
    """The parameters of the creating opcode that no member gives."""
    return OPCODES[kind.create].shape({*_places(kind.shape), *NODE_UUIDS}, optional=True)


@cache
def _shape(shape: Shape) -> Shape:
    """A struct of the members that a creation can give, all optional."""
    return msgspec.defstruct(
        f"{shape.__name__}Creation",
        _members(shape),
        kw_only=True,
        forbid_unknown_fields=True,
        namespace={"__doc__": shape.__doc__},
    )


def _members(shape: Shape, required: Collection[str] = ()) -> list[Any]:
    """The members that a creation can give; those have to be there that give the required parameters."""

    def of(part: _Value | _List | _Group) -> Any:
        match part:
            case _Value(_, hint):
                return hint
            case _List(_, creates, one):
                return Annotated[list[_shape(one)], creates]  # type: ignore[misc]
            case _Group(_, group):
                return _shape(group)

    return [
        (part.name, of(part))
        if isinstance(part, _Value) and part.parameter in required
        else (part.name, of(part) | UnsetType, UNSET)
        for part in _parts(shape)
    ]


@cache
def _places(shape: Shape, pointer: str = "") -> Mapping[str, str]:
    """Where a creation's body has each parameter that its members give, as JSON pointers."""
    places: dict[str, str] = {}
    for part in _parts(shape):
        place = below(pointer, part.name)
        match part:
            case _Value(_, _, parameter):
                places[parameter] = place
            case _List(_, creates):
                places[creates.parameter] = place
            case _Group(_, group):
                places |= _places(group, place)
    return places


# -- the opcode ------------------------------------------------------------------------------------------------------


def creation(kind: Kind, body: Any, clusters: Sequence[str], name: str | None = None) -> tuple[str, Params]:
    """The new object's name, and the opcode that creates it. `name` is the URI's, where that gives it.

    `clusters` are the names that the cluster has.

    Raises a 422 for a body that does not fit.
    """
    wanted = check(body, creation_shape(kind, uri_names=name is not None))
    if wanted.get("kind", kind.name) != kind.name:
        raise unprocessable(f"This is an {kind.name}, not {wanted['kind']!r}", pointer="/kind")
    if wanted.get("cluster", clusters[0]) not in clusters:
        raise unprocessable(f"The URI says that the cluster is {clusters[0]!r}", pointer="/cluster")
    if name is not None and wanted.get("name", name) != name:
        raise unprocessable(f"The URI says that the name is {name!r}", pointer="/name")
    params = _params(kind.shape, wanted, "") | {kind.parameter: new_name(name or wanted["name"], "/name")}
    known = OPCODES[kind.create].parameters
    missing = {name: value for name, value in _EMPTY.items() if name in known and name not in params}
    opcode = fill(kind.create, missing | wanted.get("create", {}), params, "/create", _places(kind.shape))
    return str(opcode[kind.parameter]), opcode


def _params(shape: Shape, wanted: Mapping[str, Any], pointer: str) -> Params:
    """The parameters that the members give. Raises a 422 for a value that cannot be written."""
    params: Params = {}
    for part in _parts(shape):
        value = wanted.get(part.name)
        if value is None:
            continue
        place = below(pointer, part.name)
        match part:
            case _Value(parameter=parameter) if parameter == EVERY_PARAMETER:
                params |= value
            case _Value(parameter=parameter, write=write):
                params[parameter] = value if write is None else _written(write, value, place)
            case _List(creates=creates, one=one):
                params[creates.parameter] = [
                    _params(one, member, below(place, str(number))) for number, member in enumerate(value)
                ]
            case _Group(shape=group):
                params |= _params(group, value, place)
    return params


def _written(write: Callable[[Any], Any], value: Any, pointer: str) -> Any:
    try:
        return write(value)
    except ValueError as problem:
        raise unprocessable(str(problem), pointer=pointer) from None
