"""SIGTERM in the middle of everything: what is in work is answered, polls end with what is known, the rest is cut."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from endpoints import Access, Endpoint, rapier_program
from lab.luxi import ask
from luxi_peer import Asked, Peer, running_peer
from processes import Program, children
from rapier.luxi.client import QUERY_CONNECTIONS
from rude.daemon import read_answer, request
from v3.client import Api

IN_WORK = 20
POLLS = 20
HALF_SENT = 5
NON_READERS = 5
BIG = "x" * 8_000_000  # more than the kernel takes for a client that reads nothing
AUTHORIZED = f"Authorization: Basic {base64.b64encode(b'admin:secret').decode()}"


@contextlib.contextmanager
def connected(endpoint: Endpoint, count: int, first_words: bytes) -> Iterator[list[ssl.SSLSocket]]:
    """So many clients that have sent the same words, and have room for little of an answer."""
    with contextlib.ExitStack() as opened:
        socks = []
        for _ in range(count):
            tcp = opened.enter_context(socket.socket())
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            tcp.settimeout(20)
            tcp.connect(endpoint.address)
            sock = opened.enter_context(endpoint.tls().wrap_socket(tcp, server_hostname="127.0.0.1"))
            sock.sendall(first_words)
            socks.append(sock)
        yield socks


@pytest.mark.parametrize(
    ("workers", "limits", "over_within_seconds"),
    [
        (1, "drain_seconds = 3", 8),
        (2, "", 10),
        pytest.param(1, "", 10, marks=pytest.mark.long),
    ],
)
async def test_requests_in_work_are_answered_polls_end_with_what_is_known_and_all_is_over_in_ten_seconds(
    tmp_path: Path, access: Access, workers: int, limits: str, over_within_seconds: float
) -> None:
    config = tmp_path / "rapier.toml"
    config.write_text(f"workers = {workers}\n[limits]\n{limits}\n")
    luxi_socket = tmp_path / "luxi"
    with rapier_program("rapier-draining", luxi_socket, access, "--config", config) as (program, endpoint):
        async with running_peer(luxi_socket) as peer, endpoint.async_client() as client:
            await all_at_once(program, endpoint, peer, client, over_within_seconds)
        assert program.process.returncode == 0
        assert "connections were cut" in program.log
        assert "Traceback" not in program.log


async def all_at_once(
    program: Program, endpoint: Endpoint, peer: Peer, client: httpx.AsyncClient, over_within_seconds: float
) -> None:
    """Everybody comes, then the daemon is told to end."""
    go_on = asyncio.Event()

    async def script(asked: Asked) -> None:
        if asked.method == "QueryClusterInfo":
            asked.answer({"name": BIG})
        elif asked.method == "SubmitJob":
            await go_on.wait()
            asked.answer(1)
        # all others, waits among them: never

    peer.script = script
    workers = children(program.pid)
    half = request("POST", "/2/instances", AUTHORIZED, "Content-Length: 1000", "Content-Type: application/json") + b"{"
    with (
        connected(endpoint, NON_READERS, request("GET", "/2/info", AUTHORIZED)) as non_readers,
        connected(endpoint, HALF_SENT, half) as half_sent,
        connected(endpoint, 1, request("GET", "/version", AUTHORIZED)) as idle,
    ):
        assert read_answer(idle[0]).status == 200
        polls = [
            asyncio.create_task(client.request("GET", f"/2/jobs/{job}/wait", json={"fields": ["status"]}))
            for job in range(1, POLLS + 1)
        ]
        await peer.until_asked_for("WaitForJobChange", POLLS)
        writes = [asyncio.create_task(client.put(f"/2/tags?tag=tag{number}")) for number in range(IN_WORK)]
        # with one process the others wait for a connection to the master
        await peer.until_asked_for("SubmitJob", min(IN_WORK, QUERY_CONNECTIONS))
        await asyncio.sleep(0.2)

        began = time.monotonic()
        program.process.send_signal(signal.SIGTERM)
        answers = await asyncio.gather(*polls)
        assert time.monotonic() - began < 5, "stock's polls last ten"
        assert [(answer.status_code, answer.json()) for answer in answers] == [(200, None)] * POLLS
        assert await asyncio.to_thread(idle[0].recv, 1) == b"", "who asked for nothing is let go"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(endpoint.address)

        assert not any(write.done() for write in writes)
        go_on.set()
        answers = await asyncio.gather(*writes)
        assert [(answer.status_code, answer.json()) for answer in answers] == [(200, 1)] * IN_WORK
        assert peer.times_asked()["SubmitJob"] == IN_WORK

        assert program.process.poll() is None, "it waits for the others"
        await asyncio.to_thread(program.process.wait, 15)
        took = time.monotonic() - began
        print(f"over in {took:.1f} s")
        assert took < over_within_seconds
        assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]
        for sock in (*half_sent, *non_readers):
            assert not await asyncio.to_thread(whole_answer, sock)


def whole_answer(sock: ssl.SSLSocket) -> bool:
    """Whether an answer can be read to its end."""
    try:
        return read_answer(sock).status == 200
    except OSError:
        return False


def test_polls_of_both_versions_end_early_with_what_is_known(rapier_embedded: Endpoint, access: Access) -> None:
    delay = {"OP_ID": "OP_TEST_DELAY", "duration": 8.0, "on_master": True, "reason": []}
    job = ask(rapier_embedded.luxi_socket, "SubmitJob", [[delay]])
    with rapier_program("rapier-polled", rapier_embedded.luxi_socket, access) as (program, endpoint):
        api = Api("draining", endpoint)
        base = api.base
        unchanged = {"fields": ["end_ts"], "previous_job_info": [None], "previous_log_serial": 99}
        answers: dict[str, httpx.Response] = {}

        def poll(path: str, body: object = None) -> None:
            with endpoint.client() as client:
                answers[path] = client.request("GET", path, json=body)

        paths = (f"/2/jobs/{job}/wait", f"{base}/jobs/{job}?wait=60")
        threads = [threading.Thread(target=poll, args=args) for args in ((paths[0], unchanged), (paths[1],))]
        for thread in threads:
            thread.start()
        time.sleep(1)
        began = time.monotonic()
        assert program.stop() == 0
        assert time.monotonic() - began < 5, "the job had seven more seconds to go"
        for thread in threads:
            thread.join(10)
        second, third = (answers[path] for path in paths)
        assert (second.status_code, second.json()) == (200, None)
        assert (third.status_code, third.json()["id"], third.json()["outcome"]) == (200, str(job), None)
    ask(rapier_embedded.luxi_socket, "CancelJob", [job, True])
