"""Over HTTP: equal queries in flight share a call, and nobody gets an answer that is older than the question."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
import time
from dataclasses import dataclass, field

import httpx
import pytest

from endpoints import USERS, Endpoint
from luxi_peer import Asked, Peer
from rude.daemon import read_answer, request

AUTHORIZATION = "Authorization: Basic " + base64.b64encode(b"admin:" + USERS["admin"].encode()).decode()


@dataclass
class SlowMaster:
    """Answers with what it knew when a call began, as a busy luxid does, and notes when that was."""

    seconds: float
    version: int = 0
    began: dict[int, float] = field(default_factory=dict)  # call -> when
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, asked: Asked) -> None:
        call = len(self.began) + 1
        self.began[call] = time.monotonic()
        answer = {"call": call, "version": self.version}
        await asyncio.sleep(self.seconds)
        await self.may_answer.wait()
        if asked.method == "QueryInstances":
            asked.answer([[f"call-{call}"]])
        else:
            asked.answer(answer)


def connected(endpoint: Endpoint, tls: ssl.SSLContext) -> ssl.SSLSocket:
    """A connection that is ready for a request."""
    return tls.wrap_socket(socket.create_connection(endpoint.address, 10), server_hostname=endpoint.address[0])


async def test_all_who_ask_during_a_call_share_the_next_one_which_begins_after_they_came(
    lonely: Endpoint, client: httpx.AsyncClient, peer: Peer
) -> None:
    peer.script = master = SlowMaster(0)
    first = asyncio.create_task(client.get("/2/info"))
    await peer.until_asked(1)
    with contextlib.ExitStack() as open_:
        tls = lonely.tls()
        crowd = [open_.enter_context(connected(lonely, tls)) for _ in range(50)]
        began = time.monotonic()
        for sock in crowd:
            sock.sendall(request("GET", "/2/info", AUTHORIZATION))
        # The daemon reads its connections in turn: when it answers what was sent after these, it has read them.
        for _ in range(3):
            assert (await client.get("/version")).json() == 2
        assert len(peer.asked) == 1, "none has a call of its own"
        master.may_answer.set()
        assert (await first).json()["call"] == 1
        answers = [await asyncio.to_thread(read_answer, sock) for sock in crowd]
    assert {answer.json["call"] for answer in answers} == {2}
    assert master.began[2] > began
    assert len(peer.asked) == 2, "51 requests cost two calls"


async def test_a_crowd_of_readers_never_sees_less_than_what_was_written_before_it_asked(
    client: httpx.AsyncClient, peer: Peer
) -> None:
    """Each reader asks at moments of its own; the writer changes the cluster past the daemon."""
    peer.script = master = SlowMaster(0.02)
    master.may_answer.set()
    end = time.monotonic() + 1.5
    answers = 0

    async def reads(number: int) -> None:
        nonlocal answers
        while time.monotonic() < end:
            sent, known = time.monotonic(), master.version
            answer = (await client.get("/2/info")).json()
            assert answer["version"] >= known
            assert master.began[answer["call"]] > sent
            answers += 1
            await asyncio.sleep(0.001 * number)

    async def writes() -> None:
        while time.monotonic() < end:
            master.version += 1
            await asyncio.sleep(0.003)

    await asyncio.gather(writes(), *(reads(number) for number in range(16)))
    assert answers > 2 * len(peer.asked), "calls were shared, or nothing was proved"


async def test_who_wrote_reads_the_own_write_though_a_slow_read_was_under_way(
    client: httpx.AsyncClient, peer: Peer
) -> None:
    tags: list[str] = []
    go_on = asyncio.Event()

    async def script(asked: Asked) -> None:
        if asked.method == "SubmitJob":
            tags.extend(asked.args[0][0]["tags"])
            asked.answer(1)
            return
        known = list(tags)
        if len(peer.asked) == 1:
            await go_on.wait()
        asked.answer(known)

    peer.script = script
    slow = asyncio.create_task(client.get("/2/tags"))
    await peer.until_asked(1)
    assert (await client.put("/2/tags?tag=mine")).json() == 1
    own = asyncio.create_task(client.get("/2/tags"))
    assert (await client.get("/version")).json() == 2
    go_on.set()
    assert (await slow).json() == []
    assert (await own).json() == ["mine"]


async def test_what_differs_in_its_uri_is_never_shared(client: httpx.AsyncClient, peer: Peer) -> None:
    peer.script = master = SlowMaster(0)
    uris = ["/2/instances", "/2/instances?bulk=0", "/2/info", "/2/info?x"]
    under_way = [asyncio.create_task(client.get(uri)) for uri in uris]
    await peer.until_asked(len(uris))
    master.may_answer.set()
    assert [(await answer).status_code for answer in under_way] == [200] * len(uris)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_equal_writes_at_the_same_time_are_a_job_each(client: httpx.AsyncClient, peer: Peer, method: str) -> None:
    async def script(asked: Asked) -> None:
        number = len(peer.asked)
        await peer.until_asked(5)
        asked.answer(number)

    peer.script = script
    answers = await asyncio.gather(*(client.request(method, "/2/tags?tag=a") for _ in range(5)))
    assert sorted(answer.json() for answer in answers) == [1, 2, 3, 4, 5]
