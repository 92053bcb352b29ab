"""Caps on connections, counted over several workers: none too many, none refused before its time."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from rude.daemon import Daemon, eventually, read_answer, request, running

WORKERS = 3
PER_ADDRESS = 30
IN_ALL = 50


@pytest.fixture
def served() -> Iterator[Daemon]:
    """Three workers over plain HTTP, with low caps and nobody there."""
    limits = {"connections": IN_ALL, "connections_per_address": PER_ADDRESS}
    with running(workers=WORKERS, limits=limits) as daemon:
        yield daemon


class Crowd:
    """Connections that are held open. `admitted` are those that are served."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.admitted: list[socket.socket] = []
        self.workers: list[int] = []  # that serve them

    def come(self, count: int, source: str) -> int:
        """So many more, one after the other, from that address; how many of them are served."""
        before = len(self.admitted)
        for _ in range(count):
            with contextlib.suppress(ConnectionError):
                sock = self._daemon.connect(source=source)
                sock.sendall(request("GET", "/"))
                self.workers.append(read_answer(sock).json["process"])
                self.admitted.append(sock)
        return len(self.admitted) - before

    def leave(self) -> None:
        for sock in self.admitted:
            sock.close()


@pytest.fixture
def crowd(served: Daemon) -> Iterator[Crowd]:
    crowd = Crowd(served)
    yield crowd
    crowd.leave()


def test_the_caps_are_exact_however_the_workers_share_the_connections(served: Daemon, crowd: Crowd) -> None:
    assert crowd.come(2 * PER_ADDRESS, "127.0.0.2") == PER_ADDRESS
    assert len(set(crowd.workers)) > 1, "one worker alone proves nothing"
    assert crowd.come(2 * PER_ADDRESS, "127.0.0.3") == IN_ALL - PER_ADDRESS
    assert crowd.come(5, "127.0.0.4") == 0
    assert f"{PER_ADDRESS} connections of this address are open already" in served.log
    assert f"{IN_ALL} connections are open already" in served.log


def test_who_leaves_makes_room_at_every_worker(served: Daemon, crowd: Crowd) -> None:
    crowd.come(PER_ADDRESS, "127.0.0.2")
    crowd.leave()
    again = Crowd(served)
    assert eventually(lambda: again.come(1, "127.0.0.2") == 1)
    assert again.come(PER_ADDRESS, "127.0.0.2") == PER_ADDRESS - 1
    again.leave()


def test_the_connections_of_a_worker_that_was_killed_count_no_longer(served: Daemon, crowd: Crowd) -> None:
    crowd.come(PER_ADDRESS, "127.0.0.2")
    victim = crowd.workers[0]
    lost = crowd.workers.count(victim)
    os.kill(victim, signal.SIGKILL)
    children = ["pgrep", "-P", str(served.pid)]
    assert eventually(lambda: len(subprocess.check_output(children).split()) == WORKERS)
    assert eventually(lambda: crowd.come(1, "127.0.0.2") == 1)
    assert crowd.come(PER_ADDRESS, "127.0.0.2") == lost - 1
