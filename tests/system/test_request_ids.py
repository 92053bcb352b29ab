"""One id from the request's head to its answer, to the log, and into the job that it made."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from endpoints import Access, Endpoint, rapier_program
from lab import VirtualCluster
from lab.luxi import ask
from luxi_peer import Asked, running_peer

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
OWN = {"X-Request-Id": "shop-order/4711"}


@pytest.fixture
def client(rapier_embedded: Endpoint) -> Iterator[httpx.Client]:
    with rapier_embedded.client() as client:
        yield client


def made(answer: httpx.Response) -> str:
    """The answer's only id, one that the daemon made."""
    [one] = answer.headers.get_list("x-request-id")
    assert re.fullmatch("[0-9a-f]{32}", one)
    return str(one)


@pytest.mark.parametrize("path", ["/2/features", "/2/nodes/none", "/nothing", "/3"])
def test_the_id_of_the_request_is_the_answers(client: httpx.Client, path: str) -> None:
    assert client.get(path, headers={**OWN, **TRACEPARENT}).headers.get_list("x-request-id") == [OWN["X-Request-Id"]]
    assert client.get(path, headers=TRACEPARENT).headers["x-request-id"] == TRACE
    assert client.get(path, headers={**TRACEPARENT, "X-Request-Id": "two words"}).headers["x-request-id"] == TRACE
    assert made(client.get(path)) != made(client.get(path))


def test_refusals_have_one_too(rapier_embedded: Endpoint, client: httpx.Client) -> None:
    with rapier_embedded.client(user=None) as stranger:
        unknown = stranger.get("/2/info", headers=OWN)
        unreadable = stranger.get("/2/info", headers={**OWN, "Authorization": "Basic"})
    asked: list[tuple[int, httpx.Response]] = [
        (401, unknown),
        (400, unreadable),
        (403, client.put("/2/tags?tag=a", headers={**OWN, "Origin": "https://evil.example"})),
        (501, client.put("/2/info", headers=OWN)),
        (500, client.get("/2/instances/none/tags", headers=OWN)),
        (415, client.put("/2/instances/a/shutdown", content=b"x", headers=OWN)),
    ]
    for status, answer in asked:
        assert answer.status_code == status
        assert answer.headers["x-request-id"] == OWN["X-Request-Id"]


def test_a_body_that_is_too_long_is_refused_under_its_id(client: httpx.Client) -> None:
    answer = client.post("/2/instances", content=b"x" * 11_000_000, headers={**OWN, "Expect": "100-continue"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (413, OWN["X-Request-Id"])


async def all_null(asked: Asked) -> None:
    """An instance without anything: luxid never answers so, and showing it fails."""
    asked.answer([[None for _ in asked.args[1]]])


async def test_what_the_daemon_logs_of_a_request_names_it(access: Access, tmp_path: Path) -> None:
    luxi_socket = tmp_path / "luxi"
    with rapier_program("rapier-logged", luxi_socket, access) as (program, endpoint):
        async with running_peer(luxi_socket) as peer, endpoint.async_client() as client:
            peer.script = all_null
            answer = await client.get("/2/instances/web1", headers=OWN)
            assert answer.status_code == 500
            assert answer.headers["x-request-id"] == OWN["X-Request-Id"]
            refused = await client.get("/2/info", auth=("admin", "guess"))
            assert refused.status_code == 401
        await asyncio.to_thread(program.wait_for, "password refused")
        check_lines(program.log, refused.headers["x-request-id"])


def check_lines(log: str, of_the_guess: str) -> None:
    [failed] = re.findall(r"^.* ERROR .*$", log, re.MULTILINE)
    assert failed.endswith(" failed request=shop-order/4711")
    [guessed] = re.findall(r"^.*password refused.*$", log, re.MULTILINE)
    assert guessed.endswith(f" request={of_the_guess}")
    [serving] = re.findall(r"^.* serving .*$", log, re.MULTILINE)
    assert "request=" not in serving


def trail_of(endpoint: Endpoint, job: int) -> list[list[Any]]:
    """Source and text of the elements of a job's reason trail, and nothing of the times."""
    [[[opcode]]] = ask(endpoint.luxi_socket, "QueryJobs", [[job], ["ops"]])
    return [[source, text] for source, text, _ in opcode["reason"]]


def test_a_job_names_its_user_and_its_request_behind_stocks_own_elements(
    rapier_embedded: Endpoint, client: httpx.Client
) -> None:
    job = client.put("/2/tags?tag=a&reason=because", headers=OWN).json()
    assert trail_of(rapier_embedded, job)[:4] == [
        ["gnt:user", "because"],
        ["gnt:library:rlib2:tags", ""],
        ["rapier:user", "admin"],
        ["rapier:request", OWN["X-Request-Id"]],
    ]
    with rapier_embedded.client(user="operator") as operator:
        answer = operator.put("/2/tags?tag=a")
    cause = [["rapier:user", "operator"], ["rapier:request", made(answer)]]
    assert trail_of(rapier_embedded, answer.json())[1:3] == cause


def test_a_read_that_takes_a_job_is_in_that_jobs_trail(rapier_embedded: Endpoint, client: httpx.Client) -> None:
    client.get("/2/os", headers=TRACEPARENT)
    newest = max(row[0] for row in ask(rapier_embedded.luxi_socket, "QueryJobs", [None, ["id"]]))
    assert trail_of(rapier_embedded, newest)[:2] == [["rapier:user", "admin"], ["rapier:request", TRACE]]


@pytest.mark.real
def test_gnt_job_info_shows_both(lab: VirtualCluster, rapier_real: Endpoint) -> None:
    with rapier_real.client() as client:
        job = client.put("/2/tags?tag=a&dry-run=1", headers=OWN).json()
    said = lab.run("gnt-job", "info", str(job))
    assert re.search(r"rapier:user\W+admin\b", said)
    assert re.search(r"rapier:request\W+shop-order/4711\b", said)
