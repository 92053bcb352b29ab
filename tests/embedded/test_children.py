"""Jobs that an opcode submits: they come to be with its end, once, whatever happens to the master."""

from __future__ import annotations

import random
import time

from embedded.conftest import Start
from embedded.master import Master, creation, delay, on_instance, opcode

MIGRATION = opcode("OP_NODE_MIGRATE", node_name="node1", target_node="node2")


def enable_drbd(master: Master) -> None:
    """Mirrored instances may be made from now on."""
    templates = ["sharedfile", "diskless", "file", "drbd"]
    master.run(opcode("OP_CLUSTER_SET_PARAMS", enabled_disk_templates=templates, vg_name="xenvg"))


def mirrored(name: str, primary: str, secondary: str) -> dict[str, object]:
    """A mirrored instance that does not run."""
    return creation(name, pnode=primary, snode=secondary, disk_template="drbd", disks=[{"size": 64}])


def test_children_come_to_be_once_however_often_the_master_is_killed(start: Start) -> None:
    master = start("--instances", "8", "--pace", "0.01")
    chance = random.Random(3)
    here = [name for [name] in master.ask("QueryInstances", [], ["name"], False)]
    parents = []
    for turn in range(10):
        target = "node2" if turn % 2 == 0 else "node1"
        source = "node1" if turn % 2 == 0 else "node2"
        parents.append(master.submit(opcode("OP_NODE_MIGRATE", node_name=source, target_node=target)))
        time.sleep(chance.uniform(0.0, 0.06))
        master.kill()
        master.start()
    known = {job_id for [job_id] in master.ask("QueryJobs", None, ["id"])}
    named: list[int] = []
    for parent in parents:
        assert master.end_of(parent) == "success"
        [result] = master.job(parent, "opresult")
        named += [child for _, child in result["jobs"]]
    known = {job_id for [job_id] in master.ask("QueryJobs", None, ["id"])}
    assert len(named) == len({*named})
    assert known == {*parents, *named}, "a job that no parent names, or one that is gone"
    for child in named:
        master.end_of(child)
    assert [name for [name] in master.ask("QueryInstances", [], ["name"], False)] == here


def test_children_are_there_as_soon_as_the_parent_has_ended(start: Start) -> None:
    master = start("--instances", "8")
    [result] = master.run(MIGRATION)
    ids = [child for _, child in result["jobs"]]
    assert len(ids) == 2
    assert [master.end_of(child) for child in ids] == ["success", "success"]
    assert {name for [name] in master.ask("QueryInstances", [], ["pnode"], False)} == {"node2", "node3", "node4"}


def test_a_parent_whose_children_are_not_taken_fails(start: Start) -> None:
    master = start("--instances", "8")
    job_id = master.submit(delay(0.5), MIGRATION)
    master.wait_for_status(job_id, "running")
    master.ask("SetDrainFlag", True)
    assert master.end_of(job_id) == "error"
    assert master.job(job_id, "opresult")[1] == ["GenericError", ["Queue drained"]]
    assert len(master.ask("QueryJobs", None, ["id"])) == 1


def test_a_parent_that_is_a_success_may_have_a_child_that_is_none(start: Start) -> None:
    master = start("--instances", "3")
    master.run(on_instance("OP_INSTANCE_SHUTDOWN", "www1"))
    [result] = master.run(MIGRATION)
    [[_, child]] = result["jobs"]
    assert master.end_of(child) == "error"
    assert "is not running" in str(master.job(child, "opresult"))


def test_mirrored_instances_change_sides_and_get_other_secondaries(start: Start) -> None:
    master = start()
    enable_drbd(master)
    assert master.run(mirrored("web1", "node1", "node2")) == [["node1", "node2"]]
    assert master.instance("web1", "pnode", "snodes") == ["node1", ["node2"]]
    serial = master.instance("web1", "serial_no", "mtime")
    master.run(on_instance("OP_INSTANCE_FAILOVER", "web1"))
    assert master.instance("web1", "pnode", "snodes") == ["node2", ["node1"]]
    assert master.instance("web1", "serial_no", "mtime") == serial
    job_id = master.submit(on_instance("OP_INSTANCE_FAILOVER", "web1", target_node="node4"))
    assert master.end_of(job_id) == "error"
    assert "arbitrary nodes" in str(master.job(job_id, "opresult"))
    [result] = master.run(opcode("OP_NODE_EVACUATE", node_name="node1", mode="secondary-only", remote_node="node3"))
    [[_, child]] = result["jobs"]
    assert master.end_of(child) == "success", master.job(child, "opresult")
    assert master.instance("web1", "pnode", "snodes") == ["node2", ["node3"]]
    [result] = master.run(opcode("OP_NODE_EVACUATE", node_name="node2", mode="primary-only"))
    assert [master.end_of(child) for _, child in result["jobs"]] == ["success"]
    assert master.instance("web1", "pnode", "snodes") == ["node3", ["node2"]]
    master.run(on_instance("OP_INSTANCE_STARTUP", "web1"))
    master.run(on_instance("OP_INSTANCE_MIGRATE", "web1"))
    assert master.instance("web1", "pnode", "snodes", "status") == ["node2", ["node3"], "running"]
