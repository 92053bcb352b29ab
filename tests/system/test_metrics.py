"""`/metrics`: who may read it, what it says, and of whom when there are several workers, and one dies or hangs."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from endpoints import Access, Endpoint, embedded_master, rapier_program
from luxi_peer import Asked, running_peer
from processes import Program
from rapier.observation.metrics import METRICS
from rude.daemon import eventually

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples_of(text: str) -> Samples:
    """All samples by name and labels. Fails where a family stands twice or cannot be read."""
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of what has these labels, among others."""
    found = [
        number for (key, given), number in samples.items() if key == name and labels.items() <= dict(given).items()
    ]
    assert found, (name, labels)
    return sum(found)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, access: Access) -> Iterator[tuple[Endpoint, str]]:
    """A daemon with an address for metrics, and that address."""
    with (
        embedded_master(tmp_path_factory.mktemp("embedded")) as luxi_socket,
        rapier_program("rapier-metrics", luxi_socket, access, "--metrics-listen", "0") as (program, endpoint),
    ):
        beside = program.wait_for(r"without a password: (http://127\.0\.0\.1:\d+)")[1]
        yield endpoint, beside


@pytest.fixture
def client(served: tuple[Endpoint, str]) -> Iterator[httpx.Client]:
    with served[0].client() as client:
        yield client


def read(client: httpx.Client) -> Samples:
    return samples_of(client.get("/metrics").raise_for_status().text)


def test_metrics_are_for_users(served: tuple[Endpoint, str], client: httpx.Client) -> None:
    with served[0].client(user=None) as stranger:
        refused = stranger.get("/metrics")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == 'Basic realm="Ganeti Remote API"'
        assert "rapier_" not in refused.text
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert client.head("/metrics").content == b""
    assert (client.post("/metrics").status_code, client.post("/metrics").headers["allow"]) == (405, "GET, HEAD")


def test_each_metric_of_the_table_is_there(client: httpx.Client) -> None:
    text = client.get("/metrics").text
    told = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    assert told == [(metric.name, metric.kind) for metric in METRICS]
    for sentence in re.findall(r"^# HELP \S+ (.*)$", text, re.MULTILINE):
        assert sentence in [metric.sentence for metric in METRICS]
    for metric in METRICS:
        for (name, labels), number in samples_of(text).items():
            if name == metric.name:
                assert {label for label, _ in labels} == {*metric.labels, "worker"}
                assert number >= 0


def test_open_metrics_is_answered_to_who_prefers_it(client: httpx.Client) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_an_address_beside_has_health_and_metrics_without_a_password_and_nothing_else(
    served: tuple[Endpoint, str],
) -> None:
    with httpx.Client(base_url=served[1], auth=("admin", "secret")) as beside:
        assert value(read(beside), "rapier_build_info") == 1
        assert beside.get("/healthz").text == "ok\n"
        assert beside.get("/readyz").text == "ready\n"
        for path in ("/", "/2/info", "/3", "/version", "/metrics/"):
            assert beside.get(path).status_code == 404, path
        assert beside.put("/2/tags?tag=a").status_code == 404


def test_requests_are_counted_by_route_method_and_status(client: httpx.Client) -> None:
    asked = {
        ("GET", "/2/nodes/none"): ("/2/nodes/{node}", "GET", "404"),
        ("GET", "/2/nodes/other"): ("/2/nodes/{node}", "GET", "404"),
        ("PUT", "/2/tags?tag=a"): ("/2/tags", "PUT", "200"),
        ("GET", "/3/no-such-cluster/instances/web1"): ("/3/{cluster}/instances/{instance}", "GET", "404"),
        ("GET", "/3/problems/malformed"): ("/3/problems/{slug}", "GET", "200"),
        ("GET", "/nothing/here"): ("other", "GET", "404"),
        ("BREW", "/2/info"): ("/2/info", "other", "501"),
    }
    before = read(client)
    for method, target in asked:
        client.request(method, target)
    after = read(client)
    for key, times in Counter(asked.values()).items():
        labels = frozenset(zip(("route", "method", "status", "worker"), (*key, "1"), strict=True))
        grown = after[("rapier_requests_total", labels)] - before.get(("rapier_requests_total", labels), 0)
        assert grown == times, key
    assert value(after, "rapier_request_seconds_count", route="/2/nodes/{node}") >= 2
    assert value(after, "rapier_luxi_calls_total", method="SubmitJob", outcome="answered") >= 1
    assert value(after, "rapier_luxi_calls_total", method="QueryNodes") >= 2
    assert value(after, "rapier_luxi_connections", pool="calls") == 16
    for (name, labels), number in after.items():
        if name == "rapier_request_seconds_bucket" and ("le", "+Inf") in labels:
            assert number == after["rapier_request_seconds_count", labels - {("le", "+Inf")}]


def test_no_number_of_unknown_paths_makes_a_label(client: httpx.Client) -> None:
    before = len(read(client))
    for number in range(200):
        client.get(f"/2/nodes/n{number}")
        client.get(f"/unknown{number}")
        client.request(f"M{number}", "/2/info", headers={"X-Request-Id": f"r{number}"})
    text = client.get("/metrics").text
    # the few of a route, a method and a status that may be new
    assert len(samples_of(text)) < before + 60
    assert "unknown1" not in text


def test_refusals_of_the_server_are_counted(served: tuple[Endpoint, str], client: httpx.Client) -> None:
    endpoint, _ = served
    before = read(client)
    with endpoint.tls().wrap_socket(socket.create_connection(endpoint.address), server_hostname="127.0.0.1") as sock:
        sock.sendall(b"nonsense\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 400 ")
    client.get("/" + "x" * 9000)
    with socket.create_connection(endpoint.address) as sock:
        sock.sendall(b"no TLS at all\r\n\r\n")
        sock.recv(100)
    after = read(client)
    for reason in ("malformed", "target_too_long", "handshake"):
        name = "rapier_refusals_total"
        assert value(after, name, reason=reason) == value(before, name, reason=reason) + 1, reason
    for status in ("400", "414"):
        assert value(after, "rapier_requests_total", route="other", status=status) >= 1


def test_connections_are_counted_by_what_they_do(served: tuple[Endpoint, str], client: httpx.Client) -> None:
    endpoint, _ = served

    def now() -> dict[str, float]:
        samples = read(client)
        states = ("handshake", "head", "body", "work", "idle", "ending")
        return {state: value(samples, "rapier_connections", state=state) for state in states}

    def connected() -> ssl.SSLSocket:
        return endpoint.tls().wrap_socket(socket.create_connection(endpoint.address), server_hostname="127.0.0.1")

    credentials = b"Authorization: Basic YWRtaW46c2VjcmV0\r\n"
    with (
        socket.create_connection(endpoint.address),
        connected(),
        connected() as half_a_head,
        connected() as half_a_body,
        connected() as between,
    ):
        half_a_head.sendall(b"GET / HT")
        half_a_body.sendall(b"POST /2/instances HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n" + credentials + b"\r\n{")
        between.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert between.recv(1000)
        expected = {"handshake": 1, "head": 2, "body": 1, "work": 1, "idle": 1, "ending": 0}
        assert eventually(lambda: now() == expected), now()


def test_passwords_are_counted(served: tuple[Endpoint, str], client: httpx.Client) -> None:
    before = read(client)
    with httpx.Client(base_url=served[0].url, verify=served[0].tls(), auth=("admin", "guess")) as guessing:
        for _ in range(2):
            assert guessing.get("/version").status_code == 401
    after = read(client)
    for name in ("rapier_password_checks_total", "rapier_password_refusals_total"):
        assert value(after, name) == value(before, name) + 2


def test_the_certificates_end_is_told(client: httpx.Client) -> None:
    days = (value(read(client), "rapier_certificate_not_after_seconds") - time.time()) / 86_400
    assert 824 < days < 826


async def test_sick_masters_and_waits_are_told(access: Access, tmp_path: Path) -> None:
    luxi_socket = tmp_path / "luxi"
    options = ("--luxi-deadline-seconds", "2")
    with rapier_program("rapier-sick", luxi_socket, access, *options) as (_, endpoint):
        async with endpoint.async_client() as client:

            async def told(name: str, **labels: str) -> float:
                return value(samples_of((await client.get("/metrics")).text), name, **labels)

            await client.get("/2/info")
            assert await told("rapier_luxi_calls_total", method="QueryClusterInfo", outcome="absent") == 1
            async with running_peer(luxi_socket) as peer:

                async def never(asked: Asked) -> None:
                    pass

                peer.script = never
                queries = [asyncio.create_task(client.get(f"/2/nodes/n{number}")) for number in range(20)]
                while await told("rapier_luxi_waiting", pool="calls") < 4:
                    assert not any(query.done() for query in queries)
                assert await told("rapier_luxi_connections", pool="calls", state="in_use") == 16
                await asyncio.gather(*queries)
                assert await told("rapier_luxi_calls_total", method="QueryNodes", outcome="silent") == 20
                known = {"fields": ["status"], "previous_job_info": ["queued"], "previous_log_serial": None}
                waits = [asyncio.create_task(client.request("GET", "/2/jobs/7/wait", json=known)) for _ in range(3)]
                while await told("rapier_waiters") < 3:
                    assert not any(wait.done() for wait in waits)
                assert await told("rapier_waits_at_master") == 1
                for wait in waits:
                    wait.cancel()
                await asyncio.gather(*waits, return_exceptions=True)
                while await told("rapier_waiters"):
                    await asyncio.sleep(0.01)
                assert await told("rapier_luxi_calls_total", method="WaitForJobChange", outcome="given_up") == 1


# -- several workers -------------------------------------------------------------------------------------------------


@pytest.fixture
def several(access: Access, tmp_path: Path) -> Iterator[tuple[Program, Endpoint]]:
    options = ("--workers", "3", "--log-level", "debug")
    with rapier_program("rapier-several", tmp_path / "luxi", access, *options) as (program, endpoint):
        yield program, endpoint


def figures(endpoint: Endpoint) -> Samples:
    """By a connection of its own, so that any worker may have it."""
    with endpoint.client() as client:
        return read(client)


def workers(samples: Samples) -> dict[str, float]:
    """The start of each worker, by its number."""
    return {
        dict(labels)["worker"]: number
        for (name, labels), number in samples.items()
        if name == "rapier_process_start_time_seconds"
    }


def children(program: Program) -> list[int]:
    return [int(word) for word in Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()]


def test_whichever_worker_is_asked_tells_of_all(several: tuple[Program, Endpoint]) -> None:
    _, endpoint = several
    asked = 20
    for _ in range(asked):
        with endpoint.client() as client:
            assert client.get("/2/features").status_code == 200
    for _ in range(6):
        samples = figures(endpoint)
        assert sorted(workers(samples)) == ["1", "2", "3"]
        assert value(samples, "rapier_workers_configured") == 9
        assert value(samples, "rapier_requests_total", route="/2/features") == asked


def test_a_dead_workers_gauges_go_and_its_number_is_taken_again(several: tuple[Program, Endpoint]) -> None:
    program, endpoint = several
    before = workers(figures(endpoint))
    victim = children(program)[0]
    os.kill(victim, signal.SIGKILL)

    def replaced() -> bool:
        now = workers(figures(endpoint))
        return len(now) == 3 and now != before

    assert eventually(replaced)
    now = workers(figures(endpoint))
    assert sorted(now) == ["1", "2", "3"]
    assert sum(now[number] == before[number] for number in now) == 2
    for _ in range(3):
        os.kill(children(program)[0], signal.SIGKILL)
        assert eventually(lambda: len(workers(figures(endpoint))) == 3)
    assert sorted(workers(figures(endpoint))) == ["1", "2", "3"]


def test_a_worker_that_hangs_is_left_out_after_a_second(several: tuple[Program, Endpoint]) -> None:
    program, endpoint = several
    victim = children(program)[0]
    os.kill(victim, signal.SIGSTOP)
    try:

        def of_two() -> bool:
            try:
                with endpoint.client(timeout_seconds=3) as client:
                    began = time.perf_counter()
                    samples = read(client)
                    return len(workers(samples)) == 2 and time.perf_counter() - began < 2.5
            except httpx.TransportError:
                return False  # this connection was the victim's

        assert eventually(of_two, 15)
    finally:
        os.kill(victim, signal.SIGCONT)
    assert eventually(lambda: len(workers(figures(endpoint))) == 3)


def test_who_is_not_of_the_daemon_gets_no_figures(several: tuple[Program, Endpoint]) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    figures(several[1])
    pid = several[0].pid
    [name, *_] = re.findall(rf"@(rapier-{pid}-[0-9a-f]+-1)$", Path("/proc/net/unix").read_text(), re.MULTILINE)

    def told(user: int) -> bytes:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.setuid(user)
            with socket.socket(socket.AF_UNIX) as asking:
                asking.settimeout(5)
                asking.connect(f"\0{name}")
                got = asking.recv(10)
            os.write(writing, got)
            os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(reading, "rb") as pipe:
            return pipe.read()

    assert told(0).startswith(b'{"rapier')
    assert told(65534) == b""
