"""Where an API answers and who may ask it: what a test needs to know of a daemon."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from described import Description, usual
from processes import RAPIER, Program

# Those of the lab's ganeti-rapi: with every right, with none, with that to read; and one whom stock does not know.
USERS = {"admin": "secret", "viewer": "look", "reader": "see", "operator": "work"}
STOCK_USERS = f"viewer {USERS['viewer']}\nreader {USERS['reader']} read\n"  # the others are in a file of htpasswd's


@dataclass(frozen=True)
class Endpoint:
    """An API. `certificate` is what its own is verified with; None where nothing can be (stock's names nobody).

    `luxi_socket` is that of the master behind it; `pid` the daemon's process where the test started it, `log` the file
    that has a line for each of its requests. `description` is what version 3 says of itself, where that is not the
    usual.
    """

    url: str
    luxi_socket: Path
    certificate: Path | None = None
    pid: int = 0
    log: Path | None = None
    description: Description | None = field(default=None, compare=False)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def tls(self) -> ssl.SSLContext:
        """A client's context that verifies what can be verified."""
        return _tls(self.certificate, self.certificate and self.certificate.stat().st_mtime_ns)

    def client(self, user: str | None = "admin", timeout_seconds: float = 60) -> httpx.Client:
        """An HTTP client that comes as this user; None for a stranger.

        What it receives of version 3 is as described, or the test fails.
        """

        def check(answer: httpx.Response) -> None:
            answer.read()
            self._check(answer)

        return httpx.Client(
            event_hooks={"response": [check]},
            base_url=self.url,
            verify=self.tls(),
            auth=(user, USERS[user]) if user else None,
            timeout=timeout_seconds,
        )

    def async_client(self, user: str = "admin", timeout_seconds: float = 60) -> httpx.AsyncClient:
        """The same for a test that is a coroutine, without a bound on its connections."""

        async def check(answer: httpx.Response) -> None:
            await answer.aread()
            self._check(answer)

        return httpx.AsyncClient(
            event_hooks={"response": [check]},
            base_url=self.url,
            verify=self.tls(),
            auth=(user, USERS[user]),
            timeout=timeout_seconds,
            limits=httpx.Limits(max_connections=None),
        )

    def _check(self, answer: httpx.Response) -> None:
        (self.description or usual()).check(answer)


@cache  # making one takes longer than a connection
def _tls(certificate: Path | None, changed: int | None) -> ssl.SSLContext:
    if certificate is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    return ssl.create_default_context(cafile=certificate)


@dataclass(frozen=True)
class Access:
    """Two users files, htpasswd's and stock's, and a certificate with its key."""

    users: Path
    stock_users: Path
    certificate: Path
    key: Path


def make_access(folder: Path) -> Access:
    """With the project's own commands, as an administrator makes them."""
    access = Access(
        folder / "htpasswd", folder / "stock-users", folder / "tls" / "cert.pem", folder / "tls" / "key.pem"
    )
    access.stock_users.write_text(STOCK_USERS)
    for user in ("admin", "operator"):
        command = [*RAPIER, "passwd", str(access.users), user]
        subprocess.run(command, input=f"{USERS[user]}\n", text=True, check=True, capture_output=True, timeout=30)
    command = [*RAPIER, "cert", str(access.certificate.parent)]
    subprocess.run(command, text=True, check=True, capture_output=True, timeout=30)
    return access


@contextmanager
def rapier(name: str, luxi_socket: Path, access: Access, *options: str | Path) -> Iterator[Endpoint]:
    """`rapier serve` before that master, on a free port, until the end of the block."""
    with rapier_program(name, luxi_socket, access, *options) as (_, endpoint):
        yield endpoint


@contextmanager
def rapier_program(
    name: str, luxi_socket: Path, access: Access, *options: str | Path
) -> Iterator[tuple[Program, Endpoint]]:
    """As `rapier`, with the program itself: for a test that signals it, or reads what it says."""
    command: list[str | Path] = [*RAPIER, "serve", "--luxi-socket", luxi_socket, "--listen", "127.0.0.1:0"]
    command += ["--log-format", "text"]  # the last one counts
    command += ["--htpasswd", access.users, "--ganeti-users", access.stock_users]
    command += ["--tls-cert", access.certificate, "--tls-key", access.key, *options]
    with Program(name, command) as program:
        url = program.wait_for(r"serving (https://\S+)")[1]
        yield program, Endpoint(url, luxi_socket, access.certificate, program.pid, program.log_file)


@contextmanager
def embedded_master(folder: Path, nodes: int = 4, instances: int = 0, lag_seconds: float = 0) -> Iterator[Path]:
    """`rapier embedded` with its state in that folder, until the end of the block; its LUXI socket."""
    luxi_socket = folder / "luxi"
    command: list[str | Path] = [*RAPIER, "embedded", "--socket", luxi_socket, "--state", folder / "state"]
    command += ["--nodes", str(nodes), "--instances", str(instances), "--lag", str(lag_seconds), "--candidates", "1"]
    with Program("embedded", command) as program:
        program.wait_for_path(luxi_socket)
        yield luxi_socket
