"""A job's outcome is its family's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from luxi_peer import Asked, Peer
from rapier.cluster.cluster import Cluster
from rapier.cluster.waiting import LOOK_EVERY_SECONDS
from rapier.errors import JobLost, OpPrereqError


class Jobs:
    """A script: jobs by id, as (status, opcodes' statuses, results)."""

    def __init__(self, peer: Peer) -> None:
        self.jobs: dict[int, tuple[str, list[str], list[Any]]] = {}
        peer.script = self

    def set(self, job_id: int, status: str, *results: Any) -> None:
        self.jobs[job_id] = (status, [status for _ in results] or [status], list(results) or [None])

    async def __call__(self, asked: Asked) -> None:
        match asked.method:
            case "Query":
                wanted = [one[2] for one in asked.args[2][1:]]
                rows = [
                    [[0, job_id], *([0, value] for value in self.jobs[job_id]), [0, [[]]], [0, ["X"]], [0, False]]
                    for job_id in wanted
                    if job_id in self.jobs
                ]
                rows += [[[0, job_id], *([2, None],) * 6] for job_id in wanted if job_id not in self.jobs]
                asked.answer({"fields": [], "data": rows})
            case "QueryJobs":
                [job_id] = asked.args[0]
                asked.answer([[*self.jobs[job_id][:2], [[]]]])
            case "WaitForJobChange":
                job_id, _, info, *_ = asked.args
                while list(self.jobs[job_id][:2]) == info:
                    await asyncio.sleep(0.01)
                asked.answer([list(self.jobs[job_id][:2]), []])


@pytest.fixture
def jobs(peer: Peer) -> Jobs:
    return Jobs(peer)


def submits(*jobs: Any) -> dict[str, Any]:
    return {"jobs": [[isinstance(job, int), job] for job in jobs]}


async def test_a_success_with_a_child_in_the_queue_is_unfinished(cluster: Cluster, jobs: Jobs) -> None:
    jobs.set(1, "success", submits(2, 3))
    jobs.set(2, "success")
    jobs.set(3, "queued")
    family = await cluster.families.read(1)
    assert (family.status, family.unfinished) == ("unfinished", [3])
    assert [child.job_id for child in family.children] == [2, 3]


async def test_one_child_that_fails_is_a_failure_that_says_which(cluster: Cluster, jobs: Jobs) -> None:
    jobs.set(1, "success", submits(2, 3))
    jobs.set(2, "success")
    jobs.set(3, "error", ["OpPrereqError", ["no memory", "insufficient_resources"]])
    family = await cluster.families.read(1)
    assert family.status == "error"
    [failure] = family.failures
    assert (failure.job_id, failure.error.text, type(failure.error)) == (3, "no memory", OpPrereqError)


async def test_a_child_that_could_not_be_submitted_is_a_failure(cluster: Cluster, jobs: Jobs) -> None:
    jobs.set(1, "success", submits(2, "queue is full"))
    jobs.set(2, "success")
    family = await cluster.families.read(1)
    assert family.status == "error"
    assert [(failure.job_id, failure.error.text) for failure in family.failures] == [(None, "queue is full")]


async def test_a_cancelled_child_makes_the_family_cancelled_unless_another_failed(cluster: Cluster, jobs: Jobs) -> None:
    jobs.set(1, "success", submits(2))
    jobs.set(2, "canceled")
    assert (await cluster.families.read(1)).status == "canceled"
    jobs.set(1, "success", submits(2, 3))
    jobs.set(3, "error", None)
    family = await cluster.families.read(1)
    assert family.status == "error"
    assert family.failures[0].error.text == "job 3 ended error"


async def test_grandchildren_belong_to_it_and_a_circle_ends(cluster: Cluster, jobs: Jobs) -> None:
    jobs.set(1, "success", submits(2))
    jobs.set(2, "success", None, submits(3, "4"))
    jobs.set(3, "success", submits(1, 2))
    family = await cluster.families.read(1)
    assert [child.job_id for child in family.children] == [2, 3]
    assert [failure.error.text for failure in family.failures] == ["4"]


async def test_the_family_is_waited_for_children_that_come_later_included(cluster: Cluster, jobs: Jobs) -> None:
    jobs.set(1, "running")
    waiting = asyncio.create_task(cluster.families.wait(1, 20))
    await asyncio.sleep(0.05)
    jobs.set(2, "queued")
    jobs.set(1, "success", submits(2))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    jobs.set(2, "success", submits())
    family = await asyncio.wait_for(waiting, 2 * LOOK_EVERY_SECONDS)
    assert family.status == "success"
    jobs.set(2, "running")
    assert (await asyncio.wait_for(cluster.families.wait(1, 0.1), 1)).unfinished == [2]


async def test_an_unknown_job_has_no_family(cluster: Cluster, jobs: Jobs) -> None:
    with pytest.raises(JobLost):
        await cluster.families.wait(404, 1)
