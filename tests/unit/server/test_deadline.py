"""The deadline of a connection."""

from __future__ import annotations

import asyncio

from rapier.server.deadline import Deadline


async def test_it_passes_at_the_time_that_was_set_last() -> None:
    passed: list[float] = []
    loop = asyncio.get_running_loop()
    deadline = Deadline(loop, lambda: passed.append(loop.time()))
    began = loop.time()
    deadline.set(0.02)
    deadline.set(0.1)
    await asyncio.sleep(0.05)
    assert passed == []
    await asyncio.sleep(0.1)
    assert len(passed) == 1
    assert passed[0] - began >= 0.1


async def test_an_earlier_time_counts_too() -> None:
    passed: list[bool] = []
    deadline = Deadline(asyncio.get_running_loop(), lambda: passed.append(True))
    deadline.set(60)
    deadline.set(0.02)
    await asyncio.sleep(0.06)
    assert passed == [True]


async def test_one_that_was_unset_does_not_pass_and_can_be_set_again() -> None:
    passed: list[bool] = []
    deadline = Deadline(asyncio.get_running_loop(), lambda: passed.append(True))
    deadline.set(0.01)
    deadline.unset()
    await asyncio.sleep(0.03)
    assert passed == []
    deadline.set(0.01)
    await asyncio.sleep(0.03)
    assert passed == [True]


async def test_one_that_has_ended_leaves_no_timer_behind() -> None:
    passed: list[bool] = []
    deadline = Deadline(asyncio.get_running_loop(), lambda: passed.append(True))
    deadline.set(0.01)
    deadline.end()
    await asyncio.sleep(0.03)
    assert passed == []
    assert deadline._timer is None
