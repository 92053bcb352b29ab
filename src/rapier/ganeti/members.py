"""What a member of an object is: the query field that reads it, whether the object owns it, and how it is written.

A kind of object is a `msgspec.Struct` whose members carry one of these in their `Annotated` type:

    name: Annotated[str, own("name", create="instance_name")]

A member that is a struct without one is a group of members (`custom`, `effective`, `live`). A member that is a list of
structs without one is read by columns: each of the struct's members has a query field that holds one value a row, as
`disk.sizes` holds a size for each disk.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Meta, UnsetType

E = TypeVar("E")


class Origin(Enum):
    """Where a value comes from, which decides what follows from its change."""

    OWN = "own"  # the object's own configuration: what its version stamp is made of
    INHERITED = "inherited"  # what other objects' configuration makes of it: filled parameters, who refers to it
    LIVE = "live"  # what a node tells; asking makes the master daemon call nodes


@dataclass(frozen=True)
class Member:
    """`field` is Ganeti's query field, `read` turns its value into the member's.

    `create` is the parameter of the creating opcode that the member gives, `write` turns the member's value into the
    parameter's. `alone`: left out where many objects are shown at once.
    """

    field: str
    origin: Origin
    read: Callable[[Any], Any] | None = None
    create: str | None = None
    write: Callable[[Any], Any] | None = None
    alone: bool = False


def own(
    field: str,
    read: Callable[[Any], Any] | None = None,
    *,
    create: str | None = None,
    write: Callable[[Any], Any] | None = None,
    alone: bool = False,
) -> Member:
    """A member of the object's own configuration."""
    return Member(field, Origin.OWN, read, create, write, alone)


def inherited(
    field: str, read: Callable[[Any], Any] | None = None, *, create: str | None = None, alone: bool = False
) -> Member:
    """A member that follows from other objects' configuration; a creation may name one of them by it."""
    return Member(field, Origin.INHERITED, read, create, alone=alone)


def live(field: str, read: Callable[[Any], Any] | None = None) -> Member:
    """A member that a node tells."""
    return Member(field, Origin.LIVE, read)


@dataclass(frozen=True)
class Creates:
    """A list of structs (disks, NICs) that gives one parameter of the creating opcode, a dictionary for each struct."""

    parameter: str


# -- values ----------------------------------------------------------------------------------------------------------

Time = Annotated[str, Meta(description="RFC 3339, in UTC", extra_json_schema={"format": "date-time"})]
MiB = Annotated[int, Meta(ge=0, description="in MiB")]
# `$` is also before a line feed that ends the text, to Python and not to JSON Schema
Tag = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.+*/:@-]+$(?!\n)")]
UUID = Annotated[str, Meta(description="a uuid, as Ganeti made it")]
Parameters = dict[str, Any]


class Unavailable(msgspec.Struct):
    """In the place of a figure that a node did not tell."""

    unavailable: Literal["offline", "no-data"]


class Group(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Members that belong together below one name."""


class Object(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What every object shows first. `cluster` is the cluster's name."""

    kind: str
    cluster: str


def moment(value: Any) -> str | None:
    """RFC 3339 of Ganeti's two forms of a time: seconds since 1970, or `[seconds, microseconds]`."""
    match value:
        case None:
            return None
        case [seconds, microseconds]:
            at = datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(microsecond=microseconds)
        case _:
            at = datetime.datetime.fromtimestamp(value, datetime.UTC)
    return at.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def moments(values: Any) -> list[str | None]:
    """`moment` of each."""
    return [moment(value) for value in values]


# -- looking at definitions ------------------------------------------------------------------------------------------


def members_of(shape: type[msgspec.Struct]) -> dict[str, Any]:
    """The members' types by name, as they were written, `Annotated` included."""
    return get_type_hints(shape, include_extras=True)


def without_unset(hint: Any) -> Any:
    """The type of a member where it is there: `T` for `T | UnsetType`."""
    choices = [choice for choice in get_args(hint) if choice is not UnsetType]
    if UnsetType not in get_args(hint):
        return hint
    joined = choices[0]
    for choice in choices[1:]:
        joined = joined | choice
    return joined


def annotation(hint: Any, kind: type[E]) -> E | None:
    """What the `Annotated` type carries of that class."""
    return next((extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, kind)), None)


def _plain(hint: Any) -> Any:
    hint = without_unset(hint)
    while getattr(hint, "__metadata__", None):
        hint = hint.__origin__
    return hint


def struct_in(hint: Any) -> type[msgspec.Struct] | None:
    """The struct that the type is."""
    hint = _plain(hint)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    return None


def struct_listed(hint: Any) -> type[msgspec.Struct] | None:
    """The struct that the type is a list of."""
    hint = _plain(hint)
    if getattr(hint, "__origin__", None) is list:
        return struct_in(hint.__args__[0])
    return None
