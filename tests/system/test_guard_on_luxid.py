"""Guarded writes, families and waiting on a real luxid."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from conftest import Figures
from guarded_writers import writers
from lab import VirtualCluster
from rapier.cluster.cluster import Cluster
from rapier.cluster.guard import Submitted
from rapier.errors import Busy, Stale
from rapier.ganeti.touching import Target
from rapier.luxi.client import Luxi

pytestmark = pytest.mark.real


@pytest_asyncio.fixture
async def cluster(lab: VirtualCluster) -> AsyncIterator[Cluster]:
    """The real cluster, without tags of its own and with nothing under way."""
    cluster = Cluster(Luxi(lab.luxi_socket))
    if tags := await cluster.luxi.query_tags("cluster", None):
        await cluster.run({"OP_ID": "OP_TAGS_DEL", "kind": "cluster", "tags": tags, "reason": []})
    await asyncio.sleep(2)
    yield cluster
    await cluster.close()


def tagging(tag: str, **params: Any) -> dict[str, Any]:
    return {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": [tag], "reason": [], **params}


async def write(cluster: Cluster, tag: str, expected: set[str]) -> Submitted[list[str]]:
    return await cluster.guard.submit(
        read=lambda: cluster.luxi.query_tags("cluster", None),
        matches=lambda tags: set(tags) == expected,
        target=lambda tags: Target.object("cluster"),
        opcodes=lambda tags: [tagging(tag)],
    )


async def test_of_twenty_writers_in_two_processes_exactly_one_wins(cluster: Cluster, figures: Figures) -> None:
    began = time.monotonic()
    first, second = await asyncio.gather(*(writers(cluster.luxi.socket_path, 10, name) for name in "ab"))
    together = first + second
    figures("20 guarded writers in two processes", rapier=f"{dict(together)}, {time.monotonic() - began:.1f} s")
    assert together["submitted"] == 1
    assert together.total() == 20
    await asyncio.sleep(1)
    assert len(await cluster.luxi.query_tags("cluster", None)) == 1


async def test_guarded_writes_one_after_the_other(cluster: Cluster, figures: Figures) -> None:
    done: set[str] = set()
    seconds = []
    for number in range(4):
        began = time.monotonic()
        submitted = await write(cluster, f"t{number}", set(done))
        seconds.append(time.monotonic() - began)
        assert submitted.looked
        assert submitted.raced == ()
        done.add(f"t{number}")
        assert (await cluster.families.wait(submitted.job_id, 20)).status == "success"
    assert set(await cluster.luxi.query_tags("cluster", None)) == done
    with pytest.raises(Stale):
        await write(cluster, "late", set())
    figures(
        "a guarded write with nobody there; just after another, settle time",
        rapier=f"{seconds[0]:.2f} s; {max(seconds[1:]):.2f} s, {cluster.guard.settle_seconds:.1f} s",
    )


async def test_a_job_of_somebody_else_between_the_reading_and_the_submission_is_seen(cluster: Cluster) -> None:
    """It comes after step 4, which finds nothing, and before luxid takes ours."""
    theirs: list[int] = []
    real = cluster.submissions.__class__.__call__

    async def late(submissions: Any, opcodes: Any) -> int:
        theirs.append(await cluster.submit([tagging("theirs")]))
        return await real(submissions, opcodes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster.submissions.__class__, "__call__", late)
        try:
            raced: tuple[int, ...] = (await write(cluster, "ours", set())).raced
        except Busy as busy:
            raced = tuple(busy.job_ids)
            await asyncio.sleep(1)
            assert "ours" not in await cluster.luxi.query_tags("cluster", None)
    assert raced == tuple(theirs)


async def test_a_parent_that_submits_jobs_ends_with_its_last_child(cluster: Cluster) -> None:
    job_id = await cluster.submissions(
        [{"OP_ID": "OP_CLUSTER_VERIFY", "debug_simulate_errors": False, "skip_checks": [], "reason": []}]
    )
    family = await cluster.families.wait(job_id, 60)
    assert family.children
    assert family.status in ("success", "error")
    assert all(child.job_id > job_id for child in family.children)
    assert not family.unfinished


async def test_many_who_wait_for_a_real_job_hear_of_its_end(cluster: Cluster, figures: Figures) -> None:
    delay = {"OP_ID": "OP_TEST_DELAY", "duration": 2, "on_master": True, "on_nodes": [], "no_locks": True, "reason": []}
    job_ids = [await cluster.submit([delay]) for _ in range(10)]
    tasks = [asyncio.create_task(cluster.waiting.ended(job_ids[number % 10], 60)) for number in range(1000)]
    seconds = []
    while not all(task.done() for task in tasks):
        began = time.perf_counter()
        await cluster.luxi.query_config_values(["cluster_name"])
        seconds.append(time.perf_counter() - began)
        await asyncio.sleep(0.01)
    assert all(progress.finished for progress in await asyncio.gather(*tasks))
    figures(
        "p50 of a query while 1,000 wait for 10 real jobs",
        rapier=f"{sorted(seconds)[len(seconds) // 2] * 1e3:.2f} ms",
    )


def test_the_lock_is_where_the_stock_daemons_user_may_write(lab: VirtualCluster) -> None:
    path = lab.luxi_socket.with_name("rapier-guard.lock")
    folder: Path = path.parent
    assert folder.stat().st_mode & 0o070 == 0o070
    assert folder.group() == "gnt-daemons"
