"""The language of query filters, such as `["&", ["=", "pnode", "node1"], ["?", "oper_state"]]`.

Operators: `&`, `|`, `!`; `=` (or `==`), `!=`, `<`, `<=`, `>`, `>=` with a text or a number; `=~` with a regular
expression; `=[]` for a list that holds a value; `?` for a yes. A value of another type is an error, as in luxid.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

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
        raise unreadable(f"Cannot deserialise filter: expected array [string, args], got {shown(words)}")
    name, *args = words
    if name in ("&", "|"):
        parts = [_read(arg) for arg in args]
        every = all if name == "&" else any
        return lambda value: every(part(value) for part in parts)
    if name == "!":
        if len(args) != 1:
            raise unreadable(f"Cannot deserialise field, expected [filter] but got {shown(args)}")
        part = _read(args[0])
        return lambda value: not part(value)
    if name == "?":
        field = _field(args, 1)
        return lambda value: _is_true(value(field))
    if name in _COMPARISONS:
        return _comparison(name, _field(args, 2), _wanted(args[1]))
    if name == "=~":
        return _regexp(_field(args, 2), args[1])
    if name == "=[]":
        field, wanted = _field(args, 2), _wanted(args[1])
        return lambda value: _contains(value(field), wanted)
    raise unreadable(f"Unknown filter operand '{name}'")


def _field(args: list[Any], count: int) -> str:
    if len(args) != count or not isinstance(args[0], str):
        raise unreadable(f"Cannot deserialise field/value pair, expected [fieldname, value] but got {shown(args)}")
    return args[0]


def _wanted(word: Any) -> str | int:
    """What a field is compared with."""
    if isinstance(word, float) and word.is_integer():
        return int(word)
    if isinstance(word, float):
        text = f"Cannot deserialise numeric filter value, expecting integral but got a fractional value: {word}"
        raise unreadable(text)
    if isinstance(word, bool) or not isinstance(word, str | int):
        raise unreadable(f"Cannot deserialise filter value, expecting string or integer, got {shown(word)}")
    return word


def _comparison(name: str, field: str, wanted: str | int) -> Filter:
    compare = _COMPARISONS[name]

    def holds(value: Value) -> bool:
        found = value(field)
        # what has no value is, to luxid, neither unequal nor false
        if found is None or isinstance(found, Missing):
            return name != "!="
        if not (isinstance(found, str) if isinstance(wanted, str) else _is_number(found)):
            text = f"Invalid types in comparison, trying to compare {shown(found)} with '{in_words(wanted)}'"
            raise generic("ParameterError", text)
        return compare(found, wanted)

    return holds


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)


def in_words(wanted: str | int) -> str:
    """What a field is compared with, as luxid shows it in an error."""
    if isinstance(wanted, str):
        return f'QuotedString "{wanted}"'
    return f"NumericValue {wanted}" if wanted >= 0 else f"NumericValue ({wanted})"


def shown(value: Any) -> str:
    """A value as luxid shows it in an error."""
    return json.dumps(msgspec.to_builtins(value))


def _regexp(field: str, pattern: Any) -> Filter:
    try:
        search = re.compile(pattern).search
    except (re.error, TypeError) as problem:
        raise unreadable(f"no regular expression: {shown(pattern)}: {problem}") from None

    def holds(value: Value) -> bool:
        found = value(field)
        if found is None or isinstance(found, Missing):
            return True
        if not isinstance(found, str):
            text = f"Invalid field value used in regexp matching, expecting string but got '{shown(found)}'"
            raise generic("ParameterError", text)
        return search(found) is not None

    return holds


def _contains(found: Any, wanted: str | int) -> bool:
    if found is None or isinstance(found, Missing):
        return True
    if not isinstance(found, list):
        raise generic("GenericError", f"Cannot convert value '{shown(found)}', error: Unable to read list")
    fits, called = (str, "String") if isinstance(wanted, str) else (int, "Integer")
    if not all(isinstance(one, fits) for one in found):
        raise generic("GenericError", f"Cannot convert value '{shown(found)}', error: Unable to read {called}")
    return wanted in found


def _is_true(found: Any) -> bool:
    if found is None or isinstance(found, Missing):
        return True
    if not isinstance(found, bool):
        raise generic("ParameterError", f"Unexpected value '{shown(found)}' in boolean context")
    return found


def fields_in(words: Any) -> set[str]:
    """Every field that a filter which can be read looks at."""
    name, *args = words
    return set().union(*map(fields_in, args)) if name in ("&", "|", "!") else {args[0]}


def named_by(words: Any, key: str, kind: Any) -> list[Any] | None:
    """The names or ids that a filter of the shape `["|", ["=", key, a], ["=", key, b]]` asks for; else `None`.

    luxid refuses such a filter when one of them is not there, where any other filter just finds nothing.
    """
    match words:
        case ["=" | "==", str(field), wanted] if field == key and isinstance(wanted, kind):
            return [wanted]
        case ["|", *parts] if parts:
            found = [named_by(part, key, kind) for part in parts]
            return None if None in found else [one for names in found for one in names or ()]
    return None
