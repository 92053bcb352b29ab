"""What comes before both versions of the API, over HTTPS: whose page may write, and who may read the answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from endpoints import Access, Endpoint, rapier
from lab.luxi import ask
from processes import RAPIER, Program

OPS = "https://ops.example:8443"
EVIL = "https://evil.example"
BOTH = ["/2/tags?tag=a", "/3/prod/tag"]
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,if-match"}


@pytest.fixture(scope="module")
def endpoint(rapier_embedded: Endpoint, access: Access) -> Iterator[Endpoint]:
    """One that the pages of `OPS` may use, beside its own."""
    with rapier("rapier-origins", rapier_embedded.luxi_socket, access, "--allowed-origins", OPS) as endpoint:
        yield endpoint


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[httpx.Client]:
    with endpoint.client() as client:
        yield client


def last_job(endpoint: Endpoint) -> int:
    """The newest job in the queue."""
    return max((row[0] for row in ask(endpoint.luxi_socket, "QueryJobs", [None, ["id"]])), default=0)


@pytest.mark.parametrize("target", BOTH)
@pytest.mark.parametrize("page", [EVIL, "null", "http://{own}", "https://{host}:1"])
def test_a_write_of_a_foreign_page_is_403_and_no_job(
    endpoint: Endpoint, client: httpx.Client, target: str, page: str
) -> None:
    host, port = endpoint.address
    before = last_job(endpoint)
    answer = client.put(target, headers={"Origin": page.format(own=f"{host}:{port}", host=host)})
    assert answer.status_code == 403
    assert last_job(endpoint) == before


def test_version_2_says_it_in_stocks_shape(client: httpx.Client) -> None:
    answer = client.put("/2/tags?tag=a", headers={"Origin": "https://<evil>"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["connection"] == "close"
    assert "access-control-allow-origin" not in answer.headers
    body = answer.json()
    assert (body["code"], body["explain"]) == (403, "Request forbidden -- authorization will not help")
    assert "https://&lt;evil&gt;" in body["message"]
    assert "allowed-origins" in body["message"]


def test_the_site_is_enough_where_there_is_no_origin(client: httpx.Client) -> None:
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 404), ("none", 404)):
        assert client.put("/2/nothing", headers={"Sec-Fetch-Site": site}).status_code == status


def test_our_own_page_a_configured_one_and_a_program_may_write(endpoint: Endpoint, client: httpx.Client) -> None:
    for headers in ({"Origin": endpoint.url}, {"Origin": OPS, "Sec-Fetch-Site": "cross-site"}, {}):
        assert type(client.put("/2/tags?tag=a", headers=headers).json()) is int


def test_the_page_is_looked_at_before_the_user(endpoint: Endpoint) -> None:
    with endpoint.client(user=None) as stranger:
        assert stranger.put("/2/nothing", headers={"Origin": EVIL}).status_code == 403
        assert stranger.put("/2/nothing").status_code == 401
        assert stranger.get("/2/nothing", headers={"Origin": EVIL}).status_code == 401


def test_what_is_wrong_with_the_head_is_said_before_the_page_is_looked_at(client: httpx.Client) -> None:
    assert client.put("/2/" + "x" * 9000, headers={"Origin": EVIL}).status_code == 414


def test_reads_are_for_every_page_but_only_a_browser_decides_who_sees_them(client: httpx.Client) -> None:
    answer = client.get("/2/features", headers={"Origin": EVIL, "Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("path", "challenge"),
    [
        ("/2/info", 'Basic realm="Ganeti Remote API"'),
        ("/", 'Basic realm="Ganeti Remote API"'),
        ("/30", 'Basic realm="Ganeti Remote API"'),
        ("/3", 'Basic realm="Ganeti Remote API", charset="UTF-8"'),
        ("/3/prod/instances?x=1", 'Basic realm="Ganeti Remote API", charset="UTF-8"'),
    ],
)
def test_the_challenge_names_the_charset_on_version_3_only(endpoint: Endpoint, path: str, challenge: str) -> None:
    with endpoint.client(user=None) as stranger:
        assert stranger.get(path).headers["www-authenticate"] == challenge


def test_a_preflight_of_a_configured_page_is_answered_without_credentials(endpoint: Endpoint) -> None:
    with endpoint.client(user=None) as stranger:
        answer = stranger.options("/3/prod/instances/web1", headers={"Origin": OPS, **PREFLIGHT})
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers
    assert "content-type" not in answer.headers
    assert answer.headers["access-control-allow-origin"] == OPS
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, PUT, POST, DELETE"
    assert answer.headers["access-control-allow-headers"].split(", ") == [
        "Authorization",
        "Content-Type",
        "If-Match",
        "If-None-Match",
        "Prefer",
        "Idempotency-Key",
        "X-Request-Id",
        "traceparent",
    ]
    assert int(answer.headers["access-control-max-age"]) > 0
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/3", {"Origin": EVIL, **PREFLIGHT}, 403),
        ("/3", {"Origin": "null", **PREFLIGHT}, 403),
        ("/2/info", {"Origin": OPS, **PREFLIGHT}, 401),
        ("/3", {"Origin": OPS}, 401),  # no preflight: a request like any other
        ("/3", PREFLIGHT, 401),
    ],
)
def test_another_preflight_permits_nothing(endpoint: Endpoint, path: str, headers: dict[str, str], status: int) -> None:
    with endpoint.client(user=None) as stranger:
        answer = stranger.options(path, headers=headers)
    assert answer.status_code == status
    assert "access-control-allow-methods" not in answer.headers


@pytest.mark.parametrize("user", ["admin", None])
def test_a_configured_page_reads_answers_of_version_3_refusals_included(endpoint: Endpoint, user: str | None) -> None:
    with endpoint.client(user=user) as client:
        answer = client.get("/3", headers={"Origin": OPS})
        assert answer.headers["access-control-allow-origin"] == OPS
        assert "ETag" in answer.headers["access-control-expose-headers"]
        assert "Origin" in answer.headers["vary"]
        other = client.get("/3", headers={"Origin": EVIL})
        assert "access-control-allow-origin" not in other.headers
        assert "Origin" in other.headers["vary"]
        assert "access-control-allow-origin" not in client.get("/2", headers={"Origin": OPS}).headers


@pytest.mark.parametrize("text", ["*", "https://ops.example/", "ops.example", "null"])
def test_an_origin_that_is_none_is_refused_at_the_start(access: Access, tmp_path: Path, text: str) -> None:
    config = tmp_path / "rapier.toml"
    config.write_text(f'allowed-origins = ["https://good.example", "{text}"]\n')
    command: list[str | Path] = [*RAPIER, "serve", "--config", config, "--htpasswd", access.users]
    command += ["--tls-cert", access.certificate, "--tls-key", access.key, "--listen", "127.0.0.1:0"]
    with Program("rapier-no-origin", command) as program:
        program.process.wait(20)
        assert (
            f"allowed-origins: an origin is a scheme, a host and at most a port, as https://ops.example.com or "
            f"https://ops.example.com:8443, not {text!r}" in program.log
        )
        assert program.process.returncode == 1
