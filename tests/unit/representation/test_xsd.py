"""The published schema takes what we write, and not much else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from rapier.representation import xml
from rapier.representation.shapes import name_of
from rapier.representation.xsd import schema
from representation_shapes import VALUES, Instance, InstanceCollection, Job

PUBLISHED = schema({"instance": Instance, "job": Job, "instance_collection": InstanceCollection})
SCHEMA = etree.XMLSchema(etree.fromstring(PUBLISHED))
OF_EACH = {shape: etree.XMLSchema(etree.fromstring(schema({name_of(shape): shape}))) for shape, _ in VALUES}


@given(shaped=st.one_of(*(st.tuples(st.just(shape), values) for shape, values in VALUES)))
def test_each_document_that_is_written_is_valid(shaped: tuple[Any, Any]) -> None:
    shape, value = shaped
    document = etree.fromstring(xml.encode(value, shape))
    OF_EACH[shape].assertValid(document)
    if shape in (Instance, Job, InstanceCollection):
        SCHEMA.assertValid(document)


def _instance(**changes: Any) -> dict[str, Any]:
    instance: dict[str, Any] = {
        "kind": "instance",
        "name": "web1",
        "serial_no": 3,
        "primary_node": "node1",
        "secondary_nodes": [],
        "disks": [{"uuid": "u", "size_mib": 10240, "name": None}],
        "custom": {"hvparams": {}, "beparams": {}, "osparams": {}},
        "admin_state": "up",
        "tags": [],
        "enabled": True,
        "ratio": 1.5,
        "pairs": [],
    }
    return {**instance, **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"serial_no": "three"},
        {"serial_no": None},
        {"admin_state": "sideways"},
        {"enabled": 1},
        {"secondary_nodes": "node2"},
        {"disks": [{"uuid": "u", "size_mib": "big"}]},
        {"disks": [{"uuid": "u"}]},
        {"naem": "web1"},
        {"ratio": "much"},
    ],
    ids=str,
)
def test_what_has_another_shape_is_not_valid(changes: dict[str, Any]) -> None:
    assert SCHEMA.validate(etree.fromstring(xml.encode(_instance(), Instance)))
    assert not SCHEMA.validate(etree.fromstring(xml.encode(_instance(**changes), Instance)))


def test_members_may_come_in_any_order_but_a_required_one_must_come() -> None:
    backwards = dict(reversed(_instance().items()))
    assert SCHEMA.validate(etree.fromstring(xml.encode(backwards, Instance)))
    del backwards["name"]
    assert not SCHEMA.validate(etree.fromstring(xml.encode(backwards, Instance)))


def test_units_are_annotations_and_literals_are_enumerations() -> None:
    xs = {"xs": "http://www.w3.org/2001/XMLSchema"}
    root = etree.fromstring(PUBLISHED)
    assert root.xpath("string(//xs:element[@name='size_mib']/xs:annotation)", namespaces=xs).strip() == "MiB"
    values = root.xpath("//xs:enumeration/@value", namespaces=xs)
    assert {"up", "down", "offline"} <= set(values)


def test_sixty_members_are_no_trouble() -> None:
    wide = msgspec.defstruct("Wide", [(f"member{number}", int) for number in range(60)])
    value = {f"member{number}": number for number in reversed(range(60))}
    etree.XMLSchema(etree.fromstring(schema({"wide": wide}))).assertValid(etree.fromstring(xml.encode(value, wide)))


def test_a_name_that_no_document_has_is_refused() -> None:
    with pytest.raises(ValueError, match="'instance'"):
        schema({"machine": Instance})
