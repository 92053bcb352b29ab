"""`/healthz` and `/readyz`: for anybody, without detail, and never behind what may be sick."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import bcrypt
import httpx
import pytest

from endpoints import Access, Endpoint, rapier_program
from luxi_peer import Asked, deaf_socket, running_peer
from processes import Program


@pytest.fixture
def served(tmp_path: Path, access: Access) -> Iterator[tuple[Program, Endpoint]]:
    """A daemon of the test's own, with slow passwords, before a socket at which there is no master yet."""
    users = tmp_path / "users"
    users.write_bytes(b"admin:" + bcrypt.hashpw(b"secret", bcrypt.gensalt(12)) + b"\n")
    with rapier_program("rapier-health", tmp_path / "luxi", replace(access, users=users)) as (program, endpoint):
        yield program, endpoint


@pytest.fixture
async def stranger(served: tuple[Program, Endpoint]) -> AsyncIterator[httpx.AsyncClient]:
    _, endpoint = served
    async with httpx.AsyncClient(base_url=endpoint.url, verify=endpoint.tls(), timeout=20) as client:
        yield client


async def silent(asked: Asked) -> None:
    """Answers nobody but the probe."""
    if asked.method == "QueryConfigValues":
        asked.answer(["cluster.example.com"])


async def seconds_to(client: httpx.AsyncClient, path: str, status: int) -> float:
    """How long the answer takes, which must have that status."""
    began = time.perf_counter()
    assert (await client.get(path)).status_code == status
    return time.perf_counter() - began


async def test_health_is_one_word_for_anybody(served: tuple[Program, Endpoint], stranger: httpx.AsyncClient) -> None:
    async with running_peer(served[1].luxi_socket):
        for path, word in (("/healthz", "ok\n"), ("/readyz", "ready\n")):
            answer = await stranger.get(path, headers={"X-Request-Id": "mine", "Authorization": "Basic bm86bm8="})
            assert (answer.status_code, answer.text) == (200, word)
            assert answer.headers["x-request-id"] == "mine"
            assert answer.headers["cache-control"] == "no-store"
            assert set(answer.headers) == {
                *("server", "date", "cache-control", "content-type", "content-length", "x-request-id")
            }
            head = await stranger.head(path)
            assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(word)))
            for method in ("POST", "PUT", "DELETE", "OPTIONS", "BREW"):
                refused = await stranger.request(method, path, headers={"Origin": "https://evil.example"})
                assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD"), method
            for other in (f"{path}/", f"/2{path}", f"/{path}", path.upper()):
                assert (await stranger.get(other)).status_code == 401, other


async def test_without_a_master_it_lives_and_is_not_ready(
    served: tuple[Program, Endpoint], stranger: httpx.AsyncClient
) -> None:
    _, endpoint = served
    assert (await stranger.get("/healthz")).text == "ok\n"
    answer = await stranger.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "not ready\n")
    async with running_peer(endpoint.luxi_socket):
        await asyncio.sleep(1.1)
        assert (await stranger.get("/readyz")).status_code == 200
    await asyncio.sleep(1.1)
    assert (await stranger.get("/readyz")).status_code == 503


async def test_masters_that_do_not_answer_make_it_unready_within_a_second(
    served: tuple[Program, Endpoint], stranger: httpx.AsyncClient
) -> None:
    luxi_socket = served[1].luxi_socket

    async def never(asked: Asked) -> None:
        pass

    async def garbage(asked: Asked) -> None:
        asked.send(b"\xff\x00nonsense\x03")

    for script in (never, garbage):
        async with running_peer(luxi_socket) as peer:
            peer.script = script
            assert await seconds_to(stranger, "/readyz", 503) < 2
            assert await seconds_to(stranger, "/healthz", 200) < 0.5
        await asyncio.sleep(1.1)
    with deaf_socket(luxi_socket):
        assert await seconds_to(stranger, "/readyz", 503) < 2


async def test_a_crowd_makes_it_ask_the_master_once_a_second(
    served: tuple[Program, Endpoint], stranger: httpx.AsyncClient
) -> None:
    async with running_peer(served[1].luxi_socket) as peer:
        began = time.monotonic()
        for _ in range(6):
            answers = await asyncio.gather(*(stranger.get("/readyz") for _ in range(50)))
            assert {answer.status_code for answer in answers} == {200}
        # the asking itself is the only thing that may take part of a second
        assert peer.times_asked()["QueryConfigValues"] <= 1 + (time.monotonic() - began)
        assert peer.most_connections == 1


async def test_it_waits_behind_no_query_and_no_password(
    served: tuple[Program, Endpoint], stranger: httpx.AsyncClient
) -> None:
    _, endpoint = served
    async with running_peer(endpoint.luxi_socket) as peer, endpoint.async_client() as user:
        peer.script = silent
        await user.get("/version")  # the password is remembered from here on
        # more than there are connections to the master; each another question, so that none is shared
        queries = [asyncio.create_task(user.get(f"/2/instances/i{number}")) for number in range(40)]
        await peer.until_asked_for("QueryInstances", 16)
        # more than there are threads: each takes a quarter of a second of one
        guesses = [
            asyncio.create_task(stranger.get("/version", headers={"Authorization": f"Basic {guess}"}))
            for guess in (
                "YWRtaW46MQ==",
                "YWRtaW46Mg==",
                "YWRtaW46Mw==",
                "YWRtaW46NA==",
                "YWRtaW46NQ==",
                "YWRtaW46Ng==",
            )
        ]
        await asyncio.sleep(0.1)
        async with httpx.AsyncClient(base_url=endpoint.url, verify=endpoint.tls()) as checking:
            slowest = max([await seconds_to(checking, "/healthz", 200) for _ in range(20)])
            assert await seconds_to(checking, "/readyz", 200) < 1
        assert not all(guess.done() for guess in guesses)
        assert not any(query.done() for query in queries)
        assert slowest < 2  # on a machine that does much else; those before it take longer
        for task in (*queries, *guesses):
            task.cancel()
        await asyncio.gather(*queries, *guesses, return_exceptions=True)


async def test_the_users_file_does_not_matter(served: tuple[Program, Endpoint], stranger: httpx.AsyncClient) -> None:
    program, endpoint = served
    users = Path(program.command[program.command.index("--htpasswd") + 1])
    users.unlink()
    users.mkdir()
    async with running_peer(endpoint.luxi_socket):
        for _ in range(3):
            assert (await stranger.get("/healthz")).status_code == 200
            assert (await stranger.get("/readyz")).status_code == 200
            await asyncio.sleep(0.05)


async def test_a_daemon_that_ends_is_not_ready(served: tuple[Program, Endpoint], stranger: httpx.AsyncClient) -> None:
    program, endpoint = served
    asked_for, may_answer = asyncio.Event(), asyncio.Event()

    async def when_told(asked: Asked) -> None:
        asked_for.set()
        await may_answer.wait()
        asked.answer(["cluster.example.com"])

    async with running_peer(endpoint.luxi_socket) as peer:
        peer.script = when_told
        checking = asyncio.create_task(stranger.get("/readyz"))
        await asyncio.wait_for(asked_for.wait(), 5)
        program.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(program.wait_for, "ending: ")
        may_answer.set()
        assert (await checking).status_code == 503
    assert await asyncio.to_thread(program.process.wait, 15) == 0


async def test_who_leaves_takes_the_answer_from_nobody(
    served: tuple[Program, Endpoint], stranger: httpx.AsyncClient
) -> None:
    async def late(asked: Asked) -> None:
        await asyncio.sleep(0.4)
        asked.answer([])

    async with running_peer(served[1].luxi_socket) as peer:
        peer.script = late
        leaving = asyncio.create_task(stranger.get("/readyz"))
        await peer.until_asked(1)
        staying = asyncio.create_task(stranger.get("/readyz"))
        await asyncio.sleep(0.05)
        leaving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaving
        assert (await staying).status_code == 200
        assert len(peer.asked) == 1
