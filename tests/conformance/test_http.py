"""HTTP as such: versions, connections, headers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.client import Api

WRITE = "DELETE /2/jobs/999999 HTTP/1.1\r\nHost: x\r\n{credentials}\r\n\r\n"
READ = "GET /version HTTP/1.1\r\nHost: x\r\n{credentials}\r\n\r\n"


def test_a_1_0_request_gets_a_1_0_answer(api: Api) -> None:
    answer = api.raw("GET /version HTTP/1.0\r\n{credentials}\r\n\r\n")
    assert answer.value() == 2
    assert answer.headers["connection"] == "close"
    assert answer.version == "HTTP/1.0"


def test_a_1_0_client_is_never_kept(api: Api) -> None:
    answer = api.raw("GET /version HTTP/1.0\r\nConnection: keep-alive\r\n{credentials}\r\n\r\n")
    assert answer.value() == 2
    assert answer.headers["connection"] == "close"


def test_a_1_1_request_without_host_is_400(api: Api) -> None:
    answer = api.raw("GET /version HTTP/1.1\r\n{credentials}\r\n\r\n")
    assert answer.refusal() == (400, "Missing Host header")


def test_two_hosts(api: Api, differs: Callable[[str], bool]) -> None:
    answer = api.raw("GET /version HTTP/1.1\r\nHost: a\r\nHost: b\r\n{credentials}\r\nConnection: close\r\n\r\n")
    assert answer.status == (400 if differs("two-hosts") else 200)


def test_the_answer_to_a_write_closes_the_connection(api: Api) -> None:
    # programs exist that never read it and send the next request on the same connection
    received = api.exchange(WRITE + READ)
    assert received.count(b"HTTP/1.1 ") == 1
    assert b"\r\nconnection: close\r\n" in received.lower()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_refusal_of_a_write_closes_it_too(api: Api, method: str) -> None:
    answer = api.raw(f"{method} /2/nope HTTP/1.1\r\nHost: x\r\n{{credentials}}\r\nContent-Length: 0\r\n\r\n")
    assert answer.status == 404
    assert answer.headers["connection"] == "close"


def test_the_answer_to_a_read_may_keep_it(api: Api, differs: Callable[[str], bool]) -> None:
    # not sent at once: stock takes what follows a head for its body
    received = api.exchange(READ, timeout_seconds=1)
    if differs("reads-keep-the-connection"):
        assert b"\r\nconnection: close\r\n" not in received.lower()
    else:
        assert b"\r\nconnection: close\r\n" in received.lower()


def test_what_a_client_accepts_does_not_matter(api: Api) -> None:
    headers = {"Accept": "text/html, application/xml", "Accept-Encoding": "gzip", "Accept-Language": "fr"}
    assert api.get("/2/features", headers=headers).status == 200


def test_the_server_says_what_it_is(api: Api, differs: Callable[[str], bool]) -> None:
    server = api.get("/version").headers["server"]
    if differs("name-of-the-server"):
        assert server.startswith("Rapier")
    else:
        assert server == "Ganeti 3.0.2"


def test_a_body_in_chunks(api: Api, differs: Callable[[str], bool]) -> None:
    head = "POST /2/instances HTTP/1.1\r\nHost: x\r\n{credentials}\r\nContent-Type: application/json\r\n"
    answer = api.raw(head + "Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n")
    if differs("bodies-in-chunks"):
        assert answer.refusal()[1] == "Body contents: Type is &#x27;list&#x27;, but &#x27;dict&#x27; is expected"
    else:
        assert answer.refusal() == (400, "Unable to parse JSON data")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_may_come_without_any_length(api: Api, method: str) -> None:
    target = {"POST": "/2/instances", "PUT": "/2/instances/a/shutdown?dry-run=x", "DELETE": "/2/jobs/999999"}[method]
    answer = api.raw(f"{method} {target} HTTP/1.1\r\nHost: x\r\n{{credentials}}\r\n\r\n")
    assert answer.status == (200 if method == "DELETE" else 400)


def test_a_head_with_lines_that_end_in_a_bare_line_feed(api: Api, differs: Callable[[str], bool]) -> None:
    received = api.exchange("GET /version HTTP/1.1\r\nHost: x\n{credentials}\r\nConnection: close\r\n\r\n")
    if differs("bare-line-feeds"):
        assert received.startswith(b"HTTP/1.1 400 ")
    else:
        assert received.startswith(b"HTTP/1.1 200 ")


def test_credentials_may_end_in_the_line_feed_of_their_encoder(api: Api) -> None:
    # what Perl's encode_base64 and Python 2's encodestring make of a short text, sent as it is
    answer = api.raw("GET /version HTTP/1.1\r\nConnection: close\r\nHost: x\r\n{credentials}\n\r\n\r\n")
    assert answer.value() == 2


def test_and_a_body_may_follow_them(api: Api) -> None:
    head = "POST /2/instances HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{credentials}\n\r\n"
    answer = api.raw(head + "Content-Length: 2\r\n\r\n[]")
    assert answer.refusal()[1] == "Body contents: Type is &#x27;list&#x27;, but &#x27;dict&#x27; is expected"


@pytest.mark.parametrize("length", ["x", "-1"])
def test_a_length_that_is_none(api: Api, differs: Callable[[str], bool], length: str) -> None:
    head = "GET /version HTTP/1.1\r\nHost: x\r\n{credentials}\r\n"
    received = api.exchange(f"{head}Content-Length: {length}\r\nConnection: close\r\n\r\n")
    if differs("length-that-is-none"):
        assert received.startswith(b"HTTP/1.1 400 ")
    else:
        assert received.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("line", ["NONSENSE\r\n\r\n", "GET\r\n\r\n", "GET /version HTTP/x\r\nHost: x\r\n\r\n"])
def test_what_is_no_request_is_400(api: Api, differs: Callable[[str], bool], line: str) -> None:
    received = api.exchange(line)
    version = b"HTTP/0.9" if differs("version-of-the-answer-to-nonsense") else b"HTTP/1.1"
    assert received.startswith(version + b" 400 ")
    assert b'"code": 400' in received
