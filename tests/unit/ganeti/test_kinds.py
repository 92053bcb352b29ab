"""Every query field of Ganeti is a member of an object, or left out with a reason; so is every opcode's parameter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from rapier.ganeti.kinds import GROUP, INSTANCE, JOB, KINDS, NETWORK, NODE, Kind
from rapier.ganeti.members import Member, Origin, annotation, members_of, struct_in, struct_listed
from rapier.ganeti.query_fields import QUERY_FIELDS
from rapier.ganeti.reading import Reading

QUERIED = [INSTANCE, NODE, GROUP, NETWORK, JOB]


def members(shape: type[msgspec.Struct]) -> Iterator[tuple[str, Member]]:
    """Every member that a query field reads, of the groups and lists in it too."""
    for name, hint in members_of(shape).items():
        if (member := annotation(hint, Member)) is not None:
            yield name, member
        elif (below := struct_in(hint) or struct_listed(hint)) is not None:
            yield from members(below)


def is_left_out(kind: Kind, field: str) -> bool:
    return any(field.startswith(name[:-1]) if name.endswith("*") else field == name for name in kind.left_out)


@pytest.mark.parametrize("kind", QUERIED, ids=lambda kind: kind.name)
def test_a_query_field_is_a_member_or_left_out_with_a_reason(kind: Kind) -> None:
    carried = {member.field for _, member in members(kind.shape)}
    known = set(QUERY_FIELDS[kind.name])
    assert carried <= known
    assert {field for field in known - carried if not is_left_out(kind, field)} == set()
    # and none of them both, nor a reason for what is not there
    assert {field for field in carried if is_left_out(kind, field)} == set()
    for name, reason in kind.left_out.items():
        assert reason
        assert any(is_left_out(kind, field) for field in known if field == name or name.endswith("*")), name


@pytest.mark.parametrize("kind", QUERIED, ids=lambda kind: kind.name)
def test_what_makes_the_master_call_nodes_is_live_and_nothing_else(kind: Kind) -> None:
    for _, member in members(kind.shape):
        assert QUERY_FIELDS[kind.name][member.field].live is (member.origin is Origin.LIVE), member


@pytest.mark.parametrize("kind", QUERIED, ids=lambda kind: kind.name)
def test_what_version_2_shows_is_known(kind: Kind) -> None:
    assert set(kind.shown) <= set(QUERY_FIELDS[kind.name])
    assert set(kind.shown_alone) <= set(kind.shown)


@pytest.mark.parametrize("kind", QUERIED, ids=lambda kind: kind.name)
def test_a_reading_asks_for_what_it_shows(kind: Kind) -> None:
    everything = Reading(kind.shape, live=True, alone=True)
    without_live = Reading(kind.shape, live=False, alone=True)
    live = {member.field for _, member in members(kind.shape) if member.origin is Origin.LIVE}
    assert set(everything.fields) == {member.field for _, member in members(kind.shape)}
    assert set(everything.fields) - set(without_live.fields) == live


def row_of(reading: Reading, **values: Any) -> list[list[Any]]:
    """A row of nulls, but for these values."""
    return [[0, values.get(field.replace(".", "_"), [] if "." in field else None)] for field in reading.fields]


def test_the_stamp_moves_with_what_the_object_owns_and_only_then() -> None:
    reading = Reading(INSTANCE.shape, live=True, alone=True)
    row = row_of(reading, name="web1", serial_no=3, pnode="node1", beparams={"vcpus": 1}, status="running")
    stamp = reading.stamp(row)
    for field, value, moves in (
        ("pnode", "node2", True),
        ("serial_no", 4, True),
        ("disk.sizes", [256], True),
        ("custom_beparams", {"vcpus": 2}, True),
        ("tags", ["a"], True),
        ("beparams", {"vcpus": 2}, False),
        ("status", "ADMIN_down", False),
        ("nic.links", ["br1"], False),
    ):
        changed = [list(cell) for cell in row]
        changed[reading.fields.index(field)][1] = value
        assert (reading.stamp(changed) != stamp) is moves, field


def test_what_a_node_does_not_tell_is_said_and_what_it_does_not_have_is_absent() -> None:
    reading = Reading(NODE.shape, live=True, alone=True)
    row = row_of(reading, role="R", pinst_list=[], sinst_list=[], tags=[])
    for field, cell in (("mfree", [4, None]), ("mtotal", [2, None]), ("bootid", [3, None])):
        row[reading.fields.index(field)] = cell
    live = reading.object(row, "c")["live"]
    assert live["memory_free_mib"] == {"unavailable": "offline"}
    assert live["memory_total_mib"] == {"unavailable": "no-data"}
    assert "boot_id" not in live


def test_kinds_are_told_apart() -> None:
    for attribute in ("name", "collection", "shape"):
        values = [getattr(kind, attribute) for kind in KINDS]
        assert len(set(values)) == len(values)
