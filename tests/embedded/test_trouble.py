"""Trouble on demand: tags and options that make things go wrong, for those who test what they write for Ganeti."""

from __future__ import annotations

import time

import pytest

from embedded.conftest import Start
from embedded.master import creation, delay, on_instance, tagging, untagging
from lab.luxi import Refused


def test_an_opcode_fails_where_a_tag_of_its_instance_says_so_and_changes_nothing(start: Start) -> None:
    master = start("--instances", "2")
    tag = "trouble:fail:OP_INSTANCE_MIGRATE"
    master.run(tagging(tag, kind="instance", name="www1"))
    job_id = master.submit(on_instance("OP_INSTANCE_MIGRATE", "www1", target_node="node3"))
    assert master.end_of(job_id) == "error"
    [[kind, [text]]] = master.job(job_id, "opresult")
    assert kind == "OpExecError"
    assert tag in text
    assert "www1" in text
    assert master.instance("www1", "pnode") == ["node1"]
    master.run(on_instance("OP_INSTANCE_SHUTDOWN", "www1"))  # another opcode on it
    master.run(on_instance("OP_INSTANCE_MIGRATE", "mail1", target_node="node3"))  # the same one on another
    master.run(untagging(tag, kind="instance", name="www1"))
    master.run(on_instance("OP_INSTANCE_STARTUP", "www1"))
    master.run(on_instance("OP_INSTANCE_MIGRATE", "www1", target_node="node3"))


@pytest.mark.parametrize(("kind", "name"), [("node", "node2"), ("node", "node3"), ("cluster", None)])
def test_a_tag_of_a_node_or_of_the_cluster_does_so_too(start: Start, kind: str, name: str | None) -> None:
    master = start("--instances", "2")
    master.run(tagging("trouble:fail:OP_INSTANCE_FAILOVER", kind=kind, name=name))
    job_id = master.submit(on_instance("OP_INSTANCE_FAILOVER", "mail1", target_node="node3"))
    assert master.end_of(job_id) == "error"
    assert "trouble:fail" in str(master.job(job_id, "opresult"))


def test_a_tag_for_all_opcodes_can_be_taken_away(start: Start) -> None:
    master = start()
    master.run(tagging("trouble:fail"))
    for opcode in (delay(0.01), tagging("x"), creation("web1")):
        assert master.end_of(master.submit(opcode)) == "error"
    master.run(untagging("trouble:fail"))
    master.run(creation("web1"))


def test_an_opcode_that_fails_late_has_done_its_work(start: Start) -> None:
    master = start()
    master.run(creation("web1", disk_template="sharedfile", disks=[{"size": 64}]))
    master.run(tagging("trouble:fail-late:OP_INSTANCE_GROW_DISK", kind="instance", name="web1"))
    job_id = master.submit(on_instance("OP_INSTANCE_GROW_DISK", "web1", disk=0, amount=36), tagging("never"))
    assert master.end_of(job_id) == "error"
    assert master.job(job_id, "opresult")[1] == ["OpExecError", ["Preceding opcode failed"]]
    assert master.instance("web1", "disk.sizes") == [[100]]
    assert master.tags() == set()


def test_an_opcode_takes_its_time_with_its_locks_held(start: Start) -> None:
    master = start("--instances", "1")
    master.run(tagging("trouble:take:1:OP_INSTANCE_REBOOT", kind="instance", name="www1"))
    slow = master.submit(on_instance("OP_INSTANCE_REBOOT", "www1", reboot_type="hard"), delay(0.01))
    master.wait_for_status(slow, "running")
    behind = master.submit(on_instance("OP_INSTANCE_SHUTDOWN", "www1"))
    master.wait_for_status(behind, "waiting")
    assert master.ask("CancelJob", slow)[0] is False  # at work: it cannot be cancelled before its next opcode
    assert master.ask("CancelJob", behind)[0] is True  # while this one waits, and can
    assert master.end_of(slow) == "canceled"
    [began, _], [ended, _] = master.job(slow, "opexec", "opend")
    assert 1 <= ended[0] + ended[1] / 1e6 - began[0] - began[1] / 1e6 < 4
    assert master.status_of(behind) == "canceled"
    assert master.instance("www1", "status") == ["running"]


def test_an_answer_is_lost_and_what_was_asked_for_is_done(start: Start) -> None:
    master = start()
    tag = "trouble:lose-answer:SubmitJob"
    master.run(tagging(tag))
    with pytest.raises(OSError):  # noqa: PT011
        master.submit(tagging("done"))
    [[job_id]] = master.ask("QueryJobs", None, ["id"])[-1:]
    assert master.end_of(job_id) == "success"
    assert master.tags() == {tag, "done"}
    with pytest.raises(OSError):  # noqa: PT011
        master.submit(untagging(tag))
    assert master.end_of(job_id + 1) == "success"
    master.run(tagging("heard"))


def test_queries_are_behind_and_jobs_are_not(start: Start) -> None:
    master = start("--lag", "1.5", "--instances", "1")
    began = time.monotonic()
    master.run(
        on_instance("OP_INSTANCE_MIGRATE", "www1", target_node="node3"),
        tagging("new", kind="instance", name="www1"),
        tagging("of-cluster"),
    )
    [seen] = master.run({"OP_ID": "OP_TAGS_GET", "reason": [], "kind": "instance", "name": "www1"})
    assert "new" in seen  # what an opcode answers is never behind
    old = (
        master.instance("www1", "pnode"),
        "new" in master.tags("instance", "www1"),
        master.ask("Query", "node", ["pinst_list"], ["=", "name", "node1"])["data"],
        "of-cluster" in master.ask("QueryClusterInfo")["tags"],
    )
    assert time.monotonic() - began < 1.5, "too slow a machine to see it"
    assert old == (["node1"], False, [[[0, ["www1"]]]], False)
    while master.instance("www1", "pnode") != ["node3"]:
        assert time.monotonic() - began < 10
        time.sleep(0.05)
    assert time.monotonic() - began >= 1.5
    time.sleep(0.3)
    assert "new" in master.tags("instance", "www1")
    assert "of-cluster" in master.ask("QueryClusterInfo")["tags"]


def test_a_tag_that_makes_no_sense_is_a_tag_like_any_other(start: Start) -> None:
    master = start()
    master.run(tagging("trouble", "trouble:take:soon", "trouble:nosuch:x", "trouble:take"))
    master.run(delay(0.01))
    with pytest.raises(Refused):
        master.ask("NoSuchCall")
