"""Certificate and users change under a daemon that works: on change and on SIGHUP, and nobody gets an error."""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from endpoints import Access, Endpoint, rapier_program
from key_pairs import KeyPair, key_pair
from processes import RAPIER, Program, children
from rapier.access.files import replace_file
from rapier.access.users_edit import set_password
from rude.daemon import eventually, read_answer, request

CHANGES = 20
REQUESTS = 2_000
KINDS = ("RSA", "P-384", "Ed25519", "P-256")


@pytest.fixture
def own(tmp_path: Path, access: Access) -> Access:
    """Files that a test may change."""
    files = Access(tmp_path / "users", access.stock_users, tmp_path / "cert.pem", tmp_path / "key.pem")
    for file, shared in zip((files.users, files.certificate, files.key), _files(access), strict=True):
        file.write_bytes(shared.read_bytes())
    return files


def _files(access: Access) -> tuple[Path, Path, Path]:
    return access.users, access.certificate, access.key


def hold(own: Access, pair: KeyPair) -> None:
    replace_file(own.key, pair.key)
    replace_file(own.certificate, pair.certificate)


def shown(endpoint: Endpoint) -> bytes:
    """The certificate that a new connection is shown."""
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(endpoint.address))


@contextmanager
def serving(own: Access, *options: str) -> Iterator[tuple[Program, Endpoint]]:
    """A daemon with these files, and no master: none is needed. Its certificate is verified by nobody."""
    with rapier_program("rapier-reading-again", own.users.with_name("luxi"), own, *options) as (program, endpoint):
        yield program, replace(endpoint, certificate=None)


def come_back(endpoint: Endpoint, statuses: list[int], enough: Callable[[], bool]) -> None:
    """Asks, in turns on a kept connection and on one of its own, until it is enough. Any error is raised."""
    context = endpoint.tls()
    basic = f"Authorization: Basic {base64.b64encode(b'admin:secret').decode()}"

    def connect() -> ssl.SSLSocket:
        return context.wrap_socket(socket.create_connection(endpoint.address, 10))

    with connect() as kept:
        while not enough():
            kept.sendall(request("GET", "/2/features", basic))
            statuses.append(read_answer(kept).status)
            with connect() as fresh:
                fresh.sendall(request("GET", "/2/features", basic))
                statuses.append(read_answer(fresh).status)


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_2000_requests_during_20_changes_of_certificate_and_users_have_no_error(own: Access, workers: int) -> None:
    pairs = [key_pair(KINDS[number % len(KINDS)]) for number in range(CHANGES)]
    with serving(own, "--workers", str(workers)) as (program, endpoint), ThreadPoolExecutor(4) as threads:
        statuses: list[int] = []
        changes = 0
        began = time.monotonic()

        def enough() -> bool:
            return changes == CHANGES and len(statuses) >= REQUESTS

        clients = [threads.submit(come_back, endpoint, statuses, enough) for _ in range(4)]
        for number, pair in enumerate(pairs):
            hold(own, pair)
            set_password(own.users, f"user{number}", "secret")
            assert eventually(lambda: shown(endpoint) == pair.der, 10)  # noqa: B023
            assert not any(client.done() for client in clients)
            changes += 1
        for client in clients:
            client.result(60)
        print(f"{len(statuses)} requests during {CHANGES} changes in {time.monotonic() - began:.1f} s")
        assert set(statuses) == {200}
        with endpoint.client() as last:
            assert last.get("/2/features", auth=(f"user{CHANGES - 1}", "secret")).status_code == 200
        assert program.process.poll() is None
        assert not re.findall("WARNING|ERROR", program.log)


# -- SIGHUP ----------------------------------------------------------------------------------------------------------


def test_sighup_says_again_what_is_wrong_with_either_file_and_ends_nothing(own: Access) -> None:
    workers = 2
    wrong = {"users file": r"line 1, user 'admin': the password is in plain text", "key": r"no private key in PEM form"}
    with serving(own, "--workers", str(workers)) as (program, endpoint), endpoint.client() as client:
        assert client.get("/2/features").status_code == 200
        replace_file(own.users, b"admin:plain\n")
        replace_file(own.key, b"rubbish")
        for times in (1, 2):
            program.process.send_signal(signal.SIGHUP)
            assert eventually(lambda: program.log.count("read again after SIGHUP") == times * workers)  # noqa: B023
            for text in wrong.values():
                assert len(re.findall(f"ERROR.*{text}", program.log)) >= times * workers
        assert client.get("/2/features").status_code == 200
        pair = key_pair("RSA")
        hold(own, pair)
        set_password_alone(own, "admin", "another")
        program.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: shown(endpoint) == pair.der)
        assert client.get("/2/features").status_code == 401
        assert client.get("/2/features", auth=("admin", "another")).status_code == 200
        assert program.stop() == 0


def set_password_alone(own: Access, user: str, password: str) -> None:
    """A new users file with this user."""
    own.users.unlink()
    set_password(own.users, user, password)


def takes_sighup(process: int) -> bool:
    """Whether it ignores or catches the signal: a program that is just being loaded cannot do so yet."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
    masks = [int(re.search(rf"{name}:\s*(\w+)", status)[1], 16) for name in ("SigIgn", "SigCgt")]  # type: ignore[index]
    return any(mask & 1 << (signal.SIGHUP - 1) for mask in masks)


@pytest.mark.parametrize("workers", [1, 2])
def test_sighup_before_it_is_ready_and_while_it_drains_does_not_end_it(own: Access, workers: int) -> None:
    command: list[str | Path] = [
        *RAPIER,
        "serve",
        "--luxi-socket",
        own.users.with_name("luxi"),
        "--htpasswd",
        own.users,
    ]
    command += ["--tls-cert", own.certificate, "--tls-key", own.key, "--listen", "127.0.0.1:0"]
    with Program("rapier-hung-up", [*command, "--workers", str(workers)]) as program:
        assert eventually(lambda: takes_sighup(program.pid), 20)
        sent = 0
        while "serving https" not in program.log:
            for process in {program.pid, *filter(takes_sighup, children(program.pid))}:
                os.kill(process, signal.SIGHUP)
                sent += 1
            assert program.process.poll() is None, program.log
            time.sleep(0.005)
        print(f"{sent} times SIGHUP before it was ready")
        url = program.wait_for(r'serving (https://[^"\s]+)')[1]
        with Endpoint(url, own.users).client() as client:
            assert client.get("/2/features").status_code == 200
        born = children(program.pid)
        program.process.send_signal(signal.SIGTERM)
        while program.process.poll() is None:
            for process in {program.pid, *born}:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGHUP)
            time.sleep(0.001)
        assert program.process.returncode == 0
        assert "Traceback" not in program.log
