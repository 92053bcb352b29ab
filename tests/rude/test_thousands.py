"""A thousand rude peers at once, an ordinary client in the midst of them; memory and files before, during and after.

The daemon is run as it is in earnest: TLS, a users file, a master behind it, the caps as they are. So a thousand come
from five addresses. What an ordinary client waits for is compared with what it waited for a moment before.
"""

from __future__ import annotations

import base64
import contextlib
import math
import os
import selectors
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Figures
from endpoints import USERS, Access, Endpoint, embedded_master, rapier_program
from processes import Program
from rapier.luxi.client import QUERY_CONNECTIONS
from rude.daemon import eventually, memory_kib, open_files

THOUSAND = 1000
ADDRESSES = 5
INSTANCES = 5600  # as many as make a list of 5 MB
NON_READERS = 200
MEGABYTES = 100
HANDSHAKE_SECONDS, GIVE_UP_SECONDS = 6, 12
ROUNDS, ASKED = 3, 100
NOISE_SECONDS = 0.003  # a hundredth of the requests may meet with another process on this machine, before or during
CREDENTIALS = base64.b64encode(f"admin:{USERS['admin']}".encode()).decode()
LIST = f"GET /2/instances?bulk=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {CREDENTIALS}\r\n\r\n".encode()


@dataclass
class Served:
    """The daemon, and how it is when nobody is there."""

    program: Program
    endpoint: Endpoint
    tls: ssl.SSLContext
    files_at_rest: int = 0

    @property
    def pid(self) -> int:
        return self.program.pid

    def p99(self) -> float:
        """What an ordinary client waits for, in seconds: the best of a few rounds."""
        return min(self._p99() for _ in range(ROUNDS))

    def _p99(self) -> float:
        waited = []
        with self.endpoint.client() as client:
            client.get("/2/info")
            for _ in range(ASKED):
                began = time.perf_counter()
                assert client.get("/2/info").status_code == 200
                waited.append(time.perf_counter() - began)
        return sorted(waited)[math.ceil(0.99 * len(waited)) - 1]

    def is_deserted(self) -> bool:
        return open_files(self.pid) <= self.files_at_rest + QUERY_CONNECTIONS  # to the master, which are kept


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, access: Access) -> Iterator[Served]:
    """Default limits, but for the times: of silence a little longer than it takes to bring a thousand in."""
    folder = tmp_path_factory.mktemp("thousands")
    config = folder / "rapier.toml"
    limits = f"handshake_seconds = {HANDSHAKE_SECONDS}\nhead_seconds = {GIVE_UP_SECONDS}\n"
    config.write_text(f"[limits]\n{limits}send_seconds = {GIVE_UP_SECONDS}\n")
    with (
        embedded_master(folder, instances=INSTANCES) as luxi_socket,
        rapier_program("rapier-thousands", luxi_socket, access, "--config", config) as (program, endpoint),
    ):
        served = Served(program, endpoint, endpoint.tls())
        with endpoint.client() as client:
            for _ in range(2):  # what it needs for such an answer, it may keep
                assert len(client.get("/2/instances?bulk=1").content) > 4_900_000
        served.p99()
        time.sleep(0.3)
        served.files_at_rest = open_files(program.pid)
        yield served


def processor_seconds(process: int) -> float:
    """That it has used until now."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def compared(served: Served, what: str, figures: Figures, before: float, during: float, memory_before: int) -> None:
    """Asserts that the ordinary client waits at most twice as long, and that memory has not grown much."""
    grown = (memory_kib(served.pid, peak=True) - memory_before) / 1024
    figures(f"{what}: an ordinary client's p99 before, ms", rapier=f"{1000 * before:.1f}")
    figures(f"{what}: an ordinary client's p99 meanwhile, ms", rapier=f"{1000 * during:.1f}")
    figures(f"{what}: MB of memory for them", rapier=f"{grown:.0f}")
    assert during <= 2 * before + NOISE_SECONDS
    assert grown < MEGABYTES


def comers(served: Served, count: int) -> Iterator[socket.socket]:
    """Connections, TCP only, from several addresses in turn."""
    for number in range(count):
        source = f"127.0.1.{1 + number % ADDRESSES}"
        yield socket.create_connection(served.endpoint.address, 30, (source, 0))


@pytest.mark.alone
def test_a_thousand_that_never_start_tls(served: Served, figures: Figures) -> None:
    assert eventually(served.is_deserted)
    memory, before = memory_kib(served.pid, peak=True), served.p99()
    with contextlib.ExitStack() as opened:
        for sock in comers(served, THOUSAND):
            opened.enter_context(sock)
        assert eventually(lambda: open_files(served.pid) >= served.files_at_rest + THOUSAND)
        during = served.p99()
        assert open_files(served.pid) >= served.files_at_rest + THOUSAND, "they were gone before it was measured"
        compared(served, "1,000 that never start TLS", figures, before, during, memory)
        assert eventually(served.is_deserted, 2 * HANDSHAKE_SECONDS), "they are dropped, though they stay"


@pytest.mark.long
def test_a_thousand_that_finish_tls_and_say_nothing(served: Served, figures: Figures) -> None:
    assert eventually(served.is_deserted)
    memory, before = memory_kib(served.pid, peak=True), served.p99()
    with contextlib.ExitStack() as opened:
        began, busy = time.monotonic(), processor_seconds(served.pid)
        for sock in comers(served, THOUSAND):
            opened.enter_context(served.tls.wrap_socket(sock, server_hostname="127.0.0.1"))
        took, busy = time.monotonic() - began, processor_seconds(served.pid) - busy
        figures("1,000 that finish TLS: seconds to bring them in, seconds of the server's processor for it",
                rapier=f"{took:.1f}, {busy:.2f}")  # fmt: skip
        there = open_files(served.pid) - served.files_at_rest
        during = served.p99()
        compared(served, "1,000 that finish TLS and say nothing", figures, before, during, memory)
        assert there > THOUSAND / 2, "a machine on which that takes so long proves nothing"
        assert eventually(served.is_deserted, 2 * GIVE_UP_SECONDS), "they are dropped, though they stay"


@pytest.mark.long
def test_200_that_ask_for_5_mb_and_never_read(served: Served, figures: Figures) -> None:
    assert eventually(served.is_deserted)
    memory, before = memory_kib(served.pid, peak=True), served.p99()
    with contextlib.ExitStack() as opened, selectors.DefaultSelector() as answered:
        for sock in comers(served, NON_READERS):
            connection = opened.enter_context(served.tls.wrap_socket(sock, server_hostname="127.0.0.1"))
            connection.sendall(LIST)
            answered.register(connection, selectors.EVENT_READ)
        assert eventually(lambda: len(answered.select(0)) == NON_READERS, 20)
        during = served.p99()
        assert open_files(served.pid) >= served.files_at_rest + NON_READERS, "they were gone before it was measured"
        compared(served, "200 that never read their 5 MB", figures, before, during, memory)
        assert eventually(served.is_deserted, 30), "they are cut, though they stay"
