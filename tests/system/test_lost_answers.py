"""A real luxid that is killed between a submission and its answer: what Rapier says of the job is right each time."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from conftest import Figures
from lab import LabError, VirtualCluster
from lab.luxi import ask
from lab.luxid import Luxid
from rapier.cluster import submission
from rapier.cluster.submission import Submissions
from rapier.errors import MasterAbsent, NotSubmitted, RapierError, SubmissionUnknown
from rapier.luxi.client import Luxi

pytestmark = pytest.mark.real

THIS_RUN = f"{time.time_ns()}"
KILLS = 60


@pytest.fixture
def luxid(lab: VirtualCluster) -> Iterator[Luxid]:
    """The master daemon; well again when the test ends."""
    yield lab.luxid
    with suppress(LabError):
        lab.luxid.resume()
    lab.luxid.start()


def opcode(name: str) -> dict[str, Any]:
    """A job of its own that changes nothing."""
    return {
        "OP_ID": "OP_TEST_DELAY",
        "duration": 0,
        "on_master": True,
        "on_nodes": [],
        "no_locks": True,
        "comment": f"{THIS_RUN}-{name}",
        "reason": [],
    }


def jobs_by_name(lab: VirtualCluster) -> dict[str, int]:
    """This run's jobs in the queue."""
    return {
        op["comment"].removeprefix(f"{THIS_RUN}-"): job_id
        for job_id, ops in ask(lab.luxi_socket, "QueryJobs", [None, ["id", "ops"]])
        for op in ops
        if (op.get("comment") or "").startswith(THIS_RUN)
    }


@pytest.mark.long  # in make test the same is seen through HTTP: tests/v3/test_lost_answers.py
@pytest.mark.timeout(600)
async def test_luxid_killed_before_its_answer_leaves_no_doubt_and_no_error(
    lab: VirtualCluster, luxid: Luxid, figures: Figures
) -> None:
    luxi = Luxi(lab.luxi_socket, deadline_seconds=20)
    submissions = Submissions(luxi)
    said: dict[str, int | type[RapierError]] = {}
    chance = random.Random(4)
    seconds: list[float] = []

    async def submit(name: str) -> None:
        began = time.monotonic()
        lost = submissions.lost
        try:
            said[name] = await submissions([opcode(name)])
        except (NotSubmitted, SubmissionUnknown, MasterAbsent) as problem:
            said[name] = type(problem)
        if submissions.lost > lost:
            seconds.append(time.monotonic() - began)

    for kill in range(KILLS):
        tasks = [asyncio.create_task(submit(f"{kill}-{number}")) for number in range(3)]
        # a submission takes a tenth of a second, or one where the machine is busy
        await asyncio.sleep(chance.uniform(0.005, chance.choice((0.12, 0.12, 1.0))))
        luxid.kill()
        await asyncio.to_thread(luxid.start)
        await asyncio.gather(*tasks)
    await asyncio.sleep(1)
    jobs = jobs_by_name(lab)
    luxi.close()

    outcomes: Counter[str] = Counter()
    for name, verdict in said.items():
        if isinstance(verdict, int):
            assert jobs.get(name) == verdict, name
            outcomes["job"] += 1
        else:
            assert name not in jobs, (name, verdict)
            outcomes[verdict.__name__] += 1
    assert len(said) == 3 * KILLS
    assert submissions.found > 0
    assert outcomes["NotSubmitted"] > 0
    assert outcomes["SubmissionUnknown"] == 0
    figures(
        f"luxid killed {KILLS} times: answers lost, found, not submitted, longest doubt",
        rapier=f"{submissions.lost}, {submissions.found}, {outcomes['NotSubmitted']}, {max(seconds):.1f} s",
    )


async def test_a_luxid_that_is_held_leaves_it_unknown_until_it_goes_on(
    lab: VirtualCluster, luxid: Luxid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads the request after its client has left: nobody may say before that there will be no job."""
    monkeypatch.setattr(submission, "LOOK_SECONDS", 20.0)
    luxi = Luxi(lab.luxi_socket, deadline_seconds=0.5)
    submissions = Submissions(luxi)
    await luxi.query_config_values(["cluster_name"])
    luxid.pause()
    submitting = asyncio.create_task(submissions([opcode("let-go")]))
    await asyncio.sleep(1)
    luxid.resume()
    job_id = await submitting
    await asyncio.to_thread(luxid.wait_until_ready)
    luxid.pause()
    monkeypatch.setattr(submission, "LOOK_SECONDS", 2.0)
    with pytest.raises(SubmissionUnknown):
        await submissions([opcode("held")])
    luxid.resume()
    await asyncio.to_thread(luxid.wait_until_ready)
    await asyncio.sleep(2)
    jobs = jobs_by_name(lab)
    luxi.close()
    assert jobs["let-go"] == job_id
    assert "held" in jobs
