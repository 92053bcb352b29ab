"""Where instances go when an opcode places several: what is given away to one is not free for the next."""

from __future__ import annotations

from typing import Any

import pytest

from embedded.conftest import Start
from embedded.master import Master, Opcode, creation, opcode

_JUST_ONE = 9_600  # MiB: three fifths of what a node has, so that none has room for two


def _big(name: str, **params: Any) -> Opcode:
    memory = {"maxmem": _JUST_ONE, "minmem": _JUST_ONE}
    return creation(name, start=True, beparams=memory, **{"pnode": None, **params})


def _allocate(master: Master, *names: str, **params: Any) -> dict[str, Any]:
    several = opcode("OP_INSTANCE_MULTI_ALLOC", instances=[_big(name) for name in names], iallocator="hail", **params)
    [result] = master.run(several)
    return dict(result)


@pytest.fixture
def master(start: Start) -> Master:
    return start("--nodes", "4", "--instances", "0")


def test_of_several_big_instances_each_gets_a_node_of_its_own_and_the_others_none(master: Master) -> None:
    names = ["big1", "big2", "big3", "big4", "big5"]
    assert _allocate(master, *names, dry_run=True) == {"allocatable": names[:4], "failed": ["big5"], "jobs": []}
    result = _allocate(master, *names)
    assert (result["allocatable"], result["failed"]) == (names[:4], ["big5"])
    for _, job_id in result["jobs"]:
        assert master.end_of(job_id) == "success", master.job(job_id, "opresult")
    assert len({master.instance(name, "pnode")[0] for name in names[:4]}) == 4


def test_an_instance_that_finds_no_room_leaves_it_to_smaller_ones(master: Master) -> None:
    names = ["big1", "big2", "big3", "big4", "big5"]
    small = creation("small", pnode=None, start=True)
    instances = [*(_big(name) for name in names), small]
    [result] = master.run(opcode("OP_INSTANCE_MULTI_ALLOC", instances=instances, iallocator="hail"))
    assert (result["allocatable"], result["failed"]) == ([*names[:4], "small"], ["big5"])


def test_a_mirrored_instance_that_finds_no_second_node_fails_alone_and_keeps_nothing(start: Start) -> None:
    master = start("--nodes", "1", "--instances", "0")
    master.run(opcode("OP_CLUSTER_SET_PARAMS", vg_name="vg", enabled_disk_templates=["drbd", "diskless"]))
    mirrored = _big("mirrored", disk_template="drbd", disks=[{"size": 64}])
    instances = [mirrored, _big("plain")]
    [result] = master.run(opcode("OP_INSTANCE_MULTI_ALLOC", instances=instances, iallocator="hail"))
    assert (result["allocatable"], result["failed"]) == (["plain"], ["mirrored"])


def test_big_instances_are_evacuated_to_different_nodes(start: Start) -> None:
    master = start("--nodes", "3", "--instances", "0")
    half = {"maxmem": 7_000, "minmem": 7_000}
    for name in ("one", "two"):
        master.run(creation(name, start=True, pnode="node1", beparams=half))
    for node in ("node2", "node3"):
        master.run(creation(f"on-{node}", start=True, pnode=node, beparams=half))
    [result] = master.run(opcode("OP_NODE_EVACUATE", node_name="node1", mode="primary-only", iallocator="hail"))
    for _, job_id in result["jobs"]:
        assert master.end_of(job_id) == "success", master.job(job_id, "opresult")
    assert sorted(master.instance(name, "pnode")[0] for name in ("one", "two")) == ["node2", "node3"]
