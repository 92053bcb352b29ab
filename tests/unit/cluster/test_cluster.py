"""One cluster over a real socket: fresh reads, submissions, jobs that are waited for."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from luxi_peer import Asked, Peer
from rapier.cluster import waiting
from rapier.cluster.cluster import Cluster
from rapier.errors import GanetiError, JobLost, MasterLost, OpExecError, OpPrereqError
from rapier.luxi.client import WAIT_CONNECTIONS

OPCODE = {"OP_ID": "OP_TEST_DELAY", "duration": 0, "reason": []}


def read(cluster: Cluster) -> Any:
    return cluster.read("info", cluster.luxi.query_cluster_info)


async def test_no_answer_is_older_than_its_question_however_clients_come_change_and_leave(
    peer: Peer, cluster: Cluster
) -> None:
    """The peer answers with the version that held when the call reached it."""
    version = 0

    async def versioned(asked: Asked) -> None:
        now = version
        await asyncio.sleep(0.002)
        asked.answer({"version": now})

    async def client(seed: int) -> None:
        nonlocal version
        chance = random.Random(seed)
        for _ in range(25):
            if chance.random() < 0.3:
                version += 1
            arrived_at = version
            asking = asyncio.ensure_future(read(cluster))
            if chance.random() < 0.3:
                await asyncio.sleep(chance.random() * 0.004)
                if asking.cancel():
                    continue
            answer = await asking
            assert answer["version"] >= arrived_at
            await asyncio.sleep(chance.random() * 0.003)

    peer.script = versioned
    await asyncio.gather(*(client(seed) for seed in range(20)))
    assert len(peer.asked) < 20 * 25 / 2
    assert peer.most_on_a_connection == 1


async def test_a_crowd_that_asks_at_once_costs_one_luxi_call(peer: Peer, cluster: Cluster) -> None:
    names = ["cluster_name"]
    await asyncio.gather(*(cluster.read("name", lambda: cluster.luxi.query_config_values(names)) for _ in range(100)))
    assert len(peer.asked) == 1


async def test_an_error_of_the_masters_reaches_all_who_share(peer: Peer, cluster: Cluster) -> None:
    async def failing(asked: Asked) -> None:
        asked.fail(["OpPrereqError", ["no", "unknown_entity"]])

    peer.script = failing
    answers = await asyncio.gather(*(read(cluster) for _ in range(5)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {OpPrereqError}
    assert len(peer.asked) == 1


async def test_a_submission_is_sent_once_and_its_id_is_a_number(peer: Peer, cluster: Cluster) -> None:
    async def number(asked: Asked) -> None:
        asked.answer("17")

    peer.script = number
    assert await cluster.submit([OPCODE]) == 17
    assert peer.asked[0].args == [[OPCODE]]


async def test_equal_submissions_are_never_shared_nor_repeated(peer: Peer, cluster: Cluster) -> None:
    async def every_other(asked: Asked) -> None:
        if len(peer.asked) % 2:
            asked.cut()
        else:
            asked.answer(len(peer.asked))

    peer.script = every_other
    answers = await asyncio.gather(*(cluster.submit([OPCODE]) for _ in range(8)), return_exceptions=True)
    assert peer.times_asked()["SubmitJob"] == 8
    assert sum(isinstance(answer, MasterLost) for answer in answers) == 4


def job_that(*changes: Any) -> Any:
    """A script: a job is submitted, and its waits answer these one after the other."""
    remaining = list(changes)

    async def script(asked: Asked) -> None:
        if asked.method == "SubmitJob":
            asked.answer(5)
            return
        change = remaining.pop(0)
        if isinstance(change, Exception):
            asked.fail([type(change).__name__, list(change.args)])
        else:
            asked.answer(change)

    return script


async def test_a_job_that_is_run_answers_its_result(peer: Peer, cluster: Cluster) -> None:
    peer.script = job_that([["queued", [None]], []], "nochange", [["running", [None]], []], [["success", [[1, 2]]], []])
    assert await cluster.run(OPCODE) == [1, 2]
    waits = [asked.args for asked in peer.asked if asked.method == "WaitForJobChange"]
    assert [wait[2] for wait in waits] == [None, ["queued", [None]], ["queued", [None]], ["running", [None]]]
    assert peer.times_asked()["SubmitJob"] == 1


@pytest.mark.parametrize(
    ("status", "result", "kind", "text"),
    [
        ("error", [["OpPrereqError", ["no such", "wrong_input"]]], OpPrereqError, "no such"),
        ("error", [["OpExecError", ["went wrong"]]], OpExecError, "went wrong"),
        ("error", [["HooksAbort", ["refused"]]], GanetiError, "refused"),
        ("error", [None], OpExecError, "job 5 ended error"),
        ("error", [], OpExecError, "job 5 ended error"),
        ("canceled", [None], OpExecError, "job 5 ended canceled"),
        ("canceled", ["Job canceled by request"], OpExecError, "Job canceled by request"),
    ],
)
async def test_a_job_that_ends_otherwise_raises_what_it_ended_with(
    peer: Peer, cluster: Cluster, status: str, result: list[Any], kind: type[GanetiError], text: str
) -> None:
    peer.script = job_that([[status, result], []])
    with pytest.raises(GanetiError) as raised:
        await cluster.run(OPCODE)
    assert type(raised.value) is kind
    assert raised.value.text == text


class Jobs:
    """A script for waits that do not end by themselves, and for looks at jobs."""

    def __init__(self, peer: Peer) -> None:
        self.status = "running"
        self.log: list[Any] = []
        peer.script = self

    async def __call__(self, asked: Asked) -> None:
        if asked.method == "QueryJobs":
            job_ids, fields = asked.args
            job_id = job_ids[0]
            known = {"id": job_id, "status": self.status, "oplog": [self.log]}
            if unknown := set(fields) - set(known):
                asked.fail(["OpPrereqError", [f"Unknown output fields selected: {', '.join(unknown)}", "wrong_input"]])
                return
            asked.answer([[known.get(field) for field in fields]] if job_id != 404 else [[None for _ in fields]])
        else:
            await asyncio.sleep(0.3)
            asked.answer("nochange")


async def crowd(cluster: Cluster) -> list[asyncio.Task[Any]]:
    """So many waiters that the next one finds no connection for itself."""
    waiters = [
        asyncio.create_task(cluster.waiting.change(1000 + number, ["status"], ["running"], None, 10))
        for number in range(WAIT_CONNECTIONS)
    ]
    await asyncio.sleep(0.05)
    return waiters


async def end(waiters: list[asyncio.Task[Any]]) -> None:
    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)


async def test_a_waiter_hears_of_nothing_when_the_time_is_over(peer: Peer, cluster: Cluster) -> None:
    Jobs(peer)
    assert await cluster.waiting.change(1, ["status"], ["running"], None, 1) is None


async def test_an_unknown_job_is_lost_with_and_without_a_connection(peer: Peer, cluster: Cluster) -> None:
    jobs = Jobs(peer)
    waiters = await crowd(cluster)
    with pytest.raises(JobLost, match="Can't load job file"):
        await cluster.waiting.change(404, ["status"], None, None, 10)
    await end(waiters)
    peer.script = job_that(JobLost("Can't load job file", []))
    with pytest.raises(JobLost):
        await cluster.waiting.change(404, ["status"], None, None, 10)
    assert jobs.status == "running"


async def test_beyond_the_connections_a_waiter_still_hears_of_changes_and_queries_go_on(
    peer: Peer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LOOK_EVERY_SECONDS", 0.01)
    jobs = Jobs(peer)
    waiters = await crowd(cluster)
    late = [asyncio.create_task(cluster.waiting.change(1, ["id"], [1], 3, 10)) for _ in range(50)]
    await asyncio.sleep(0.05)
    assert not any(waiter.done() for waiter in late)
    looks = peer.times_asked()["QueryJobs"]
    assert looks < 50
    jobs.log = [[3, 0, "message", "known"], [4, 0, "message", "new"]]
    assert await asyncio.gather(*late) == [([1], [[4, 0, "message", "new"]])] * 50
    jobs.log = []
    jobs.status = "success"
    assert await cluster.waiting.change(1, ["id"], [1], 3, 10) == ([1], [])
    await end(waiters)


async def test_beyond_the_connections_an_unknown_field_makes_all_null_too(peer: Peer, cluster: Cluster) -> None:
    jobs = Jobs(peer)
    jobs.log = [[1, 0, "message", "new"]]
    waiters = await crowd(cluster)
    assert await cluster.waiting.change(1, ["id", "no_such"], None, None, 10) == ([None, None], jobs.log)
    with pytest.raises(JobLost):
        await cluster.waiting.change(404, ["no_such"], None, None, 10)
    await end(waiters)


async def test_beyond_the_connections_the_time_is_kept_too(
    peer: Peer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LOOK_EVERY_SECONDS", 0.01)
    Jobs(peer)
    waiters = await crowd(cluster)
    assert await asyncio.wait_for(cluster.waiting.change(1, ["id"], [1], None, 0), 1) == ([1], [])
    await end(waiters)


async def test_waiters_who_leave_free_their_connections(peer: Peer, cluster: Cluster) -> None:
    Jobs(peer)
    waiters = await crowd(cluster)
    assert len(peer.lines) == WAIT_CONNECTIONS
    await end(waiters)
    await peer.until_connections(0)
    assert not cluster.waiting._calls


async def test_closing_ends_everything(peer: Peer, cluster: Cluster) -> None:
    Jobs(peer)
    reads = [asyncio.create_task(read(cluster)), *await crowd(cluster)]
    await cluster.close()
    answers = await asyncio.wait_for(asyncio.gather(*reads, return_exceptions=True), 2)
    assert all(isinstance(answer, (MasterLost, asyncio.CancelledError)) for answer in answers)
    await peer.until_connections(0)
