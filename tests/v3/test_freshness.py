"""No answer is older than luxid's at the request's arrival: what a bare LUXI read has shown, it shows too."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from conftest import Figures
from endpoints import Access, Endpoint, embedded_master, rapier
from lab import VirtualCluster
from lab.luxi import ask

SEEDED = 1_000  # on the real cluster
MANY = 10_000  # on the embedded master
LAG_SECONDS = 0.5
COLLECTION_READERS = 1
OBJECT_READERS = 2
AT_ONCE = 2  # jobs under way
IN_A_JOB = 5  # changes of a job, an instance each


@pytest.fixture(scope="module")
def large_real(access: Access) -> Iterator[Endpoint]:
    """Rapier on a real cluster of its own with a thousand instances."""
    lab = VirtualCluster(f"large-{os.getpid()}")
    try:
        lab.up(seed_instances=SEEDED, owner=os.getpid())
        with rapier("rapier-large", lab.luxi_socket, access) as endpoint:
            yield endpoint
    finally:
        lab.down()


@pytest.fixture(scope="module")
def large_embedded(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """Rapier on an embedded master with ten thousand instances, whose queries show changes late."""
    folder = tmp_path_factory.mktemp("large")
    with (
        embedded_master(folder, instances=MANY, lag_seconds=LAG_SECONDS) as socket,
        rapier("rapier-large", socket, access) as endpoint,
    ):
        yield endpoint


@dataclass
class Watch:
    """Changes of instances' tags, and what has been seen of them over LUXI.

    `shown` is what bare reads that have ended have shown; tags are only added, so it grows.
    """

    endpoint: Endpoint
    base: str
    client: httpx.AsyncClient
    names: list[str]
    pending: set[tuple[str, str]] = field(default_factory=set)
    shown: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    sharp: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    objects: int = 0
    collections: int = 0
    comparisons: int = 0  # changes that an answer was asked for, and had
    ended: bool = False

    async def luxi(self, method: str, *arguments: Any) -> Any:
        return await asyncio.to_thread(ask, self.endpoint.luxi_socket, method, list(arguments))

    async def change(self, names: list[str], tag: str) -> None:
        """Past the daemon, by one job that changes one after the other; returns when bare reads have shown all."""
        changes = {(name, tag) for name in names}
        self.pending |= changes
        await self.luxi(
            "SubmitJob",
            [{"OP_ID": "OP_TAGS_SET", "kind": "instance", "name": name, "tags": [tag], "reason": []} for name in names],
        )
        while changes & self.pending:
            await asyncio.sleep(0.01)

    async def bare_reads(self) -> None:
        """Reads the instances that are being changed, again and again."""
        while not self.ended:
            names = sorted({name for name, _ in self.pending})
            if not names:
                await asyncio.sleep(0.005)
                continue
            condition = ["|", *(["=", "name", name] for name in names)]
            answer = await self.luxi("Query", "instance", ["name", "tags"], condition)
            for (_, name), (_, tags) in answer["data"]:
                seen = {tag for one, tag in self.pending if one == name and tag in tags}
                if seen:
                    self.shown[name] |= seen
                    self.pending -= {(name, tag) for tag in seen}
                    self.sharp.put_nowait(name)

    async def object_read(self, name: str) -> None:
        due = set(self.shown[name])
        answer = await self.client.get(f"{self.base}/instances/{name}?live=0")
        assert answer.status_code == 200, answer.text
        missing = due - set(answer.json()["tags"])
        assert not missing, f"luxid had shown {missing} of {name} before the request was sent"
        self.objects += 1
        self.comparisons += len(due)

    async def collection_read(self) -> None:
        due = {name: set(tags) for name, tags in self.shown.items()}
        answer = await self.client.get(f"{self.base}/instances?live=0")
        assert answer.status_code == 200, answer.text
        tags = {one["name"]: set(one["tags"]) for one in answer.json()["items"]}
        missing = {name: due[name] - tags[name] for name in due if due[name] - tags[name]}
        assert not missing, f"luxid had shown {missing} before the request was sent"
        self.collections += 1
        self.comparisons += sum(map(len, due.values()))

    async def object_reads(self, chance: random.Random) -> None:
        """Of any that were changed, so that calls are under way when a change comes."""
        while not self.ended:
            await self.object_read(chance.choice(self.names))

    async def collection_reads(self) -> None:
        while not self.ended:
            await self.collection_read()

    async def sharp_reads(self) -> None:
        """The moment after a bare read has shown a change: a call that began before it may be under way."""
        while not self.ended or not self.sharp.empty():
            try:
                async with asyncio.timeout(0.2):
                    name = await self.sharp.get()
            except TimeoutError:
                continue
            await asyncio.gather(self.object_read(name), self.collection_read())


async def watched(endpoint: Endpoint, changes: int) -> Watch:
    chance = random.Random(changes)
    run = f"fresh-{time.time_ns()}"
    async with endpoint.async_client(timeout_seconds=120) as client:
        base = (await client.get("/3")).json()["clusters"][0]["uri"]
        every = await asyncio.to_thread(ask, endpoint.luxi_socket, "QueryInstances", [[], ["name"], False])
        names = chance.sample(sorted(row[0] for row in every), AT_ONCE * IN_A_JOB)
        watch = Watch(endpoint, base, client, names)

        async def writes(first: int) -> None:
            # each at a time has instances of its own: their jobs do not wait for one another
            own = names[first::AT_ONCE]
            for number in range(first, changes // IN_A_JOB, AT_ONCE):
                await watch.change(own, f"{run}-{number}")

        async def all_writes() -> None:
            await asyncio.gather(*(writes(first) for first in range(AT_ONCE)))
            watch.ended = True

        async with asyncio.TaskGroup() as group:
            group.create_task(all_writes())
            group.create_task(watch.bare_reads())
            for _ in range(AT_ONCE * IN_A_JOB):
                group.create_task(watch.sharp_reads())
            for _ in range(OBJECT_READERS):
                group.create_task(watch.object_reads(chance))
            for _ in range(COLLECTION_READERS):
                group.create_task(watch.collection_reads())
        return watch


LONG = [pytest.mark.long, pytest.mark.timeout(3600)]


@pytest.mark.parametrize(
    ("target", "changes"),
    [
        pytest.param("large_real", 40, marks=pytest.mark.real),
        pytest.param("large_real", 300, marks=[pytest.mark.real, *LONG]),
        pytest.param("large_embedded", 40, marks=LONG),
    ],
)
async def test_what_luxid_showed_before_a_request_its_answer_shows(
    target: str, changes: int, request: pytest.FixtureRequest, figures: Figures
) -> None:
    endpoint: Endpoint = request.getfixturevalue(target)
    watch = await watched(endpoint, changes)
    figures(
        f"{changes} changes, {target}: objects, collections read; changes looked for in them",
        rapier=f"{watch.objects:,}, {watch.collections:,}; {watch.comparisons:,}",
    )
    assert sum(map(len, watch.shown.values())) == changes
    assert watch.objects >= changes
    assert watch.collections >= changes
