"""Job filters of the embedded master: what they do to the queue, over its socket."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from embedded.master import Master, delay, opcode, tagging
from lab.luxi import Refused

FIELDS = ["uuid", "priority", "predicates", "action", "watermark"]


@pytest.fixture(scope="module")
def shared_master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Master]:
    master = Master(tmp_path_factory.mktemp("filters"))
    yield master
    master.stop()


@pytest.fixture
def master(shared_master: Master) -> Iterator[Master]:
    """One that has no filter before the test, nor after it."""
    yield shared_master
    for [uuid] in shared_master.ask("QueryFilters", None, ["uuid"]):
        shared_master.ask("DeleteFilter", uuid)


def add(master: Master, action: Any, *predicates: Any, priority: int = 0) -> str:
    """A new filter's uuid."""
    return str(master.ask("ReplaceFilter", None, priority, list(predicates), action, []))


def reason(text: str) -> list[Any]:
    """A predicate on the reason trail."""
    return ["reason", ["=", "reason", text]]


def job(master: Master, text: str) -> int:
    """A job of no consequence that has this reason."""
    return master.submit({**tagging("x"), "reason": [["test", text, 1]]})


def stays_queued(master: Master, job_id: int) -> bool:
    time.sleep(0.1)
    return master.status_of(job_id) == "queued"


def test_a_paused_job_runs_when_the_filter_is_gone(master: Master) -> None:
    rule = add(master, "PAUSE", reason("later"))
    held, free = job(master, "later"), job(master, "now")
    assert master.end_of(free) == "success"
    assert stays_queued(master, held)
    master.ask("DeleteFilter", rule)
    assert master.end_of(held) == "success"


def test_a_paused_job_can_be_cancelled(master: Master) -> None:
    add(master, "PAUSE", reason("later"))
    held = job(master, "later")
    assert master.ask("CancelJob", held, False) == [True, f"Dequeued job {held}"]
    assert master.status_of(held) == "canceled"


def test_a_rejected_job_is_cancelled_and_so_is_one_that_waits_already(master: Master) -> None:
    pause = add(master, "PAUSE", reason("never"))
    waiting = job(master, "never")
    assert stays_queued(master, waiting)
    master.ask("ReplaceFilter", pause, 0, [reason("never")], "REJECT", [])
    assert master.end_of(waiting) == "canceled"
    assert master.end_of(job(master, "never")) == "canceled"
    assert master.end_of(job(master, "ever")) == "success"


def test_what_is_accepted_first_is_not_paused_later(master: Master) -> None:
    add(master, "PAUSE", priority=5)
    held = job(master, "any")
    assert stays_queued(master, held)
    add(master, "ACCEPT", reason("urgent"), priority=1)
    assert master.end_of(job(master, "urgent")) == "success"
    assert stays_queued(master, held)


def test_continue_decides_nothing(master: Master) -> None:
    add(master, "CONTINUE", priority=1)
    add(master, "PAUSE", reason("x"), priority=2)
    assert stays_queued(master, job(master, "x"))
    assert master.end_of(job(master, "y")) == "success"


def test_a_rate_limit_lets_so_many_run_at_once(master: Master) -> None:
    add(master, ["RATE_LIMIT", 2], ["opcode", ["=", "OP_ID", "OP_TEST_DELAY"]])
    delays = [master.submit(delay(0.3)) for _ in range(4)]
    running = 0
    while any(master.status_of(one) not in ("success", "error") for one in delays):
        running = max(running, sum(master.status_of(one) == "running" for one in delays))
        time.sleep(0.02)
    assert running == 2
    assert {master.status_of(one) for one in delays} == {"success"}


def test_an_opcode_predicate_holds_when_it_does_for_one_of_the_jobs_opcodes(master: Master) -> None:
    add(master, "PAUSE", ["opcode", ["&", ["=", "OP_ID", "OP_TAGS_SET"], ["=", "kind", "node"]]])
    on_node = tagging("t", kind="node", name="node2")
    assert stays_queued(master, master.submit(tagging("t"), on_node))
    assert master.end_of(master.submit(tagging("t"))) == "success"
    # one without such a parameter is left alone
    assert master.end_of(master.submit(opcode("OP_OS_DIAGNOSE", output_fields=["name"], names=[]))) == "success"


def test_the_watermark_is_the_last_job_before_the_filter(master: Master) -> None:
    before = job(master, "before")
    add(master, "PAUSE", ["jobid", [">", "id", "watermark"]])
    [[watermark]] = master.ask("QueryFilters", None, ["watermark"])
    assert watermark == before
    assert stays_queued(master, job(master, "after"))


def test_watermark_is_a_word_like_others_where_no_ids_are_compared(master: Master) -> None:
    add(master, "PAUSE", reason("watermark"))
    assert stays_queued(master, job(master, "watermark"))


def test_filters_are_kept_when_the_master_is_killed(tmp_path_factory: pytest.TempPathFactory) -> None:
    master = Master(tmp_path_factory.mktemp("kept"))
    try:
        add(master, "PAUSE", reason("later"), priority=3)
        before = master.ask("QueryFilters", None, FIELDS)
        held = job(master, "later")
        master.kill()
        master.start()
        assert master.ask("QueryFilters", None, FIELDS) == before
        assert stays_queued(master, held)
    finally:
        master.stop()


def test_they_are_listed_by_their_uuids_all_or_some(master: Master) -> None:
    uuids = [add(master, "CONTINUE", priority=priority) for priority in (7, 1, 4)]
    assert master.ask("QueryFilters", None, ["uuid"]) == [[uuid] for uuid in sorted(uuids)]
    unknown = "00000000-0000-4000-8000-000000000000"
    assert master.ask("QueryFilters", [unknown, uuids[2]], ["priority"]) == [[4]]


@pytest.mark.parametrize(
    ("priority", "predicates", "action"),
    [
        (-1, [], "PAUSE"),
        (0, [["nonsense", ["=", "id", 1]]], "PAUSE"),
        (0, [["jobid"]], "PAUSE"),
        (0, [["jobid", ["nonsense", "id", 1]]], "PAUSE"),
        (0, [], "NONSENSE"),
        (0, [], ["RATE_LIMIT", 0]),
        (0, [], ["RATE_LIMIT", True]),
        (0, [], None),
    ],
)
def test_what_is_no_filter_cannot_be_read(master: Master, priority: int, predicates: Any, action: Any) -> None:
    with pytest.raises(Refused, match="Failed to parse request"):
        master.ask("ReplaceFilter", None, priority, predicates, action, [])
    assert master.ask("QueryFilters", None, ["uuid"]) == []
