"""What is not there, and what cannot be done with what is there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.client import Api


@pytest.mark.parametrize(
    "path",
    [
        "/2/",
        "/2/info/",
        "/2/instances/",
        "/2/nodes/node1/",
        "/2/jobs/1/",
        "/2//instances",
        "/2/nope",
        "/2/Info",
        "/VERSION",
        "/1/info",
        "/favicon.ico",
        "/2/instances/a/nope",
        "/2/jobs/1/nope",
        "/2/instances/a/startup/b",
        "/2/info%2F",
        "/%32/info",
    ],
)
def test_an_unknown_path_is_404(api: Api, path: str) -> None:
    assert api.get(path).refusal() == (404, "Not Found")


@pytest.mark.parametrize(
    "path",
    [
        "/2/instances/a%2Fb",
        "/2/instances/a%20b",
        "/2/instances/%6eame",
        "/2/nodes/n%6Fde1",
        "/2/nodes/node%C3%A9",
        "/2/nodes/%FF",
        "/2/nodes/node1%00",
        "/2/instances/a:b",
        "/2/instances/a,b",
        "/2/jobs/x",
        "/2/jobs/-1",
        "/2/jobs/1x",
        "/2/jobs/1.0",
        "/2/jobs/%31",
        "/2/jobs/x/wait",
    ],
)
def test_a_name_or_id_of_the_wrong_shape_is_404(api: Api, path: str) -> None:
    # a path is compared as it was sent: escapes are never read
    assert api.get(path).refusal() == (404, "Not Found")


@pytest.mark.parametrize("path", ["/2/./info", "/2/nodes/../info", "//2/info", "//"])
def test_a_path_is_not_tidied_up(api: Api, path: str) -> None:
    answer = api.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\n{{credentials}}\r\nConnection: close\r\n\r\n")
    assert answer.refusal() == (404, "Not Found")


def test_a_fragment_after_the_path(api: Api, differs: Callable[[str], bool]) -> None:
    answer = api.raw("GET /version#part HTTP/1.1\r\nHost: x\r\n{credentials}\r\nConnection: close\r\n\r\n")
    if differs("fragment-in-the-target"):
        assert answer.value() == 2
    else:
        assert answer.refusal() == (404, "Not Found")


WRITES_TO_READS = [
    ("POST", "/2/info"),
    ("PUT", "/"),
    ("DELETE", "/version"),
    ("POST", "/2/features"),
    ("PUT", "/2/os"),
    ("POST", "/2/nodes"),
    ("DELETE", "/2/nodes/node1"),
    ("PUT", "/2/instances"),
    ("DELETE", "/2/instances"),
    ("POST", "/2/instances/a"),
    ("PUT", "/2/instances/a"),
    ("GET", "/2/instances/a/startup"),
    ("POST", "/2/instances/a/startup"),
    ("POST", "/2/instances/a/shutdown"),
    ("PUT", "/2/instances/a/reboot"),
    ("PUT", "/2/instances/a/info"),
    ("POST", "/2/instances/a/tags"),
    ("POST", "/2/tags"),
    ("DELETE", "/2/jobs"),
    ("PUT", "/2/jobs/1"),
    ("POST", "/2/jobs/1/wait"),
    ("PATCH", "/2/instances/a"),
    ("OPTIONS", "/2/info"),
    ("TRACE", "/2/info"),
]


@pytest.mark.parametrize(("method", "path"), WRITES_TO_READS)
def test_a_method_that_a_path_has_not_is_501(api: Api, method: str, path: str) -> None:
    assert api.request(method, path).refusal() == (501, f"Method {method} is unsupported for path {path}")


def test_the_501_repeats_the_query_and_escapes_it(api: Api) -> None:
    answer = api.raw("DELETE /2/info?a=<b>&c='d' HTTP/1.1\r\nHost: x\r\n{credentials}\r\n\r\n")
    asked = "/2/info?a=&lt;b&gt;&amp;c=&#x27;d&#x27;"
    assert answer.refusal() == (501, f"Method DELETE is unsupported for path {asked}")


def test_the_method_is_looked_at_before_the_body(api: Api) -> None:
    answer = api.request("POST", "/2/info", content=b"{bad", headers={"Content-Type": "text/plain"})
    assert answer.refusal() == (501, "Method POST is unsupported for path /2/info")


def test_the_path_is_looked_at_before_the_method(api: Api) -> None:
    assert api.request("PATCH", "/2/nope").refusal() == (404, "Not Found")


def test_head_is_a_get_without_its_body_or_501(api: Api, differs: Callable[[str], bool]) -> None:
    answer = api.request("HEAD", "/version")
    assert answer.raw == b""
    if differs("head-on-reads"):
        assert answer.status == 200
        assert answer.headers["content-length"] == "2"
    else:
        assert answer.status == 501


@pytest.mark.parametrize(
    "path", ["/2/instances/a/info", "/2/os", "/2/nodes/node1/storage?storage_type=x&output_fields="]
)
def test_head_where_get_makes_a_job_is_501_and_makes_none(api: Api, path: str) -> None:
    before = len(api.get("/2/jobs").value())
    assert api.request("HEAD", path).status == 501
    assert len(api.get("/2/jobs").value()) == before


def test_head_where_there_is_no_get_is_501(api: Api) -> None:
    assert api.request("HEAD", "/2/instances/a/startup").status == 501


def test_a_method_nobody_knows_is_501(api: Api) -> None:
    answer = api.raw("FOO /2/info HTTP/1.1\r\nHost: x\r\n{credentials}\r\n\r\n")
    assert answer.refusal() == (501, "Method FOO is unsupported for path /2/info")


def test_a_method_in_small_letters_is_the_same_method(api: Api) -> None:
    answer = api.raw("get /version HTTP/1.1\r\nHost: x\r\n{credentials}\r\nConnection: close\r\n\r\n")
    assert answer.value() == 2


def test_a_full_uri_as_target_is_no_path(api: Api, differs: Callable[[str], bool]) -> None:
    answer = api.raw("GET https://x/version HTTP/1.1\r\nHost: x\r\n{credentials}\r\nConnection: close\r\n\r\n")
    if differs("full-uri-as-target"):
        assert answer.value() == 2
    else:
        assert answer.refusal() == (404, "Not Found")
