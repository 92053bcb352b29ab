"""What `wrk` cannot ask, run inside the cluster's namespace by `bench.cluster`: prints one JSON value.

python -m bench.inside writes URL USER PASSWORD COUNT     milliseconds of each write
python -m bench.inside waiting URL USER PASSWORD PID JOB...  what a thousand waiting clients cost that process
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil

WAITING = 1_000
ASKED = 200
WAIT_SECONDS = 250


def tls() -> ssl.SSLContext:
    """As wrk: it verifies nothing."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def writes(url: str, user: str, password: str, count: int) -> list[float]:
    """A tag for each of so many instances: guarded by what was read just before, or in version 2's way."""
    milliseconds = []
    with httpx.Client(base_url=url, auth=(user, password), verify=tls(), timeout=60) as client:
        for number in range(count):
            path = f"/seed-{number:05d}"
            ways: dict[str, Any] = {"method": "PUT", "url": f"/2/instances{path}/tags?tag=bench"}
            if url.endswith("/3/cluster/instances"):
                tag = client.get(f"{path}?live=0").headers["ETag"]
                ways = {
                    "method": "POST",
                    "url": f"{path}/tag",
                    "json": {"tags": ["guarded"]},
                    "headers": {"If-Match": tag},
                }
            began = time.perf_counter()
            client.request(**ways).raise_for_status()
            milliseconds.append((time.perf_counter() - began) * 1000)
    return milliseconds


def connections(daemon: psutil.Process) -> int:
    """How many clients are connected."""
    return sum(one.status == psutil.CONN_ESTABLISHED for one in daemon.net_connections("tcp"))


async def waiting(url: str, user: str, password: str, pid: int, job_ids: list[str]) -> dict[str, float]:
    """A thousand clients wait for the jobs; the daemon's growth, and how quickly another one is answered meanwhile."""
    daemon, context, parts = psutil.Process(pid), tls(), urlsplit(url)
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()

    async def wait(job_id: str) -> None:
        path = f"/3/cluster/jobs/{job_id}?wait={WAIT_SECONDS}"
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=context)
        head = (f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", f"Authorization: Basic {credentials}")
        writer.write("\r\n".join((*head, "Connection: close", "", "")).encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()

    async with httpx.AsyncClient(base_url=url, auth=(user, password), verify=context, timeout=60) as other:
        milliseconds: dict[str, float] = {}
        await other.get("/3/self")
        before = daemon.memory_info().rss
        waits: list[asyncio.Task[None]] = []
        for moment in ("alone", "meanwhile"):
            if moment == "meanwhile":
                waits += [asyncio.create_task(wait(job_ids[number % len(job_ids)])) for number in range(WAITING)]
                while connections(daemon) <= WAITING:  # noqa: ASYNC110 (another process)
                    await asyncio.sleep(0.1)
            times = []
            for _ in range(ASKED):
                began = time.perf_counter()
                (await other.get("/3/cluster/instances/seed-00001?live=0")).raise_for_status()
                times.append((time.perf_counter() - began) * 1000)
            milliseconds[moment] = sorted(times)[ASKED // 2]
        grown = daemon.memory_info().rss - before
        for wait_ in waits:
            wait_.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    return {**milliseconds, "kib": grown / 1024 / WAITING}


if __name__ == "__main__":
    what, url, user, password, number, *job_ids = sys.argv[1:]
    if what == "writes":
        print(json.dumps(writes(url, user, password, int(number))))
    else:
        print(json.dumps(asyncio.run(waiting(url, user, password, int(number), job_ids))))
