"""Guarded writers in several processes before one embedded master, and families of its jobs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.master import Master, creation, delay, opcode, tagging
from guarded_writers import writers
from rapier.cluster import settling
from rapier.cluster.cluster import Cluster
from rapier.cluster.guard import Submitted
from rapier.errors import Busy, JobLost, Stale
from rapier.ganeti.touching import Target
from rapier.luxi.client import Luxi


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Master]:
    running = Master(tmp_path)
    yield running
    running.stop()


async def test_of_twenty_writers_in_two_processes_exactly_one_wins(master: Master) -> None:
    outcomes = await asyncio.gather(*(writers(master.socket, 10, name) for name in "ab"))
    together = outcomes[0] + outcomes[1]
    assert together.total() == 20
    assert together["submitted"] == 1
    await asyncio.sleep(0.5)
    assert len(master.tags()) == 1


async def write(cluster: Cluster, tag: str, *, expected: set[str]) -> Submitted[list[str]]:
    return await cluster.guard.submit(
        read=lambda: cluster.luxi.query_tags("cluster", None),
        matches=lambda tags: set(tags) == expected,
        target=lambda tags: Target.object("cluster"),
        opcodes=lambda tags: [opcode("OP_TAGS_SET", kind="cluster", tags=[tag])],
    )


async def test_a_change_just_made_is_waited_out_and_the_settle_time_is_learnt(
    master: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "FIRST_SECONDS", 0.6)
    monkeypatch.setattr(settling, "LEAST_SECONDS", 0.1)
    cluster = Cluster(Luxi(master.socket))
    done: set[str] = set()
    for number in range(12):
        submitted = await write(cluster, f"t{number}", expected=set(done))
        assert set(submitted.current) == done
        await cluster.waiting.ended(submitted.job_id, 10)
        done.add(f"t{number}")
        await asyncio.sleep(0.05)
    assert cluster.guard.waited_out >= 11
    assert cluster.guard.settle_seconds == pytest.approx(0.1, abs=0.2)
    with pytest.raises(Stale) as stale:
        await write(cluster, "late", expected=set())
    assert set(stale.value.current) == done
    assert (cluster.guard.stale, cluster.guard.raced) == (1, 0)
    await cluster.close()


async def test_an_unfinished_job_that_touches_it_refuses_and_another_does_not(master: Master) -> None:
    cluster = Cluster(Luxi(master.socket))
    blocker = master.submit(delay(1.5), tagging("x"))
    with pytest.raises(Busy) as busy:
        await write(cluster, "y", expected=set())
    assert busy.value.job_ids == [blocker]
    master.end_of(blocker)
    master.submit(delay(5, "node2"), creation("elsewhere"))
    began = time.monotonic()
    assert (await write(cluster, "y", expected={"x"})).raced == ()
    assert time.monotonic() - began < 4
    assert cluster.guard.busy == 1
    await cluster.close()


async def test_who_leaves_before_the_submission_leaves_no_job_and_no_lock(master: Master) -> None:
    cluster = Cluster(Luxi(master.socket))
    reading = asyncio.Event()

    async def never() -> list[str]:
        reading.set()
        await asyncio.sleep(60)
        return []

    leaving = asyncio.create_task(
        cluster.guard.submit(
            read=never, matches=lambda _: True, target=lambda _: Target.everything(), opcodes=lambda _: [tagging("z")]
        )
    )
    await reading.wait()
    leaving.cancel()
    await asyncio.wait([leaving])
    submitted = await asyncio.wait_for(write(cluster, "next", expected=set()), 5)
    assert submitted.looked
    master.end_of(submitted.job_id)
    assert master.tags() == {"next"}
    await cluster.close()


async def test_the_family_of_a_job_alone_is_itself(master: Master) -> None:
    cluster = Cluster(Luxi(master.socket))
    job_id = master.submit(delay(0.4))
    assert (await cluster.families.read(job_id)).status == "unfinished"
    family = await cluster.families.wait(job_id, 10)
    assert (family.status, family.children, family.failures) == ("success", (), [])
    failed = await cluster.families.wait(master.submit(opcode("OP_INSTANCE_REMOVE", instance_name="nobody")), 10)
    assert failed.status == "error"
    assert failed.failures[0].error.text
    with pytest.raises(JobLost):
        await cluster.families.read(4040)
    await cluster.close()
