"""The log: a line for each request, nothing that is nobody's business, and never in anybody's way."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import Figures
from endpoints import Access, Endpoint, embedded_master, rapier_program
from luxi_peer import Asked, running_peer
from processes import RAPIER, Program
from rude.daemon import eventually

OWN = {"X-Request-Id": "shop-order/4711"}
LIMITS = """
[limits]
head_seconds = 0.5
body_seconds = 0.5
body_bytes = 1000
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, access: Access) -> Iterator[tuple[Program, Endpoint]]:
    """A daemon that writes JSON, with small limits."""
    folder = tmp_path_factory.mktemp("logged")
    (folder / "limits.toml").write_text(LIMITS)
    options = ("--log-format", "json", "--config", str(folder / "limits.toml"))
    with embedded_master(folder) as luxi_socket, json_program(luxi_socket, access, *options) as both:
        yield both


@contextlib.contextmanager
def json_program(luxi_socket: Path, access: Access, *options: str) -> Iterator[tuple[Program, Endpoint]]:
    """As `rapier_program`, whose way to the URL takes text."""
    command: list[str | Path] = [*RAPIER, "serve", "--luxi-socket", luxi_socket, "--listen", "127.0.0.1:0"]
    command += ["--htpasswd", access.users, "--tls-cert", access.certificate, "--tls-key", access.key, *options]
    with Program("rapier-logged", command) as program:
        url = program.wait_for(r'serving (https://[^"\s]+)')[1]
        yield program, Endpoint(url, luxi_socket, access.certificate, program.pid)


def objects(program: Program) -> list[dict[str, Any]]:
    """All lines. Each is one object."""
    return [json.loads(line) for line in program.log.splitlines()]


def line_of(program: Program, **members: Any) -> dict[str, Any]:
    """The one line about a request that has these members."""

    def found() -> list[dict[str, Any]]:
        return [
            line for line in objects(program) if line["logger"] == "rapier.requests" and members.items() <= line.items()
        ]

    assert eventually(lambda: bool(found())), members
    [line] = found()
    return line


def said(endpoint: Endpoint, request: bytes) -> bytes:
    """What comes back for these bytes, until the connection ends or is silent."""
    with endpoint.tls().wrap_socket(socket.create_connection(endpoint.address), server_hostname="127.0.0.1") as sock:
        sock.settimeout(3)
        sock.sendall(request)
        return sock.recv(100)


def test_each_request_is_a_line(served: tuple[Program, Endpoint]) -> None:
    program, endpoint = served
    with endpoint.client() as client:
        answer = client.get("/2/info?secret=hunter2", headers={**OWN, "User-Agent": 'a "client"'})
        line = line_of(program, path="/2/info")
        assert 0 < line.pop("milliseconds") < 10_000
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
        assert line == {
            "level": "INFO",
            "logger": "rapier.requests",
            "address": "127.0.0.1",
            "user": "admin",
            "method": "GET",
            "path": "/2/info",
            "status": 200,
            "bytes": len(answer.content),
            "request": OWN["X-Request-Id"],
            "agent": 'a "client"',
        }
        assert client.head("/2/features").status_code == 200
        assert line_of(program, path="/2/features")["bytes"] == 0
        client.get("/healthz")
        client.get("/metrics")
        assert client.get("/nothing/of%20ours").status_code == 404
        assert line_of(program, path="/nothing/of%20ours")["status"] == 404
    assert not [line for line in objects(program) if line.get("path") in ("/healthz", "/metrics")]


def test_a_line_names_the_job_that_the_request_made(served: tuple[Program, Endpoint]) -> None:
    program, endpoint = served
    with endpoint.client() as client:
        job = client.put("/2/tags?tag=a", headers={"X-Request-Id": "of-v2"}).json()
        assert line_of(program, request="of-v2")["job"] == job
        cluster = client.get("/2/info").json()["name"]
        answer = client.put(f"/3/{cluster}/tag", json={"tags": ["b"]}, headers={"X-Request-Id": "of-v3"})
        assert answer.status_code == 202
        assert str(line_of(program, request="of-v3")["job"]) == answer.json()["id"]


def test_who_is_not_let_in_is_nobody(served: tuple[Program, Endpoint]) -> None:
    program, endpoint = served
    with httpx.Client(base_url=endpoint.url, verify=endpoint.tls(), auth=("admin", "wr0ng-passw0rd")) as guessing:
        assert guessing.get("/2/nodes", headers={"X-Request-Id": "guess"}).status_code == 401
    line = line_of(program, request="guess", status=401)
    assert "user" not in line


def test_what_the_server_refuses_is_a_line_with_what_is_known(served: tuple[Program, Endpoint]) -> None:
    program, endpoint = served
    credentials = b"Authorization: Basic YWRtaW46c2VjcmV0\r\n"
    post = b"POST /2/instances HTTP/1.1\r\nHost: a\r\nX-Request-Id: %b\r\n" + credentials
    cases: list[tuple[bytes, dict[str, Any]]] = [
        (b"nonsense \x01\x02\r\n\r\n", {"status": 400, "method": "", "path": ""}),
        (b"GET /no-host HTTP/1.1\r\n\r\n", {"status": 400, "method": "GET", "path": "/no-host"}),
        (
            b"GET https://admin:hunter2@a/2/info HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            {"status": 400, "method": "GET", "path": ""},
        ),
        (b"GET /two#hunter2 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {"status": 400, "path": "/two"}),
        (b"GET /half?secret=hunter2 HTTP/1.1\r\nHost: a", {"status": 408, "method": "GET", "path": "/half"}),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", {"status": 414, "path": "/" + "x" * 499 + "…"}),
        (b"GET /many HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n", {"status": 431, "method": "GET", "path": "/many"}),
        (post % b"long" + b"Content-Length: 5000\r\n\r\n", {"status": 413, "request": "long", "user": "admin"}),
        (post % b"late" + b"Content-Length: 50\r\n\r\n{", {"status": 408, "request": "late", "user": "admin"}),
    ]
    for request, members in cases:
        assert said(endpoint, request).startswith(b"HTTP/1.1 %d " % members["status"])
        line = line_of(program, **members)
        assert line["address"] == "127.0.0.1"
        assert line["bytes"] > 0, "the body says what was wrong"
    assert "hunter2" not in program.log


async def test_a_client_that_left_is_499(access: Access, tmp_path: Path) -> None:
    luxi_socket = tmp_path / "luxi"
    with json_program(luxi_socket, access) as (program, endpoint):
        async with running_peer(luxi_socket) as peer:

            async def never(asked: Asked) -> None:
                pass

            peer.script = never
            async with endpoint.async_client() as client:
                leaving = asyncio.create_task(client.get("/2/os", headers={"X-Request-Id": "left"}))
                await peer.until_asked(1)
                leaving.cancel()
                await asyncio.gather(leaving, return_exceptions=True)
        line = await asyncio.to_thread(line_of, program, request="left")
        assert (line["status"], line["bytes"], line["user"]) == (499, 0, "admin")
        assert "trace" not in program.log


async def test_a_mistake_of_ours_is_one_object_and_one_of_a_user_is_no_trace(access: Access, tmp_path: Path) -> None:
    luxi_socket = tmp_path / "luxi"

    async def all_null(asked: Asked) -> None:
        asked.answer([[None for _ in asked.args[1]]])

    with json_program(luxi_socket, access) as (program, endpoint):
        async with running_peer(luxi_socket) as peer, endpoint.async_client() as client:
            peer.script = all_null
            assert (await client.get("/2/instances/web1", headers=OWN)).status_code == 500
            for wrong in ('{"name":', "[]", '{"name": 7}', '"\\ud800"'):
                headers = {"Content-Type": "application/json"}
                assert (await client.post("/2/instances", content=wrong, headers=headers)).status_code < 500
        assert eventually(lambda: program.log.count('"method":"POST"') == 4)
        [trouble] = [line for line in objects(program) if "trace" in line]
        assert trouble["level"] == "ERROR"
        assert trouble["request"] == OWN["X-Request-Id"]
        assert trouble["trace"].startswith("Traceback (most recent call last):\n")


def test_neither_passwords_nor_bodies_are_ever_told(served: tuple[Program, Endpoint]) -> None:
    program, endpoint = served
    secrets = ["c4nary-body", "c4nary-query", "c4nary-user:c4nary-pass", "c4nary-cookie", "c4nary-token"]
    with httpx.Client(base_url=endpoint.url, verify=endpoint.tls()) as client:
        for auth in (("admin", "secret"), ("admin", "c4nary-pass")):
            for version in ("/2", "/3/x"):
                for body in ({"name": secrets[0]}, "c4nary-body{"):
                    client.post(
                        f"{version}/instances?reason={secrets[1]}",
                        content=json.dumps(body),
                        headers={"Content-Type": "application/json", "Cookie": secrets[3], "X-Token": secrets[4]},
                        auth=auth,
                    )
    said(endpoint, b"GET /2/info HTTP/1.1\r\nAuthorization: Basic c4nary-token\r\nbad header c4nary-token\r\n\r\n")
    line_of(program, status=400, path="/2/info")
    encoded = base64.b64encode(b"admin:c4nary-pass").decode()
    assert "c4nary" not in program.log
    assert encoded not in program.log


def test_it_is_text_on_a_terminal_and_json_elsewhere(access: Access, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command: list[str | Path] = [*RAPIER, "serve", "--luxi-socket", tmp_path / "none", "--listen", "127.0.0.1:0"]
    command += ["--htpasswd", access.users, "--tls-cert", access.certificate, "--tls-key", access.key]
    with subprocess.Popen(command, stderr=theirs, stdin=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = b""
        while b"serving" not in shown:
            shown += os.read(ours, 1000)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    os.close(ours)
    assert re.search(rb"^\d{4}-\d\d-\d\d \S+ INFO    rapier: serving https://", shown, re.MULTILINE)
    with json_program(tmp_path / "none", access) as (program, _):
        assert objects(program)[-1]["message"].startswith("serving https://")


def test_without_an_access_log_only_the_daemon_itself_speaks(access: Access, tmp_path: Path) -> None:
    with rapier_program("rapier-quiet", tmp_path / "none", access, "--no-access-log") as (program, endpoint):
        with endpoint.client() as client:
            assert client.get("/version").status_code == 200
        program.process.send_signal(signal.SIGTERM)
        program.wait_for("ended")
        assert "rapier.requests" not in program.log
    with rapier_program("rapier-debug", tmp_path / "none", access, "--log-level", "debug") as (program, endpoint):
        with endpoint.client() as client:
            client.get("/healthz")
        assert eventually(lambda: "DEBUG   rapier.requests: 127.0.0.1 - GET /healthz 200 3 B" in program.log)


def test_a_level_that_there_is_not_is_refused(access: Access) -> None:
    command = [*RAPIER, "serve", "--log-level", "loud"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert refused.returncode == 1
    assert "log-level" in refused.stderr


# -- an end that nobody reads ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def writing_to(
    stderr: int, access: Access, folder: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[bytes], Endpoint]]:
    """A daemon whose standard error is that descriptor; it is found by its port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [*RAPIER, "serve", "--luxi-socket", str(folder / "none"), "--listen", f"127.0.0.1:{port}"]
    command += ["--htpasswd", str(access.users), "--tls-cert", str(access.certificate), "--tls-key", str(access.key)]
    with subprocess.Popen([*command, *options], stdin=subprocess.DEVNULL, stderr=stderr) as process:
        endpoint = Endpoint(f"https://127.0.0.1:{port}", folder / "none", access.certificate, process.pid)
        try:
            assert eventually(lambda: answers(endpoint), 20)
            yield process, endpoint
        finally:
            process.kill()


def answers(endpoint: Endpoint) -> bool:
    with contextlib.suppress(httpx.TransportError), endpoint.client(user=None, timeout_seconds=2) as client:
        return client.get("/healthz").status_code == 200
    return False


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_pipe_that_nobody_reads_holds_up_no_request(
    access: Access, tmp_path: Path, workers: str, figures: Figures
) -> None:
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 4096)
        os.set_blocking(writing, True)
        with writing_to(writing, access, tmp_path, "--workers", workers) as (process, endpoint):
            os.close(writing)
            writing = -1
            with endpoint.client() as client:
                client.get("/version")
                times = []
                for _ in range(300):
                    began = time.perf_counter()
                    assert client.get("/version").status_code == 200
                    times.append(time.perf_counter() - began)
            assert sorted(times)[290] < 0.1
            figures(
                f"p97 of a request, log's pipe full, {workers} workers", rapier=f"{sorted(times)[290] * 1000:.1f} ms"
            )
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
    finally:
        for descriptor in filter(lambda one: one >= 0, (reading, writing)):
            os.close(descriptor)


def test_a_standard_error_that_ends_is_not_the_daemons_end(access: Access, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with writing_to(writing, access, tmp_path) as (process, endpoint):
        os.close(writing)
        os.close(reading)
        with endpoint.client() as client:
            for _ in range(20):
                assert client.get("/version").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def test_a_standard_error_that_was_closed_before_the_start_is_not_taken_for_a_socket(
    access: Access, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [*RAPIER, "serve", "--luxi-socket", str(tmp_path / "none"), "--listen", f"127.0.0.1:{port}"]
    command += ["--htpasswd", str(access.users), "--tls-cert", str(access.certificate), "--tls-key", str(access.key)]
    closing = ["sh", "-c", 'exec "$@" 2>&- <&- >&-', "sh", *command]
    with subprocess.Popen(closing) as process:
        endpoint = Endpoint(f"https://127.0.0.1:{port}", tmp_path, access.certificate, process.pid)
        try:
            assert eventually(lambda: answers(endpoint), 20)
            streams = [os.readlink(f"/proc/{process.pid}/fd/{number}") for number in range(3)]
            assert streams == ["/dev/null"] * 3
            with endpoint.client() as client:
                assert client.get("/version").status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
        finally:
            process.kill()
