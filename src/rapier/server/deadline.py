"""One deadline for a connection, moved at every request for the price of an assignment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

NEVER = float("inf")


class Deadline:
    """Calls `passed` when the time that was set last is over.

    A kept-alive connection sets its deadline twice for each request, almost always to a later time. So the loop's timer
    is left where it is, and set anew when it fires too early; only a deadline that comes before the timer moves it.
    """

    __slots__ = ("_due", "_loop", "_passed", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, passed: Callable[[], None]) -> None:
        self._loop = loop
        self._passed = passed
        self._due = NEVER
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """From now on the deadline is in `seconds`."""
        self._due = due = self._loop.time() + seconds
        timer = self._timer
        if timer is None:
            self._timer = self._loop.call_at(due, self._fired)
        elif due < timer.when():
            timer.cancel()
            self._timer = self._loop.call_at(due, self._fired)

    def unset(self) -> None:
        """There is no deadline for now."""
        self._due = NEVER

    def end(self) -> None:
        """There will never be one again: the timer is given back."""
        self._due = NEVER
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fired(self) -> None:
        self._timer = None
        if self._due == NEVER:
            return
        if self._loop.time() < self._due:
            self._timer = self._loop.call_at(self._due, self._fired)
            return
        self._due = NEVER
        self._passed()
