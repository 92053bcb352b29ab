"""Many clients want to change what they all read: in each round exactly one of them does."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import Figures
from endpoints import Access, Endpoint, embedded_master, rapier
from lab import VirtualCluster
from v3.client import WAIT, Api
from v3.conftest import creation

CLIENTS = 50
PROCESSES = 2
LATEST_SECONDS = 0.3
# An embedded master that shows its changes late, as a busy luxid does: who trusted it would overwrite them
LAG_SECONDS = 0.2
REFUSED = {"/3/problems/precondition-failed", "/3/problems/object-busy"}


@pytest.fixture(scope="module")
def processes(
    request: pytest.FixtureRequest, access: Access, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Endpoint]]:
    """Two daemons of Rapier before the same master."""
    with ExitStack() as stack:
        socket: Path
        if request.param == "real":
            lab: VirtualCluster = request.getfixturevalue("lab")
            socket = lab.luxi_socket
        else:
            folder = tmp_path_factory.mktemp("race")
            socket = stack.enter_context(embedded_master(folder, lag_seconds=LAG_SECONDS))
        yield [
            stack.enter_context(rapier(f"rapier-race-{number}", socket, access)) for number in range(1, PROCESSES + 1)
        ]


@pytest.fixture(scope="module")
def path(processes: list[Endpoint]) -> Iterator[str]:
    """The URI of the instance that they race for."""
    api = Api("race", processes[0])
    made = api.done("POST", "instances", creation("v3-race"))
    yield made.headers["Location"]
    api.done("DELETE", made.headers["Location"])
    api.http.close()


@dataclass
class Race:
    """Rounds for one instance; what was written, and what became of each request."""

    path: str
    clients: list[httpx.AsyncClient]
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    written: set[str] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)

    def client(self, number: int) -> httpx.AsyncClient:
        return self.clients[number % len(self.clients)]

    async def read(self, number: int) -> httpx.Response:
        answer = await self.client(number).get(f"{self.path}?live=0")
        assert answer.status_code == 200, answer.text
        return answer

    async def write(self, number: int, tag: str, entity_tag: str) -> dict[str, Any]:
        """A guarded write; the job, or the problem."""
        answer = await self.client(number).post(
            f"{self.path}/tag", json={"tags": [tag]}, headers={"If-Match": entity_tag}
        )
        said: dict[str, Any] = answer.json()
        if answer.status_code == 202:
            self.outcomes["raced" if "raced" in said else "won"] += 1
        else:
            assert answer.status_code in (409, 412), answer.text
            assert said["type"] in REFUSED
            self.outcomes[str(answer.status_code)] += 1
        return said

    async def shown(self) -> set[str]:
        """The instance's tags, as soon as all that was written is shown."""
        async with asyncio.timeout(60):
            while not self.written <= (tags := set((await self.read(0)).json()["tags"])):
                await asyncio.sleep(0.02)
        return tags

    async def round(self, number: int) -> None:
        """All read, then all write; and perhaps somebody comes late with what they read."""
        answers = await asyncio.gather(*(self.read(client) for client in range(CLIENTS)))
        tags = [f"round{number}-{client}" for client in range(CLIENTS)]
        said = await asyncio.gather(
            *(self.write(client, tags[client], answers[client].headers["ETag"]) for client in range(CLIENTS))
        )
        jobs = {tag: one for tag, one in zip(tags, said, strict=True) if one.get("kind") == "job"}
        winners = [tag for tag, job in jobs.items() if "raced" not in job]
        assert len(winners) == 1, f"round {number}: {winners}"
        for job in jobs.values():
            ended = await self.client(number).get(f"{self.path.partition('/instances')[0]}/jobs/{job['id']}?wait=60")
            assert ended.json()["outcome"] == "success", ended.text
        self.written |= jobs.keys()
        if number % 2:
            await asyncio.sleep(self.chance.uniform(0, LATEST_SECONDS))
            late = await self.write(number, f"round{number}-late", answers[0].headers["ETag"])
            assert late["status"] in (409, 412), f"round {number}: who came late wrote all the same: {late}"
        assert await self.shown() == self.written, f"round {number}"


async def race(processes: list[Endpoint], path: str, rounds: int) -> Race:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(one.async_client(timeout_seconds=120)) for one in processes]
        race = Race(path, clients)
        race.written = set((await race.read(0)).json()["tags"])
        for number in range(rounds):
            await race.round(number)
        # nothing of a refused write comes to light later
        removed = await clients[0].delete(f"{path}/tag?tag=none", headers=WAIT)
        assert removed.status_code == 200
        assert set(removed.json()["tags"]) == race.written
        return race


LONG = [pytest.mark.real, pytest.mark.long, pytest.mark.timeout(3600)]


@pytest.mark.parametrize(
    ("processes", "rounds"), [("embedded", 20), pytest.param("real", 200, marks=LONG)], indirect=["processes"]
)
async def test_exactly_one_of_fifty_clients_of_two_processes_wins(
    processes: list[Endpoint], path: str, rounds: int, figures: Figures
) -> None:
    outcomes = (await race(processes, path, rounds)).outcomes
    figures(
        f"{CLIENTS} guarded clients, {rounds} rounds: won, 412, 409, raced",
        rapier=", ".join(str(outcomes[one]) for one in ("won", "412", "409", "raced")),
    )
    assert outcomes["won"] == rounds
    assert outcomes.total() == rounds * CLIENTS + rounds // 2
