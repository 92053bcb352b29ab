"""Certificates that change under a server that runs: who connects gets the new one, and nobody an error."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from key_pairs import KINDS, KeyPair, key_pair, of_an_older_version
from processes import children
from rapier.access.files import replace_file
from rapier.server.certificate import SETTLED_AFTER_SECONDS
from rude.daemon import Daemon, eventually, read_answer, request, running

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class Files:
    """Where a server finds its certificate and its key."""

    def __init__(self, folder: Path, pair: KeyPair) -> None:
        self.certificate, self.key = folder / "cert.pem", folder / "key.pem"
        self.hold(pair)

    def hold(self, pair: KeyPair) -> None:
        """As most tools write them: one after the other."""
        replace_file(self.key, pair.key)
        replace_file(self.certificate, pair.certificate)


@contextlib.contextmanager
def serving(folder: Path, pair: KeyPair, **told: Any) -> Iterator[tuple[Daemon, Files]]:
    """A server with that pair, and its files."""
    files = Files(folder, pair)
    with running(files.certificate, files.key, **told) as daemon:
        yield daemon, files


class Client:
    """One that comes again and again, and resumes its session where it may."""

    def __init__(self, daemon: Daemon, version: ssl.TLSVersion | None = None) -> None:
        self._daemon = daemon
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        if version is not None:
            self._context.minimum_version = self._context.maximum_version = version
        self._session: ssl.SSLSession | None = None
        self.resumed = False
        self.process = 0  # that answered

    def shown(self, *, resuming: bool = False) -> bytes:
        """The certificate that the server shows to a request on a connection of its own."""
        with (
            socket.create_connection(self._daemon.address, 10) as tcp,
            self._context.wrap_socket(tcp, session=self._session if resuming else None) as sock,
        ):
            sock.sendall(request("GET", "/"))
            self.process = read_answer(sock).json["process"]
            shown = sock.getpeercert(binary_form=True)
            self.resumed, self._session = bool(sock.session_reused), sock.session
        assert shown is not None
        return shown


def is_shown(daemon: Daemon, pair: KeyPair) -> bool:
    """Whether new connections come to see this certificate."""
    return eventually(lambda: Client(daemon).shown() == pair.der, 5)


def errors(daemon: Daemon) -> list[str]:
    return [line for line in daemon.log.splitlines() if line.startswith(("WARNING", "ERROR", "CRITICAL"))]


def test_a_new_pair_is_shown_to_new_connections_and_said_and_the_old_ones_go_on(tmp_path: Path) -> None:
    before, after = key_pair(), key_pair()
    with serving(tmp_path, before) as (daemon, files), daemon.connect() as old:
        files.hold(after)
        assert is_shown(daemon, after)
        old.sendall(request("GET", "/"))
        assert read_answer(old).status == 200
        fingerprint = hashlib.sha256(after.der).hexdigest().upper()
        said = daemon.log.replace(":", "")
        assert f"{files.certificate} loaded SHA-256 {fingerprint}, valid until 20" in said
        assert not errors(daemon)


def test_changes_between_all_kinds_of_keys_are_followed_in_both_versions_of_tls(tmp_path: Path) -> None:
    with serving(tmp_path, key_pair()) as (daemon, files):
        clients = [Client(daemon, version) for version in VERSIONS]
        for kind in ("RSA", "P-384", "Ed25519", "P-256", "Ed25519", "RSA", "P-256"):
            pair = key_pair(kind)
            files.hold(pair)
            assert is_shown(daemon, pair), kind
            for client in clients:
                assert client.shown() == pair.der, kind
                assert client.shown(resuming=True) == pair.der
                assert client.resumed, kind
        assert not errors(daemon)
    assert {"RSA", "P-384", "Ed25519", "P-256"} == set(KINDS)


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_from_before_a_change_are_resumed_after_it(tmp_path: Path, version: ssl.TLSVersion) -> None:
    after = key_pair("P-384")
    with serving(tmp_path, key_pair()) as (daemon, files):
        client = Client(daemon, version)
        client.shown()
        files.hold(after)
        assert is_shown(daemon, after)
        client.shown(resuming=True)
        assert client.resumed
        assert client.shown() == after.der


def test_a_session_of_another_kind_of_key_is_begun_anew_without_an_error(tmp_path: Path) -> None:
    after = key_pair("RSA")
    with serving(tmp_path, key_pair()) as (daemon, files):
        client = Client(daemon)
        client.shown()
        files.hold(after)
        assert is_shown(daemon, after)
        assert client.shown(resuming=True) == after.der
        assert not client.resumed
        assert not errors(daemon)


@pytest.mark.parametrize("order", ["key", "certificate"])
def test_a_pair_whose_second_file_comes_a_moment_later_is_taken_without_a_word_of_error(
    tmp_path: Path, order: str
) -> None:
    before, after = key_pair(), key_pair("RSA")
    with serving(tmp_path, before) as (daemon, files):
        steps = [(files.key, after.key), (files.certificate, after.certificate)]
        for file, content in steps if order == "key" else reversed(steps):
            assert Client(daemon).shown() == before.der
            replace_file(file, content)
            time.sleep(0.8)
        assert is_shown(daemon, after)
        assert not errors(daemon)


def test_a_bad_file_is_said_once_for_each_change_and_the_old_certificate_stays(tmp_path: Path) -> None:
    before, after = key_pair(), key_pair()
    with serving(tmp_path, before) as (daemon, files):
        bad = (
            (files.key, after.key, f"the key {files.key} belongs to another certificate"),
            (files.certificate, b"rubbish", f"there is no certificate in PEM form in {files.certificate}"),
        )
        for number, (file, content, said) in enumerate(bad, 1):
            replace_file(file, content)
            assert eventually(lambda: said in daemon.log, SETTLED_AFTER_SECONDS + 2)  # noqa: B023
            time.sleep(SETTLED_AFTER_SECONDS / 2)
            assert len(errors(daemon)) == number
            assert "Going on with the certificate loaded before" in errors(daemon)[-1]
            assert Client(daemon).shown() == before.der
        files.hold(after)
        assert is_shown(daemon, after)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_certificate_that_only_openssl_can_read_is_not_the_daemons_end(tmp_path: Path, workers: int) -> None:
    with serving(tmp_path, key_pair(), workers=workers) as (daemon, files):
        processes = children(daemon.pid)
        odd = of_an_older_version(key_pair())
        files.hold(odd)
        assert is_shown(daemon, odd)
        assert "its fields cannot be read" in daemon.log
        assert "Traceback" not in daemon.log
        assert children(daemon.pid) == processes


def test_a_pipe_in_the_place_of_a_file_is_a_bad_file(tmp_path: Path) -> None:
    before = key_pair()
    with serving(tmp_path, before) as (daemon, files):
        files.certificate.unlink()
        os.mkfifo(files.certificate)
        assert eventually(lambda: "not a regular file" in daemon.log, SETTLED_AFTER_SECONDS + 2)
        assert Client(daemon).shown() == before.der
        began = time.monotonic()
        assert daemon.end() == 0
        assert time.monotonic() - began < 5


def test_files_that_are_gone_for_a_while_change_nothing(tmp_path: Path) -> None:
    before, after = key_pair(), key_pair()
    with serving(tmp_path, before) as (daemon, files):
        files.key.unlink()
        assert eventually(lambda: f"cannot read the private key {files.key}: No such file" in daemon.log)
        assert Client(daemon).shown() == before.der
        files.hold(before)
        assert eventually(lambda: "is again as it was loaded" in daemon.log)
        files.hold(after)
        assert is_shown(daemon, after)


def test_a_swapped_symbolic_link_to_their_folder_is_seen(tmp_path: Path) -> None:
    before, after = key_pair(), key_pair()
    for name, pair in (("first", before), ("second", after)):
        (tmp_path / name).mkdir()
        Files(tmp_path / name, pair)
    live, coming = tmp_path / "live", tmp_path / "coming"
    live.symlink_to("first")
    with running(live / "cert.pem", live / "key.pem") as daemon:
        assert Client(daemon).shown() == before.der
        coming.symlink_to("second")
        coming.rename(live)
        assert is_shown(daemon, after)


def test_one_file_for_both_that_is_written_in_place_is_followed(tmp_path: Path) -> None:
    file = key_pair().in_one_file(tmp_path)
    with running(file) as daemon:
        for _ in range(3):
            pair = key_pair()
            pair.in_one_file(tmp_path)
            assert is_shown(daemon, pair)
        assert not errors(daemon)


# ---- workers ----


def shown_by_each(daemon: Daemon, count: int) -> dict[int, bytes]:
    """What each of so many workers shows."""
    shown: dict[int, bytes] = {}
    client = Client(daemon)

    def all_were_met() -> bool:
        certificate = client.shown()
        shown[client.process] = certificate
        return len(shown) == count

    assert eventually(all_were_met, 10)
    return shown


def test_all_workers_take_a_new_pair_and_their_sessions_are_each_others(tmp_path: Path) -> None:
    with serving(tmp_path, key_pair(), workers=2) as (daemon, files):
        for kind in ("P-256", "RSA"):
            pair = key_pair(kind)
            files.hold(pair)
            assert eventually(lambda: set(shown_by_each(daemon, 2).values()) == {pair.der})  # noqa: B023
            client = Client(daemon)
            client.shown()
            met: set[int] = set()
            while len(met) < 2:
                client.shown(resuming=True)
                assert client.resumed, kind
                met.add(client.process)
        assert not errors(daemon)


def test_a_worker_that_is_replaced_shows_what_the_others_do_even_if_the_files_are_bad_by_now(tmp_path: Path) -> None:
    after = key_pair("RSA")
    with serving(tmp_path, key_pair(), workers=2) as (daemon, files):
        files.hold(after)
        assert eventually(lambda: set(shown_by_each(daemon, 2).values()) == {after.der})
        replace_file(files.key, b"rubbish")
        assert eventually(lambda: "no private key in PEM form" in daemon.log)
        before = children(daemon.pid)
        os.kill(min(before), signal.SIGKILL)
        assert eventually(lambda: len(children(daemon.pid)) == 2 and children(daemon.pid) != before)
        shown = shown_by_each(daemon, 2)
        assert set(shown) == children(daemon.pid)
        assert set(shown.values()) == {after.der}
