"""The guard's races, each made to happen by a master that the test plays."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from luxi_peer import Asked, Peer
from rapier.cluster import guard, settling
from rapier.cluster.cluster import Cluster
from rapier.cluster.guard import Submitted
from rapier.cluster.lock import HostLock
from rapier.cluster.settling import Settling
from rapier.errors import Busy, GuardHeld, Stale
from rapier.ganeti.touching import Target


class Queue:
    """A script: a queue of jobs on instance `web1`, and what others do at each step."""

    def __init__(self, peer: Peer) -> None:
        self.jobs: dict[int, dict[str, Any]] = {}
        self.value = "before"
        self.submits_as = 20
        self.at_submission: Any = lambda: None
        self.at_cancel: Any = lambda: self.end(self.submits_as, "canceled", started=False)
        self.cancelled: list[int] = []
        self.id_listings = 0
        peer.script = self

    def put(self, job_id: int, status: str = "queued", priority: int = 0, name: str = "web1", ago: float = 0) -> None:
        now = time.time() - ago
        stamp = [int(now), int(now % 1 * 1e6)]
        self.jobs[job_id] = {
            "id": job_id,
            "status": status,
            "opstatus": [status],
            "ops": [{"OP_ID": "OP_INSTANCE_SET_PARAMS", "instance_name": name, "reason": []}],
            "priority": priority,
            "start_ts": None if status == "queued" else stamp,
            "end_ts": stamp if status in ("success", "error", "canceled") else None,
            "oplog": [[]],
        }

    def end(self, job_id: int, status: str, *, started: bool) -> None:
        ops = self.jobs[job_id]["ops"]
        self.put(job_id, status)
        self.jobs[job_id]["ops"] = ops
        if not started:
            self.jobs[job_id]["start_ts"] = None

    async def __call__(self, asked: Asked) -> None:
        match asked.method:
            case "Query":
                self.id_listings += 1
                asked.answer({"fields": [], "data": [[[0, job_id]] for job_id in sorted(self.jobs)]})
            case "QueryJobs":
                none: dict[str, Any] = {}
                asked.answer([[self.jobs.get(one, none).get(f) for f in asked.args[1]] for one in asked.args[0]])
            case "SubmitJob":
                self.put(self.submits_as)
                self.jobs[self.submits_as]["ops"] = asked.args[0]
                self.at_submission()
                asked.answer(self.submits_as)
            case "CancelJob":
                self.cancelled.append(asked.args[0])
                self.at_cancel()
                asked.answer([True, "as you like"])
            case "WaitForJobChange":
                await asyncio.sleep(30)


@pytest.fixture
def queue(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Queue:
    monkeypatch.setattr(settling, "FIRST_SECONDS", 0.3)
    monkeypatch.setattr(guard, "CANCEL_SECONDS", 0.3)
    return Queue(peer)


async def write(cluster: Cluster, queue: Queue, *, expected: str = "before", during_read: Any = None) -> Submitted[str]:
    async def read() -> str:
        value = queue.value
        if during_read:
            during_read()
        return value

    return await cluster.guard.submit(
        read=read,
        matches=lambda value: value == expected,
        target=lambda _: Target.object("instance", "web1", "uuid-1"),
        opcodes=lambda _: [{"OP_ID": "OP_INSTANCE_SET_PARAMS", "instance_name": "web1", "reason": []}],
    )


async def test_nobody_else_there_it_is_submitted(cluster: Cluster, queue: Queue) -> None:
    queue.put(3, "success", ago=3600)
    queue.put(4, "running", name="elsewhere")
    assert await write(cluster, queue) == Submitted(20, "before")


async def test_a_changed_object_is_stale_even_while_a_job_touches_it(cluster: Cluster, queue: Queue) -> None:
    queue.put(3, "running")
    with pytest.raises(Stale) as stale:
        await write(cluster, queue, expected="long ago")
    assert stale.value.current == "before"
    assert 20 not in queue.jobs


async def test_a_job_submitted_while_the_object_is_read_is_seen(cluster: Cluster, queue: Queue) -> None:
    with pytest.raises(Busy, match="9"):
        await write(cluster, queue, during_read=lambda: queue.put(9))
    assert 20 not in queue.jobs


async def test_a_job_that_ends_while_the_object_is_read_is_waited_out_and_its_change_seen(
    cluster: Cluster, queue: Queue
) -> None:
    queue.put(3, "running")

    def ends() -> None:
        if queue.jobs[3]["status"] == "running":
            queue.put(3, "success")
            queue.value = "after"

    with pytest.raises(Stale) as stale:
        await write(cluster, queue, during_read=ends)
    assert stale.value.current == "after"
    assert cluster.guard.waited_out == 1


async def test_the_settle_time_is_waited_out_without_the_lock(cluster: Cluster, queue: Queue, peer: Peer) -> None:
    queue.put(3, "success")
    waiting = asyncio.create_task(write(cluster, queue))
    await asyncio.sleep(0.15)
    async with asyncio.timeout(0.1), HostLock(peer.path.with_name(guard.LOCK_NAME)).held():
        assert not waiting.done()
    assert (await waiting).job_id == 20


async def test_a_job_that_never_began_needs_no_time(cluster: Cluster, queue: Queue) -> None:
    queue.put(3)
    queue.end(3, "canceled", started=False)
    assert (await write(cluster, queue)).job_id == 20
    assert cluster.guard.waited_out == 0


@pytest.mark.parametrize(
    ("job_id", "status", "priority", "counts"),
    [
        (15, "queued", 0, True),  # before ours
        (25, "queued", -10, True),  # more urgent
        (25, "running", 0, True),  # has overtaken ours
        (25, "success", 0, True),
        (25, "queued", 0, False),  # after ours
        (25, "queued", 10, False),
    ],
)
async def test_a_job_that_comes_with_ours(
    cluster: Cluster, queue: Queue, job_id: int, status: str, priority: int, counts: bool
) -> None:
    queue.at_submission = lambda: queue.put(job_id, status, priority)
    if not counts:
        assert await write(cluster, queue) == Submitted(20, "before")
        assert queue.cancelled == []
        return
    with pytest.raises(Busy) as busy:
        await write(cluster, queue)
    assert busy.value.job_ids == [job_id]
    assert queue.cancelled == [20]


async def test_a_job_with_a_lower_id_than_those_noted_may_come_late(cluster: Cluster, queue: Queue) -> None:
    """luxid gives an id before it writes the job."""
    queue.put(12, "success", ago=3600)
    queue.at_submission = lambda: queue.put(11)
    with pytest.raises(Busy, match="11"):
        await write(cluster, queue)


async def test_of_another_object_it_does_not_count(cluster: Cluster, queue: Queue) -> None:
    queue.at_submission = lambda: queue.put(15, "running", name="elsewhere")
    assert (await write(cluster, queue)).raced == ()


@pytest.mark.parametrize("ends", ["success", "running", "error"])
async def test_ours_that_cannot_be_cancelled_says_who_raced(cluster: Cluster, queue: Queue, ends: str) -> None:
    """luxid answers true for a job that has ended."""
    queue.at_submission = lambda: queue.put(15)
    queue.at_cancel = lambda: queue.end(20, ends, started=True)
    assert await write(cluster, queue) == Submitted(20, "before", (15,))
    assert (cluster.guard.raced, cluster.guard.busy) == (1, 0)


async def test_ours_that_was_cancelled_between_its_opcodes_has_done_something(cluster: Cluster, queue: Queue) -> None:
    queue.at_submission = lambda: queue.put(15)

    def half_done() -> None:
        queue.end(20, "canceled", started=True)
        queue.jobs[20]["opstatus"] = ["success", "canceled"]

    queue.at_cancel = half_done
    assert (await write(cluster, queue)).raced == (15,)


async def test_who_leaves_during_the_submission_is_looked_after(cluster: Cluster, queue: Queue) -> None:
    leaving: list[asyncio.Task[Any]] = []

    def others_come_and_ours_leaves() -> None:
        queue.put(15)
        leaving[0].cancel()

    queue.at_submission = others_come_and_ours_leaves
    leaving.append(asyncio.create_task(write(cluster, queue)))
    await asyncio.wait(leaving)
    assert leaving[0].cancelled()
    await cluster.guard.close()
    assert queue.cancelled == [20]


async def test_jobs_that_ended_are_read_once(cluster: Cluster, queue: Queue, peer: Peer) -> None:
    for job_id in range(10):
        queue.put(job_id, "success", ago=3600)
    for own in (20, 21):
        queue.submits_as = own
        await write(cluster, queue)
        queue.end(own, "success", started=True)
        await asyncio.sleep(0.4)
    read = [asked.args[0] for asked in peer.asked if asked.method == "QueryJobs" and "ops" in asked.args[1]]
    assert read[0] == list(range(10))
    assert all(set(ids) <= {20, 21} for ids in read[1:])


# -- the lock --------------------------------------------------------------------------------------------------------


async def test_the_lock_has_one_holder_and_a_limit(tmp_path: Path) -> None:
    one, other = HostLock(tmp_path / "lock"), HostLock(tmp_path / "lock", patience_seconds=0.1)
    async with one.held():
        with pytest.raises(GuardHeld, match=r"0\.1 s"):
            async with other.held():
                pytest.fail("two holders")
    async with other.held():
        pass


async def test_a_removed_lock_file_is_none(tmp_path: Path) -> None:
    """One who locks a file that was removed meanwhile would hold nothing against the next."""
    path = tmp_path / "lock"
    first, second, third = (HostLock(path) for _ in range(3))
    inside = 0

    async def hold(lock: HostLock) -> None:
        nonlocal inside
        async with lock.held():
            inside += 1
            assert inside == 1
            await asyncio.sleep(0.1)
            inside -= 1

    async with first.held():
        waiting = [asyncio.create_task(hold(lock)) for lock in (second, third)]
        await asyncio.sleep(0.05)
    await asyncio.gather(*waiting)
    path.unlink()
    await asyncio.gather(hold(first), hold(second))


async def test_a_lock_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    with pytest.raises(GuardHeld, match="cannot open the lock"):
        async with HostLock(tmp_path / "no" / "lock").held():
            pytest.fail("held")


def test_the_settle_time_follows_what_is_seen() -> None:
    settle = Settling()
    assert settle.seconds == 2
    settle.take(1.5)
    assert settle.seconds == pytest.approx(4.5)
    for _ in range(settling.KEPT):
        settle.take(0.01)
    assert settle.seconds == 0.5
    settle.take(1000)
    assert settle.seconds == settling.MOST_SECONDS
