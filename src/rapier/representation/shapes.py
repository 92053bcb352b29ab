"""A shape, which is any type that msgspec understands, reduced to what a self-describing format asks of it.

That is: what kind of value stands here if nothing else is said, and what shape its members or items have. A shape is a
help, not a check: a value that has another kind is written with that kind beside it, so none is ever lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal, get_args

from msgspec import inspect

Kind = Literal["string", "integer", "number", "boolean", "null", "list", "map"]
KINDS: frozenset[str] = frozenset(get_args(Kind))

_KIND_OF: dict[type, Kind] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
    list: "list",
    tuple: "list",
    dict: "map",
}


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What may stand at one place."""

    default: Kind
    """What stands here if nothing else is said."""
    kinds: frozenset[Kind]
    item: Shape | None = None
    """Of a list's items; `None`: anything."""
    members: dict[str, Shape] | None = None
    """Of a map whose keys are known; `None`: they are not."""
    required: set[str] = field(default_factory=set)
    others: Shape | None = None
    """Of the keys that `members` does not know; `None`: anything."""
    choices: tuple[Any, ...] = ()
    """The only values there are, where they can be listed."""
    description: str = ""
    name: str = ""
    """A class's."""

    def of_item(self) -> Shape:
        return self.item or ANYTHING

    def of_member(self, key: str) -> Shape:
        return (self.members or {}).get(key) or self.others or ANYTHING


ANYTHING = Shape("string", frozenset(get_args(Kind)))


def kind_of(value: Any) -> Kind:
    """Raises TypeError for what is no builtin that a representation carries."""
    try:
        return _KIND_OF[type(value)]
    except KeyError:
        raise TypeError(f"{type(value).__name__} is no plain value") from None


@lru_cache(maxsize=1024)
def shape_of(type_: Any) -> Shape:
    """The shape that a type describes."""
    reader = _Reader()
    shape = reader.read(inspect.type_info(type_))
    reader.finish()
    return shape


@lru_cache(maxsize=1024)
def name_of(type_: Any) -> str:
    """What a document of this type is called: its `kind` where that is one word, else its class's name, else `value`.

    `Instance` with `kind: Literal["instance"]` is `instance`; `NodeGroup` without is `node_group`; `list[str]` is
    `value`.
    """
    shape = shape_of(type_)
    kind = (shape.members or {}).get("kind")
    if kind and len(kind.choices) == 1 and isinstance(kind.choices[0], str):
        return kind.choices[0]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", shape.name).lower() or "value"


class _Reader:
    """Reads one type. Classes that contain themselves are why unions of classes wait until all classes are read."""

    def __init__(self) -> None:
        self._classes: dict[type, Shape] = {}
        self._waiting: list[tuple[Shape, list[Shape]]] = []

    def read(self, node: inspect.Type) -> Shape:
        match node:
            case inspect.Metadata():
                description = (node.extra_json_schema or {}).get("description", "")
                shape = self.read(node.type)
                return replace(shape, description=description or shape.description)
            case inspect.NoneType():
                return _plain("null")
            case inspect.BoolType():
                return _plain("boolean")
            case inspect.IntType():
                return _plain("integer")
            case inspect.FloatType():
                return Shape("number", frozenset({"number", "integer"}))
            case inspect.LiteralType():
                return _choices(node.values)
            case inspect.EnumType():
                return _choices(member.value for member in node.cls)
            case inspect.CollectionType():  # lists, sets, tuples of any length
                return Shape("list", frozenset({"list"}), item=self.read(node.item_type))
            case inspect.TupleType() | inspect.NamedTupleType():
                return _plain("list")
            case inspect.DictType():
                return Shape("map", frozenset({"map"}), others=self.read(node.value_type))
            case inspect.StructType(array_like=True):
                return _plain("list")
            case inspect.StructType() | inspect.TypedDictType() | inspect.DataclassType():
                return self._class(node)
            case inspect.UnionType():
                return self._union([self.read(each) for each in node.types])
            case inspect.AnyType() | inspect.RawType() | inspect.CustomType() | inspect.ExtType():
                return ANYTHING
            case _:  # dates, uuids, bytes and what else msgspec makes text of
                return _plain("string")

    def _class(self, node: inspect.StructType | inspect.TypedDictType | inspect.DataclassType) -> Shape:
        if known := self._classes.get(node.cls):
            return known
        members: dict[str, Shape] = {}
        shape = Shape("map", frozenset({"map"}), members=members, name=_class_name(node.cls))
        self._classes[node.cls] = shape
        if isinstance(node, inspect.StructType) and node.tag_field is not None:
            members[node.tag_field] = _choices([node.tag])
        for each in node.fields:
            members[each.encode_name] = self.read(each.type)
            if each.required:
                shape.required.add(each.encode_name)
        return shape

    def _union(self, parts: list[Shape]) -> Shape:
        """The first kind is the default; a text where there is one, else what is not null."""
        kinds = frozenset(kind for part in parts for kind in part.kinds)
        maps = [part for part in parts if "map" in part.kinds]
        lists = [part for part in parts if "list" in part.kinds]
        first = next((part for part in parts if part.default != "null"), parts[0])
        shape = Shape(
            "string" if "string" in kinds else "number" if {"number", "integer"} >= kinds - {"null"} else first.default,
            kinds,
            item=lists[0].item if len(lists) == 1 else None,
            choices=_every_choice(parts),
            name=maps[0].name if len(maps) == 1 else "",
        )
        if len(maps) == 1:
            return replace(shape, members=maps[0].members, required=maps[0].required, others=maps[0].others)
        if len(maps) > 1 and all(part.members is not None for part in maps):
            shape = replace(shape, members={})
            self._waiting.append((shape, maps))
        return shape

    def finish(self) -> None:
        """Gives each union of classes the members of all; one that is not the same in all may be anything."""
        for shape, parts in self._waiting:
            assert shape.members is not None
            for part in parts:
                for key, member in (part.members or {}).items():
                    known = shape.members.get(key)
                    shape.members[key] = member if known is None else _agreed(known, member)
            shape.required.update(set.intersection(*(part.required for part in parts)))


def _plain(kind: Kind) -> Shape:
    return Shape(kind, frozenset({kind}))


def _choices(values: Iterable[Any]) -> Shape:
    every = sorted(values, key=lambda value: (value is None, str(value)))
    kinds = frozenset(kind_of(value) for value in every)
    default: Kind = "string" if "string" in kinds else kind_of(every[0])
    return Shape(default, kinds, choices=tuple(every))


def _every_choice(parts: list[Shape]) -> tuple[Any, ...]:
    """The choices of a union, which has some only if all its parts have, null aside."""
    telling = [part for part in parts if part.kinds != {"null"}]
    if all(part.choices for part in telling):
        return tuple(dict.fromkeys(value for part in telling for value in part.choices))
    return ()


def _agreed(one: Shape, other: Shape) -> Shape:
    if one is other:
        return one
    if {"list", "map"} & (one.kinds | other.kinds) or one.kinds != other.kinds or one.default != other.default:
        return ANYTHING
    return replace(one, choices=_every_choice([one, other]))


def _class_name(cls: type) -> str:
    return re.sub(r"\[.*", "", cls.__name__)
