"""What is known of every kind of object, as one table row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

COMMON = ("ctime", "mtime", "uuid", "serial_no", "tags")  # how the stock API ends its lists of fields


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of object.

    `name` is its name in LUXI queries and in objects, `collection` what its collection is called in URIs, `key` the
    query field that names one of it. `shape` is the object itself: every member with type, unit, query field and
    origin. `left_out` says of each query field that no member reads why: a name, or the beginning of several before
    a star.

    `shown` are the fields that the stock API shows of an object, in its order; `shown_alone` those of them that it
    leaves out where many are shown at once.

    `parameter` is what opcodes on one object call its name, `uuid_parameter` its uuid where they take one; `tagged` is
    what opcodes on tags call the kind. `actions` are the opcodes on one object by the action's name in URIs.
    """

    name: str
    collection: str
    key: str
    shape: type[msgspec.Struct]
    left_out: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    shown_alone: tuple[str, ...] = ()
    parameter: str = ""
    uuid_parameter: str = ""
    tagged: str = ""
    create: str = ""
    remove: str = ""
    actions: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown_in_bulk(self) -> tuple[str, ...]:
        """The fields that the stock API's collection shows of each object."""
        return tuple(field for field in self.shown if field not in self.shown_alone)
