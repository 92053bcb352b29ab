"""A way from outside a lab's network namespace to a TCP port inside it.

A process of its own listens on 127.0.0.1 outside, enters the namespace, and hands bytes to and fro: the listening
socket keeps the namespace that it was made in, each new one gets the process's present one. It knows nothing of TLS or
HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

from lab.machine import LabError
from lab.namespace import FOLDER as NAMESPACES

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
MOST_CONNECTIONS = 512
_libc = ctypes.CDLL(None, use_errno=True)


class Relay:
    """`with Relay("lab1", ("198.51.100.10", 5080)) as relay:` gives `relay.port` on 127.0.0.1 for that while."""

    def __init__(self, namespace: str, target: tuple[str, int]) -> None:
        self._namespace, self._target = namespace, target
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        folder = str(Path(__file__).parent.parent)
        host, port = self._target
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, self._namespace, host, str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": folder},
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise LabError(f"the relay into {self._namespace} ended with {self._process.wait(5)}")
        self.port = int(line)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class _End(asyncio.Protocol):
    """One of the two connections of a pair: what it gets, the other sends, no faster than the other can."""

    def __init__(self, count: list[int]) -> None:
        self.count = count
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.count[0] += 1

    def data_received(self, data: bytes) -> None:
        if self.other and self.other.transport:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        if self.other and self.other.transport and self.other.transport.can_write_eof():
            self.other.transport.write_eof()
        return True  # the other direction may still have something to say

    def pause_writing(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.resume_reading()

    def connection_lost(self, problem: Exception | None) -> None:
        self.count[0] -= 1
        if self.other and self.other.transport:
            self.other.transport.close() if problem is None else self.other.transport.abort()
        self.transport = None


class _Outside(_End):
    """A client's connection: opens the way inside before it reads a byte."""

    def __init__(self, count: list[int], target: tuple[str, int]) -> None:
        super().__init__(count)
        self.target = target
        self.opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        if self.count[0] > 2 * MOST_CONNECTIONS:
            self.transport.abort()
            return
        self.transport.pause_reading()
        self.opening = asyncio.ensure_future(self._open(self.transport))

    async def _open(self, transport: asyncio.Transport) -> None:
        try:
            _, inside = await asyncio.get_running_loop().create_connection(lambda: _End(self.count), *self.target)
        except OSError:  # nobody listens there: say so the same way
            transport.abort()
            return
        self.other, inside.other = inside, self
        if self.transport is None:  # the client left meanwhile
            assert inside.transport is not None
            inside.transport.close()
            return
        transport.resume_reading()


async def _serve(listening: socket.socket, target: tuple[str, int]) -> None:
    count = [0]
    server = await asyncio.get_running_loop().create_server(lambda: _Outside(count, target), sock=listening)
    print(listening.getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


def main(namespace: str, host: str, port: str) -> None:
    """Relays until the process that started it ends."""
    parent = os.getppid()
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we could ask to be told
        return
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    with (NAMESPACES / namespace).open() as place:
        if _libc.setns(place.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {namespace}")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(listening, (host, int(port))))


if __name__ == "__main__":
    main(*sys.argv[1:])
