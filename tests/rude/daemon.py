"""Starts a server in a process of its own, and speaks to it over raw sockets."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from processes import Program

PLAIN_APP = Path(__file__).with_name("plain_app.py")


@dataclass
class Daemon:
    """A server that runs: its program, where it listens, and what its certificate is verified with."""

    program: Program
    urls: list[str]
    context: ssl.SSLContext | None = None

    @property
    def pid(self) -> int:
        return self.program.pid

    @property
    def log(self) -> str:
        return self.program.log

    @property
    def address(self) -> tuple[str, int]:
        return address_of(self.urls[0])

    def connect(self, *, source: str | None = None, tls: bool = True, timeout: float = 10.0) -> socket.socket:
        """A connection to the first address; TLS where the server speaks it, unless told not to."""
        sock = socket.create_connection(self.address, timeout, (source, 0) if source else None)
        if self.context is None or not tls:
            return sock
        return self.context.wrap_socket(sock, server_hostname=self.address[0])

    def ask(self, request: bytes, **how: Any) -> Answer:
        """Sends the bytes on a connection of their own, and reads the answer."""
        with self.connect(**how) as sock:
            sock.sendall(request)
            return read_answer(sock)

    def get(self, path: str, **how: Any) -> Answer:
        return self.ask(request("GET", path), **how)

    def end(self, number: int = signal.SIGTERM, timeout: float = 20.0) -> int:
        """Signals, waits, gives the exit code."""
        self.program.process.send_signal(number)
        return self.program.process.wait(timeout)


@dataclass
class Answer:
    """What came back."""

    version: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(method: str, path: str, *headers: str, body: bytes = b"", version: str = "1.1") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: test", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def read_answer(sock: socket.socket, method: str = "GET") -> Answer:
    """One answer; raises ConnectionError when the connection ends before it."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    version, status, *_ = lines[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if status in ("204", "304") or method == "HEAD":
        return Answer(version, int(status), headers, body)
    if headers.get("transfer-encoding") == "chunked":
        body = _chunks(sock, body)
    elif "content-length" in headers:
        while len(body) < int(headers["content-length"]):
            body += _some(sock)
    else:
        with contextlib.suppress(ConnectionError):
            while True:
                body += _some(sock)
    return Answer(version, int(status), headers, body)


def _chunks(sock: socket.socket, data: bytes) -> bytes:
    body = b""
    while True:
        while b"\r\n" not in data:
            data += _some(sock)
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        while len(data) < length + 2:
            data += _some(sock)
        body, data = body + data[:length], data[length + 2 :]
        if not length:
            return body


def _some(sock: socket.socket) -> bytes:
    piece = sock.recv(65536)
    if not piece:
        raise ConnectionError("the connection ended")
    return piece


def is_closed(sock: socket.socket, within_seconds: float = 5.0) -> bool:
    """Whether the peer ends the connection in that time. What it still sends is dropped."""
    sock.settimeout(within_seconds)
    try:
        while sock.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def memory_kib(process: int, *, peak: bool = False) -> int:
    """Resident memory of a process, now or the most it ever had."""
    label = "VmHWM:" if peak else "VmRSS:"
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(label):
            return int(line.split()[1])
    raise ProcessLookupError(process)


def open_files(process: int) -> int:
    """How many file descriptors a process has open."""
    return len(os.listdir(f"/proc/{process}/fd"))


def address_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 0


def eventually(condition: Callable[[], object], within_seconds: float = 5.0) -> bool:
    """Whether the condition becomes true in that time."""
    until = time.monotonic() + within_seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


@contextlib.contextmanager
def running(certificate: Path | None = None, key: Path | None = None, **told: Any) -> Iterator[Daemon]:
    """`plain_app` as a program, over TLS with that certificate, else over plain HTTP; `told` are its settings."""
    told.setdefault("listen", [["127.0.0.1", 0]])
    context = None
    if certificate is None:
        told["insecure_http"] = True
    else:
        told |= {"certificate": str(certificate), "key": str(key) if key else None}
        context = ssl.create_default_context(cafile=str(certificate))
    with Program("plain-app", [sys.executable, str(PLAIN_APP), json.dumps(told)]) as program:
        urls = json.loads(program.wait_for(r"serving (\[.*\])")[1])
        yield Daemon(program, urls, context)


def start_and_fail(**told: Any) -> tuple[int, str]:
    """Exit code and output of a start that is refused."""
    done = subprocess.run(
        [sys.executable, str(PLAIN_APP), json.dumps(told)], capture_output=True, text=True, timeout=20, check=False
    )
    return done.returncode, done.stdout + done.stderr
