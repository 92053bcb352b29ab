"""What goes into a format comes out of it again."""

from __future__ import annotations

import json as standard_json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapier.representation import xml
from rapier.representation.formats import default_registry
from rapier.representation.json import JSON
from rapier.representation.registry import Representation
from representation_shapes import VALUES, Instance, anything, maps, text

FORMATS = list(default_registry())


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types: Python says that 1 == 1.0 == True."""
    return standard_json.dumps(one) == standard_json.dumps(other)


@pytest.mark.parametrize("representation", FORMATS, ids=lambda each: each.name)
@given(shaped=st.one_of(*(st.tuples(st.just(shape), values) for shape, values in VALUES)))
def test_each_value_of_a_shape_comes_back(representation: Representation, shaped: tuple[Any, Any]) -> None:
    shape, value = shaped
    assert representation.decode is not None
    assert same(representation.decode(representation.encode(value, shape), shape), value)


@given(value=anything, shape=st.sampled_from([shape for shape, _ in VALUES]))
def test_a_value_of_another_shape_comes_back_from_xml_as_well(value: Any, shape: Any) -> None:
    assert same(xml.decode(xml.encode(value, shape), shape), value)


@given(value=anything)
def test_from_json_through_xml_to_json_not_a_byte_differs(value: Any) -> None:
    body = JSON.encode(value, Any)
    assert JSON.encode(xml.decode(xml.encode(JSON.decode(body, Any), Any), Any), Any) == body  # type: ignore[misc]


@given(
    extensions=maps(anything), standard=st.fixed_dictionaries({"type": text, "status": st.integers(), "title": text})
)
def test_a_problem_comes_back_in_xml(extensions: dict[str, Any], standard: dict[str, Any]) -> None:
    problem = {**extensions, **standard}
    assert same(xml.decode_problem(xml.encode_problem(problem)), problem)


@pytest.mark.parametrize("representation", FORMATS, ids=lambda each: each.name)
def test_what_no_number_is_becomes_null_and_lone_surrogates_are_refused(representation: Representation) -> None:
    assert representation.decode is not None
    for value in (float("nan"), float("inf")):
        assert representation.decode(representation.encode([value], Any), Any) == [None]
    with pytest.raises(UnicodeEncodeError):
        representation.encode("\ud800", Any)


def test_members_that_the_shape_does_not_know_are_read_too() -> None:
    members = b'<naem>web1</naem><x type="list"><item type="integer">1</item></x>'
    body = b'<instance xmlns="urn:ganeti-rapier:3">' + members + b"</instance>"
    assert xml.decode(body, Instance) == {"naem": "web1", "x": [1]}
