"""Jobs of the embedded master beside a real luxid's: what is taken, how they end, and what those who wait are told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from embedded.master import Master, creation, delay, on_instance, opcode, tagging, untagging
from embedded.pair import Pair, Side
from lab import VirtualCluster

pytestmark = pytest.mark.real

UNKNOWN = 99_999_999
NAME = "e-nosuch.test"  # no opcode here makes anything on the real cluster
SHORT = 0.15


@pytest.fixture(scope="module")
def pair(lab: VirtualCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    master = Master(tmp_path_factory.mktemp("master"))
    yield Pair(Side(lab.luxi_socket), Side(master.socket), "e-")
    master.stop()


def assert_same(pair: Pair, ask: Callable[[Side], Any]) -> Any:
    """Both answer the same: what."""
    real, embedded = pair.both(ask)
    assert embedded == real
    return embedded


REFUSED: list[Any] = [
    *(None, 5, "x", {}, [5], [{}], [{"OP_ID": "OP_NOSUCH", "reason": []}], [delay(SHORT), {"OP_ID": "OP_NOSUCH"}]),
    *([{"OP_ID": "OP_TEST_DELAY"}], [{"OP_ID": "OP_TEST_DELAY", "reason": []}], [delay("x")]),  # type: ignore[arg-type]
    *([delay(SHORT, nosuch=1)], [delay(SHORT, priority=99)], [delay(SHORT, priority="x")], [delay(SHORT, dry_run="x")]),
    *([delay(SHORT, depends=5)], [delay(SHORT, depends=[[1]])], [delay(SHORT, depends=[["x", []]])]),
    *([delay(SHORT, depends=[[-1, ["nosuch"]]])], [delay(SHORT, comment=5)], [delay(SHORT, debug_level=-1)]),
    *([delay(SHORT) | {"reason": reason}] for reason in (None, "x", [5], [["a"]], [["a", "b", "c"]], [[None, "b", 1]])),
    *([tagging("x", kind="nosuch")], [untagging("x") | {"tags": "x"}], [tagging() | {"tags": [5]}]),
    *([opcode("OP_INSTANCE_STARTUP")], [on_instance("OP_INSTANCE_STARTUP", "")]),
    *([on_instance("OP_INSTANCE_REBOOT", NAME, reboot_type="nosuch")], [creation(NAME, mode="nosuch")]),
    *([creation(NAME, disks=[{"size": "x"}])], [creation(NAME, nics=[{"nosuch": 1}])]),
]


@pytest.mark.parametrize("job", REFUSED)
def test_what_is_no_job(pair: Pair, job: Any) -> None:
    def taken(side: Side) -> Any:
        outcomes = side("SubmitJob", job), side("SubmitManyJobs", [job])
        return [outcome[0] if outcome[0] == "ok" else outcome for outcome in outcomes]

    assert_same(pair, taken)


FAILING = [  # those of HTTP requests are compared in tests/conformance
    *(on_instance("OP_INSTANCE_STARTUP", NAME), on_instance("OP_INSTANCE_REMOVE", NAME), tagging("a b")),
    *(untagging("e-nosuch"), untagging("x", kind="node", name="nosuch"), creation(NAME, disk_template="drbd")),
    *(creation("a b"), creation(NAME, ip_check=True), delay(SHORT, "nosuch"), delay(0)),
]


def test_what_fails_fails_with_the_same_error(pair: Pair) -> None:
    def ends(side: Side) -> list[Any]:
        job_ids = [side.submit(failing, delay(SHORT)) for failing in FAILING]
        ends = [side.end_of(job_id) for job_id in job_ids]
        return [(job["OP_ID"], *end[:3]) for job, end in zip(FAILING, ends, strict=True)]

    real, embedded = pair.both(ends)
    different = [(theirs, ours) for theirs, ours in zip(real, embedded, strict=True) if theirs != ours]
    assert not different
    assert {end[1] for end in embedded} == {"error"}


def test_jobs_that_depend_on_jobs_of_each_end(pair: Pair) -> None:
    def ends(side: Side) -> list[Any]:
        good = side.submit(delay(SHORT))
        bad = side.submit(on_instance("OP_INSTANCE_STARTUP", NAME))
        # waits for a job that is still at work when it is cancelled, however slow the machine
        canceled = side.submit(delay(SHORT, depends=[[side.submit(delay(6)), []]]))
        assert side.result("CancelJob", canceled, False)[0]
        depending = []
        for job_id in (good, bad, canceled, UNKNOWN):
            for statuses in ([], ["error", "canceled"]):
                depending.append(side.submit(delay(SHORT, depends=[[job_id, statuses]])))
        depending.append(side.submit(delay(SHORT), delay(SHORT, depends=[[bad, ["success"]]]), delay(SHORT)))
        depending.append(side.submit(delay(SHORT, depends=[[good, ["success"]], [bad, ["success"]]])))
        depending.append(side.submit(delay(SHORT, depends=[[str(good), ["success"]]])))
        jobs = [[delay(SHORT)], [delay(SHORT, depends=[[-1, ["success"]]])], [delay(SHORT, depends=[[-2, []]])]]
        depending += [job_id for _, job_id in side.result("SubmitManyJobs", jobs)]
        return [side.end_of(job_id) for job_id in depending]

    assert_same(pair, ends)


def test_a_job_waits_for_what_its_later_opcodes_depend_on(pair: Pair) -> None:
    def seen(side: Side) -> Any:
        first = side.submit(delay(2))
        side.wait_for(first, "running")
        following = side.submit(delay(SHORT), delay(SHORT, depends=[[first, ["success"]]]))
        time.sleep(0.5)
        return side.job(following, "status", "opstatus"), side.end_of(following)

    assert_same(pair, seen)


def test_a_job_in_each_state_is_cancelled_archived_and_given_another_priority(pair: Pair) -> None:
    def story(side: Side) -> dict[str, Any]:
        told: dict[str, Any] = {}

        def tell(what: str, job_id: int, method: str, *arguments: Any) -> None:
            outcome = side(method, job_id, *arguments)
            told[f"{method} {arguments}, {what}"] = str(outcome).replace(str(job_id), "N")

        running = side.submit(delay(6), delay(SHORT))
        queued = [side.submit(delay(SHORT, depends=[[running, ["canceled"]]])) for _ in range(4)]
        side.wait_for(running, "running")
        for what, job_id in (("running", running), ("queued", queued[0])):
            tell(what, job_id, "ArchiveJob")
        tell("queued", queued[0], "ChangeJobPriority", 5)
        told["priorities"] = side.job(queued[0], "priority", "oppriority", "status")
        tell("queued", queued[1], "CancelJob")
        tell("canceled", queued[1], "CancelJob")
        tell("queued", queued[2], "CancelJob", True)
        tell("running", running, "CancelJob")
        tell("running and told", running, "CancelJob")
        told["ends"] = [side.end_of(job_id) for job_id in (running, *queued)]
        for method, arguments in (
            ("CancelJob", [True]),
            ("ChangeJobPriority", [5]),
            ("ArchiveJob", []),
            ("ArchiveJob", []),
        ):
            tell("ended", running, method, *arguments)
        told["archived"] = side.end_of(running)
        tell("archived", running, "CancelJob")
        tell("archived", running, "WaitForJobChange", ["status"], None, None, 1)
        told["depends"] = side.end_of(side.submit(delay(SHORT, depends=[[running, ["canceled"]]])))
        return told

    real, embedded = pair.both(story)
    assert {what: (real[what], embedded[what]) for what in real if real[what] != embedded[what]} == {}


def test_a_running_job_is_killed(pair: Pair) -> None:
    def killed(side: Side) -> Any:
        job_id = side.submit(delay(20), delay(SHORT))
        side.wait_for(job_id, "running")
        return side.result("CancelJob", job_id, True), side.end_of(job_id)

    assert_same(pair, killed)


WAITS: list[list[Any]] = [
    *([["status"], None, None, 1], [["status"], ["running"], None, 0], [["status"], ["nosuch"], 0, 1], [[], [], 0, 0]),
    *([["nosuch", "status"], None, 0, 1], [["nosuch", "status"], [None, None], 0, 1], [["status"], 5, "x", 1]),
    *(["status", None, None, 1], [["status"], ["running"], None, -1], [["status"], ["running"], None, 0.1]),
    *([["status"], ["running"], None, 1], [["status"], ["running"], None, "1"], [["status"], ["running"], None, None]),
    *([["status"]], [5, None, None, 1]),
]


def test_what_those_who_wait_are_told_and_when(pair: Pair) -> None:
    def waits(side: Side) -> list[Any]:
        job_id = side.submit(delay(6))
        side.wait_for(job_id, "running")
        told = []
        for arguments in WAITS:
            began = time.monotonic()
            outcome = side("WaitForJobChange", job_id, *arguments)
            told.append((arguments, outcome, round(time.monotonic() - began)))
        told.append(side("WaitForJobChange", job_id, ["status"], ["running"], None, 20))
        told.append(side("WaitForJobChange", job_id, ["status"], ["success"], 9, 20))
        told.append(side("WaitForJobChange", UNKNOWN, ["status"], None, None, 1))
        return told

    assert_same(pair, waits)
