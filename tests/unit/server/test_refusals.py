"""What is said about refusals."""

from __future__ import annotations

import asyncio

import pytest

from rapier.server.refusals import Refusals


async def test_the_first_is_said_at_once_and_a_flood_as_one_number(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals(asyncio.get_running_loop(), every_seconds=0.05)
    for number in range(500):
        refusals.note("connections", "too many", f"192.0.2.{number}")
    refusals.note("late", "too slow", "192.0.2.7")
    assert caplog.messages == ["refused 192.0.2.0: too many", "refused 192.0.2.7: too slow"]
    await asyncio.sleep(0.08)
    assert caplog.messages[2:] == ["refused 499 more, the last one 192.0.2.499: too many"]
    assert refusals.total == {"connections": 500, "late": 1}


async def test_after_a_quiet_time_the_next_is_said_at_once_again(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals(asyncio.get_running_loop(), every_seconds=0.02)
    refusals.note("connections", "too many", "192.0.2.1")
    await asyncio.sleep(0.05)
    refusals.note("connections", "too many", "192.0.2.2")
    assert caplog.messages == ["refused 192.0.2.1: too many", "refused 192.0.2.2: too many"]
