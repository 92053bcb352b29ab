"""A thousand clients wait for ten jobs: what that costs the daemon, and whether all hear of the end."""

from __future__ import annotations

import asyncio
import base64
import ssl
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from conftest import Figures
from endpoints import USERS, Access, Endpoint, rapier
from v3.client import Api

CLIENTS = 1_000
JOBS = 10
ASKED = 200  # other requests meanwhile
MOST_KIB = 300  # of memory for each client: a TLS connection and a request; what grew without bound would be more
LIMITS = "[limits]\nconnections_per_address = 2000\n"


@pytest.fixture
def roomy(api: Api, access: Access, tmp_path: Path) -> Iterator[Api]:
    """A daemon that lets so many come from one address."""
    configuration = tmp_path / "rapier.toml"
    configuration.write_text(LIMITS)
    options = ("--config", configuration)
    with rapier("rapier-roomy", api.endpoint.luxi_socket, access, *options) as endpoint:
        roomy = Api(api.target, endpoint)
        yield roomy
        roomy.http.close()


def connections(daemon: psutil.Process) -> int:
    """How many clients are connected."""
    return sum(one.status == psutil.CONN_ESTABLISHED for one in daemon.net_connections("tcp"))


async def get(endpoint: Endpoint, tls: ssl.SSLContext, path: str) -> Any:
    """The body of an answer, over a connection of its own: a client's pool would be slower than the daemon."""
    host, port = endpoint.address
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    credentials = base64.b64encode(f"admin:{USERS['admin']}".encode()).decode()
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {credentials}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    answer = await reader.read()
    writer.close()
    said, _, body = answer.partition(b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200"), answer[:500]
    return msgspec.json.decode(body)


@pytest.mark.parametrize(
    "api", ["embedded", pytest.param("real", marks=[pytest.mark.real, pytest.mark.long])], indirect=True
)
async def test_a_thousand_clients_wait_for_ten_jobs(roomy: Api, figures: Figures) -> None:
    # cancelled, each ends before its next opcode
    delay = {"OP_ID": "OP_TEST_DELAY", "duration": 5.0, "on_master": False, "no_locks": True, "reason": []}
    jobs = [roomy.luxi("SubmitJob", [delay] * 30) for _ in range(JOBS)]
    daemon = psutil.Process(roomy.endpoint.pid)
    tls = roomy.endpoint.tls()
    async with asyncio.TaskGroup() as group, roomy.endpoint.async_client() as other:
        await other.get(roomy.base)
        before = daemon.memory_info().rss
        waits = [
            group.create_task(get(roomy.endpoint, tls, f"{roomy.base}/jobs/{jobs[number % JOBS]}?wait=140"))
            for number in range(CLIENTS)
        ]
        while connections(daemon) <= CLIENTS:
            assert not any(wait.done() for wait in waits)
            await asyncio.sleep(0.1)
        seconds = []
        for _ in range(ASKED):
            began = time.perf_counter()
            assert (await other.get(f"{roomy.base}/nodes/node1?live=0")).status_code == 200
            seconds.append(time.perf_counter() - began)
        grown = (daemon.memory_info().rss - before) / 1024
        assert not any(wait.done() for wait in waits)
        for job_id in jobs:
            await asyncio.to_thread(roomy.luxi, "CancelJob", job_id, False)
        answers = await asyncio.gather(*waits)
    assert {one["outcome"] for one in answers} == {"canceled"}
    assert Counter(int(one["id"]) for one in answers) == Counter(dict.fromkeys(jobs, CLIENTS // JOBS))
    figures(
        f"{CLIENTS:,} clients wait for {JOBS} jobs ({roomy.target}): memory of the daemon, p50 of other requests",
        rapier=f"{grown / 1024:.0f} MiB, {statistics.median(seconds) * 1000:.1f} ms",
    )
    assert grown < CLIENTS * MOST_KIB
