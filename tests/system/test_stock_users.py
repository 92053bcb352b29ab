"""Users of the stock file beside those of htpasswd's, and reads without a password."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from endpoints import USERS, Access, Endpoint, rapier, rapier_program
from lab.luxi import ask
from rude.daemon import eventually

REALM = "Ganeti Remote API"


@pytest.fixture(scope="module")
def anonymous(rapier_embedded: Endpoint, access: Access) -> Iterator[Endpoint]:
    """A daemon whose reads of version 2 need no password."""
    with rapier("rapier-anonymous", rapier_embedded.luxi_socket, access, "--anonymous-reads") as endpoint:
        yield endpoint


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    """A socket that is not there: enough for what needs no master."""
    return tmp_path / "no-master"


# -- version 3 -------------------------------------------------------------------------------------------------------

WRITES = [
    ("PUT", "/3/cluster/tag"),
    ("POST", "/3/cluster/instances"),
    ("POST", "/3/cluster/jobs"),
    ("DELETE", "/3/cluster/instances/none"),
]
READS = ["/3", "/3/self", "/3/cluster", "/3/cluster/instances?live=0", "/3/cluster/jobs"]


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("user", ["reader", "viewer"])
def test_without_the_right_to_write_nothing_changes_on_version_3(
    rapier_embedded: Endpoint, user: str, method: str, path: str
) -> None:
    with rapier_embedded.client(user=user) as client:
        answer = client.request(method, path, content=b"{bad", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["type"]) == (403, "/3/problems/forbidden")
    assert answer.json()["detail"] == f"The users file gives '{user}' no right to {method} here"


@pytest.mark.parametrize("path", READS)
def test_version_3_is_read_with_the_right_to_read_or_to_write_and_not_without(
    rapier_embedded: Endpoint, path: str
) -> None:
    seen = {}
    for user in ("operator", "reader", "viewer"):
        with rapier_embedded.client(user=user) as client:
            seen[user] = (client.get(path).status_code, client.head(path).status_code, client.options(path).status_code)
    assert seen == {"operator": (200, 200, 204), "reader": (200, 200, 204), "viewer": (403, 403, 204)}


@pytest.mark.parametrize("path", ["/3/docs", "/3/openapi.json", "/3/problems/forbidden"])
def test_version_3s_descriptions_are_for_any_user(rapier_embedded: Endpoint, path: str) -> None:
    with rapier_embedded.client(user="viewer") as client:
        assert client.get(path).status_code == 200


def test_who_asks_is_told_whether_writing_is_allowed(rapier_embedded: Endpoint) -> None:
    seen = {}
    for user in ("operator", "reader"):
        with rapier_embedded.client(user=user) as client:
            seen[user] = client.get("/3/self").json()["may_write"]
    assert seen == {"operator": True, "reader": False}


def test_who_is_in_htpasswds_file_may_do_everything(rapier_embedded: Endpoint) -> None:
    with rapier_embedded.client(user="operator") as client:
        answer = client.put("/3/cluster/tag", json={"tags": []}, headers={"Prefer": "wait=30"})
        assert (answer.status_code, answer.json()["tags"]) == (200, [])
        assert client.put("/2/tags").status_code == 200


# -- anonymous reads -------------------------------------------------------------------------------------------------


def test_anonymous_reads_are_those_of_version_2_alone(anonymous: Endpoint) -> None:
    with anonymous.client(user=None) as client:
        assert client.get("/2/info").json()["name"] == "cluster"
        for method, path in [*(("GET", path) for path in READS), ("GET", "/3/docs"), ("OPTIONS", "/3"), ("GET", "/3x")]:
            answer = client.request(method, path)
            assert answer.status_code == (404 if path == "/3x" else 401), path
        assert client.put("/2/tags?tag=a").status_code == 401


def test_a_job_that_an_anonymous_read_made_names_the_request_and_no_user(anonymous: Endpoint) -> None:
    with anonymous.client(user=None) as client:
        job = client.get("/2/instances/none/info", headers={"X-Request-Id": "unknown-1"}).json()
    [[[opcode]]] = ask(anonymous.luxi_socket, "QueryJobs", [[job], ["ops"]])
    assert [entry[:2] for entry in opcode["reason"]][:-1] == [
        ["gnt:library:rlib2:instances_name_info", ""],
        ["rapier:request", "unknown-1"],
    ]


def test_the_command_line_takes_anonymous_reads_back_that_the_file_gives(
    tmp_path: Path, nobody: Path, access: Access
) -> None:
    config = tmp_path / "rapier.toml"
    config.write_text("anonymous-reads = true\n")
    for options, status in (((), 200), (("--no-anonymous-reads",), 401)):
        with (
            rapier("rapier-open", nobody, access, "--config", config, *options) as endpoint,
            endpoint.client(user=None) as client,
        ):
            assert client.get("/version").status_code == status


# -- the file while the daemon runs ----------------------------------------------------------------------------------


def test_the_stock_file_is_followed_as_htpasswds_is(tmp_path: Path, nobody: Path, access: Access) -> None:
    users = tmp_path / "rapi-users"
    digest = hashlib.md5(f"joe:{REALM}:secret".encode()).hexdigest()
    users.write_text(f"# ours\njoe {{HA1}}{digest} write\nadmin clear write\n")
    with (
        rapier_program("rapier-stock-users", nobody, replace(access, stock_users=users)) as (program, endpoint),
        endpoint.client(user=None) as client,
    ):

        def write(user: str, password: str) -> int:
            return client.delete("/2/jobs/1", auth=httpx.BasicAuth(user, password)).status_code

        assert (write("joe", "secret"), write("joe", digest)) == (504, 401), "504: there is no master"
        assert (write("admin", "clear"), write("admin", USERS["admin"])) == (401, 504)
        program.wait_for(rf"user 'admin' is in {access.users} and in {users}: only the first counts")

        users.write_text(f"joe {{HA1}}{digest} read\n")
        assert write("joe", "secret") == 403, "the remembered password brings no rights with it"
        users.write_bytes(b"joe secret write\n\xff\n")
        assert write("joe", "secret") == 403
        said = program.wait_for(r"ERROR .*rapi-users is not UTF-8\. Going on with the 1 users read before")[0]
        assert "secret" not in said
        users.write_text("joe another write,all\njane\n")
        assert (write("joe", "secret"), write("joe", "another")) == (401, 504)
        program.wait_for(r"line 1, user 'joe': an option that is neither read nor write gives no right")
        program.wait_for(r"line 2: one word alone")
        users.unlink()
        assert write("joe", "another") == 504
        users.write_text("")
        assert eventually(lambda: write("joe", "another") == 401, 5)


def test_guesses_of_a_stock_users_password_are_slowed(tmp_path: Path, nobody: Path, access: Access) -> None:
    users = tmp_path / "rapi-users"
    users.write_text("joe secret write\n")
    with (
        rapier("rapier-guesses", nobody, replace(access, stock_users=users)) as endpoint,
        endpoint.client(user=None) as client,
    ):
        seconds = [
            client.get("/version", auth=httpx.BasicAuth("joe", f"wrong {number}")).elapsed.total_seconds()
            for number in range(12)
        ]
    assert min(seconds[10:]) > 0.24
    assert max(seconds[10:]) > 0.49
