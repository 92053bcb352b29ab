"""A LUXI server of the tests' own, on a real unix socket: it does what a script says, rude things too, and counts."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from rapier.luxi.framing import END_OF_MESSAGE, Request, decode_request, encode_answer


class Asked:
    """One request as it reached the peer, and what the script may do about it."""

    def __init__(self, line: Line, request: Request) -> None:
        self._line = line
        self.connection = line.number
        self.method = request.method
        self.args: list[Any] = request.args

    def answer(self, result: Any) -> None:
        """Success, with `result`."""
        self.send(encode_answer(True, result))

    def fail(self, result: Any) -> None:
        """An error: `[class, [args]]`, or a bare text."""
        self.send(encode_answer(False, result))

    def send(self, data: bytes) -> None:
        """Whatever bytes."""
        self._line.transport.write(data)

    def cut(self) -> None:
        """Close the connection, after what was sent so far."""
        self._line.transport.close()


Script = Callable[[Asked], Awaitable[None]]


class Line(asyncio.Protocol):
    """One connection, from the peer's side."""

    transport: asyncio.Transport

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._received = b""
        self._unanswered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._peer.connections += 1
        self.number = self._peer.connections
        self._peer.lines.add(self)
        self._peer.most_connections = max(self._peer.most_connections, len(self._peer.lines))

    def connection_lost(self, exc: Exception | None) -> None:
        self._peer.lines.discard(self)

    def data_received(self, data: bytes) -> None:
        *messages, self._received = (self._received + data).split(END_OF_MESSAGE)
        for message in messages:
            self._peer.begin(self._obey(Asked(self, decode_request(message))))

    async def _obey(self, asked: Asked) -> None:
        self._unanswered += 1
        self._peer.note(asked, self._unanswered)
        try:
            await self._peer.script(asked)
        finally:
            self._unanswered -= 1


async def echo(asked: Asked) -> None:
    """The script of a peer that was told nothing else: answers what it was asked."""
    asked.answer([asked.method, asked.args])


class Peer:
    """A master daemon that follows `script`, which may be changed at any time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.script: Script = echo
        self.connections = 0  # ever opened
        self.lines: set[Line] = set()  # open now
        self.asked: list[Asked] = []
        self.most_connections = 0  # open at the same time
        self.most_on_a_connection = 0  # requests at the same time
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def times_asked(self) -> Counter[str]:
        """How often each method came."""
        return Counter(asked.method for asked in self.asked)

    async def start(self) -> None:
        """Listen at `path`."""
        self._server = await asyncio.get_running_loop().create_unix_server(lambda: Line(self), str(self.path))

    async def stop(self) -> None:
        """End as a daemon that is killed: all connections close, the socket refuses or is gone."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for line in list(self.lines):
            line.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    def begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def note(self, asked: Asked, unanswered_on_line: int) -> None:
        self.asked.append(asked)
        self.most_on_a_connection = max(self.most_on_a_connection, unanswered_on_line)

    async def until_asked(self, times: int) -> None:
        """Wait until that many requests have come, ever."""
        async with asyncio.timeout(5):
            while len(self.asked) < times:
                await asyncio.sleep(0.001)

    async def until_asked_for(self, method: str, times: int) -> None:
        """Wait until that many requests of a method have come, ever."""
        async with asyncio.timeout(5):
            while self.times_asked()[method] < times:
                await asyncio.sleep(0.001)

    async def until_connections(self, open_now: int) -> None:
        """Wait until that many connections are open."""
        async with asyncio.timeout(5):
            while len(self.lines) != open_now:
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def running_peer(path: Path) -> AsyncIterator[Peer]:
    """A peer that listens at `path` meanwhile."""
    peer = Peer(path)
    await peer.start()
    try:
        yield peer
    finally:
        await peer.stop()


@contextlib.contextmanager
def deaf_socket(path: Path, queue: int = 0) -> Any:
    """A socket that listens and never accepts, with room for `queue` + 1 connections."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(queue)
        yield listening
