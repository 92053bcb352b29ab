"""Equal reads share one call, and yet nobody gets an answer that is older than their question.

A request may take the answer of a call that begins after the request arrived, never of one that began before: a change
made in between would be missing from it, and a client would not read its own writes. So who arrives while a call is
under way waits for its end, and then for the next call, together with all who arrived in the meantime. However many
ask, one call of a kind is under way, and nobody waits for more than two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class _Line:
    """The calls of one kind: the task that makes them, and who waits for the one that is still to begin.

    Each who waits has a future of its own: one that is cancelled leaves the others alone, and that costs less than
    `asyncio.shield` around a shared one.
    """

    __slots__ = ("task", "waiting")

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[Any]] = []
        self.task: asyncio.Task[None] | None = None


class Sharing:
    """`await sharing(key, make)`: what `make()` answers, shared with all who ask for `key` before it begins."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, _Line] = {}
        self.calls = 0  # that were made
        self.shared = 0  # answers that cost no call of their own

    async def __call__(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The answer of a call that begins not before now; raises what that call raises.

        A caller that is cancelled leaves the call to the others who wait for it. One that nobody waits for any more is
        not begun; one that was begun goes on.
        """
        loop = asyncio.get_running_loop()
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line()
            # kept in the line: asyncio itself holds a task only weakly
            line.task = loop.create_task(self._run(key, line, make))
        answer: asyncio.Future[T] = loop.create_future()
        line.waiting.append(answer)
        return await answer

    async def _run(self, key: Hashable, line: _Line, make: Callable[[], Awaitable[Any]]) -> None:
        """Makes calls as long as somebody waits for one. From its first step on a call takes no newcomers."""
        while line.waiting:
            waiting, line.waiting = line.waiting, []
            try:
                if not _still_wanted(waiting):
                    continue
                self.calls += 1
                self.shared += len(waiting) - 1
                result = await make()
            except asyncio.CancelledError:
                for answer in waiting:
                    answer.cancel()
                raise
            except Exception as problem:
                for answer in _still_wanted(waiting):
                    answer.set_exception(problem)
            else:
                for answer in _still_wanted(waiting):
                    answer.set_result(result)
        self._lines.pop(key, None)

    async def close(self) -> None:
        """Ends the calls under way; who waits is cancelled."""
        lines = list(self._lines.values())
        self._lines.clear()
        tasks = [line.task for line in lines if line.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for line in lines:
            for answer in line.waiting:
                answer.cancel()


def _still_wanted(waiting: list[asyncio.Future[Any]]) -> list[asyncio.Future[Any]]:
    return [answer for answer in waiting if not answer.done()]
