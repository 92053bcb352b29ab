"""Which jobs run at the same time, in which order, what ends them early, and who hears of it."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from embedded.conftest import Start
from embedded.master import Master, creation, delay, on_instance, tagging
from lab.luxi import Refused


def times(master: Master, job_id: int) -> tuple[float, float]:
    """When a job's last opcode began to work, and when the job ended, in seconds."""
    began, ended = master.job(job_id, "opexec", "end_ts")
    return began[-1][0] + began[-1][1] / 1e6, ended[0] + ended[1] / 1e6


def order_of(master: Master, job_ids: list[int]) -> list[int]:
    """The jobs in the order in which they worked, none beside another."""
    for job_id in job_ids:
        assert master.end_of(job_id) == "success", master.job(job_id, "opresult")
    ordered = sorted(job_ids, key=lambda job_id: times(master, job_id))
    for one, following in pairwise(ordered):
        assert times(master, one)[1] <= times(master, following)[0]
    return ordered


@pytest.fixture(scope="module")
def paced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Master]:
    """One whose steps take 0.2 s, with instances."""
    master = Master(tmp_path_factory.mktemp("paced"), "--pace", "0.2", "--instances", "6")
    yield master
    master.stop()


def test_two_jobs_on_one_instance_run_one_after_the_other(paced: Master) -> None:
    jobs = [on_instance("OP_INSTANCE_SHUTDOWN", "www1"), tagging("t", kind="instance", name="www1")]
    jobs += [on_instance("OP_INSTANCE_STARTUP", "WWW1")]
    ids = [paced.submit(job) for job in jobs]
    assert order_of(paced, ids) == ids
    assert paced.instance("www1", "status", "tags") == ["running", ["role:www", "t"]]


def test_tags_set_by_name_and_by_uuid_at_the_same_time_are_all_there(paced: Master) -> None:
    [uuid] = paced.instance("wiki1", "uuid")
    called = [name for _ in range(3) for name in ("wiki1", uuid)]
    ids = [paced.submit(tagging(f"t{n}", kind="instance", name=name)) for n, name in enumerate(called)]
    assert order_of(paced, ids) == ids
    assert {f"t{number}" for number in range(6)} <= paced.tags("instance", "wiki1")


def test_jobs_on_different_instances_run_at_the_same_time(paced: Master) -> None:
    ids = [paced.submit(on_instance("OP_INSTANCE_REBOOT", name, reboot_type="hard")) for name in ("www1", "mail1")]
    for job_id in ids:
        assert paced.end_of(job_id) == "success"
    (began, ended), (began_too, ended_too) = (times(paced, job_id) for job_id in ids)
    assert max(began, began_too) < min(ended, ended_too)


def test_of_two_creations_with_one_mac_address_at_the_same_time_one_fails(paced: Master) -> None:
    nics = [{"mac": "AA:00:00:77:00:01"}], [{"mac": "aa:00:00:77:00:01"}]
    ids = [
        paced.submit(creation(f"mac{number}", pnode=f"node{number + 1}", nics=nic)) for number, nic in enumerate(nics)
    ]
    assert [paced.end_of(job_id) for job_id in ids] == ["success", "error"]
    text = "MAC address aa:00:00:77:00:01 already in use in cluster"
    assert paced.job(ids[1], "opresult") == [["OpPrereqError", [text, "resource_not_unique"]]]


def test_a_step_takes_as_long_as_the_pace_says(paced: Master) -> None:
    job_id = paced.submit(creation("paced1", start=True))
    assert paced.end_of(job_id) == "success"
    began, ended = times(paced, job_id)
    assert 0.4 <= ended - began < 1.5  # its disks, and its start


def test_nothing_of_a_job_at_work_is_seen_before_its_end(paced: Master) -> None:
    job_id = paced.submit(creation("unseen1", start=True))
    while paced.status_of(job_id) != "success":
        seen = [name for [name] in paced.ask("QueryInstances", [], ["name"], False)]
        assert "unseen1" not in seen or paced.status_of(job_id) == "success"
    assert paced.instance("unseen1", "status") == ["running"]


def test_the_most_urgent_job_comes_first_and_a_changed_priority_counts(master: Master) -> None:
    blocking = master.submit(delay(0.5, "node1"))
    master.wait_for_status(blocking, "running")
    low, normal, high, changed = (
        master.submit(delay(0.02, "node1", priority=priority)) for priority in (10, 0, -10, 10)
    )
    assert master.ask("ChangeJobPriority", changed, -20)[0] is True
    assert master.job(changed, "priority", "oppriority") == [-20, [-20]]
    assert order_of(master, [blocking, low, normal, high, changed]) == [blocking, changed, high, normal, low]


def test_no_more_jobs_run_than_may_and_the_urgent_ones_come_first(master: Master) -> None:
    most = master.ask("QueryClusterInfo")["max_running_jobs"]
    blocking = [master.submit(delay(0.6)) for _ in range(most)]
    low, high = master.submit(delay(0.05, priority=10)), master.submit(delay(0.05, priority=-10))
    assert {master.status_of(job_id) for job_id in blocking} == {"running"}
    assert [master.status_of(job_id) for job_id in (low, high)] == ["queued", "queued"]
    for job_id in (*blocking, low, high):
        assert master.end_of(job_id) == "success"
    assert times(master, high)[0] <= times(master, low)[0]


def test_who_waits_for_a_lock_is_shown_and_may_be_cancelled(master: Master) -> None:
    holding = master.submit(delay(1, "node4"))
    master.wait_for_status(holding, "running")
    waiting = master.submit(delay(0.1, "node4"), tagging("never"))
    master.wait_for_status(waiting, "waiting")
    locks = master.ask("Query", "lock", ["name", "mode", "owner", "pending"], None)["data"]
    [row] = [[value for _, value in row] for row in locks if row[0][1] == "node/node4"]
    assert row == ["node/node4", "exclusive", [str(holding)], [["exclusive", [str(waiting)]]]]
    assert master.ask("CancelJob", waiting) == [True, f"Job {waiting} canceled"]
    assert master.job(waiting, "status", "opstatus") == ["canceled", ["canceled", "canceled"]]
    assert master.end_of(holding) == "success"
    assert "never" not in master.tags()


def test_a_queued_job_is_cancelled_and_only_the_first_to_ask_is_told_so(master: Master) -> None:
    blocking = master.submit(delay(0.6))
    queued = master.submit(delay(0.1, depends=[[blocking, []]]))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: master.ask("CancelJob", queued), range(8)))
    assert [True, f"Dequeued job {queued}"] in answers
    assert sum(done for done, _ in answers) == 1
    assert master.job(queued, "status", "opresult") == ["canceled", [None]]


def test_a_running_job_that_is_cancelled_stops_before_its_next_opcode(master: Master) -> None:
    job_id = master.submit(delay(0.4), tagging("next"))
    master.wait_for_status(job_id, "running")
    done, _ = master.ask("CancelJob", job_id)
    assert done is False
    assert master.status_of(job_id) == "running"
    assert master.end_of(job_id) == "canceled"
    assert master.job(job_id, "opstatus") == ["success", "canceled"]
    assert "next" not in master.tags()


def test_a_running_job_that_is_killed_ends_at_once_and_gives_its_locks_back(master: Master) -> None:
    job_id = master.submit(delay(30, "node3"), tagging("next"))
    behind = master.submit(delay(0.01, "node3"))
    master.wait_for_status(job_id, "running")
    assert master.ask("CancelJob", job_id, True)[0] is True
    assert master.job(job_id, "status", "opstatus") == ["error", ["error", "error"]]
    assert master.end_of(behind, timeout_seconds=2) == "success"


def test_a_kill_that_meets_a_jobs_end_leaves_effect_and_status_in_agreement(master: Master) -> None:
    for turn in range(40):
        tag = f"race{turn}"
        job_id = master.submit(tagging(tag))
        master.ask("CancelJob", job_id, True)
        assert (master.end_of(job_id) == "success") == (tag in master.tags()), tag


def test_a_job_that_is_killed_in_the_moment_of_its_turn_ends(master: Master) -> None:
    for _ in range(20):
        first = master.submit(delay(0.005))
        following = master.submit(delay(0.2), delay(0.2, depends=[[first, []]]))
        master.ask("CancelJob", following, True)
        assert master.end_of(following, timeout_seconds=3) in ("canceled", "error")


def test_a_job_is_archived_once_though_many_ask(master: Master) -> None:
    job_id = master.submit(delay(0.01))
    master.end_of(job_id)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: master.ask("ArchiveJob", job_id), range(8)))
    assert sorted(answers) == [False] * 7 + [True]


def test_log_serials_rise_through_all_of_a_job_and_a_waiter_gets_what_is_new(master: Master) -> None:
    job_id = master.submit(delay(0.05, repeat=3), tagging("logged"), delay(0.05, repeat=2))
    assert master.end_of(job_id) == "success"
    entries = [entry for log in master.job(job_id, "oplog") for entry in log]
    assert [serial for serial, *_ in entries] == [1, 2, 3, 4, 5]
    assert [moment for _, moment, *_ in entries] == sorted(moment for _, moment, *_ in entries)
    _, new = master.ask("WaitForJobChange", job_id, ["status"], None, 3, 5)
    assert [entry[0] for entry in new] == [4, 5]


def test_a_waiter_is_told_at_once(master: Master) -> None:
    job_id = master.submit(delay(0.5))
    master.wait_for_status(job_id, "running")
    info, _ = master.ask("WaitForJobChange", job_id, ["status"], ["running"], None, 20)
    heard = time.time()
    assert info == ["success"]
    assert heard - times(master, job_id)[1] < 0.3


@pytest.mark.parametrize("field", ["received_ts", "oplog", "opstart", "ops", "summary", "opresult"])
def test_what_did_not_change_wakes_nobody(master: Master, field: str) -> None:
    """Whatever the field's value is made of: it comes back from the client as JSON."""
    job_id = master.submit(delay(3), tagging("never.seen", dry_run=True))
    master.wait_for_status(job_id, "running")
    [[known], log] = master.ask("WaitForJobChange", job_id, [field], None, None, 5)
    serial = log[-1][0] if log else None
    began = time.monotonic()
    assert master.ask("WaitForJobChange", job_id, [field], [known], serial, 1) == [[known], []]
    assert time.monotonic() - began > 0.9
    master.ask("CancelJob", job_id, True)


def _waiting(path: Path, job_id: int) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(str(path))
    request = {"method": "WaitForJobChange", "args": [job_id, ["status"], ["running"], None, 60]}
    connection.sendall(json.dumps(request).encode() + b"\x03")
    return connection


def test_two_hundred_waiters_on_one_job_are_all_told(master: Master) -> None:
    job_id = master.submit(delay(1.5))
    master.wait_for_status(job_id, "running")
    with ExitStack() as stack:
        waiters = [stack.enter_context(_waiting(master.socket, job_id)) for _ in range(200)]
        answers = [json.loads(waiter.recv(4096)[:-1])["result"] for waiter in waiters]
    heard = time.time()
    assert answers == [[["success"], []]] * 200
    assert heard - times(master, job_id)[1] < 1


def _open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def _open_files_at_rest(pid: int) -> int:
    """How many there are when the connections of earlier questions are closed."""
    counts = [_open_files(pid)]
    while len(counts) < 10 or len(set(counts[-10:])) > 1:
        time.sleep(0.02)
        counts.append(_open_files(pid))
    return counts[-1]


def test_waiters_that_leave_are_forgotten_long_before_the_end_of_their_wait(master: Master) -> None:
    job_id = master.submit(delay(20))
    master.wait_for_status(job_id, "running")
    before = _open_files_at_rest(master.program.pid)
    waiters = [_waiting(master.socket, job_id) for _ in range(50)]
    master.status_of(job_id)
    assert _open_files(master.program.pid) >= before + 50
    for waiter in waiters:
        waiter.close()
    deadline = time.monotonic() + 3
    while _open_files(master.program.pid) > before:
        assert time.monotonic() < deadline, "connections of clients that left are still open"
        time.sleep(0.02)
    master.ask("CancelJob", job_id, True)


def test_a_client_that_ends_its_sending_gets_its_answer_all_the_same(master: Master) -> None:
    job_id = master.submit(delay(0.4))
    master.wait_for_status(job_id, "running")
    with _waiting(master.socket, job_id) as waiter:
        waiter.shutdown(socket.SHUT_WR)
        assert json.loads(waiter.recv(4096)[:-1])["result"][0] == ["success"]


def test_a_client_that_leaves_before_the_answer_has_still_submitted_its_job(start: Start) -> None:
    master = start()
    request = {"method": "SubmitJob", "args": [[tagging("done")]]}
    for _ in range(30):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(master.socket))
            connection.sendall(json.dumps(request).encode() + b"\x03")
    deadline = time.monotonic() + 10
    while (rows := master.ask("QueryJobs", None, ["status"])) != [["success"]] * 30:
        assert time.monotonic() < deadline, rows
        time.sleep(0.02)


def test_a_full_queue_takes_no_more_until_jobs_are_archived(start: Start) -> None:
    master = start()
    dry: list[dict[str, Any]] = [tagging("x", dry_run=True)]
    ids = [job_id for _, job_id in master.ask("SubmitManyJobs", [dry] * 5000)]
    with pytest.raises(Refused, match="JobQueueFull"):
        master.submit(*dry)
    assert master.end_of(ids[-1]) == "success"
    assert master.ask("AutoArchiveJobs", -1, 10) == [5000, 0]
    assert master.submit(*dry) > ids[-1]


def test_clients_that_vanish_with_answers_unread_harm_nobody_else(master: Master) -> None:
    """Closing with unread bytes resets the connection, in the middle of a wait too."""
    job_id = master.submit(delay(3))
    master.wait_for_status(job_id, "running")
    asked = json.dumps({"method": "QueryClusterInfo", "args": []}).encode() + b"\x03"
    waits = {"method": "WaitForJobChange", "args": [job_id, ["status"], ["running"], None, 60]}
    for pause in (0, 0.001, 0.005, 0.02) * 10:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(master.socket))
            connection.sendall(asked * 20 + json.dumps(waits).encode() + b"\x03")
            time.sleep(pause)
    assert master.status_of(job_id) == "running"
    master.ask("CancelJob", job_id, True)
    assert "Traceback" not in master.program.log
