"""Clients that do not read what they asked for, read it a byte at a time, or end their own side before it comes."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from endpoints import Access
from rude.daemon import Daemon, eventually, is_closed, memory_kib, open_files, read_answer, request, running

SEND_SECONDS = 1.0
NON_READERS = 200
MEGABYTES = 100
T = TypeVar("T")


@pytest.fixture(scope="module", params=["plain", "TLS"])
def hasty(request: pytest.FixtureRequest, access: Access) -> Iterator[Daemon]:
    """A server that gives 64 kB of an answer a second, over plain HTTP and over TLS."""
    limits = {"send_seconds": SEND_SECONDS, "close_seconds": SEND_SECONDS, "connections_per_address": 300}
    files = (access.certificate, access.key) if request.param == "TLS" else ()
    with running(*files, limits=limits) as daemon:
        yield daemon


def files_at_rest(daemon: Daemon) -> int:
    """How many files it has open when nobody is there; the first request ever may bring one that stays."""
    daemon.get("/")
    time.sleep(0.1)
    return open_files(daemon.pid)


def narrow(daemon: Daemon) -> socket.socket:
    """A connection whose kernel takes little that its program has not read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(20)
    sock.connect(daemon.address)
    return sock if daemon.context is None else daemon.context.wrap_socket(sock, server_hostname=daemon.address[0])


def test_who_never_reads_is_cut_and_leaves_nothing(hasty: Daemon) -> None:
    files = files_at_rest(hasty)
    with narrow(hasty) as sock:
        sock.sendall(request("GET", "/big"))
        assert eventually(lambda: open_files(hasty.pid) > files)
        began = time.monotonic()
        assert eventually(lambda: open_files(hasty.pid) == files, 10 * SEND_SECONDS)
        assert time.monotonic() - began > SEND_SECONDS / 2
    assert "an answer was not read: less than 64 kB in 1 seconds" in hasty.log


def test_who_reads_a_byte_now_and_then_is_cut_too(hasty: Daemon) -> None:
    files = files_at_rest(hasty)
    with narrow(hasty) as sock:
        sock.sendall(request("GET", "/big"))
        began = time.monotonic()
        assert sock.recv(1)
        while open_files(hasty.pid) > files:
            assert time.monotonic() - began < 10 * SEND_SECONDS
            time.sleep(SEND_SECONDS / 10)
            with contextlib.suppress(OSError):
                sock.recv(1)
        assert time.monotonic() - began > SEND_SECONDS / 2


def test_a_slow_reader_who_goes_on_reading_gets_all_of_it(hasty: Daemon) -> None:
    """Its end is the connection's end: what is left when the last piece was written has the time of a piece as well."""
    length = 500_000
    with narrow(hasty) as sock:
        sock.sendall(request("GET", f"/sized?{length}"))
        received, began = 0, time.monotonic()
        while piece := sock.recv(8192):
            received += len(piece)
            time.sleep(8192 / 200_000)
    assert received > length
    assert time.monotonic() - began > 2 * SEND_SECONDS, "it was too fast to prove anything"


def test_who_sends_requests_and_reads_no_answer_is_cut(hasty: Daemon) -> None:
    files = files_at_rest(hasty)
    with narrow(hasty) as sock:
        sock.settimeout(1)
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 20 * SEND_SECONDS:
                sock.sendall(request("GET", "/scope", "X-Name: " + "a" * 4000) * 20)
        assert eventually(lambda: open_files(hasty.pid) == files, 10 * SEND_SECONDS)


def test_many_who_do_not_read_cost_little_memory_and_hold_up_nobody(hasty: Daemon) -> None:
    files, before = files_at_rest(hasty), memory_kib(hasty.pid)
    with contextlib.ExitStack() as silent:
        crowd = [silent.enter_context(hasty.connect()) for _ in range(NON_READERS)]
        for sock in crowd:
            sock.sendall(request("GET", "/big"))
        began = time.monotonic()
        assert hasty.get("/").status == 200
        assert time.monotonic() - began < SEND_SECONDS
        assert eventually(lambda: open_files(hasty.pid) == files, 30 * SEND_SECONDS)
        assert memory_kib(hasty.pid, peak=True) - before < MEGABYTES * 1024


# -- who has ended his own side --------------------------------------------------------------------------------------


class HalfClosed:
    """A client that sends its request and at once ends its sending side, TCP's, and still reads."""

    def __init__(self, daemon: Daemon, data: bytes) -> None:
        self._raw = socket.create_connection(daemon.address, 10)
        self._tls: ssl.SSLObject | None = None
        if daemon.context is None:
            self._raw.sendall(data)
        else:
            self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._tls = daemon.context.wrap_bio(self._incoming, self._outgoing, server_hostname=daemon.address[0])
            self._pumped(self._tls.do_handshake)
            self._tls.write(data)
            self._raw.sendall(self._outgoing.read())
        self._raw.shutdown(socket.SHUT_WR)

    def recv(self, size: int) -> bytes:
        if self._tls is None:
            return self._raw.recv(size)
        tls = self._tls
        try:
            return self._pumped(lambda: tls.read(size))
        except ssl.SSLError:
            return b""

    def _pumped(self, work: Callable[[], T]) -> T:
        while True:
            try:
                result = work()
            except ssl.SSLWantReadError:
                if self._outgoing.pending:
                    self._raw.sendall(self._outgoing.read())
                if piece := self._raw.recv(65_536):
                    self._incoming.write(piece)
                else:
                    self._incoming.write_eof()
            else:
                if self._outgoing.pending:
                    self._raw.sendall(self._outgoing.read())
                return result

    def close(self) -> None:
        self._raw.close()


@pytest.mark.parametrize(("path", "least"), [("/", 10), ("/slow?0.3", 10), ("/sized?1000000", 1_000_000)])
def test_who_ended_his_sending_side_after_the_request_gets_the_whole_answer(
    hasty: Daemon, path: str, least: int
) -> None:
    for _ in range(3):
        with contextlib.closing(HalfClosed(hasty, request("GET", path))) as client:
            received = b""
            while piece := client.recv(65_536):
                received += piece
        assert received.startswith(b"HTTP/1.1 200 ")
        assert len(received.partition(b"\r\n\r\n")[2]) >= least


def test_a_body_in_full_counts_as_well(hasty: Daemon) -> None:
    with contextlib.closing(HalfClosed(hasty, request("POST", "/length", body=b"x" * 100_000))) as client:
        received = b""
        while piece := client.recv(65_536):
            received += piece
    assert b'{"length": 100000}' in received


def test_a_long_poll_of_who_ended_his_side_ends_as_that_of_one_who_left(hasty: Daemon) -> None:
    before = hasty.get("/counters").json["left_alone"]
    client = HalfClosed(hasty, request("GET", "/wait"))
    assert eventually(lambda: hasty.get("/counters").json["left_alone"] == before + 1, 2)
    assert hasty.get("/counters").json["waiting"] == 0
    client.close()


def test_a_connection_is_used_on_after_each_answer(hasty: Daemon) -> None:
    """What stops reading while a request is in work must start it again, each time, and for pipelined ones as well."""
    with hasty.connect() as sock:
        for path in ("/", "/slow?0.05", "/stream", "/nothing") * 3:
            sock.sendall(request("GET", path))
            assert read_answer(sock).status in (200, 204)
            sock.sendall(request("GET", path) + request("POST", "/length", body=b"x" * 1000))
            received = b""
            while not received.endswith(b'{"length": 1000}'):
                piece = sock.recv(65_536)
                assert piece, "the connection ended"
                received += piece
            assert received.startswith(b"HTTP/1.1 20")
        sock.sendall(request("GET", "/", "Connection: close"))
        assert read_answer(sock).status == 200
        assert is_closed(sock)
