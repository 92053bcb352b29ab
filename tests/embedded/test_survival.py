"""A job survives `kill -9` at any moment: it is done or queued again, never lost, never run twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from embedded.conftest import Start
from embedded.master import Master, creation, delay, on_instance, opcode, tagging, untagging
from lab.luxi import Refused
from rapier.embedded.server import Connections

KILLS = 15


@dataclass
class Stream:
    """Submits jobs whose effects would show a second run, as fast as it can, until the master is gone."""

    master: Master
    number: int
    answered: dict[int, str] = field(default_factory=dict)  # each job's mark

    def run(self) -> None:
        """Until the connection breaks."""
        with contextlib.suppress(OSError):
            for turn in range(10_000):
                mark = f"m{self.number}.{turn}"
                # a second run of the middle one would fail, and so would one of the last
                job = [tagging(mark, f"{mark}.gone"), untagging(f"{mark}.gone"), creation(mark)]
                self.answered[self.master.submit(*job)] = mark


def test_whatever_was_answered_is_there_after_many_kills_and_has_had_its_effect_once(start: Start) -> None:
    master = start("--pace", "0.001")
    chance = random.Random(7)
    answered: dict[int, str] = {}
    slow = master.submit(delay(1.0), tagging("slow"), delay(0.2), untagging("slow"))
    for kill in range(KILLS):
        stream = Stream(master, kill)
        thread = threading.Thread(target=stream.run)
        thread.start()
        time.sleep(chance.uniform(0.005, 0.12))
        master.kill()
        thread.join()
        master.start()
        assert not answered.keys() & stream.answered.keys(), "an id was used twice"
        answered |= stream.answered
    assert len(answered) > KILLS
    last = max(answered)
    for job_id in answered:
        assert master.end_of(job_id, timeout_seconds=40) == "success", (job_id, master.job(job_id, "opresult"))
    assert master.end_of(slow) == "success"
    marks = set(answered.values())
    names = {name for [name] in master.ask("QueryInstances", [], ["name"], False)}
    assert marks <= names
    assert marks <= master.tags()
    assert not [tag for tag in master.tags() if tag.endswith(".gone") or tag == "slow"]
    assert master.submit(delay(0.01)) > last


def test_an_opcode_that_had_ended_is_not_run_again_and_one_at_work_is(start: Start) -> None:
    master = start()
    job_id = master.submit(tagging("a"), untagging("a"), delay(0.8), tagging("b"))
    while master.job(job_id, "opstatus") != ["success", "success", "running", "queued"]:
        time.sleep(0.01)
    ended = master.job(job_id, "opend")[:2]
    master.kill()
    master.start()
    assert master.end_of(job_id) == "success"
    assert master.job(job_id, "opend")[:2] == ended
    assert master.tags() == {"b"}


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_creation_that_is_begun_anew_after_its_priority_was_changed_succeeds(start: Start, how: str) -> None:
    """What a running opcode completes in its parameters, such as the node that was chosen, must not be kept early."""
    master = start("--pace", "0.5")
    job_id = master.submit(creation("web1", iallocator="hail", disks=[{"size": "1g"}], disk_template="sharedfile"))
    master.wait_for_status(job_id, "running")
    master.ask("ChangeJobPriority", job_id, -3)
    getattr(master, how)()
    master.start()
    assert master.end_of(job_id) == "success", master.job(job_id, "opresult")


def test_a_priority_changed_while_an_opcode_ends_does_not_bring_that_opcode_back(start: Start) -> None:
    master = start()
    job_ids = [master.submit(*[tagging(f"t{number}"), untagging(f"t{number}")] * 12) for number in range(6)]
    deadline = time.monotonic() + 15
    while any(master.status_of(job_id) not in ("success", "error") for job_id in job_ids):
        assert time.monotonic() < deadline
        for job_id in job_ids:
            master.ask("ChangeJobPriority", job_id, 3)
    before = [master.job(job_id, "status", "opstatus", "opend") for job_id in job_ids]
    master.kill()
    master.start()
    assert [master.job(job_id, "status", "opstatus", "opend") for job_id in job_ids] == before


def test_the_state_of_instances_and_the_switches_outlive_a_kill(start: Start) -> None:
    master = start("--instances", "3")
    serial = master.ask("QueryClusterInfo")["mtime"]
    master.run(creation("web9", tags=["x"], start=True))
    master.run(on_instance("OP_INSTANCE_SHUTDOWN", "www1"))
    master.ask("SetDrainFlag", True)
    master.ask("SetWatcherPause", 2_000_000_000)
    fields = ["name", "uuid", "serial_no", "status", "tags", "mtime"]
    before = master.ask("QueryInstances", [], fields, False)
    master.kill()
    master.start()
    assert master.ask("QueryInstances", [], fields, False) == before
    assert master.ask("QueryConfigValues", ["drain_flag", "watcher_pause"]) == [True, 2_000_000_000]
    assert master.ask("QueryClusterInfo")["mtime"] == serial
    with pytest.raises(Refused, match="Queue drained"):
        master.submit(delay(0.1))


def test_an_archived_job_stays_archived_and_its_id_is_not_used_again(start: Start) -> None:
    master = start()
    first, last = master.submit(delay(0.01)), master.submit(tagging("kept"))
    master.end_of(first)
    master.end_of(last)
    assert master.ask("AutoArchiveJobs", -1, 10) == [2, 0]
    for _ in range(2):
        assert master.ask("QueryJobs", None, ["id"]) == []
        assert master.job(last, "status", "archived", "summary") == ["success", True, ["TAGS_SET"]]
        assert master.ask("ArchiveJob", last) is False
        master.kill()
        master.start()
    assert master.submit(delay(0.01)) == last + 1


def test_a_cancelled_job_stays_cancelled(start: Start) -> None:
    master = start()
    blocking = master.submit(delay(2, "node1"))
    waiting = master.submit(tagging("never", depends=[[blocking, []]]), tagging("never.either"))
    assert master.ask("CancelJob", waiting)[0] is True
    master.kill()
    master.start()
    assert master.status_of(waiting) == "canceled"
    assert master.end_of(blocking) == "success"
    assert master.tags() == set()


def test_sigterm_ends_it_at_once_with_success_and_jobs_at_work_are_queued_again(start: Start) -> None:
    master = start()
    at_work = [master.submit(delay(0.7), tagging(f"done{number}")) for number in range(5)]
    behind = master.submit(delay(0.01, "node3"), tagging("behind", depends=[[at_work[0], ["success"]]]))
    for job_id in at_work:
        master.wait_for_status(job_id, "running")
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(master.ask, "WaitForJobChange", at_work[0], ["status"], ["running"], 9, 60)
        time.sleep(0.3)  # until it is connected
        began = time.monotonic()
        assert master.stop() == 0
        assert time.monotonic() - began < 2
        with pytest.raises(ConnectionError):
            waiter.result(5)
    assert not master.socket.exists()
    master.start()
    for job_id in [*at_work, behind]:
        assert master.end_of(job_id) == "success", master.job(job_id, "opresult")
    assert master.tags() == {"behind", *(f"done{number}" for number in range(5))}


async def test_who_was_being_accepted_when_all_were_cut_is_cut_too() -> None:
    ours, theirs = socket.socketpair()
    async with asyncio.TaskGroup() as group:
        connections = Connections(None, group)  # type: ignore[arg-type]
        connections.close()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        connections.accept(reader, writer)
    theirs.settimeout(5)
    assert await asyncio.to_thread(theirs.recv, 1) == b""
    theirs.close()


def test_an_opcode_that_is_not_carried_out_ends_its_job_with_an_error(start: Start) -> None:
    master = start()
    job_id = master.submit(opcode("OP_CLUSTER_REPAIR_DISK_SIZES"), tagging("never"))
    assert master.end_of(job_id) == "error"
    assert master.job(job_id, "opresult")[1] == ["OpExecError", ["Preceding opcode failed"]]
    assert master.tags() == set()
