"""What a stranger can do to the daemon: bodies without end, silence, crowds. Stock's figures beside ours."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Figures
from endpoints import Access, Endpoint, rapier_program
from lab import VirtualCluster
from processes import Program
from rude.daemon import eventually, is_closed, memory_kib, open_files, read_answer, request

BODY_BYTES = 200_000_000
SILENT = 22
PER_ADDRESS = 30
FLOOD = f"a stranger's POST of {BODY_BYTES // 1_000_000} MB: "
SILENCE = f"{SILENT} silent connections: "


@dataclass
class Door:
    """The daemon: what it says, where it is, and how many files it has open when nobody is there."""

    program: Program
    endpoint: Endpoint
    files_at_rest: int

    @property
    def pid(self) -> int:
        return self.program.pid

    def is_deserted(self) -> bool:
        return open_files(self.pid) <= self.files_at_rest


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, access: Access) -> Iterator[Door]:
    """Rapier without a master, since no stranger gets as far; with a low cap, so that a small crowd is one."""
    folder = tmp_path_factory.mktemp("door")
    config = folder / "rapier.toml"
    config.write_text(f"[limits]\nconnections_per_address = {PER_ADDRESS}\n")
    with rapier_program("rapier-door", folder / "luxi", access, "--config", config) as (program, endpoint):
        at_rest = open_files(program.pid)
        assert seconds_to_be_served(endpoint) < 5
        yield Door(program, endpoint, at_rest + 1)  # a thread that compares passwords may have brought one


@pytest.fixture
def door(daemon: Door) -> Door:
    """That daemon, when those who came in the test before have left."""
    assert eventually(daemon.is_deserted)
    return daemon


def connect(endpoint: Endpoint, source: str = "127.0.0.1") -> ssl.SSLSocket:
    """A connection from that address, TLS done."""
    return endpoint.tls().wrap_socket(tcp(endpoint, source), server_hostname=endpoint.address[0])


def tcp(endpoint: Endpoint, source: str = "127.0.0.1") -> socket.socket:
    """A connection that has not said a byte."""
    return socket.create_connection(endpoint.address, 30, (source, 0))


def seconds_to_be_served(endpoint: Endpoint) -> float:
    """How long a client waits for `GET /version`, its connection included."""
    began = time.monotonic()
    with endpoint.client() as client:
        assert client.get("/version").json() == 2
    return time.monotonic() - began


# -- a body of 200 MB ------------------------------------------------------------------------------------------------


@dataclass
class Flood:
    """How a stranger's large body ended."""

    status: int
    taken_bytes: int  # that the server's side took from the client, its kernel's buffers included
    seconds: float  # to the answer


def flood(endpoint: Endpoint, framing: str) -> Flood:
    """Sends a body without credentials, and goes on after the answer, until all is sent or the connection ends."""
    head = request("POST", "/2/instances", "Content-Type: application/json", framing)
    block = b"10000\r\n" + b"x" * 65_536 + b"\r\n" if "chunked" in framing else b"x" * 65_536
    answer, taken, answered = b"", 0, 0.0
    with connect(endpoint) as sock, contextlib.suppress(ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
        began = time.monotonic()
        sock.sendall(head)
        sock.setblocking(False)
        rest = b""
        while time.monotonic() - began < 60:
            with contextlib.suppress(ssl.SSLWantReadError):
                answer += sock.recv(65_536)
                answered = answered or time.monotonic()
            if taken < BODY_BYTES:
                rest = rest or block
                with contextlib.suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    sent = sock.send(rest)
                    rest, taken = rest[sent:], taken + sent
                    continue
            elif answer:
                break
            select.select([sock], [sock] if taken < BODY_BYTES else [], [], 1)
    return Flood(int(answer.split()[1]), taken, answered - began)


@pytest.mark.parametrize("framing", [f"Content-Length: {BODY_BYTES}", "Transfer-Encoding: chunked"])
def test_a_stranger_with_200_mb_gets_401_before_any_of_it_is_read(door: Door, figures: Figures, framing: str) -> None:
    before = memory_kib(door.pid, peak=True)
    ended = flood(door.endpoint, framing)
    grown = memory_kib(door.pid, peak=True) - before
    assert ended.status == 401
    assert ended.seconds < 1
    assert ended.taken_bytes < 10_000_000, "what the kernels' buffers hold, at most"
    assert grown < 8 * 1024
    if "chunked" not in framing:
        figures(f"{FLOOD}MB sent until the end", rapier=f"{ended.taken_bytes / 1e6:.1f}")
        figures(f"{FLOOD}seconds to the 401", rapier=f"{ended.seconds:.3f}")
        figures(f"{FLOOD}MB of memory for it", rapier=f"{grown / 1024:.1f}")


@pytest.mark.real
def test_stock_reads_200_mb_of_a_stranger_before_its_401(
    lab: VirtualCluster, stock: Endpoint, figures: Figures
) -> None:
    with most_memory(lambda: stock_processes(lab)) as most:
        at_rest = max(memory_kib(pid) for pid in stock_processes(lab))
        ended = flood(stock, f"Content-Length: {BODY_BYTES}")
    figures(f"{FLOOD}MB sent until the end", stock=f"{ended.taken_bytes / 1e6:.1f}")
    figures(f"{FLOOD}seconds to the 401", stock=f"{ended.seconds:.3f}")
    figures(f"{FLOOD}MB of memory for it", stock=f"{(most() - at_rest) / 1024:.1f}")
    assert ended.status == 401
    assert ended.taken_bytes >= BODY_BYTES


def stock_processes(lab: VirtualCluster) -> list[int]:
    """Stock's daemon and its children, one for each connection."""
    found = []
    for pid in lab.namespace.pids():
        with contextlib.suppress(OSError):
            if b"ganeti-rapi" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


@contextlib.contextmanager
def most_memory(processes: Callable[[], list[int]]) -> Iterator[Callable[[], int]]:
    """Answers the most memory (KiB) that one of the processes had during the block."""
    most, stop = [0], threading.Event()

    def look() -> None:
        while not stop.wait(0.02):
            for pid in processes():
                with contextlib.suppress(OSError, ProcessLookupError):
                    most[0] = max(most[0], memory_kib(pid, peak=True))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield lambda: most[0]
    finally:
        stop.set()
        looking.join()


# -- silence ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("open_one", [tcp, connect], ids=["before TLS", "after TLS"])
def test_silent_connections_hold_up_nobody(
    door: Door, figures: Figures, open_one: Callable[[Endpoint], socket.socket]
) -> None:
    before, files = memory_kib(door.pid), open_files(door.pid)
    with contextlib.ExitStack() as silent:
        for _ in range(SILENT):
            silent.enter_context(open_one(door.endpoint))
        assert eventually(lambda: open_files(door.pid) >= files + SILENT)
        seconds = max(seconds_to_be_served(door.endpoint) for _ in range(3))
        grown = memory_kib(door.pid) - before
    assert seconds < 1
    assert grown < SILENT * 256
    if open_one is tcp:
        figures(f"{SILENCE}seconds that others wait", rapier=f"{seconds:.3f}")
        figures(f"{SILENCE}processes for them", rapier="0")


@pytest.mark.real
def test_stock_lets_others_wait_for_silent_connections(lab: VirtualCluster, stock: Endpoint, figures: Figures) -> None:
    at_rest = len(stock_processes(lab))
    with contextlib.ExitStack() as silent:
        for _ in range(SILENT):
            silent.enter_context(tcp(stock))
        assert eventually(lambda: len(stock_processes(lab)) > at_rest + 10)
        processes = len(stock_processes(lab)) - at_rest
        seconds = seconds_to_be_served(stock)
    figures(f"{SILENCE}seconds that others wait", stock=f"{seconds:.3f}")
    figures(f"{SILENCE}processes for them", stock=str(processes))
    assert seconds > 3


# -- crowds ----------------------------------------------------------------------------------------------------------


def is_still_open(sock: socket.socket) -> bool:
    """Whether the peer has not ended this silent connection."""
    readable, _, _ = select.select([sock], [], [], 0)
    return not readable


def test_too_many_connections_of_one_address_are_closed_at_once_and_the_others_served(
    door: Door, figures: Figures
) -> None:
    program, endpoint = door.program, door.endpoint
    crowd = []
    for _ in range(2 * PER_ADDRESS):
        with contextlib.suppress(ConnectionResetError):  # one too many may see it while it connects
            crowd.append(tcp(endpoint, "127.0.0.2"))
    began = time.monotonic()
    assert eventually(lambda: sum(map(is_still_open, crowd)) == PER_ADDRESS, 2)
    took = time.monotonic() - began
    assert took < 0.5

    with pytest.raises(OSError):  # noqa: PT011 - a reset is seen while connecting, or in the handshake
        connect(endpoint, "127.0.0.2")
    for source in ("127.0.0.3", "127.0.0.1"):
        with connect(endpoint, source) as other:
            other.sendall(request("GET", "/version"))
            assert read_answer(other).status == 401

    within = next(sock for sock in crowd if is_still_open(sock))
    with endpoint.tls().wrap_socket(within, server_hostname="127.0.0.1") as one_of_them:
        one_of_them.sendall(request("GET", "/version"))
        assert read_answer(one_of_them).status == 401, "those within the cap are served"
    for sock in crowd:
        sock.close()

    said = f"{PER_ADDRESS} connections of this address are open already (connections_per_address)"
    assert eventually(lambda: said in program.log)  # a line may come a moment after what it tells of
    assert program.log.count(said) == 1, "once, and not for each"
    assert eventually(lambda: served_from(endpoint, "127.0.0.2")), "when they have left, there is room again"


def served_from(endpoint: Endpoint, source: str) -> bool:
    try:
        with connect(endpoint, source) as sock:
            sock.sendall(request("GET", "/version"))
            return read_answer(sock).status == 401
    except OSError:
        return False


def test_crowds_that_come_and_go_leave_nothing_behind(door: Door) -> None:
    for source in ("127.0.0.4", "127.0.0.5", "127.0.0.6"):
        crowd = [tcp(door.endpoint, source) for _ in range(PER_ADDRESS)]
        for number, sock in enumerate(crowd):
            with contextlib.suppress(OSError):
                sock.sendall((b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 1000, b"")[number % 4])
            sock.close()
    assert eventually(door.is_deserted)
    with tcp(door.endpoint) as sock:
        sock.sendall(b"GET /version HTTP/1.1\r\nHost: test\r\n\r\n")
        assert is_closed(sock), "no TLS, no answer"
    assert "Traceback" not in door.program.log
