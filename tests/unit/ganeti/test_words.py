"""Ganeti's words for types, read into checks and schemas."""

from __future__ import annotations

from typing import Any

import pytest

from rapier.ganeti import words
from rapier.ganeti.opcodes import OPCODES

ALL_WORDS = sorted({parameter.type.words for opcode in OPCODES.values() for parameter in opcode.parameters.values()})


@pytest.mark.parametrize(
    ("text", "taken", "refused"),
    [
        ("Anything", [None, 1, "a", [], {}], []),
        ("Boolean", [True, False], [0, 1, "true", None]),
        ("Integer", [0, -1, 2**60], [True, 1.0, "1"]),
        ("Float", [1.5, 0.0], [1, True]),
        ("NonEmptyString", ["a", " "], ["", None, 1]),
        ("None or String", [None, ""], [0, []]),
        ("EqualOrGreaterThanZero", [0, 7], [-1, False, 0.5]),
        ("GreaterThanZero", [1], [0, True]),
        ("JobId", [0, 5, "5", "05"], [-1, "-1", "a", True]),
        ("RelativeJobId", [-1], [0, 1]),
        ("OneOf 0, 10, -10", [0, 10, -10], [1, "0"]),
        ("OneOf rw, ro", ["rw"], ["RW", None]),
        ("List of (NonEmptyString)", [[], ["a"]], [[""], "a", None]),
        ("List of NonEmptyString", [["a"]], [[1]]),
        ("Length 2", [[1, 2], "ab"], [[1], []]),
        ("Dictionary with keys of NonEmptyString and values of Integer", [{}, {"a": 1}], [{"": 1}, {"a": "1"}, []]),
        ("(List of Anything) and (Length 1)", [[1]], [[], [1, 2]]),
        ("Item 0 is Integer, item 1 is (String or None)", [[1, "a"], [1, None], [1]], [["a", "a"]]),
        ("None or (List of (List of (OneOf a, b)))", [None, [["a"], []]], [["a"], [["c"]]]),
        ("IPv4 address", ["192.0.2.1"], ["192.0.2.256", "::1", "192.0.2.0/24"]),
        ("IPv6 network", ["2001:db8::/32"], ["192.0.2.0/24", "2001:db8::1/32"]),
        ("String [a remark, with (brackets)]", ["a"], [1]),
    ],
)
def test_words_say_what_is_taken(text: str, taken: list[Any], refused: list[Any]) -> None:
    kind = words.read(text)
    assert [kind.accepts(value) for value in taken] == [True] * len(taken)
    assert [kind.accepts(value) for value in refused] == [False] * len(refused)


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("Boolean", {"type": "boolean"}),
        ("None or Boolean", {"anyOf": [{"type": "null"}, {"type": "boolean"}]}),
        ("GreaterThanZero", {"type": "integer", "exclusiveMinimum": 0}),
        ("OneOf a, b", {"enum": ["a", "b"]}),
        ("List of Integer", {"type": "array", "items": {"type": "integer"}}),
        ("(List of Anything) and (Length 2)", {"type": "array", "items": {}, "minItems": 2, "maxItems": 2}),
        (
            "Dictionary with keys of NonEmptyString and values of Integer",
            {"type": "object", "propertyNames": {"type": "string", "minLength": 1},
             "additionalProperties": {"type": "integer"}},
        ),
    ],
)  # fmt: skip
def test_words_say_the_same_to_programs(text: str, schema: dict[str, Any]) -> None:
    assert words.read(text).schema == schema


@pytest.mark.parametrize(
    "text", ["", "Strin", "None or", "(String", "String)", "List of", "Length x", "OneOf", "a or b"]
)
def test_words_that_are_none_of_ganetis_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"type|expected"):
        words.read(text)


@pytest.mark.parametrize("text", ALL_WORDS)
def test_what_a_type_calls_itself_reads_as_the_same_type(text: str) -> None:
    again = words.read(text)
    assert again.schema == words.read(again.words).schema
