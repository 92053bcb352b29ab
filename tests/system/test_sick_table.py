"""One table of what a master can suffer from, and what each version of the API says of it, to a read and to a write.

Between the daemon and a good master stands the test: it passes every call on, or does as the row says. So what is left
in the good master's queue shows what was submitted, and how often.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from endpoints import Access, Endpoint, embedded_master, rapier
from lab.luxi import Refused
from lab.luxi import ask as ask_luxi
from luxi_peer import Asked, Peer, running_peer
from rapier.luxi.client import QUERY_CONNECTIONS

DEADLINE_SECONDS = 1.0
Trouble = Callable[[Asked, Callable[[], Awaitable[None]]], Awaitable[None]]


class Sick(NamedTuple):
    """One row. `meets` says which calls it befalls, `jobs` how many a write leaves in the queue.

    The answers are statuses; for version 3 with the type of the problem, where there is one.
    """

    what: str
    trouble: Trouble
    read_2: int
    write_2: int
    read_3: str
    write_3: str
    meets: Callable[[Asked], bool] = lambda asked: True
    jobs: int = 0


def on_questions(asked: Asked) -> bool:
    """Whatever is asked about objects and jobs."""
    return asked.method in ("Query", "QueryInstances")


def on_reads(asked: Asked) -> bool:
    """The reads of the table, not what a write looks at."""
    return asked.method == "QueryInstances" or (asked.method == "Query" and asked.args[0] == "instance")


def on_submission(asked: Asked) -> bool:
    """The writes of the table."""
    return asked.method == "SubmitJob"


def sends(data: bytes) -> Trouble:
    """Answers with these bytes."""

    async def trouble(asked: Asked, carry_out: Callable[[], Awaitable[None]]) -> None:
        asked.send(data)

    return trouble


def cuts(data: bytes = b"") -> Trouble:
    """Sends these bytes and closes the connection."""

    async def trouble(asked: Asked, carry_out: Callable[[], Awaitable[None]]) -> None:
        asked.send(data)
        asked.cut()

    return trouble


def fails(*error: Any) -> Trouble:
    """Says that it failed, in Ganeti's way."""

    async def trouble(asked: Asked, carry_out: Callable[[], Awaitable[None]]) -> None:
        asked.fail(list(error))

    return trouble


async def is_silent(asked: Asked, carry_out: Callable[[], Awaitable[None]]) -> None:
    """Never answers."""


async def is_slow(asked: Asked, carry_out: Callable[[], Awaitable[None]]) -> None:
    """Takes most of its time."""
    await asyncio.sleep(DEADLINE_SECONDS * 0.4)
    await carry_out()


async def loses_the_answer(asked: Asked, carry_out: Callable[[], Awaitable[None]]) -> None:
    """Does what it was asked, and closes the connection instead of an answer."""
    asked.send = lambda data: None  # type: ignore[method-assign]
    await carry_out()
    asked.cut()


GARBLED = "502 master-garbled"
SILENT = "504 master-silent"
TABLE = [
    Sick("slow", is_slow, 200, 200, "200", "202", jobs=1),
    Sick("silent to reads", is_silent, 504, 200, SILENT, "202", on_reads, jobs=1),
    Sick("silent to every question", is_silent, 504, 200, SILENT, "504 outcome-unknown", on_questions, jobs=1),
    Sick("silent to submissions", is_silent, 200, 504, "200", "504 unknown", on_submission),
    Sick("no answer, and the connection closed", cuts(), 200, 504, "200", "503 not-submitted", on_submission),
    Sick("half an answer, and the connection closed", cuts(b'{"success": tr'), 200, 504, "200", "503 not-submitted",
         on_submission),
    Sick("carried out, and the answer lost", loses_the_answer, 200, 504, "200", "202", on_submission, jobs=1),
    Sick("connections closed on reads", cuts(b"{"), 504, 200, SILENT, "202", on_reads, jobs=1),
    Sick("garbage", sends(b"what?\x03"), 502, 200, GARBLED, "202", on_reads, jobs=1),
    Sick("garbage for a job's id", sends(b"what?\x03"), 200, 502, "200", "503 not-submitted", on_submission),
    Sick("another shape", sends(b'{"success": true, "result": {"data": [[1]], "fields": []}}\x03'), 502, 200,
         GARBLED, "202", on_reads, jobs=1),
    Sick("two answers at once", sends(b'{"success": true, "result": []}\x03' * 2), 502, 200, GARBLED, "202",
         on_reads, jobs=1),
    Sick("the queue is full", fails("JobQueueFull", []), 200, 503, "200", "503 queue-full", on_submission),
    Sick("the queue is drained", fails("JobQueueDrainError", ["Job queue is drained"]), 200, 503, "200",
         "503 queue-drained", on_submission),
    Sick("the queue is drained, as luxid says it", fails("GenericError", ["Queue drained"]), 200, 500, "200",
         "503 queue-drained", on_submission),
    Sick("it could not read the request", fails("Failed to parse request"), 200, 502, "200", GARBLED, on_submission),
]  # fmt: skip


class Between:
    """What the daemon takes for its master."""

    def __init__(self, peer: Peer, good: Path) -> None:
        self.good = good
        self.peer = peer
        self.row: Sick | None = None
        peer.script = self._script

    async def _script(self, asked: Asked) -> None:
        async def carry_out() -> None:
            # an answer of the good master's takes a moment: it has a process of its own
            try:
                result = await asyncio.to_thread(ask_luxi, self.good, asked.method, asked.args)
            except Refused as refusal:
                asked.fail(refusal.args[0])
            else:
                asked.answer(result)

        row = self.row
        if row is not None and row.meets(asked):
            await row.trouble(asked, carry_out)
        else:
            await carry_out()

    def jobs(self) -> int:
        """How many there are in the good master's queue."""
        return len(ask_luxi(self.good, "QueryJobs", [None, ["id"]]))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a master that is well."""
    with embedded_master(tmp_path_factory.mktemp("good")) as luxi_socket:
        yield luxi_socket


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, access: Access) -> Iterator[Endpoint]:
    """One daemon for all of the table: it is never restarted."""
    luxi_socket = tmp_path_factory.mktemp("sick") / "luxi"
    with rapier("rapier-table", luxi_socket, access, "--luxi-deadline-seconds", str(DEADLINE_SECONDS)) as endpoint:
        yield endpoint


@pytest.fixture
async def between(daemon: Endpoint, good: Path) -> AsyncIterator[Between]:
    async with running_peer(daemon.luxi_socket) as peer:
        yield Between(peer, good)


@pytest.fixture
async def client(daemon: Endpoint) -> AsyncIterator[httpx.AsyncClient]:
    async with daemon.async_client() as client:
        yield client


async def read(client: httpx.AsyncClient, version: str) -> httpx.Response:
    return await client.get({"2": "/2/instances", "3": "/3/cluster/instances?live=0"}[version])


async def write(client: httpx.AsyncClient, version: str, tag: str = "a") -> httpx.Response:
    if version == "2":
        return await client.put("/2/tags", params={"tag": tag, "dry-run": "1"})
    return await client.post("/3/cluster/jobs", json={"opcodes": [
        {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": [tag], "dry_run": True}]})  # fmt: skip


def said(answer: httpx.Response, version: str) -> str:
    """The status; with the type of the problem in version 3. The body says what is wrong, and when to come again."""
    status = str(answer.status_code)
    if answer.is_success:
        return status
    body = answer.json()
    if version == "2":
        assert body["code"] == answer.status_code
        assert body["message"]
        return status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["detail"]
    assert answer.status_code != 503 or "Retry-After" in answer.headers
    return f"{status} {body['type'].rpartition('/')[2]}"


async def is_well(client: httpx.AsyncClient, between: Between) -> None:
    """Asserts that everything succeeds now, at the first try."""
    between.row = None
    answers = [await ask(client, version) for version in "23" for ask in (read, write)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 202]


@pytest.mark.parametrize("version", "23")
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.what)
async def test_a_sick_master_is_answered_for_as_the_table_says_and_the_next_request_is_well(
    between: Between, client: httpx.AsyncClient, row: Sick, version: str
) -> None:
    await is_well(client, between)
    jobs = between.jobs()
    between.row = row
    asked = [asyncio.create_task(ask(client, version)) for ask in (read, write)]
    meanwhile = await client.get("/version")
    assert meanwhile.status_code == 200
    answers = [said(answer, version) for answer in await asyncio.gather(*asked)]
    assert answers == ([str(row.read_2), str(row.write_2)] if version == "2" else [row.read_3, row.write_3])
    assert between.jobs() - jobs == row.jobs
    await is_well(client, between)


@pytest.mark.parametrize("served", [False, True], ids=["no socket", "a socket that nobody serves"])
async def test_without_a_master_version_3_says_503_at_once_and_is_well_when_there_is_one(
    daemon: Endpoint, good: Path, client: httpx.AsyncClient, served: bool
) -> None:
    if served:
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(daemon.luxi_socket))
    loop = asyncio.get_running_loop()
    began = loop.time()
    answers = [said(await ask(client, "3"), "3") for ask in (read, write)]
    assert answers == ["503 master-absent"] * 2
    assert loop.time() - began < DEADLINE_SECONDS
    daemon.luxi_socket.unlink(missing_ok=True)
    async with running_peer(daemon.luxi_socket) as peer:
        await is_well(client, Between(peer, good))


@pytest.mark.parametrize("version", "23")
async def test_with_all_connections_to_the_master_in_use_a_write_says_that_it_was_not_sent_or_is_carried_out(
    between: Between, client: httpx.AsyncClient, version: str
) -> None:
    """It waits in line behind reads that are silent; when their time is over, little of its own is left."""
    await is_well(client, between)
    jobs = between.jobs()
    between.row = Sick("silent to reads", is_silent, 504, 200, SILENT, "202", on_reads)
    before = len(between.peer.asked)
    # each is another: equal reads share a call
    reads = [asyncio.create_task(client.get(f"/2/instances?number={number}")) for number in range(QUERY_CONNECTIONS)]
    await between.peer.until_asked(before + QUERY_CONNECTIONS)
    late = asyncio.create_task(write(client, version))
    assert (await client.get("/version")).status_code == 200
    outcome = said(await late, version)
    assert outcome in {"2": ("200", "504"), "3": ("202", "503 not-submitted", "504 outcome-unknown")}[version]
    assert between.jobs() - jobs == (outcome in ("200", "202", "504 outcome-unknown"))
    assert {answer.status_code for answer in await asyncio.gather(*reads)} == {504}
    await is_well(client, between)
