"""Waiting is shared: many waiters, few calls."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from typing import Any

import pytest

from conftest import Figures
from luxi_peer import Asked, Peer
from rapier.cluster import waiting
from rapier.cluster.cluster import Cluster
from rapier.errors import JobLost
from rapier.luxi.client import WAIT_CONNECTIONS


class Jobs:
    """A script: jobs with a status and a log; a wait answers when the job differs from what its asker knows."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.status: dict[int, str] = {}
        self.log: dict[int, list[Any]] = {}
        self.changed = asyncio.Event()
        self.wait_seconds = 30.0
        peer.script = self

    def set(self, job_id: int, status: str, log: list[Any] | None = None) -> None:
        self.status[job_id] = status
        self.log[job_id] = log or []
        self.changed.set()
        self.changed = asyncio.Event()

    def row(self, job_id: int, fields: list[str]) -> list[Any]:
        status = self.status.get(job_id)
        if status is None:
            return [None for _ in fields]
        known = {"id": job_id, "status": status, "opstatus": [status], "oplog": [self.log[job_id]]}
        return [known[field] for field in fields]

    async def __call__(self, asked: Asked) -> None:
        match asked.method:
            case "QueryJobs":
                asked.answer([self.row(job_id, asked.args[1]) for job_id in asked.args[0]])
            case "WaitForJobChange":
                job_id, fields, info, serial, _ = asked.args
                end = time.monotonic() + self.wait_seconds
                while time.monotonic() < end:
                    now, log = self.row(job_id, fields), [e for e in self.log[job_id] if e[0] > (serial or -1)]
                    if now != info or log or self.status[job_id] in ("success", "error"):
                        break
                    changed = self.changed
                    await asyncio.wait([asyncio.ensure_future(changed.wait())], timeout=end - time.monotonic())
                asked.answer([now, log])
            case _:
                asked.answer(["cluster"])


@pytest.fixture
def jobs(peer: Peer) -> Jobs:
    return Jobs(peer)


async def known(cluster: Cluster, job_id: int) -> str:
    return (await cluster.waiting.progress(job_id)).serial


async def test_a_serial_moves_with_status_and_log_and_with_nothing_else(cluster: Cluster, jobs: Jobs) -> None:
    jobs.set(1, "running")
    running = await known(cluster, 1)
    assert await known(cluster, 1) == running
    jobs.set(1, "running", [[1, 0, "message", "on it"]])
    logged = await known(cluster, 1)
    jobs.set(1, "waiting", [[1, 0, "message", "on it"]])
    assert len({running, logged, await known(cluster, 1)}) == 3
    jobs.set(1, "running")  # there and back: the same state has the same serial
    assert await known(cluster, 1) == running


async def test_who_knows_another_state_is_answered_at_once_and_with_what_is(cluster: Cluster, jobs: Jobs) -> None:
    jobs.set(1, "running")
    progress = await asyncio.wait_for(cluster.waiting.progress(1, "another", 30), 1)
    assert (progress.status, progress.finished) == ("running", False)
    jobs.set(1, "success")
    ended = await cluster.waiting.progress(1)
    assert await asyncio.wait_for(cluster.waiting.progress(1, ended.serial, 30), 1) == ended


async def test_one_wait_per_job_however_many_wait_and_all_hear_of_the_change(
    cluster: Cluster, jobs: Jobs, peer: Peer
) -> None:
    jobs.set(1, "running")
    serial = await known(cluster, 1)
    crowd = [asyncio.create_task(cluster.waiting.progress(1, serial, 30)) for _ in range(200)]
    await asyncio.sleep(0.1)
    assert peer.times_asked()["WaitForJobChange"] == 1
    looks = peer.times_asked()["QueryJobs"]
    jobs.set(1, "success")
    assert {progress.status for progress in await asyncio.gather(*crowd)} == {"success"}
    assert peer.times_asked()["QueryJobs"] - looks <= 2


async def test_equal_waits_of_version_2_share_a_call(cluster: Cluster, jobs: Jobs, peer: Peer) -> None:
    jobs.set(1, "running")
    crowd = [asyncio.create_task(cluster.waiting.change(1, ["status"], ["running"], None, 30)) for _ in range(50)]
    other = asyncio.create_task(cluster.waiting.change(1, ["id"], [1], None, 30))
    await asyncio.sleep(0.05)
    assert peer.times_asked() == {"WaitForJobChange": 2}
    jobs.set(1, "success")
    assert await asyncio.gather(*crowd) == [(["success"], [])] * 50
    assert await other == ([1], [])


async def test_who_joins_late_waits_for_its_own_time_not_for_the_calls(cluster: Cluster, jobs: Jobs) -> None:
    jobs.set(1, "running")
    jobs.wait_seconds = 0.3
    first = asyncio.create_task(cluster.waiting.change(1, ["status"], ["running"], None, 1))
    await asyncio.sleep(0.2)
    late = asyncio.create_task(cluster.waiting.change(1, ["status"], ["running"], None, 3))
    assert await first == (["running"], [])
    await asyncio.sleep(0.05)
    assert not late.done()
    jobs.set(1, "success")
    assert await late == (["success"], [])
    jobs.set(1, "running")
    jobs.wait_seconds = 30
    first = asyncio.create_task(cluster.waiting.change(1, ["status"], ["running"], None, 30))
    await asyncio.sleep(0.05)
    assert await asyncio.wait_for(cluster.waiting.change(1, ["status"], ["running"], None, 0), 1) == (["running"], [])
    first.cancel()


async def test_the_first_who_waits_may_leave_and_the_last_takes_the_call_away(
    cluster: Cluster, jobs: Jobs, peer: Peer
) -> None:
    jobs.set(1, "running")
    serial = await known(cluster, 1)
    first, second = (asyncio.create_task(cluster.waiting.progress(1, serial, 30)) for _ in range(2))
    await asyncio.sleep(0.05)
    first.cancel()
    await asyncio.sleep(0.05)
    assert not second.done()
    jobs.set(1, "waiting")
    assert (await second).status == "waiting"
    third = asyncio.create_task(cluster.waiting.progress(1, await known(cluster, 1), 30))
    await asyncio.sleep(0.05)
    third.cancel()
    await peer.until_connections(1)  # the one that queries use
    assert not cluster.waiting._calls


async def test_time_over_is_told_as_it_is(cluster: Cluster, jobs: Jobs) -> None:
    jobs.set(1, "running")
    serial = await known(cluster, 1)
    assert (await asyncio.wait_for(cluster.waiting.progress(1, serial, 0.1), 1)).serial == serial
    assert (await asyncio.wait_for(cluster.waiting.ended(1, 0.1), 1)).status == "running"


async def test_an_unknown_job_is_lost(cluster: Cluster, jobs: Jobs) -> None:
    with pytest.raises(JobLost):
        await cluster.waiting.progress(404, "x", 10)


async def test_beyond_the_connections_one_look_is_for_all(
    cluster: Cluster, jobs: Jobs, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LOOK_EVERY_SECONDS", 0.1)
    count = WAIT_CONNECTIONS + 100
    for job_id in range(count):
        jobs.set(job_id, "running")
    serial = await known(cluster, 0)
    tasks: list[asyncio.Task[Any]] = [
        asyncio.create_task(cluster.waiting.progress(job_id, serial, 30)) for job_id in range(count)
    ]
    tasks += [
        asyncio.create_task(cluster.waiting.change(job_id, ["id"], [job_id], None, 30))
        for job_id in range(WAIT_CONNECTIONS, count)
    ]
    await asyncio.sleep(0.5)
    assert peer.times_asked()["WaitForJobChange"] == WAIT_CONNECTIONS
    looks = peer.times_asked()["QueryJobs"]
    await asyncio.sleep(0.45)
    rounds = [asked for asked in peer.asked if asked.method == "QueryJobs"][looks:]
    assert 2 <= len(rounds) <= 6
    assert all(asked.args[0] == list(range(count)) for asked in rounds)  # the places are taken by those of version 2
    for job_id in range(count):
        jobs.set(job_id, "error")
    answers = await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert all(answer.status == "error" for answer in answers[:count])


@pytest.mark.alone
async def test_a_thousand_waiters_are_cheap_and_queries_stay_fast(
    cluster: Cluster, jobs: Jobs, peer: Peer, figures: Figures
) -> None:
    for job_id in range(10):
        jobs.set(job_id, "running")
    serial = await known(cluster, 0)

    async def median_query() -> float:
        seconds = []
        for _ in range(200):
            began = time.perf_counter()
            await cluster.luxi.query_config_values(["cluster_name"])
            seconds.append(time.perf_counter() - began)
        return sorted(seconds)[100]

    alone = await median_query()
    tracemalloc.start()
    tasks = [asyncio.create_task(cluster.waiting.progress(number % 10, serial, 60)) for number in range(1000)]
    await asyncio.sleep(0.5)
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    meanwhile = await median_query()
    assert peer.times_asked()["WaitForJobChange"] == 10
    assert peer.times_asked()["QueryJobs"] <= 1 + 2 * 10
    for job_id in range(10):
        jobs.set(job_id, "success")
    began = time.perf_counter()
    assert all(progress.finished for progress in await asyncio.gather(*tasks))
    heard = time.perf_counter() - began
    figures("1,000 waiters on 10 jobs: memory of all", rapier=f"{memory / 1024:.0f} KiB")
    figures("p50 of a query without them, and meanwhile", rapier=f"{alone * 1e3:.2f}, {meanwhile * 1e3:.2f} ms")
    figures("seconds until all of them have heard", rapier=f"{heard:.3f}")
    assert memory < 16 << 20
    assert meanwhile < alone * 3 + 0.002
