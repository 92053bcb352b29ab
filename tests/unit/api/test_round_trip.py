"""Every kind of object goes through each format without loss, whatever Ganeti may put into its members."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec import inspect

from rapier.api.v3.creations import creation_shape
from rapier.api.v3.openapi import documents_of
from rapier.api.v3.routes import routes_of
from rapier.api.v3.shapes import collection_of
from rapier.ganeti.kinds import KINDS
from rapier.representation.formats import default_registry
from rapier.representation.shapes import name_of
from rapier.representation.xsd import schema

FORMATS = default_registry()
DOCUMENTS = documents_of(routes_of(KINDS))
SHAPES = {
    **{kind.name: kind.shape for kind in KINDS},
    **{kind.collection: collection_of(kind) for kind in KINDS if kind.collection and kind.collection != kind.name},
    **{f"{kind.name}, made": creation_shape(kind) for kind in KINDS if kind.create},
}

# control characters, and all else that JSON can carry
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
integers = st.integers(-(2**63), 2**63 - 1)
anything = st.recursive(
    st.none() | st.booleans() | integers | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(text, values, max_size=3),
    max_leaves=6,
)


def values_of(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Values of one of msgspec's types."""
    match kind:
        case inspect.Metadata():
            return values_of(kind.type)
        case inspect.UnionType():
            return st.one_of(*(values_of(one) for one in kind.types))
        case inspect.StructType():
            there = {field.encode_name: values_of(field.type) for field in kind.fields if field.required}
            perhaps = {field.encode_name: values_of(field.type) for field in kind.fields if not field.required}
            return st.fixed_dictionaries(there, optional=perhaps)
        case inspect.ListType():
            return st.lists(values_of(kind.item_type), max_size=3)
        case inspect.DictType():
            return st.dictionaries(text, values_of(kind.value_type), max_size=3)
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.StrType():
            return text
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return integers
        case inspect.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case inspect.NoneType():
            return st.none()
        case inspect.AnyType():
            return anything
    raise TypeError(kind)


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_every_format_gives_back_what_it_got(name: str, data: st.DataObject) -> None:
    shape = SHAPES[name]
    value = data.draw(values_of(inspect.type_info(shape)))
    as_json = msgspec.json.encode(value)
    for representation in FORMATS:
        assert representation.decode is not None
        again = representation.decode(representation.encode(value, shape), shape)
        assert msgspec.json.encode(again) == as_json, representation.name


@pytest.mark.parametrize("name", DOCUMENTS)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_an_xml_document_is_as_the_published_schema_says(name: str, data: st.DataObject) -> None:
    shape = DOCUMENTS[name]
    value = data.draw(values_of(inspect.type_info(shape)))
    representation = FORMATS.by_name("xml")
    assert representation is not None
    SCHEMA.assertValid(etree.fromstring(representation.encode(value, shape)))
    assert name_of(shape) == name


SCHEMA = etree.XMLSchema(etree.fromstring(schema(DOCUMENTS)))
