"""The bare LUXI call: a socket for each client that sends a request and reads up to the end byte, again and again.

One thread looks after all of them, so that what is measured is luxid and not the threads of a client.
"""

from __future__ import annotations

import json
import selectors
import socket
import statistics
import time
from pathlib import Path
from typing import Any

from bench.wrk import Measured

LONGEST_SECONDS = 120


class _Client:
    """One connection: how long each of its calls took."""

    def __init__(self, luxi_socket: Path, message: bytes) -> None:
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(str(luxi_socket))
        self._message = message
        self._buffer = bytearray(1 << 20)
        self.times: list[float] = []

    def ask(self) -> None:
        """Sends the next request."""
        self._began = time.perf_counter()
        self.connection.sendall(self._message)

    def read(self) -> bool:
        """Takes what has come; whether the answer is whole."""
        size = self.connection.recv_into(self._buffer)
        if size == 0:
            raise ConnectionError("luxid closed the connection")
        if self._buffer[size - 1] != 0x03:
            return False
        self.times.append(time.perf_counter() - self._began)
        return True


def run(
    luxi_socket: Path, method: str, args: list[Any], *, clients: int, seconds: float, at_least: int = 1
) -> Measured:
    """Asks luxid for `seconds`, and until `at_least` answers have come, over so many connections."""
    message = json.dumps({"method": method, "args": args, "version": 3000000}).encode() + b"\x03"
    asking = [_Client(luxi_socket, message) for _ in range(clients)]
    started = time.perf_counter()
    answered = 0
    with selectors.DefaultSelector() as selector:
        for client in asking:
            selector.register(client.connection, selectors.EVENT_READ, client)
            client.ask()
        while (spent := time.perf_counter() - started) < seconds or (answered < at_least and spent < LONGEST_SECONDS):
            for key, _ in selector.select(1):
                if key.data.read():
                    answered += 1
                    key.data.ask()
    took = time.perf_counter() - started
    for client in asking:
        client.connection.close()
    times = [one for client in asking for one in client.times]
    cuts = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
    return Measured(len(times) / took, cuts[49] * 1000, cuts[98] * 1000)


def settle(luxi_socket: Path, quick_ms: float = 2.0, patience_seconds: float = 60.0) -> None:
    """Returns when luxid answers a small call quickly, again and again: it goes on working for clients that left."""
    end = time.monotonic() + patience_seconds
    quick = 0
    while quick < 3 and time.monotonic() < end:
        took = run(luxi_socket, "QueryClusterInfo", [], clients=1, seconds=0.05).p50_ms
        quick = quick + 1 if took < quick_ms else 0
