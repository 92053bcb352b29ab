"""Equal work that is under way is done once, and whoever asks for it meanwhile shares its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class JointWork(Generic[T]):
    """Runs one task for each key. A task lives as long as somebody waits for it."""

    def __init__(self) -> None:
        self._running: dict[Hashable, tuple[asyncio.Task[T], list[None]]] = {}

    def __len__(self) -> int:
        return len(self._running)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._running

    async def run(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `work` answers or raises; where work for `key` is under way, what that does."""
        if key in self._running:
            task, waiting = self._running[key]
        else:
            task, waiting = asyncio.create_task(work()), []
            self._running[key] = task, waiting
            task.add_done_callback(lambda done: self._forget(key, done))
        waiting.append(None)
        try:
            # One waiter that is cancelled must not end the work of the others.
            return await asyncio.shield(task)
        finally:
            waiting.pop()
            if not waiting and not task.done():
                self._forget(key, task)  # whoever comes now must not share in work that is being cancelled
                task.cancel()

    def _forget(self, key: Hashable, task: asyncio.Task[T]) -> None:
        if key in self._running and self._running[key][0] is task:
            del self._running[key]
