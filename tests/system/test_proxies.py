"""`--trusted-proxy`: whose address counts in the log, for guesses, and for the caps."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from endpoints import Access, Endpoint, rapier_program
from luxi_peer import Asked, running_peer
from processes import RAPIER, Program
from rude.daemon import eventually

PROXY, STRANGER = "127.0.0.7", "127.0.0.8"  # who connects
CAP = 4
LIMITS = f"[limits]\nconnections_per_address = {CAP}\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, access: Access) -> Iterator[tuple[Program, Endpoint]]:
    """A daemon that trusts one proxy, with a small cap for each address."""
    tmp_path = tmp_path_factory.mktemp("behind")
    (tmp_path / "config.toml").write_text(LIMITS)
    options = (
        "--trusted-proxy",
        "127.0.0.7",
        "--trusted-proxy",
        "2001:db8:7::/64",
        "--config",
        tmp_path / "config.toml",
    )
    with rapier_program("rapier-behind", tmp_path / "luxi", access, *options) as (program, endpoint):
        yield program, endpoint


def client_from(endpoint: Endpoint, address: str, password: str = "secret") -> httpx.AsyncClient:
    """A client that connects from that address."""
    transport = httpx.AsyncHTTPTransport(
        verify=endpoint.tls(), local_address=address, limits=httpx.Limits(max_connections=None)
    )
    return httpx.AsyncClient(transport=transport, base_url=endpoint.url, auth=("admin", password), timeout=30)


def addresses(program: Program, count: int) -> list[str]:
    """The addresses in the lines of that many requests, the first ones."""

    def found() -> list[str]:
        return re.findall(r"rapier\.requests: (\S+) ", program.log)[:count]

    assert eventually(lambda: len(found()) >= count)
    return found()


async def test_a_proxys_word_counts_and_a_strangers_does_not(served: tuple[Program, Endpoint]) -> None:
    program, endpoint = served
    said = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
    async with client_from(endpoint, PROXY) as proxy, client_from(endpoint, STRANGER) as stranger:
        await proxy.get("/version", headers=said)
        await proxy.get(
            "/version", headers={"Forwarded": 'for="[2001:db8::17]:4711";proto=https, for="[2001:db8:7::1]"'}
        )
        await proxy.get("/version")
        await proxy.get("/version", headers={"Forwarded": "nonsense"})
        for spoofed in (said, {"Forwarded": "for=203.0.113.9"}, {"Forwarded": f"for={PROXY}"}):
            await stranger.get("/version", headers=spoofed)
    expected = ["203.0.113.9", "2001:db8::17", PROXY, PROXY, STRANGER, STRANGER, STRANGER]
    assert await asyncio.to_thread(addresses, program, len(expected)) == expected


async def test_guesses_slow_who_makes_them_and_nobody_else(served: tuple[Program, Endpoint]) -> None:
    _, endpoint = served

    async def seconds_to_refuse(client: httpx.AsyncClient, address: str) -> float:
        began = time.perf_counter()
        answer = await client.get("/version", headers={"X-Forwarded-For": address})
        assert answer.status_code == 401
        return time.perf_counter() - began

    async with client_from(endpoint, PROXY, "guess") as proxy, client_from(endpoint, STRANGER, "guess") as stranger:
        for number in range(11):
            await seconds_to_refuse(proxy, "203.0.113.66")
            # one who names another each time stays who they are, and slows nobody whom they name
            await seconds_to_refuse(stranger, f"203.0.113.{number}")
        quick = min([await seconds_to_refuse(proxy, f"203.0.113.{number}") for number in range(3)])
        assert await seconds_to_refuse(proxy, "203.0.113.66") > quick + 0.2
        assert await seconds_to_refuse(stranger, "203.0.113.99") > quick + 0.2


async def test_a_proxy_may_have_many_connections_and_each_address_behind_it_some_requests(
    served: tuple[Program, Endpoint],
) -> None:
    program, endpoint = served
    may_answer = asyncio.Event()
    both = ("203.0.113.9", "2001:db8:1:2::3")

    async def when_told(asked: Asked) -> None:
        await may_answer.wait()
        asked.answer([[f"n{asked.connection}"]])

    async with running_peer(endpoint.luxi_socket) as peer, client_from(endpoint, PROXY) as proxy:
        peer.script = when_told
        await proxy.get("/version")  # the password is remembered

        def ask(address: str, number: int) -> asyncio.Task[httpx.Response]:
            headers = {"X-Forwarded-For": address}
            return asyncio.create_task(proxy.get(f"/2/instances/i{number}", headers=headers))

        held = [ask(address, CAP * turn + number) for turn, address in enumerate(both) for number in range(CAP)]
        await peer.until_asked_for("QueryInstances", 2 * CAP)
        # one more of each address, the second from the same 64 bits of network
        for address in ("203.0.113.9", "2001:db8:1:2::4"):
            refused = await ask(address, 99)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert refused.json()["code"] == 429
            assert "connection" not in refused.headers
        problem = await proxy.get("/3", headers={"X-Forwarded-For": "203.0.113.9"})
        assert problem.json()["type"] == "/3/problems/too-many-requests"
        other = ask("203.0.113.10", 50)
        await peer.until_asked_for("QueryInstances", 2 * CAP + 1)
        may_answer.set()
        answers = await asyncio.gather(*held, other)
        assert all(answer.status_code != 429 for answer in answers)
        # each has given its place back
        assert (await ask("203.0.113.9", 100)).status_code != 429
    assert f"429 {CAP} requests" not in program.log
    program.wait_for(f"refused 203.0.113.9: {CAP} requests of this address are in work")


async def test_who_leaves_gives_the_place_back(served: tuple[Program, Endpoint]) -> None:
    _, endpoint = served
    headers = {"X-Forwarded-For": "203.0.113.9"}

    async def never(asked: Asked) -> None:
        pass

    async with running_peer(endpoint.luxi_socket) as peer, client_from(endpoint, PROXY) as proxy:
        peer.script = never
        await proxy.get("/version")
        for turn in range(3):
            leaving = [asyncio.create_task(proxy.get("/2/os", headers=headers)) for _ in range(CAP)]
            await asyncio.sleep(0.3)
            assert not any(task.done() for task in leaving), turn
            for task in leaving:
                task.cancel()
            await asyncio.gather(*leaving, return_exceptions=True)
            await asyncio.sleep(0.2)
        assert (await proxy.get("/version", headers=headers)).status_code == 200


async def test_a_strangers_connections_are_capped_as_ever(served: tuple[Program, Endpoint]) -> None:
    _, endpoint = served
    headers = {"X-Forwarded-For": "203.0.113.9"}

    async def connected(address: str, number: int) -> int:
        opened = 0
        host, port = endpoint.address
        writers = []
        for _ in range(number):
            try:
                _, writer = await asyncio.open_connection(host, port, ssl=endpoint.tls(), local_addr=(address, 0))
            except OSError:
                continue
            writers.append(writer)
            opened += 1
        for writer in writers:
            writer.close()
        return opened

    assert await connected(STRANGER, CAP + 3) == CAP
    assert await connected(PROXY, CAP + 3) == CAP + 3
    async with client_from(endpoint, PROXY) as proxy:
        assert (await proxy.get("/version", headers=headers)).status_code == 200


async def test_the_own_origin_is_the_one_that_the_proxy_was_asked_under(served: tuple[Program, Endpoint]) -> None:
    _, endpoint = served
    page = {"Origin": "https://ganeti.example.com"}
    named = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "ganeti.example.com"}
    standard = {"Forwarded": "for=203.0.113.9;proto=https;host=ganeti.example.com"}
    async with client_from(endpoint, PROXY) as proxy, client_from(endpoint, STRANGER) as stranger:
        for headers in (named, standard):
            assert (await proxy.put("/2/tags?tag=a", headers=page | headers)).status_code == 504  # let in: no master
            assert (await stranger.put("/2/tags?tag=a", headers=page | headers)).status_code == 403
        assert (await proxy.put("/2/tags?tag=a", headers=page)).status_code == 403
        other = {"Forwarded": "for=203.0.113.9;proto=http;host=ganeti.example.com"}
        assert (await proxy.put("/2/tags?tag=a", headers=page | other)).status_code == 403


def test_what_is_no_network_is_refused(access: Access) -> None:
    for wrong in ("proxy.example.com", "10.0.0.1/8"):
        options: list[str | Path] = [
            "--htpasswd",
            access.users,
            "--tls-cert",
            access.certificate,
            "--trusted-proxy",
            wrong,
        ]
        with Program("rapier-refused", [*RAPIER, "serve", *options]) as program:
            assert program.process.wait(20) == 1
            assert "trusted-proxy: an address or a network" in program.log
