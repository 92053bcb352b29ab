"""Equal work that is under way is done once."""

from __future__ import annotations

import asyncio

import pytest

from rapier.access.joint import JointWork


class Work:
    """Work that the test ends when it likes, and that counts how often it was begun and broken off."""

    def __init__(self) -> None:
        self.begun = self.broken_off = 0
        self.end: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> str:
        self.begun += 1
        try:
            return await asyncio.shield(self.end)
        except asyncio.CancelledError:
            self.broken_off += 1
            raise


async def waiting_for(sharing: JointWork[str], work: Work, key: str = "key", count: int = 1) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(sharing.run(key, work)) for _ in range(count)]
    await asyncio.sleep(0.01)
    return tasks


async def test_all_who_ask_meanwhile_share_one_end_and_the_next_one_begins_anew() -> None:
    sharing: JointWork[str] = JointWork()
    work = Work()
    tasks = await waiting_for(sharing, work, count=10)
    work.end.set_result("done")
    assert await asyncio.gather(*tasks) == ["done"] * 10
    assert (work.begun, len(sharing)) == (1, 0)
    assert await sharing.run("key", work) == "done"
    assert work.begun == 2


async def test_other_keys_are_other_work() -> None:
    sharing: JointWork[str] = JointWork()
    work = Work()
    tasks = await waiting_for(sharing, work, "one") + await waiting_for(sharing, work, "two")
    work.end.set_result("done")
    await asyncio.gather(*tasks)
    assert work.begun == 2


async def test_an_error_reaches_all_who_share() -> None:
    sharing: JointWork[str] = JointWork()
    work = Work()
    tasks = await waiting_for(sharing, work, count=3)
    work.end.set_exception(ValueError("broken"))
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(answer) for answer in answers] == ["broken"] * 3


async def test_one_who_leaves_does_not_end_the_work_of_the_others() -> None:
    sharing: JointWork[str] = JointWork()
    work = Work()
    first, second = await waiting_for(sharing, work, count=2)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.end.set_result("done")
    assert await second == "done"
    assert work.broken_off == 0


async def test_when_the_last_one_leaves_the_work_is_broken_off_and_who_comes_then_does_not_share_in_it() -> None:
    sharing: JointWork[str] = JointWork()
    work = Work()
    [only] = await waiting_for(sharing, work)
    only.cancel()
    await asyncio.sleep(0)  # the waiter has seen it, the work has not
    late = asyncio.create_task(sharing.run("key", work))
    await asyncio.sleep(0.01)
    assert (work.begun, work.broken_off, len(sharing)) == (2, 1, 1)
    work.end.set_result("done")
    assert await late == "done"
