"""`rapier serve --workers N` over several addresses: one door, several processes behind it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from endpoints import Access, Endpoint, rapier_program
from luxi_peer import Asked, Line, Peer, running_peer
from processes import RAPIER, Program, children
from rude.daemon import eventually

WORKERS = 3


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, access: Access) -> Iterator[tuple[Program, Endpoint]]:
    """Three workers on an IPv4 and an IPv6 address, with a users file of their own."""
    folder = tmp_path_factory.mktemp("workers")
    users = folder / "users"
    users.write_bytes(access.users.read_bytes())
    own = replace(access, users=users)
    options = ["--workers", str(WORKERS), "--listen", "[::1]:0"]
    with rapier_program("rapier-workers", folder / "luxi", own, *options) as (program, endpoint):
        yield program, endpoint


@pytest.fixture
async def peer(served: tuple[Program, Endpoint]) -> AsyncIterator[Peer]:
    """Their master, which answers to each call from which process it came."""
    _, endpoint = served

    async with running_peer(endpoint.luxi_socket) as peer:

        async def script(asked: Asked) -> None:
            line = next(line for line in peer.lines if line.number == asked.connection)
            asked.answer({"worker": process_behind(line)})

        peer.script = script
        yield peer


def process_behind(line: Line) -> int:
    """The process at the other end of a unix socket."""
    reached = line.transport.get_extra_info("socket")
    process, _, _ = struct.unpack("3i", reached.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(process)


async def workers_met(endpoint: Endpoint, tries: int = 30) -> set[int]:
    """Which workers answer. A connection each: a kept one would stay with its worker."""

    async def one() -> int:
        async with endpoint.async_client() as client:
            return int((await client.get("/2/info")).json()["worker"])

    return set(await asyncio.gather(*(one() for _ in range(tries))))


async def until_all_are_met(endpoint: Endpoint, workers: set[int]) -> None:
    """Returns when each of these workers has answered; none but these may."""
    met: set[int] = set()
    async with asyncio.timeout(10):
        while met != workers:
            met |= await workers_met(endpoint)
            assert met <= workers


async def test_all_workers_answer_on_each_of_the_addresses(served: tuple[Program, Endpoint], peer: Peer) -> None:
    program, endpoint = served
    workers = children(program.pid)
    assert len(workers) == WORKERS
    six = replace(endpoint, url=program.wait_for(r"serving (https://\[::1\]:\d+)")[1])
    await until_all_are_met(endpoint, workers)
    await until_all_are_met(six, workers)


async def test_a_worker_that_is_killed_is_replaced_and_said_while_requests_at_the_others_go_on(
    served: tuple[Program, Endpoint], peer: Peer
) -> None:
    program, endpoint = served
    before = children(program.pid)
    go_on = asyncio.Event()

    async def hold(asked: Asked) -> None:
        line = next(line for line in peer.lines if line.number == asked.connection)
        await go_on.wait()
        asked.answer({"worker": process_behind(line)})

    at_once, peer.script = peer.script, hold

    async def one() -> int | None:
        async with endpoint.async_client() as client:
            try:
                return int((await client.get("/2/info")).json()["worker"])
            except httpx.TransportError:
                return None

    # Equal requests share a call in each worker, so it takes a crowd to see all of them at work.
    under_way: list[asyncio.Task[int | None]] = []
    while {process_behind(line) for line in peer.lines} != before:
        assert len(under_way) < 240
        under_way += [asyncio.create_task(one()) for _ in range(30)]
        await asyncio.sleep(0.5)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    program.wait_for(rf"worker {victim} was killed by SIGKILL; another one takes its place")
    peer.script = at_once
    go_on.set()
    answers = await asyncio.gather(*under_way)
    assert set(answers) == {None} | before - {victim}
    assert eventually(lambda: len(children(program.pid)) == WORKERS)
    after = children(program.pid)
    assert after - before, "there is a new one"
    assert victim not in after
    await until_all_are_met(endpoint, after)


async def test_a_changed_users_file_counts_in_all_workers_at_once(served: tuple[Program, Endpoint], peer: Peer) -> None:
    program, endpoint = served
    users = Path(program.command[program.command.index("--htpasswd") + 1])
    await until_all_are_met(endpoint, children(program.pid))
    command = [*RAPIER, "passwd", str(users), "admin"]
    for password, other in (("another", "secret"), ("secret", "another")):
        await asyncio.to_thread(subprocess.run, command, input=f"{password}\n", text=True, check=True)

        async def ask(password: str) -> int:
            async with endpoint.async_client() as client:
                return (await client.get("/2/features", auth=("admin", password))).status_code

        # from now on, whichever worker is met
        assert set(await asyncio.gather(*(ask(other) for _ in range(9)))) == {401}
        assert set(await asyncio.gather(*(ask(password) for _ in range(9)))) == {200}
