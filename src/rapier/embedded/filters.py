"""The language of query filters, such as `["&", ["=", "pnode", "node1"], ["?", "oper_state"]]`.

Operators: `&`, `|`, `!`; `=` (or `==`), `!=`, `<`, `<=`, `>`, `>=` with a text or a number; `=~` with a regular
expression; `=[]` for a list that holds a value; `?` for what is true, not zero and not empty.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from rapier.embedded.refusals import generic, unreadable

# What a field's value is, for the object at hand; `Missing` where it has none
Value = Callable[[str], Any]
Filter = Callable[[Value], bool]


class Missing:
    """In a value's place: there is none, and why. The numbers are Ganeti's result statuses."""

    def __init__(self, status: int) -> None:
        self.status = status


UNKNOWN_FIELD = Missing(1)
NO_DATA = Missing(2)
UNAVAILABLE = Missing(3)
OFFLINE = Missing(4)

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def read_filter(words: Any) -> Filter | None:
    """The filter in `words`; `None` for none. Raises `RequestRefused` for what is none."""
    return None if words is None else _read(words)


def _read(words: Any) -> Filter:
    if not isinstance(words, list) or not words or not isinstance(words[0], str):
        raise unreadable(f"Cannot deserialise filter: expected array [string, args], got {words!r}")
    name, *args = words
    if name in ("&", "|"):
        parts = [_read(arg) for arg in args]
        every = all if name == "&" else any
        return lambda value: every(part(value) for part in parts)
    if name == "!":
        if len(args) != 1:
            raise unreadable(f"Cannot deserialise field, expected [filter] but got {args!r}")
        part = _read(args[0])
        return lambda value: not part(value)
    if name == "?":
        field = _field(args, 1)
        return lambda value: _is_true(value(field))
    if name in _COMPARISONS:
        return _comparison(name, _field(args, 2), args[1])
    if name == "=~":
        return _regexp(_field(args, 2), args[1])
    if name == "=[]":
        field, wanted = _field(args, 2), args[1]
        return lambda value: _contains(value(field), wanted)
    raise unreadable(f"Unknown filter operand '{name}'")


def _field(args: list[Any], count: int) -> str:
    if len(args) != count or not isinstance(args[0], str):
        raise unreadable(f"Cannot deserialise field/value pair, expected [fieldname, value] but got {args!r}")
    return args[0]


def _comparison(name: str, field: str, wanted: Any) -> Filter:
    if isinstance(wanted, bool) or not isinstance(wanted, str | int | float):
        raise unreadable(f"Cannot deserialise filter value, expecting string or integer, got {wanted!r}")
    compare = _COMPARISONS[name]

    def holds(value: Value) -> bool:
        found = value(field)
        # what has no value is, to luxid, neither unequal nor false
        if found is None or isinstance(found, Missing):
            return name != "!="
        if isinstance(found, bool) or isinstance(found, str) != isinstance(wanted, str):
            shown = f'QuotedString "{wanted}"' if isinstance(wanted, str) else f"NumericValue {wanted}"
            raise generic("ParameterError", f"Invalid types in comparison, trying to compare {found!r} with '{shown}'")
        return compare(found, wanted)

    return holds


def _regexp(field: str, pattern: Any) -> Filter:
    try:
        search = re.compile(pattern).search
    except (re.error, TypeError) as problem:
        raise unreadable(f"no regular expression: {pattern!r}: {problem}") from None

    def holds(value: Value) -> bool:
        found = value(field)
        if found is None or isinstance(found, Missing):
            return True
        if not isinstance(found, str):
            text = f"Invalid field value used in regexp matching, expecting string but got '{found!r}'"
            raise generic("ParameterError", text)
        return search(found) is not None

    return holds


def _contains(found: Any, wanted: Any) -> bool:
    if isinstance(found, list):
        return wanted in found
    if found is None or isinstance(found, Missing):
        return True
    raise generic("GenericError", f"Cannot convert value '{found!r}', error: Unable to read list")


def _is_true(found: Any) -> bool:
    return isinstance(found, Missing) or bool(found)


def named_by(words: Any, key: str) -> list[Any] | None:
    """The names or ids that a filter of the shape `["|", ["=", key, a], ["=", key, b]]` asks for; else `None`.

    luxid refuses such a filter when one of them is not there, where any other filter just finds nothing.
    """
    match words:
        case ["=" | "==", str(field), str() | int() as wanted] if field == key and not isinstance(wanted, bool):
            return [wanted]
        case ["|", *parts] if parts:
            found = [named_by(part, key) for part in parts]
            return None if None in found else [one for names in found for one in names or ()]
    return None
