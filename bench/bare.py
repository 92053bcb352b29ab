"""The bare LUXI call: a blocking socket that sends a request and reads up to the end byte, again and again."""

from __future__ import annotations

import json
import socket
import statistics
import threading
import time
from pathlib import Path
from typing import Any

from bench.wrk import Measured


def run(luxi_socket: Path, method: str, args: list[Any], *, clients: int, seconds: float) -> Measured:
    """Asks luxid for `seconds` over so many connections, a thread each."""
    message = json.dumps({"method": method, "args": args, "version": 3000000}).encode() + b"\x03"
    times: list[float] = []
    started = time.perf_counter()
    end = started + seconds
    threads = [threading.Thread(target=_ask, args=(luxi_socket, message, end, times)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - started
    cuts = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
    return Measured(len(times) / took, cuts[49] * 1000, cuts[98] * 1000)


def settle(luxi_socket: Path, quick_ms: float = 2.0, patience_seconds: float = 60.0) -> None:
    """Returns when luxid answers a small call quickly, again and again: it goes on working for clients that left."""
    end = time.monotonic() + patience_seconds
    quick = 0
    while quick < 3 and time.monotonic() < end:
        took = run(luxi_socket, "QueryClusterInfo", [], clients=1, seconds=0.05).p50_ms
        quick = quick + 1 if took < quick_ms else 0


def _ask(luxi_socket: Path, message: bytes, end: float, times: list[float]) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(luxi_socket))
        buffer = bytearray(1 << 20)
        while (began := time.perf_counter()) < end:
            connection.sendall(message)
            while True:
                size = connection.recv_into(buffer)
                if size == 0:
                    raise ConnectionError("luxid closed the connection")
                if buffer[size - 1] == 0x03:
                    break
            times.append(time.perf_counter() - began)
