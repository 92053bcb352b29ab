"""Clients that leave in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

from endpoints import Endpoint
from luxi_peer import Asked, Peer
from rapier.luxi.client import WAIT_CONNECTIONS
from rude.daemon import open_files

WAIT = "/2/jobs/1/wait"
WAIT_BODY = {"fields": ["status"], "previous_job_info": ["running"], "previous_log_serial": 99}


async def wait(client: httpx.AsyncClient, job: int = 1) -> httpx.Response:
    return await client.request("GET", f"/2/jobs/{job}/wait", json=WAIT_BODY)


@asynccontextmanager
async def waiting_clients(endpoint: Endpoint, count: int) -> AsyncIterator[list[asyncio.Task[httpx.Response]]]:
    """So many clients that wait, each for a job and on a connection of its own; they leave at the end of the block."""
    async with endpoint.async_client() as client:
        tasks = [asyncio.create_task(wait(client, job)) for job in range(1, count + 1)]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def nothing_happens(asked: Asked) -> None:
    """A job that stays as it is: waits are not answered, looks are."""
    if asked.method == "QueryJobs":
        asked.answer([["running", "running", []]] * len(asked.args[0]))
    elif asked.method == "QueryClusterInfo":
        asked.answer({"name": "cluster"})


async def until(condition: Callable[[], bool], within_seconds: float = 5.0) -> None:
    """Waits until the condition is true; fails after that time."""
    async with asyncio.timeout(within_seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_clients_that_leave_a_wait_free_all_that_they_held(lonely: Endpoint, peer: Peer) -> None:
    """More than have a LUXI connection of their own: the others look at the job now and then, and must stop too."""
    peer.script = nothing_happens
    crowd = WAIT_CONNECTIONS + 8
    async with lonely.async_client() as client:  # what is opened once in a daemon's life is open now
        assert (await client.get("/2/info")).status_code == 200
    before = open_files(lonely.pid)
    for times in (1, 2):  # the second crowd finds all places free, or it would look instead of waiting
        looks = peer.times_asked()["QueryJobs"]
        async with waiting_clients(lonely, crowd):
            await peer.until_asked_for("WaitForJobChange", times * WAIT_CONNECTIONS)
            await peer.until_asked_for("QueryJobs", looks + 1)
            assert open_files(lonely.pid) > crowd + WAIT_CONNECTIONS
        # What stays are the connections to the master that the first looks were made on, ready for the next requests.
        await until(lambda: len(peer.lines) <= crowd - WAIT_CONNECTIONS)
        await until(lambda: open_files(lonely.pid) < before + crowd - WAIT_CONNECTIONS)
    looks = peer.times_asked()["QueryJobs"]
    await asyncio.sleep(0.7)  # a look every half second
    assert peer.times_asked() == {
        "QueryClusterInfo": 1,
        "WaitForJobChange": 2 * WAIT_CONNECTIONS,
        "QueryJobs": looks,
    }


async def test_who_leaves_a_read_that_is_a_job_frees_what_they_held(lonely: Endpoint, peer: Peer) -> None:
    async def never_ends(asked: Asked) -> None:
        if asked.method == "SubmitJob":
            asked.answer(1)

    peer.script = never_ends
    async with lonely.async_client() as client:
        assert (await client.get("/version")).status_code == 200
    before = open_files(lonely.pid)
    async with lonely.async_client() as client:
        askers = [asyncio.create_task(client.get("/2/os")) for _ in range(5)]
        await peer.until_asked_for("WaitForJobChange", 1)
        for asker in askers:
            asker.cancel()
        await asyncio.gather(*askers, return_exceptions=True)
    await until(lambda: open_files(lonely.pid) <= before + 2)  # the job's own two: submission and wait
    assert peer.times_asked()["SubmitJob"] == 1


async def test_a_bad_wait_in_a_crowd_gets_what_it_gets_alone(lonely: Endpoint, peer: Peer) -> None:
    async def script(asked: Asked) -> None:
        if asked.args[1] == [["no text"]] or "status" not in asked.args[1] or asked.method == "QueryJobs":
            asked.fail("Failed to parse request: no text")
            asked.cut()

    peer.script = script
    bad = {**WAIT_BODY, "fields": [["no text"]]}
    async with lonely.async_client() as client:
        assert (await client.request("GET", WAIT, json=bad)).status_code == 502
        async with waiting_clients(lonely, WAIT_CONNECTIONS):
            await peer.until_asked_for("WaitForJobChange", WAIT_CONNECTIONS + 1)
            assert (await client.request("GET", WAIT, json=bad)).status_code == 502


async def test_one_who_leaves_a_shared_read_does_not_end_it_for_the_others(lonely: Endpoint, peer: Peer) -> None:
    go_on = asyncio.Event()

    async def script(asked: Asked) -> None:
        await go_on.wait()
        asked.answer({"name": "cluster"})

    peer.script = script
    async with lonely.async_client() as client:
        leaver = asyncio.create_task(client.get("/2/info"))
        await peer.until_asked(1)
        stayers = [asyncio.create_task(client.get("/2/info")) for _ in range(3)]
        leaver.cancel()
        await asyncio.gather(leaver, return_exceptions=True)
        assert (await client.get("/version")).json() == 2
        go_on.set()
        assert [(await stayer).json() for stayer in stayers] == [{"name": "cluster"}] * 3
    assert len(peer.asked) <= 3


async def test_a_write_whose_client_left_is_submitted_once_and_leaves_nothing_behind(
    lonely: Endpoint, peer: Peer
) -> None:
    go_on = asyncio.Event()

    async def script(asked: Asked) -> None:
        await go_on.wait()
        asked.answer(1)

    peer.script = script
    async with lonely.async_client() as client:
        leaver = asyncio.create_task(client.put("/2/tags?tag=a"))
        await peer.until_asked(1)
        leaver.cancel()
        await asyncio.gather(leaver, return_exceptions=True)
        assert (await client.get("/version")).json() == 2
        go_on.set()
        assert (await client.put("/2/tags?tag=b")).json() == 1
    tags = [asked.args[0][0]["tags"] for asked in peer.asked]
    assert tags == [["a"], ["b"]]
    assert len(peer.lines) <= 2
