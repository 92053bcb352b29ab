"""Starting: what is refused, where it listens, several workers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from endpoints import Access
from processes import children
from rude.daemon import Daemon, address_of, eventually, read_answer, request, running, start_and_fail


def test_plain_http_on_an_address_that_is_no_loopback_one_is_refused() -> None:
    code, said = start_and_fail(listen=[["127.0.0.1", 0], ["0.0.0.0", 0]], insecure_http=True)
    assert code == 2
    assert "0.0.0.0:0 is no loopback address" in said


def test_without_a_certificate_nothing_is_served() -> None:
    code, said = start_and_fail(listen=[["127.0.0.1", 0]])
    assert code == 2
    assert "`rapier cert DIR`" in said


def test_an_address_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = start_and_fail(listen=[["127.0.0.1", port]], insecure_http=True)
    assert code == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said


def test_a_name_is_no_address_to_listen_on() -> None:
    code, said = start_and_fail(listen=[["localhost", 0]], insecure_http=True)
    assert (code, "'localhost'" in said) == (2, True)


def test_several_addresses_of_both_families_are_served_and_announced(access: Access) -> None:
    with running(access.certificate, access.key, listen=[["127.0.0.1", 0], ["::1", 0], ["127.0.0.2", 0]]) as daemon:
        assert [url.rpartition(":")[0] for url in daemon.urls] == [
            "https://127.0.0.1",
            "https://[::1]",
            "https://127.0.0.2",
        ]
        assert daemon.get("/").status == 200
        v6 = Daemon(daemon.program, daemon.urls[1:], daemon.context)
        with v6.connect() as sock:
            sock.sendall(request("GET", "/scope"))
            told = read_answer(sock).json
        assert told["client"] == ["::1", sock_port(told)]
        assert told["server"] == ["::1", address_of(daemon.urls[1])[1]]


def sock_port(told: dict[str, list[object]]) -> object:
    return told["client"][1]


def test_wildcards_of_both_families_stand_beside_each_other_on_one_port(access: Access) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running(access.certificate, access.key, listen=[["0.0.0.0", port], ["::", port]]) as daemon:
        local = Daemon(daemon.program, [f"https://127.0.0.1:{port}"], daemon.context)
        assert local.get("/").status == 200


# ---- workers ----


def processes_behind(daemon: Daemon, tries: int = 40) -> set[int]:
    """Which processes answer. A connection each: a kept one would stay with its process."""
    seen: set[int] = set()
    held = [daemon.connect() for _ in range(tries)]
    for sock in held:
        sock.sendall(request("GET", "/"))
    for sock in held:
        seen.add(read_answer(sock).json["process"])
        sock.close()
    return seen


def test_each_of_several_workers_answers_and_the_parent_does_not(access: Access) -> None:
    with running(access.certificate, access.key, workers=3) as daemon:
        assert eventually(lambda: processes_behind(daemon) == children(daemon.pid))
        assert len(children(daemon.pid)) == 3
        assert daemon.program.stop() == 0


def test_a_worker_that_dies_is_replaced_and_it_is_said() -> None:
    with running(workers=2) as daemon:
        victim = min(children(daemon.pid))
        os.kill(victim, signal.SIGKILL)
        assert eventually(lambda: len(children(daemon.pid)) == 2)
        assert victim not in children(daemon.pid)
        assert eventually(lambda: processes_behind(daemon) == children(daemon.pid))
        assert f"worker {victim} was killed by SIGKILL; another one takes its place" in daemon.log
        assert daemon.log.count("serving [") == 1
        assert daemon.program.stop() == 0


def test_a_worker_that_hangs_is_replaced_and_it_is_said_where_it_hung() -> None:
    with running(workers=2, limits={"silent_worker_seconds": 2}) as daemon, daemon.connect() as sock:
        before = children(daemon.pid)
        sock.sendall(request("GET", "/hang"))
        assert eventually(lambda: "hangs: no sign of life for 2 s" in daemon.log)
        assert eventually(lambda: len(after := children(daemon.pid)) == 2 and len(after & before) == 1)
        assert "in on_hang" in daemon.log
        assert daemon.log.count("was killed by SIGABRT; another one takes its place") == 1
        assert eventually(lambda: processes_behind(daemon) == children(daemon.pid))
        assert daemon.program.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_parent_ends_all(number: int) -> None:
    with running(workers=2) as daemon:
        workers = children(daemon.pid)
        assert daemon.end(number) == 0
        assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "a service manager"])
def test_a_signal_that_reaches_all_of_them_lets_requests_in_work_end(number: int) -> None:
    with running(workers=2) as daemon, daemon.connect() as sock:
        sock.sendall(request("GET", "/slow?0.7"))
        assert not eventually(lambda: False, 0.2)
        for process in (*children(daemon.pid), daemon.pid):
            os.kill(process, number)
        assert read_answer(sock).json == {"slow": True}
        assert daemon.program.process.wait(10) == 0


def test_a_second_signal_to_the_parent_ends_all_at_once() -> None:
    with running(workers=2) as daemon, daemon.connect() as sock:
        sock.sendall(request("GET", "/slow?30"))
        began = time.monotonic()
        daemon.program.process.send_signal(signal.SIGTERM)
        assert not eventually(lambda: daemon.program.process.poll() is not None, 0.5)
        assert daemon.end() == 0
        assert time.monotonic() - began < 3


def test_workers_end_when_their_parent_is_killed() -> None:
    with running(workers=2) as daemon:
        workers = children(daemon.pid)
        daemon.program.process.kill()
        daemon.program.process.wait()
        assert eventually(lambda: not [worker for worker in workers if Path(f"/proc/{worker}").exists()])


def test_caps_are_divided_by_the_workers() -> None:
    with running(workers=2, limits={"connections_per_address": 6}) as daemon:
        held = []
        for _ in range(30):
            with contextlib.suppress(OSError):  # turned away, perhaps in the middle of the handshake
                held.append(daemon.connect())
        served = 0
        for sock in held:
            with contextlib.suppress(OSError):
                sock.sendall(request("GET", "/"))
                served += read_answer(sock).status == 200
        for sock in held:
            sock.close()
        assert 3 <= served <= 6
