"""Writes whose answer from luxid gets lost, through HTTP: what is said of each is what the queue has."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import Figures
from endpoints import Access, Endpoint, embedded_master, rapier
from lab import LabError, VirtualCluster
from lab.luxi import ask
from lab.luxid import Luxid
from v3.client import WAIT, Api
from v3.conftest import Make

THIS_RUN = f"lost-{time.time_ns()}"
NODES = 4
# What says that there is no job: the submission came to nothing, or luxid was away before it
NO_JOB = {"not-submitted", "master-absent", "master-silent"}


@pytest.fixture
def luxid(lab: VirtualCluster) -> Iterator[Luxid]:
    """The master daemon; well again when the test ends."""
    yield lab.luxid
    with suppress(LabError):
        lab.luxid.resume()
    lab.luxid.start()


def jobs_by_tag(lab: VirtualCluster) -> dict[str, tuple[int, list[list[Any]]]]:
    """This run's jobs in the queue: id and reason trail."""
    return {
        tag: (job_id, opcode["reason"])
        for job_id, opcodes in ask(lab.luxi_socket, "QueryJobs", [None, ["id", "ops"]])
        for opcode in opcodes
        if opcode["OP_ID"] == "OP_TAGS_SET"
        for tag in opcode["tags"]
        if tag.startswith(THIS_RUN)
    }


@pytest.mark.real
@pytest.mark.parametrize("kills", [20, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
async def test_luxid_killed_in_the_middle_of_writes_leaves_no_false_answer(
    lab: VirtualCluster, rapier_real: Endpoint, luxid: Luxid, figures: Figures, kills: int
) -> None:
    """Three writes at a time: one that answers at once, one that waits for its job, one that is guarded."""
    chance = random.Random(kills)
    answers: dict[str, httpx.Response] = {}
    with rapier_real.client() as one:
        base = one.get("/3").json()["clusters"][0]["uri"]

    async def write(client: httpx.AsyncClient, path: str, tag: str, headers: dict[str, str]) -> None:
        answers[tag] = await client.post(f"{base}/{path}", json={"tags": [tag]}, headers=headers)

    async with rapier_real.async_client(timeout_seconds=120) as client:
        for kill in range(kills):
            # nodes in turn: a guarded write waits until the one before it, on the same object, has settled
            writes: tuple[tuple[str, dict[str, str]], ...] = (
                ("tag", {}),
                ("groups/default/tag", WAIT),
                (f"nodes/node{kill % NODES + 1}/tag", {"If-Match": "*"}),
            )
            async with asyncio.TaskGroup() as group:
                for number, (path, headers) in enumerate(writes):
                    group.create_task(write(client, path, f"{THIS_RUN}-{kills}-{kill}-{number}", headers))
                # a submission takes a tenth of a second, or one where the machine is busy
                await asyncio.sleep(chance.uniform(0.005, chance.choice((0.12, 0.12, 1.0))))
                luxid.kill()
                await asyncio.to_thread(luxid.start)
    jobs = jobs_by_tag(lab)

    outcomes: Counter[str] = Counter()
    for tag, answer in answers.items():
        said = answer.json()
        slug = said.get("type", "").rpartition("/")[2]
        outcomes[slug or "job"] += 1
        if answer.status_code == 202:
            assert jobs[tag][0] == int(said["id"]), (tag, said)
        elif answer.status_code == 200:
            assert tag in jobs, (tag, said)
            assert tag in said["tags"], (tag, said)
        elif slug == "outcome-unknown":
            assert said["job"] == f"{base}/jobs/{jobs[tag][0]}", (tag, said)
        elif slug in NO_JOB:
            assert tag not in jobs, (tag, said, jobs[tag])
        elif slug == "unknown":
            assert said["mark"], said
            assert tag not in jobs or said["mark"] in str(jobs[tag][1]), (tag, said)
        else:
            pytest.fail(f"{tag}: {answer.status_code} {said}; in the queue: {jobs.get(tag)}")
    with rapier_real.client(timeout_seconds=120) as one:
        for path in ("", "groups/default", *(f"nodes/node{number + 1}" for number in range(NODES))):
            object_uri = f"{base}/{path}".rstrip("/")
            left = [tag for tag in one.get(object_uri).json()["tags"] if tag.startswith(THIS_RUN)]
            if left:
                removed = one.delete(f"{object_uri}/tag", params={"tag": left}, headers=WAIT)
                assert removed.status_code == 200, removed.text
    figures(
        f"luxid killed {kills} times under {3 * kills} writes over HTTP",
        rapier=", ".join(f"{count} {what}" for what, count in outcomes.most_common()),
    )
    assert len(answers) == 3 * kills
    assert outcomes["job"] > 0
    assert outcomes["not-submitted"] + outcomes["unknown"] > 0, "no kill came in the middle of a submission"


@pytest.mark.parametrize("api", ["embedded"], indirect=True)
@pytest.mark.parametrize("headers", [{}, WAIT, {"If-Match": "*"}], ids=["at once", "waiting", "guarded"])
def test_a_write_whose_answer_is_lost_each_time_gets_its_job(api: Api, make: Make, headers: dict[str, str]) -> None:
    trouble = "trouble:lose-answer:SubmitJob"
    path = f"instances/{make()}/tag"
    api.done("POST", "tag", {"tags": [trouble]})
    try:
        before = api.newest_job()
        answer = api.ask("POST", path, {"tags": ["got-it"]}, **headers)
        assert answer.status_code in (200, 202), answer.text
        [job_id] = range(before + 1, api.newest_job() + 1)
        if answer.status_code == 202:
            assert int(answer.json()["id"]) == job_id
            assert api.get(f"jobs/{job_id}?wait=30").json()["outcome"] == "success"
        else:
            assert answer.headers["Link"] == f'<{api.base}/jobs/{job_id}>; rel="job"'
            assert answer.json()["tags"] == ["got-it"]
    finally:
        api.done("DELETE", f"tag?tag={trouble}")


async def test_who_waits_for_a_job_hears_that_it_is_in_the_queue_though_the_master_went_away_for_good(
    tmp_path: Path, access: Access
) -> None:
    with ExitStack() as master:
        socket = master.enter_context(embedded_master(tmp_path))
        with rapier("rapier-left", socket, access) as endpoint:
            api = Api("embedded", endpoint)
            api.done("POST", "tag", {"tags": ["trouble:take:60:OP_TAGS_SET"]})
            async with endpoint.async_client() as client:
                writing = asyncio.create_task(client.post(f"{api.base}/tag", json={"tags": ["x"]}, headers=WAIT))
                while api.newest_job() < 2:
                    await asyncio.sleep(0.02)
                master.close()
                answer = await writing
            api.http.close()
    assert (answer.status_code, answer.json()["type"]) == (504, "/3/problems/outcome-unknown")
    assert answer.json()["job"] == answer.headers["Location"] == f"{api.base}/jobs/2"


@pytest.mark.parametrize("since", ["", "&since=SERIAL"])
def test_who_waits_for_a_job_hears_of_it_although_the_master_restarts(
    access: Access, tmp_path: Path, since: str
) -> None:
    with ExitStack() as masters, ThreadPoolExecutor(1) as clients:
        socket = masters.enter_context(embedded_master(tmp_path))
        with rapier("rapier-restarted", socket, access) as endpoint:
            api = Api("embedded", endpoint)
            opcode = {"OP_ID": "OP_TEST_DELAY", "duration": 30.0, "on_master": False, "no_locks": True, "reason": []}
            path = f"jobs/{api.luxi('SubmitJob', [opcode])}"
            since = since.replace("SERIAL", api.get(path).json()["serial"])
            waiting = clients.submit(api.get, f"{path}?wait=2{since}")
            time.sleep(0.3)
            masters.close()  # and with it the connection on which the daemon waits
            with embedded_master(tmp_path):
                assert waiting.result().json()["kind"] == "job"
            api.http.close()
