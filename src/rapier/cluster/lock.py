"""A lock among all processes of a host: `flock` on a file, which the kernel frees when its holder dies."""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rapier.errors import GuardHeld

TRY_EVERY_SECONDS = 0.01


class HostLock:
    """`async with lock.held():`; one holder among all who name the same file."""

    def __init__(self, path: Path, patience_seconds: float = 30.0) -> None:
        self.path = path
        self._patience_seconds = patience_seconds
        # In a process one waits for the file, the others for that one, in order
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Raises `GuardHeld` when others hold it for too long, and when its file cannot be opened."""
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._turn.acquire()
                try:
                    descriptor = await self._lock()
                except BaseException:
                    self._turn.release()
                    raise
        except TimeoutError:
            raise GuardHeld(f"others held {self.path} for {self._patience_seconds:g} s") from None
        try:
            yield
        finally:
            os.close(descriptor)  # and with it the lock goes
            self._turn.release()

    async def _lock(self) -> int:
        # Trying again, and not a blocking flock in a thread: a thread cannot be cancelled, and would take the lock for
        # a request that has gone. The calls below take microseconds.
        while True:
            descriptor = self._open()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_in_place(descriptor):
                    return descriptor
            except BlockingIOError:
                pass
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
            await asyncio.sleep(TRY_EVERY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311

    def _open(self) -> int:
        try:
            # For reading: any who may come into the folder may lock, whoever made the file
            return os.open(self.path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as problem:
            raise GuardHeld(f"cannot open the lock {self.path}: {problem.strerror}") from problem

    def _is_in_place(self, descriptor: int) -> bool:
        """Whether the file is still the one that others would open: who locked a removed one has locked nothing."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except FileNotFoundError:
            return False
