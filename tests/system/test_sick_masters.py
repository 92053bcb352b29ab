"""A master daemon that is gone, restarted, silent or talks garbage, as a client of version 2 sees it.

One daemon goes through all of this without a restart: each test begins with what the one before it left.
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from endpoints import Endpoint
from luxi_peer import Asked, Peer, deaf_socket
from system.conftest import DEADLINE_SECONDS

INFO = {"name": "cluster", "software_version": "3.0.2"}
READS = [("GET", "/2/info"), ("GET", "/2/instances"), ("GET", "/2/nodes/node1"), ("GET", "/2/jobs?bulk=1")]
WRITES = [
    ("PUT", "/2/tags?tag=a"),
    ("POST", "/2/instances/web1/reboot"),
    ("DELETE", "/2/instances/web1"),
    ("DELETE", "/2/jobs/1"),
]
WAIT = ("GET", "/2/jobs/1/wait")
WAIT_BODY = {"fields": ["status"]}
ALL = [*READS, *WRITES, WAIT]
AT_ONCE_SECONDS = 0.7  # stock takes 30


async def healthy(asked: Asked) -> None:
    """What a master that is well answers to the requests above."""
    match asked.method:
        case "QueryClusterInfo":
            asked.answer(INFO)
        case "SubmitJob":
            asked.answer(7)
        case "CancelJob":
            asked.answer([True, "Job canceled"])
        case "QueryInstances" | "QueryNodes" | "QueryJobs" if len(asked.args[1]) == 1:
            asked.answer([["one"]])
        case "QueryJobs":
            asked.answer([])
        case "WaitForJobChange":
            asked.answer([["running"], []])
        case _:
            asked.answer([[None] * len(asked.args[1])])


async def silent(asked: Asked) -> None:
    """Never answers."""


async def ask(client: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    body = WAIT_BODY if (method, path) == WAIT else None
    return await client.request(method, path, json=body)


def message(answer: httpx.Response) -> str:
    """The error's text, of a body in stock's shape."""
    body = answer.json()
    assert set(body) == {"code", "message", "explain"}
    assert body["code"] == answer.status_code
    return str(body["message"])


async def is_well(client: httpx.AsyncClient, peer: Peer) -> None:
    """Asserts that a read and a write succeed now, at the first try."""
    peer.script = healthy
    answers = [await ask(client, "GET", "/2/info"), await ask(client, "PUT", "/2/tags?tag=b")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answers[0].json()["name"], answers[1].json()] == ["cluster", 7]


# -- gone ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", ALL, ids=" ".join)
async def test_without_a_socket_it_is_504_at_once_and_the_body_names_the_socket(
    lonely: Endpoint, client: httpx.AsyncClient, request_: tuple[str, str]
) -> None:
    began = time.monotonic()
    answer = await ask(client, *request_)
    assert answer.status_code == 504
    assert time.monotonic() - began < AT_ONCE_SECONDS
    assert f"no socket {lonely.luxi_socket}" in message(answer)


@pytest.mark.parametrize("request_", [READS[0], WRITES[0]], ids=" ".join)
async def test_with_nobody_behind_the_socket_it_is_504_at_once_and_the_body_says_so(
    lonely: Endpoint, client: httpx.AsyncClient, request_: tuple[str, str]
) -> None:
    path: Path = lonely.luxi_socket
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    try:
        answer = await ask(client, *request_)
    finally:
        path.unlink()
    assert answer.status_code == 504
    assert message(answer) == f"no master daemon listens on its socket {path}"


async def test_what_needs_no_master_is_answered_without_one(client: httpx.AsyncClient) -> None:
    answers = [await client.get(path) for path in ("/version", "/2", "/2/features", "/nowhere")]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 404]


# -- restarted -------------------------------------------------------------------------------------------------------


async def test_a_restart_between_two_requests_is_not_noticed(client: httpx.AsyncClient, peer: Peer) -> None:
    for _ in range(3):
        await is_well(client, peer)
        await peer.stop()
        await peer.start()
    assert peer.times_asked() == {"QueryClusterInfo": 3, "SubmitJob": 3}


async def test_a_master_that_ends_in_the_middle_of_requests_is_504_at_once_and_well_when_it_is_back(
    client: httpx.AsyncClient, peer: Peer
) -> None:
    peer.script = silent
    under_way = [asyncio.create_task(ask(client, *request)) for request in ALL]
    await peer.until_asked(len(ALL))
    began = time.monotonic()
    await peer.stop()
    answers = await asyncio.gather(*under_way)
    assert time.monotonic() - began < AT_ONCE_SECONDS
    assert [answer.status_code for answer in answers] == [504] * len(ALL)
    reads, writes = answers[: len(READS)], answers[len(READS) : -1]
    assert all("no socket" in message(answer) for answer in reads), "each was tried again, where nobody is any more"
    assert all("may have been carried out" in message(answer) for answer in writes)
    await peer.start()
    await is_well(client, peer)


@pytest.mark.parametrize("request_", [*READS, WAIT], ids=" ".join)
async def test_a_read_whose_connection_is_lost_is_tried_a_second_time(
    client: httpx.AsyncClient, peer: Peer, request_: tuple[str, str]
) -> None:
    async def lose_the_first(asked: Asked) -> None:
        if len(peer.asked) == 1:
            asked.send(b'{"success": tr')
            asked.cut()
        else:
            await healthy(asked)

    peer.script = lose_the_first
    answer = await ask(client, *request_)
    # a row of nulls is enough to show that the answer came through
    assert answer.status_code == 200
    assert len(peer.asked) == 2


@pytest.mark.parametrize("half", [b"", b'{"success": true, "result": 4'], ids=["no answer", "half an answer"])
@pytest.mark.parametrize("request_", WRITES, ids=" ".join)
async def test_a_write_whose_connection_is_lost_reaches_the_master_once_and_its_client_learns_that_it_may_be_done(
    client: httpx.AsyncClient, peer: Peer, request_: tuple[str, str], half: bytes
) -> None:
    async def lose(asked: Asked) -> None:
        asked.send(half)
        asked.cut()

    peer.script = lose
    answer = await ask(client, *request_)
    assert answer.status_code == 504
    assert re.search(r"closed the connection .*; (SubmitJob|CancelJob) may have been carried out", message(answer))
    assert len(peer.asked) == 1
    await is_well(client, peer)


# -- silent ----------------------------------------------------------------------------------------------------------


async def test_a_master_that_never_answers_is_504_after_the_deadline_and_holds_up_nobody_else(
    client: httpx.AsyncClient, peer: Peer
) -> None:
    peer.script = silent
    began = time.monotonic()
    under_way = [asyncio.create_task(ask(client, *request)) for request in [*READS, *WRITES]]
    await peer.until_asked(len(under_way))
    assert (await client.get("/version")).json() == 2
    assert time.monotonic() - began < DEADLINE_SECONDS, "it came after the others"
    answers = await asyncio.gather(*under_way)
    assert DEADLINE_SECONDS <= time.monotonic() - began < DEADLINE_SECONDS + AT_ONCE_SECONDS
    assert [answer.status_code for answer in answers] == [504] * len(answers)
    assert all(re.search(r"did not answer \w+ within 1 s", message(answer)) for answer in answers)
    assert all("may have been carried out" in message(answer) for answer in answers[len(READS) :])
    assert peer.times_asked()["SubmitJob"] == len(WRITES) - 1
    await is_well(client, peer)


@pytest.mark.long
async def test_a_wait_that_never_ends_is_504_after_its_time_and_the_deadline(
    client: httpx.AsyncClient, peer: Peer
) -> None:
    peer.script = silent
    began = time.monotonic()
    answer = await ask(client, *WAIT)
    assert answer.status_code == 504
    assert 10 + DEADLINE_SECONDS <= time.monotonic() - began < 10 + DEADLINE_SECONDS + AT_ONCE_SECONDS
    await is_well(client, peer)


async def test_an_answer_that_comes_too_late_reaches_nobody(client: httpx.AsyncClient, peer: Peer) -> None:
    enough = asyncio.Event()

    async def late(asked: Asked) -> None:
        await enough.wait()
        asked.answer({"name": "too late"})

    peer.script = late
    assert (await ask(client, "GET", "/2/info")).status_code == 504
    enough.set()
    await is_well(client, peer)


async def test_a_master_that_does_not_even_take_connections_is_504_after_the_deadline(
    lonely: Endpoint, client: httpx.AsyncClient
) -> None:
    with deaf_socket(lonely.luxi_socket):
        began = time.monotonic()
        answers = await asyncio.gather(*(ask(client, *request) for request in READS))
        took = time.monotonic() - began
    lonely.luxi_socket.unlink()
    assert [answer.status_code for answer in answers] == [504] * len(READS)
    assert took < DEADLINE_SECONDS + AT_ONCE_SECONDS


# -- garbage ---------------------------------------------------------------------------------------------------------


def sends(data: bytes) -> Callable[[Asked], Any]:
    """The script of a master that sends these bytes, whatever it is asked."""

    async def script(asked: Asked) -> None:
        asked.send(data)

    return script


GARBAGE = {
    "no JSON": b"what?\x03",
    "nothing": b"\x03",
    "no UTF-8": b'{"success": true, "result": "\xff"}\x03',
    "no result": b'{"success": true}\x03',
    "a list": b"[true, 1]\x03",
    "nested without end": b"[" * 100_000 + b"\x03",
    "two answers": b'{"success": true, "result": 1}\x03{"success": true, "result": 2}\x03',
    "a bare text": b'{"success": false, "result": "Failed to parse request"}\x03',
    "another kind of result": b'{"success": true, "result": "something"}\x03',
    "null": b'{"success": true, "result": null}\x03',
    "a row of another length": b'{"success": true, "result": [[1, 2, 3]]}\x03',
    "a row that is none": b'{"success": true, "result": [1]}\x03',
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_is_502_with_a_body_that_says_what_came_and_the_next_request_succeeds(
    client: httpx.AsyncClient, peer: Peer, garbage: bytes
) -> None:
    for request in ALL:
        if request == WAIT and b"null" in garbage:
            continue  # luxid says so of a job that it lost
        peer.script = sends(garbage)
        answer = await ask(client, *request)
        assert answer.status_code == 502, f"{request}: {answer.text}"
        assert re.search("master|Failed to parse request", message(answer))
        await is_well(client, peer)
    assert peer.most_on_a_connection == 1


async def test_an_error_of_the_masters_is_not_taken_for_its_sickness(client: httpx.AsyncClient, peer: Peer) -> None:
    async def refuse(asked: Asked) -> None:
        asked.fail(["OpExecError", ["out of paper"]])

    peer.script = refuse
    answer = await ask(client, "GET", "/2/info")
    assert (answer.status_code, message(answer)) == (500, "out of paper")
    assert len(peer.lines) == 1, "the connection was kept"
