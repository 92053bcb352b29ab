"""Ganeti's own words for types ("None or (List of NonEmptyString)"), read into checks and JSON Schema.

The opcode table gives each parameter's type in these words. One reading of them makes what a value is checked by, how
the type is described to clients and how it is read from XML, so these cannot differ.

    words   one term, or several joined by " or " or by " and "
    term    "(" words ")", or an atom; a remark in square brackets may follow
    atom    a plain type, or "OneOf a, b", "List of T", "Set of T", "Tuple of (T, T)", "Length N", "Less than N",
            "Dictionary with keys of T and values of T", "Item 0 is T, item 1 is T", "Private T"
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

JSONSchema = dict[str, Any]


@dataclass(frozen=True)
class Type:
    """One of Ganeti's types.

    `accepts(value)` tells whether a value decoded from JSON is of it. Like Ganeti's own check it raises `TypeError` for
    a value that cannot be compared at all (a list where one of several words is wanted).
    """

    words: str
    accepts: Callable[[Any], bool]
    schema: JSONSchema = field(default_factory=dict)
    hint: Any = Any  # the Python type that comes closest, for what reads values that do not carry their types


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_job_id(value: Any) -> bool:
    return (_is_integer(value) and value >= 0) or (isinstance(value, str) and re.match(r"\d+$", value) is not None)


def _parses_as(kind: Callable[[Any], Any]) -> Callable[[Any], bool]:
    def accepts(value: Any) -> bool:
        try:
            kind(value)
        except ValueError:
            return False
        return True

    return accepts


_STRING: JSONSchema = {"type": "string"}
_INTEGER: JSONSchema = {"type": "integer"}

_ATOMS = {
    kind.words: kind
    for kind in (
        Type("Anything", lambda value: True, {}),
        Type("None", lambda value: value is None, {"type": "null"}, None),
        Type("Boolean", lambda value: isinstance(value, bool), {"type": "boolean"}, bool),
        Type("Integer", _is_integer, _INTEGER, int),
        Type("Float", lambda value: isinstance(value, float), {"type": "number"}, float),
        Type("String", lambda value: isinstance(value, str), _STRING, str),
        Type("NonEmptyString", lambda value: isinstance(value, str) and value != "", {**_STRING, "minLength": 1}, str),
        Type("List", lambda value: isinstance(value, list), {"type": "array"}, list[Any]),
        Type("Tuple", lambda value: isinstance(value, tuple), {"type": "array"}, list[Any]),
        Type(
            "EqualOrGreaterThanZero", lambda value: _is_integer(value) and value >= 0, {**_INTEGER, "minimum": 0}, int
        ),
        Type(
            "GreaterThanZero", lambda value: _is_integer(value) and value > 0, {**_INTEGER, "exclusiveMinimum": 0}, int
        ),
        Type("JobId", _is_job_id, {"type": ["integer", "string"], "minimum": 0, "pattern": r"^\d+$"}, int | str),
        Type("RelativeJobId", lambda value: _is_integer(value) and value < 0, {**_INTEGER, "exclusiveMaximum": 0}, int),
        Type("IPv4 address", _parses_as(ipaddress.IPv4Address), {"format": "ipv4"}),
        Type("IPv6 address", _parses_as(ipaddress.IPv6Address), {"format": "ipv6"}),
        Type("IPv4 network", _parses_as(ipaddress.IPv4Network), {}),
        Type("IPv6 network", _parses_as(ipaddress.IPv6Network), {}),
    )
}


@cache
def read(words: str) -> Type:
    """The type that `words` name. Raises `ValueError` for words that Ganeti does not use."""
    reader = _Reader(words)
    kind = reader.either()
    if reader.rest:
        raise ValueError(f"cannot read the type {words!r} from {reader.rest!r} on")
    return kind


class _Reader:
    """Reads from the left; `rest` is what is still unread."""

    def __init__(self, words: str) -> None:
        self.rest = words

    def either(self) -> Type:
        """Terms joined by "or", or by "and": Ganeti puts parentheses where both occur."""
        terms = [self.term()]
        joint = next((word for word in (" or ", " and ") if self.rest.startswith(word)), None)
        while joint and self.take(joint):
            terms.append(self.term())
        if len(terms) == 1:
            return terms[0]
        together = joint.join(f"({term.words})" for term in terms) if joint else ""
        return _any_of(together, terms) if joint == " or " else _all_of(together, terms)

    def term(self) -> Type:
        if self.take("("):
            kind = self.either()
            self.expect(")")
        else:
            kind = self.atom()
        if remark := re.match(r" \[[^]]*\]", self.rest):
            self.rest = self.rest[remark.end() :]
        return kind

    def atom(self) -> Type:
        if self.take("OneOf "):
            return _one_of(self.until(")").split(", "))
        if self.take("List of "):
            return _list_of(self.term())
        if self.take("Set of "):
            return _set_of(self.term())
        if self.take("Tuple of ("):
            items = [self.term()]
            while self.take(", "):
                items.append(self.term())
            self.expect(")")
            return _tuple_of(items)
        if self.take("Dictionary with keys of "):
            keys = self.term()
            self.expect(" and values of ")
            return _dictionary_of(keys, self.term())
        if self.take("Private "):
            return self.term()
        if self.take("Length "):
            return _length(int(self.match(r"\d+")))
        if self.take("Less than "):
            return _less_than(int(self.match(r"\d+")))
        if self.take("Item 0 is "):
            items = [self.term()]
            while self.take(f", item {len(items)} is "):
                items.append(self.term())
            return _items(items)
        name = max((name for name in _ATOMS if self.rest.startswith(name)), key=len, default="")
        if not name:
            raise ValueError(f"no type of Ganeti's starts with {self.rest!r}")
        self.expect(name)
        return _ATOMS[name]

    def take(self, text: str) -> bool:
        if not self.rest.startswith(text):
            return False
        self.rest = self.rest[len(text) :]
        return True

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise ValueError(f"expected {text!r} before {self.rest!r}")

    def until(self, end: str) -> str:
        taken, found, after = self.rest.partition(end)
        self.rest = found + after
        return taken

    def match(self, pattern: str) -> str:
        found = re.match(pattern, self.rest)
        if found is None:
            raise ValueError(f"expected {pattern} before {self.rest!r}")
        self.rest = self.rest[found.end() :]
        return found.group()


def _any_of(words: str, terms: list[Type]) -> Type:
    hints = [term.hint for term in terms if term.hint is not None]
    return Type(
        words,
        lambda value: any(term.accepts(value) for term in terms),
        {"anyOf": [term.schema for term in terms]},
        hints[0] | None if len(hints) == 1 and len(terms) == 2 and hints[0] is not Any else Any,
    )


def _all_of(words: str, terms: list[Type]) -> Type:
    # JSON Schema would take {"allOf": [...]}: merged is easier to read, and no two of Ganeti's conjuncts contradict
    merged: JSONSchema = {}
    for term in terms:
        merged |= term.schema
    hint = next((term.hint for term in terms if term.hint is not Any), Any)
    return Type(words, lambda value: all(term.accepts(value) for term in terms), merged, hint)


# Ganeti keeps words in sets, where what has no hash cannot be looked for; these alone in a list
_IN_A_LIST = frozenset({"preferred", "last_resort", "unallocable"})


def _one_of(names: list[str]) -> Type:
    values = frozenset(int(name) if re.fullmatch(r"-?\d+", name) else name for name in names)
    looked_through = tuple(values) if values == _IN_A_LIST else values
    hint = Literal[tuple(sorted(values))] if len({type(value) for value in values}) == 1 else Any
    return Type(
        f"OneOf {', '.join(names)}", lambda value: value in looked_through, {"enum": sorted(values, key=str)}, hint
    )


def _list_of(item: Type) -> Type:
    return Type(
        f"List of ({item.words})",
        lambda value: isinstance(value, list) and all(item.accepts(one) for one in value),
        {"type": "array", "items": item.schema},
        list[item.hint],  # type: ignore[name-defined]
    )


def _set_of(item: Type) -> Type:
    return Type(
        f"Set of ({item.words})",
        lambda value: all(item.accepts(one) for one in set(value)),
        {"type": "array", "items": item.schema, "uniqueItems": True},
        list[item.hint],  # type: ignore[name-defined]
    )


def _tuple_of(items: list[Type]) -> Type:
    return Type(
        f"Tuple of ({', '.join(item.words for item in items)})",
        lambda value: isinstance(value, list) and len(value) == len(items) and _each(items, value),
        {"type": "array", "prefixItems": [item.schema for item in items], "minItems": len(items), "items": False},
        list[Any],
    )


def _dictionary_of(keys: Type, values: Type) -> Type:
    schema: JSONSchema = {"type": "object"}
    if keys.schema not in ({}, _STRING):
        schema["propertyNames"] = keys.schema
    if values.schema:
        schema["additionalProperties"] = values.schema
    return Type(
        f"Dictionary with keys of ({keys.words}) and values of ({values.words})",
        lambda value: (
            isinstance(value, dict) and all(map(keys.accepts, value)) and all(map(values.accepts, value.values()))
        ),
        schema,
        dict[str, values.hint],  # type: ignore[name-defined]
    )


def _length(size: int) -> Type:
    return Type(f"Length {size}", lambda value: len(value) == size, {"minItems": size, "maxItems": size})


def _less_than(bound: int) -> Type:
    return Type(f"Less than {bound}", lambda value: bool(value < bound), {"exclusiveMaximum": bound})


def _items(items: list[Type]) -> Type:
    words = ", ".join(f"item {at} is ({item.words})" for at, item in enumerate(items))
    return Type(
        f"I{words[1:]}",  # as Ganeti writes it: the first one is "Item"
        lambda value: _each(items, value),
        {"type": "array", "prefixItems": [item.schema for item in items]},
        list[Any],
    )


def _each(items: list[Type], value: Any) -> bool:
    return all(item.accepts(one) for item, one in zip(items, value, strict=False))
