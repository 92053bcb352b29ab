"""Which objects a job touches."""

from __future__ import annotations

from typing import Any

import pytest

from rapier.ganeti import touching
from rapier.ganeti.opcodes import OPCODES
from rapier.ganeti.touching import ANY, EVERYTHING, NOTHING, RULES, Target, touches

WEB1 = Target.object("instance", "web1.example.org", "8a2b4c6d-0000-4000-8000-000000000001")

# What opcodes call the objects that they are about. `target_*`, `pnode` and the like say where something goes.
NAMING = {
    "instance_name": "instance",
    "instance_uuid": "instance",
    "node_name": "node",
    "node_uuid": "node",
    "node_names": "node",
    "node_uuids": "node",
    "nodes": "node",
    "group_name": "group",
    "network_name": "network",
}
# Those that name an object and leave its own configuration alone, or touch other objects than those they name
DEPARTURES = {
    "OP_BACKUP_PREPARE": "writes files",
    "OP_BACKUP_REMOVE": "removes files",
    "OP_CLUSTER_VERIFY": "looks",
    "OP_CLUSTER_VERIFY_DISKS": "looks",
    "OP_CLUSTER_VERIFY_GROUP": "looks",
    "OP_GROUP_VERIFY_DISKS": "looks",
    "OP_INSTANCE_CONSOLE": "looks",
    "OP_INSTANCE_CREATE": "its group is where it goes",
    "OP_INSTANCE_RECREATE_DISKS": "its nodes are where the disks go",
    "OP_NODE_QUERYVOLS": "looks",
    "OP_NODE_QUERY_STORAGE": "looks",
    "OP_TEST_ALLOCATOR": "its group is where it would go",
}


def opcode(op_id: str, **params: Any) -> dict[str, Any]:
    return {"OP_ID": op_id, **params}


def test_every_opcode_of_ganetis_is_classified_and_no_other() -> None:
    """A new opcode must get a row on purpose."""
    assert set(RULES) == set(OPCODES)
    assert set(DEPARTURES) <= set(OPCODES)


@pytest.mark.parametrize("op_id", sorted(OPCODES))
def test_an_opcode_touches_what_it_names(op_id: str) -> None:
    for name in OPCODES[op_id].parameters:
        kind = NAMING.get(name)
        if kind is None:
            continue
        parameter = OPCODES[op_id].parameters[name]
        value: Any = ["it"] if parameter.accepts(["it"]) and not parameter.accepts("it") else "it"
        touched = Target.object(kind, "it").touched_by([opcode(op_id, **{name: value})])
        unlisted = (op_id in DEPARTURES) and not touched
        assert touched or unlisted, name


@pytest.mark.parametrize("op_id", sorted(DEPARTURES))
def test_a_departure_is_one(op_id: str) -> None:
    naming = [(name, kind) for name, kind in NAMING.items() if name in OPCODES[op_id].parameters]
    assert naming
    assert any(
        not Target.object(kind, "it").touched_by([opcode(op_id, **{"instance_name": "x", name: "it"})])
        for name, kind in naming
    )


@pytest.mark.parametrize(
    ("queued", "expected"),
    [
        (opcode("OP_INSTANCE_STARTUP", instance_name="a", instance_uuid=None), {("instance", "a")}),
        (opcode("OP_INSTANCE_STARTUP", instance_name="", instance_uuid="u"), {("instance", "u")}),
        (opcode("OP_INSTANCE_STARTUP", instance_name=""), {("instance", ANY)}),
        (opcode("OP_INSTANCE_RENAME", instance_name="a", new_name="b"), {("instance", "a"), ("instance", "b")}),
        (opcode("OP_GROUP_RENAME", group_name="a", new_name="b"), {("group", "a"), ("group", "b")}),
        (opcode("OP_NODE_EVACUATE", node_name="n"), {("node", "n"), ("instance", ANY)}),
        (opcode("OP_NODE_SET_PARAMS", node_name="n", auto_promote=False), {("node", "n"), ("cluster", ANY)}),
        (
            opcode("OP_NODE_SET_PARAMS", node_name="n", auto_promote=True),
            {("node", "n"), ("node", ANY), ("cluster", ANY)},
        ),
        (
            opcode("OP_GROUP_ASSIGN_NODES", group_name="g", nodes=["a", "b"]),
            {*[("node", n) for n in "ab"], ("group", ANY)},
        ),
        (opcode("OP_CLUSTER_REPAIR_DISK_SIZES", instances=[]), {("instance", ANY)}),
        (
            opcode("OP_INSTANCE_MULTI_ALLOC", instances=[{"instance_name": "a"}, {"instance_name": "b"}]),
            {("instance", n) for n in "ab"},
        ),
        (opcode("OP_NETWORK_CONNECT", group_name="g", network_name="n"), {("group", "g"), ("network", "n")}),
        (opcode("OP_TAGS_SET", kind="nodegroup", name="g", tags=["t"]), {("group", "g")}),
        (opcode("OP_TAGS_DEL", kind="cluster", name=None, tags=["t"]), {("cluster", ANY)}),
        (opcode("OP_TEST_DELAY", duration=1, on_nodes=["n"]), set()),
        (opcode("OP_TEST_DUMMY", submit_jobs=None), set()),
        (opcode("OP_TEST_DUMMY", submit_jobs=[[{}]]), EVERYTHING),
        (opcode("OP_INSTANCE_REMOVE", instance_name="a", dry_run=True), set()),
        (opcode("OP_CLUSTER_SET_PARAMS"), {("cluster", ANY), ("node", ANY)}),
        (opcode("OP_CLUSTER_SET_PARAMS", instance_communication_network="n"), EVERYTHING),
        # what cannot be told
        (opcode("OP_SOMETHING_NEW", instance_name="a"), EVERYTHING),
        ({}, EVERYTHING),
        (opcode("OP_TAGS_SET", tags=["t"]), EVERYTHING),
        (opcode("OP_TAGS_SET", kind="filter", name="x"), EVERYTHING),
        (opcode("OP_TAGS_SET", kind="instance", name=None), EVERYTHING),
        (opcode("OP_INSTANCE_STARTUP", instance_name=5), EVERYTHING),
        (opcode("OP_INSTANCE_MULTI_ALLOC", instances=["a"]), EVERYTHING),
        (opcode("OP_INSTANCE_MULTI_ALLOC"), EVERYTHING),
        (opcode("OP_GROUP_ASSIGN_NODES", group_name="g", nodes=[["a"]]), EVERYTHING),
    ],
)
def test_what_an_opcode_touches(queued: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert touches([queued]) == expected


def test_a_job_touches_what_any_of_its_opcodes_does() -> None:
    tags = [opcode("OP_TAGS_SET", kind="node", name=name, tags=["t"]) for name in "ab"]
    assert touches([*tags, opcode("OP_OS_DIAGNOSE")]) == {("node", "a"), ("node", "b")}
    assert touches([]) == NOTHING


@pytest.mark.parametrize(
    ("name", "touched"),
    [
        ("web1.example.org", True),
        ("web1", True),
        ("WEB1.example", True),
        ("8A2B4C6D-0000-4000-8000-000000000001", True),
        ("web", False),
        ("web10", False),
        ("web1.example.com", False),
        ("web1.example.org.uk", True),  # should ours have been given short
    ],
)
def test_a_short_name_that_could_be_ours_is_ours(name: str, touched: bool) -> None:
    assert WEB1.touched_by([opcode("OP_INSTANCE_REBOOT", instance_name=name)]) is touched
    assert not WEB1.touched_by([opcode("OP_NODE_POWERCYCLE", node_name=name)])


def test_a_collection_is_touched_by_whatever_touches_one_of_its_kind() -> None:
    rename = opcode("OP_GROUP_RENAME", group_name="a", new_name="b")
    assert Target.collection("group").touched_by([rename])
    assert not Target.collection("instance").touched_by([rename])
    assert Target.everything().touched_by([rename])
    assert not Target.everything().touched_by([opcode("OP_OS_DIAGNOSE")])


def test_the_cluster_needs_no_name() -> None:
    assert Target.object("cluster").touched_by([opcode("OP_TAGS_SET", kind="cluster", tags=["t"])])
    assert Target.object("cluster", "its-name").touched_by([opcode("OP_CLUSTER_RENAME", name="other")])


def test_everything_is_everything() -> None:
    assert {kind for kind, _ in EVERYTHING} == set(touching.KINDS)
    assert all(Target.object(kind, "x").touched_by([{"OP_ID": "OP_NEW"}]) for kind in touching.KINDS)
