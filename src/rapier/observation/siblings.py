"""The workers of one daemon, asking each other for their figures.

Each listens at an abstract unix socket (unix(7)) with a name that the parent made up before it forked. Such a name can
be taken once, and the kernel frees it with the process: whose socket answers is alive, and a dead worker's number goes
to the one that takes its place. Names are no secret on a host, so each side looks who the other is.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import struct
from collections.abc import Callable

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 1.0  # for one that hangs: its figures are missing then
LARGEST_BYTES = 8 * 1024 * 1024


class Siblings:
    """The workers by their numbers, from 1. Made before they are started; `start` it in each."""

    def __init__(self, count: int) -> None:
        self._name = f"rapier-{os.getpid()}-{secrets.token_hex(16)}"
        # twice as many: somebody who takes our names away, out of spite, takes the figures and nothing else
        self._numbers = range(1, 2 * count + 1) if count > 1 else range(0)
        self._server: asyncio.Server | None = None
        self.number = 1  # this worker's

    async def start(self, figures: Callable[[], bytes]) -> None:
        """Takes the first number that is free, and tells what `figures()` answers to whoever of us asks."""

        async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                if _is_ours(writer.get_extra_info("socket")):
                    writer.write(figures())
                    await writer.drain()
            except ConnectionError:
                pass  # who asked has lost patience
            finally:
                writer.close()

        for number in self._numbers:
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                listening.bind(self._address(number))
            except OSError:
                listening.close()
                continue
            self.number = number
            self._server = await asyncio.start_unix_server(tell, sock=listening)
            return
        if self._numbers:
            log.warning("no name for this worker's figures is free: its metrics will be missing")

    async def ask(self) -> dict[int, bytes]:
        """What the others say, by number. Who does not answer in time, or is none of us, is missing."""
        others = [number for number in self._numbers if number != self.number]
        answers = await asyncio.gather(*map(self._ask, others))
        return {number: answer for number, answer in zip(others, answers, strict=True) if answer is not None}

    async def _ask(self, number: int) -> bytes | None:
        asking = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            asking.connect(self._address(number))
            if not _is_ours(asking):
                raise PermissionError
            async with asyncio.timeout(PATIENCE_SECONDS):
                reader, writer = await asyncio.open_unix_connection(sock=asking, limit=LARGEST_BYTES)
                try:
                    return await reader.read(-1) or None
                finally:
                    writer.close()
        except (OSError, TimeoutError):  # nobody has that number, or hangs
            asking.close()
            return None

    def _address(self, number: int) -> bytes:
        return f"\0{self._name}-{number}".encode()

    async def close(self) -> None:
        """Answers no more."""
        if self._server is not None:
            self._server.close()


def _is_ours(connected: socket.socket) -> bool:
    """Whether a process of our user, or root, is at the other end: who connected, or who began to listen."""
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return user in (0, os.geteuid())
