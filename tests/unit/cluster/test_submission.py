"""Submissions whose answer gets lost, before a master that the test plays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from luxi_peer import Asked, Peer, deaf_socket
from rapier.cluster import submission
from rapier.cluster.submission import MARK, Submissions
from rapier.errors import JobQueueFull, MasterAbsent, MasterSilent, NotSubmitted, SubmissionUnknown
from rapier.luxi.client import Luxi

OPCODE: dict[str, Any] = {"OP_ID": "OP_TEST_DELAY", "duration": 0, "reason": [["gnt:test", "", 1]]}


class Queue:
    """A script: submissions are put into the queue, or not, and their answers lost in one way or another."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.jobs: dict[int, Any] = {}
        self.unreadable: set[int] = set()
        self.writes = True
        self.loses = "cut"
        self.appears_after_looks = 0
        self.looks = 0
        self.next_id = 7
        peer.script = self

    async def __call__(self, asked: Asked) -> None:
        if asked.method == "SubmitJob":
            await self.submit(asked)
            return
        assert asked.method == "Query"
        self.looks += 1
        kind, fields, condition = asked.args
        assert (kind, fields) == ("job", ["id", "ops", "archived"])
        least = condition[2] if condition else 0
        known = sorted(self.jobs) if self.looks > self.appears_after_looks else []
        rows = [
            [[0, one], [2, None] if one in self.unreadable else [0, self.jobs[one]], [0, False]]
            for one in known
            if one >= least
        ]
        asked.answer({"fields": [], "data": rows})

    async def submit(self, asked: Asked) -> None:
        if self.writes:
            self.next_id += 1
            self.jobs[self.next_id] = asked.args[0]
        match self.loses:
            case "cut":
                asked.cut()
            case "garbage":
                asked.send(b"not json\x03")
            case "nothing":
                asked.answer(self.next_id)


@pytest.fixture
def queue(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Queue:
    monkeypatch.setattr(submission, "LOOK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(submission, "LOOK_SECONDS", 0.5)
    return Queue(peer)


@pytest.fixture
def submissions(peer: Peer) -> Submissions:
    return Submissions(Luxi(peer.path, deadline_seconds=0.2))


async def test_each_opcode_carries_the_mark_behind_what_it_had(queue: Queue, submissions: Submissions) -> None:
    queue.loses = "nothing"
    assert await submissions([OPCODE, {"OP_ID": "OP_OS_DIAGNOSE"}]) == 8
    first, second = queue.jobs[8]
    assert first["reason"][0] == OPCODE["reason"][0]
    assert first["reason"][1] == second["reason"][0]
    assert first["reason"][1][0] == MARK
    assert OPCODE["reason"] == [["gnt:test", "", 1]]
    await submissions([OPCODE])
    assert queue.jobs[9][0]["reason"][1][1] != first["reason"][1][1]


@pytest.mark.parametrize("loses", ["cut", "garbage", "silence"])
async def test_a_job_whose_answer_was_lost_is_found_and_sent_once(
    queue: Queue, submissions: Submissions, peer: Peer, loses: str
) -> None:
    queue.loses = loses
    assert await submissions([OPCODE]) == 8
    assert peer.times_asked()["SubmitJob"] == 1
    assert (submissions.lost, submissions.found) == (1, 1)


@pytest.mark.parametrize("loses", ["cut", "garbage"])
async def test_a_job_that_is_not_there_was_not_submitted(queue: Queue, submissions: Submissions, loses: str) -> None:
    queue.loses, queue.writes = loses, False
    with pytest.raises(NotSubmitted) as raised:
        await submissions([OPCODE])
    assert queue.looks == 1
    assert raised.value.mark


async def test_after_silence_a_job_that_is_not_there_may_still_come(queue: Queue, submissions: Submissions) -> None:
    queue.loses, queue.writes = "silence", False
    with pytest.raises(SubmissionUnknown, match=MARK) as raised:
        await submissions([OPCODE])
    assert queue.looks > 5
    assert raised.value.mark in str(raised.value)


async def test_after_silence_a_job_that_comes_late_is_found(queue: Queue, submissions: Submissions) -> None:
    queue.loses, queue.appears_after_looks = "silence", 3
    assert await submissions([OPCODE]) == 8


async def test_with_an_unreadable_job_in_the_queue_nothing_is_denied(queue: Queue, submissions: Submissions) -> None:
    queue.writes = False
    queue.jobs[9], queue.unreadable = [], {9}
    with pytest.raises(SubmissionUnknown):
        await submissions([OPCODE])


async def test_a_luxid_that_stays_away_leaves_it_unknown(queue: Queue, submissions: Submissions, peer: Peer) -> None:
    async def dies(asked: Asked) -> None:
        await queue(asked)
        peer._server.close()  # type: ignore[union-attr]
        peer.path.unlink()

    peer.script = dies
    with pytest.raises(SubmissionUnknown):
        await submissions([OPCODE])


async def test_what_never_found_its_way_to_the_master_was_not_submitted(tmp_path: Path) -> None:
    with deaf_socket(tmp_path / "deaf"):
        deaf = Luxi(tmp_path / "deaf", deadline_seconds=0.1)
        with pytest.raises(MasterSilent):  # takes the one place in the socket's queue
            await deaf.query_cluster_info()
        with pytest.raises(NotSubmitted, match="Nothing was sent"):
            await Submissions(deaf)([OPCODE])


async def test_a_queue_that_began_anew_is_searched_as_a_whole(queue: Queue, submissions: Submissions) -> None:
    queue.loses, queue.next_id = "nothing", 5000
    await submissions([OPCODE])
    queue.jobs.clear()
    queue.loses, queue.next_id = "cut", 0
    assert await submissions([OPCODE]) == 1


async def test_of_a_job_and_those_that_it_submitted_the_first_is_ours(queue: Queue, submissions: Submissions) -> None:
    async def with_children(asked: Asked) -> None:
        if asked.method == "SubmitJob":
            queue.jobs |= {3: [{"reason": []}], 12: asked.args[0], 11: asked.args[0]}
            asked.cut()
        else:
            await queue(asked)

    queue.peer.script = with_children
    assert await submissions([OPCODE]) == 11


async def test_what_the_master_says_is_no_lost_answer(submissions: Submissions, peer: Peer) -> None:
    async def full(asked: Asked) -> None:
        asked.fail(["JobQueueFull", ["full"]])

    peer.script = full
    with pytest.raises(JobQueueFull):
        await submissions([OPCODE])
    nobody = Submissions(Luxi(peer.path.with_name("nobody")))
    with pytest.raises(MasterAbsent):
        await nobody([OPCODE])
    assert submissions.lost == nobody.lost == 0
