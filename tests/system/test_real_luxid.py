"""A real ganeti-luxid that is killed, restarted and held in the middle of requests; stock's figures beside ours."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from conftest import Figures
from endpoints import Access, Endpoint, rapier
from lab import LabError, VirtualCluster
from lab.luxi import ask
from lab.luxid import Luxid
from luxi_peer import Asked, running_peer

pytestmark = pytest.mark.real

DEADLINE_SECONDS = 2.0
WRITE_EVERY_SECONDS = 0.5  # each is a job, and each job a process of Ganeti's: more would only fill the queue
THIS_RUN = f"{time.time_ns()}-"  # a cluster that is used for several runs keeps their jobs


@pytest.fixture(scope="module")
def served(lab: VirtualCluster, access: Access) -> Iterator[Endpoint]:
    """One daemon for all that happens to its master here."""
    with rapier("rapier-sick", lab.luxi_socket, access, "--luxi-deadline-seconds", f"{DEADLINE_SECONDS}") as endpoint:
        yield endpoint


@pytest.fixture
def luxid(lab: VirtualCluster) -> Iterator[Luxid]:
    """The master daemon; well again when the test ends, whatever was done to it."""
    yield lab.luxid
    with suppress(LabError):
        lab.luxid.resume()
    lab.luxid.start()


def dry(tag: str) -> str:
    """A write that is a job and changes nothing; found in the queue by its tag."""
    return f"/2/tags?dry-run=1&tag={THIS_RUN}{tag}"


def jobs_by_tag(lab: VirtualCluster) -> dict[str, list[int]]:
    """The jobs of this run in the queue that set a tag."""
    found: dict[str, list[int]] = {}
    for job_id, ops in ask(lab.luxi_socket, "QueryJobs", [None, ["id", "ops"]]):
        for op in ops:
            for tag in op.get("tags") or ():
                if tag.startswith(THIS_RUN):
                    found.setdefault(tag.removeprefix(THIS_RUN), []).append(job_id)
    return found


async def timed(client: httpx.AsyncClient, method: str, path: str) -> tuple[int, float, Any]:
    """Status, seconds, and the body's value."""
    began = time.monotonic()
    answer = await client.request(method, path)
    return answer.status_code, time.monotonic() - began, answer.json()


async def test_with_luxid_killed_it_is_stocks_504_but_at_once_and_well_when_luxid_is_back(
    served: Endpoint, stock: Endpoint, luxid: Luxid, figures: Figures
) -> None:
    requests = (("GET", "/2/info"), ("PUT", dry("killed")))
    async with served.async_client() as ours, stock.async_client() as theirs:
        assert (await timed(ours, "GET", "/2/info"))[0] == 200
        await asyncio.to_thread(luxid.kill)
        slow = [asyncio.create_task(timed(theirs, *request)) for request in requests]
        for (status, seconds, body), name in zip(
            [await timed(ours, *request) for request in requests], ("read", "write"), strict=True
        ):
            assert (status, body["code"]) == (504, 504)
            assert body["message"] == f"no master daemon listens on its socket {served.luxi_socket}"
            assert seconds < 0.5
            figures(f"luxid killed: status of a {name}, seconds to it", rapier=f"{status}, {seconds:.3f}")
        for (status, seconds, _), name in zip(await asyncio.gather(*slow), ("read", "write"), strict=True):
            assert status == 504
            figures(f"luxid killed: status of a {name}, seconds to it", stock=f"{status}, {seconds:.1f}")
        await asyncio.to_thread(luxid.start)
        assert [(await timed(ours, *request))[0] for request in requests] == [200, 200]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.long)])
async def test_restarts_in_the_middle_of_requests_lose_some_and_repeat_no_job(
    served: Endpoint, lab: VirtualCluster, luxid: Luxid, figures: Figures, kills: int
) -> None:
    """Reads and writes of both versions go on all the time. What each write was answered is what the queue shows."""
    statuses: Counter[tuple[str, int]] = Counter()
    submitted: dict[str, tuple[int, int | None]] = {}  # tag -> status, and the job that was answered
    end = asyncio.Event()

    async with served.async_client() as client:
        cluster = (await client.get("/2/info")).json()["name"]

        async def reads(path: str) -> None:
            while not end.is_set():
                status, seconds, _ = await timed(client, "GET", path)
                statuses[f"GET {path[:2]}", status] += 1
                assert seconds < 2 * DEADLINE_SECONDS + 1, "a read of version 3 may be two calls"
                await asyncio.sleep(0.1)

        async def writes_2() -> None:
            while not end.is_set():
                tag = f"k{kills}-{len(submitted)}"
                submitted[tag] = 0, None
                status, _, body = await timed(client, "PUT", dry(tag))
                statuses["PUT /2", status] += 1
                submitted[tag] = status, body if status == 200 else None
                await asyncio.sleep(WRITE_EVERY_SECONDS)

        async def writes_3() -> None:
            while not end.is_set():
                tag = f"k{kills}-{len(submitted)}"
                submitted[tag] = 0, None
                opcode = {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": [THIS_RUN + tag], "dry_run": True}
                answer = await client.post(f"/3/{cluster}/jobs", json={"opcodes": [opcode]})
                statuses["POST /3", answer.status_code] += 1
                submitted[tag] = answer.status_code, int(answer.json()["id"]) if answer.is_success else None
                await asyncio.sleep(WRITE_EVERY_SECONDS)

        paths = ("/2/instances?bulk=1", f"/3/{cluster}/instances?live=0")
        crowd = [asyncio.create_task(one) for one in (*map(reads, paths), writes_2(), writes_3())]
        for restart in range(kills + 1):
            made = [statuses["PUT /2", 200], statuses["POST /3", 202]]
            while min(statuses["PUT /2", 200] - made[0], statuses["POST /3", 202] - made[1]) < 1:
                for task in crowd:
                    assert not task.done() or task.result(), "it ends when it is told to, or fails here"
                await asyncio.sleep(0.02)
            if restart < kills:
                await asyncio.to_thread(luxid.kill)
                await asyncio.to_thread(luxid.start)
        end.set()
        await asyncio.gather(*crowd)
        assert [(await timed(client, "GET", path))[0] for path in paths] == [200, 200]
        assert (await timed(client, "PUT", dry(f"after-{kills}")))[0] == 200

    assert {status for (what, status) in statuses if what.endswith("/2")} <= {200, 504}
    assert {status for (what, status) in statuses if what == "GET /3"} <= {200, 503, 504}
    assert {status for (what, status) in statuses if what == "POST /3"} <= {202, 503, 504}
    figures(f"{kills} kills of luxid under load: writes, of them repeated", rapier=f"{len(submitted)}, 0")
    jobs = jobs_by_tag(lab)
    for tag, (status, job_id) in submitted.items():
        made_of_it = jobs.get(tag, [])
        if job_id is not None:
            assert made_of_it == [job_id], tag
        elif status == 503:
            assert made_of_it == [], tag
        else:
            assert len(made_of_it) <= 1, tag


async def test_a_luxid_that_is_held_is_504_after_the_deadline_and_then_has_each_job_once(
    served: Endpoint, lab: VirtualCluster, luxid: Luxid
) -> None:
    async with served.async_client() as client:
        luxid.pause()
        answers = await asyncio.gather(
            timed(client, "GET", "/2/nodes"), timed(client, "PUT", dry("held")), timed(client, "GET", "/version")
        )
        assert [status for status, _, _ in answers] == [504, 504, 200]
        for _, seconds, body in answers[:2]:
            assert DEADLINE_SECONDS <= seconds < DEADLINE_SECONDS + 1
            assert "within 2 s" in body["message"]
        luxid.resume()
        await asyncio.to_thread(luxid.wait_until_ready)
        assert (await timed(client, "GET", "/2/nodes"))[0] == 200
        status, _, later = await timed(client, "PUT", dry("held-no-more"))
        assert status == 200
    jobs = jobs_by_tag(lab)
    assert len(jobs.get("held", [])) <= 1
    assert jobs["held-no-more"] == [later]


async def test_where_stock_submits_a_job_twice_rapier_says_that_it_may_have_been_submitted(
    served: Endpoint, stock: Endpoint, luxid: Luxid, figures: Figures
) -> None:
    """luxid is played by the test: it takes the first job, and closes the connection before it answers."""
    await asyncio.to_thread(luxid.stop)
    sent: dict[str, int] = {}
    answers = {}
    for name, endpoint in (("stock", stock), ("rapier", served)):
        async with running_peer(served.luxi_socket) as peer, endpoint.async_client() as client:
            served.luxi_socket.chmod(0o666)  # stock's daemon has a user of its own

            async def script(asked: Asked) -> None:
                if peer.times_asked()["SubmitJob"] == 1:
                    asked.cut()
                else:
                    asked.answer(1)

            peer.script = script
            answers[name] = await timed(client, "PUT", "/2/tags?tag=once")
            sent[name] = peer.times_asked()["SubmitJob"]
    figures("times that one PUT is submitted when its answer is lost", **{name: str(sent[name]) for name in sent})
    assert sent == {"stock": 2, "rapier": 1}
    assert answers["stock"][0] == 200
    assert answers["rapier"][0] == 504
    assert "SubmitJob may have been carried out" in answers["rapier"][2]["message"]
