"""What reaches the application, and what the server refuses by itself."""

from __future__ import annotations

import contextlib
import re
import time
from typing import Any

import pytest

from rude.daemon import Daemon, is_closed, read_answer, request

HOST = b"Host: test\r\n"


def scope_of(daemon: Daemon, data: bytes) -> dict[str, Any]:
    answer = daemon.ask(data)
    assert answer.status == 200
    told: dict[str, Any] = answer.json
    return told


def test_the_application_learns_the_target_as_it_came(plain: Daemon) -> None:
    told = scope_of(plain, request("GET", "/%73cope?a=%2F&b=+"))
    assert told["path"] == "/scope"
    assert told["raw_path"] == "/%73cope"
    assert told["query_string"] == "a=%2F&b=+"
    assert told["method"] == "GET"
    assert told["scheme"] == "http"


def test_the_application_learns_who_asks(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("GET", "/scope"))
        assert read_answer(sock).json["client"] == list(sock.getsockname())


def test_a_target_with_a_scheme_and_a_host_is_taken_by_its_path(plain: Daemon) -> None:
    assert scope_of(plain, request("GET", "http://test/scope?x"))["query_string"] == "x"


@pytest.mark.parametrize("method", ["PATCH", "FOO", "X-OTHER"])
def test_a_method_that_nobody_knows_is_for_the_application_to_answer(plain: Daemon, method: str) -> None:
    with plain.connect() as sock:
        sock.sendall(request(method, "/secret", body=b"abc"))
        assert read_answer(sock).status == 401
        sock.sendall(request(method, "/scope"))
        assert read_answer(sock).json["method"] == method
        sock.sendall(request("GET", "/scope"))
        assert read_answer(sock).json["method"] == "GET"


def test_a_method_in_small_letters_is_the_same_method(plain: Daemon) -> None:
    assert scope_of(plain, b"\r\nget /scope HTTP/1.1\r\n" + HOST + b"\r\n")["method"] == "GET"


CREDENTIALS = b"Authorization: Basic YTpi"


def test_a_line_feed_behind_the_credentials_is_passed_over(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(b"GET /scope?1 HTTP/1.1\r\n" + CREDENTIALS + b"\n\r\n" + HOST + b"\r\n")
        assert read_answer(sock).json["query_string"] == "1"
        sock.sendall(b"FOO /scope?2 HTTP/1.1\r\n" + HOST + CREDENTIALS + b"=\n\r\n\r\n")
        assert read_answer(sock).json["method"] == "FOO"


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(CREDENTIALS + b"\n\n\r\n", id="two"),
        pytest.param(CREDENTIALS + b"\nX-Other: 1\r\n", id="in place of the line's end"),
        pytest.param(b"X-Other: 1\n\r\n", id="in another header"),
        pytest.param(CREDENTIALS + b"\n\r\nGET /scope HTTP/1.1\r\n", id="before what is no header"),
    ],
)
def test_any_other_line_feed_is_refused(plain: Daemon, lines: bytes) -> None:
    assert plain.ask(b"GET /scope HTTP/1.1\r\n" + HOST + lines + b"\r\n").status == 400


def test_a_1_0_request_may_do_without_host(plain: Daemon) -> None:
    assert scope_of(plain, b"GET /scope HTTP/1.0\r\n\r\n")["http_version"] == "1.0"


def test_trailers_do_not_become_headers(plain: Daemon) -> None:
    body = b"0\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\n\r\n"
    told = scope_of(plain, request("POST", "/scope", "Transfer-Encoding: chunked") + body)
    assert "authorization" not in [name for name, _ in told["headers"]]


def test_nobody_is_upgraded_and_the_connection_goes_on(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("GET", "/scope", "Connection: Upgrade", "Upgrade: h2c"))
        assert read_answer(sock).json["http_version"] == "1.1"
        sock.sendall(request("GET", "/unmeasured", "Connection: Upgrade", "Upgrade: websocket"))
        assert read_answer(sock).status == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no Host"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400, id="two Hosts"),
        pytest.param(b"GET / HTTP/1.0\r\n" + HOST + HOST + b"\r\n", 400, id="two Hosts in 1.0"),
        pytest.param(b"F@O / HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="a method that is no word"),
        pytest.param(b"connect test:80 HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="connect in small letters"),
        pytest.param(b"CONNECT test:80 HTTP/1.1\r\n" + HOST + b"\r\n", 501, id="CONNECT"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400, id="TLS on a plain port"),
        pytest.param(b"GET nowhere HTTP/1.1\r\n" + HOST + b"\r\n", 400, id="a target that is no path"),
        pytest.param(b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505, id="another version"),
        pytest.param(b"GET /\r\n\r\n", 505, id="HTTP/0.9"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: x\r\n\r\n", 400, id="no number as length"),
        pytest.param(
            b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            id="two lengths",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nx",
            400,
            id="upgrade with a body",
        ),
        pytest.param(
            b"POST /length HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, id="no chunk"
        ),
        pytest.param(request("GET", "/" + "a" * 8192), 414, id="a target of 8 kB"),
        pytest.param(request("GET", "/" + "a" * 200_000)[:150_000], 414, id="a target without an end"),
        pytest.param(request("GET", "/", *["a: b"] * 100), 431, id="101 headers"),
        pytest.param(request("GET", "/", "a: " + "b" * 65_536), 431, id="a header of 64 kB"),
    ],
)
def test_a_request_that_cannot_be_taken_is_refused_in_the_shape_of_errors_and_the_connection_closed(
    plain: Daemon, data: bytes, status: int
) -> None:
    with plain.connect() as sock:
        sock.sendall(data)
        answer = read_answer(sock)
        assert answer.status == status
        assert answer.json["code"] == status
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["connection"] == "close"
        assert is_closed(sock)


def test_what_is_just_within_the_limits_is_taken(plain: Daemon) -> None:
    assert plain.ask(request("GET", "/" + "a" * 8191)).status == 404
    assert plain.ask(request("GET", "/", *["a: b"] * 99)).status == 200
    assert plain.ask(request("GET", "/", "a: " + "b" * 65_000)).status == 200


def test_a_small_head_right_behind_a_large_body_is_not_taken_for_a_large_head(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("POST", "/length", body=b"x" * 200_000) + b"GET / HTTP/1.1\r\nHost:")
        assert read_answer(sock).json == {"length": 200_000}
        sock.sendall(b" test\r\n\r\n")
        assert read_answer(sock).status == 200


def test_heads_that_wait_for_their_turn_are_no_more_than_one_may_be(plain: Daemon) -> None:
    """Or who has no password yet could have a daemon keep megabytes for each of his connections."""
    with plain.connect() as sock:
        sock.sendall(request("GET", "/slow?2") + request("GET", "/", "a: " + "b" * 30_000) * 3)
        everything = b""
        while piece := sock.recv(65536):
            everything += piece
    assert re.findall(rb"HTTP/1.1 (\d+)", everything) == [b"200", b"200", b"200", b"503"]


def test_a_refusal_comes_after_the_answers_to_the_requests_before_it(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("GET", "/slow?0.2") + b"GET / HTTP/1.1\r\n\r\n")
        everything = b""
        while piece := sock.recv(65536):
            everything += piece
    assert [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", everything)] == [200, 400]


def test_too_many_requests_sent_at_once_end_in_503_behind_the_answers(hasty: Daemon) -> None:
    with hasty.connect() as sock:
        sock.sendall(request("GET", "/slow?0.2") + request("GET", "/") * 20)
        everything = b""
        try:
            while piece := sock.recv(65536):
                everything += piece
        except ConnectionResetError:
            pass
    assert [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", everything)] == [200] * 5 + [503]


# ---- bodies ----


def test_a_body_is_read_in_each_framing(plain: Daemon) -> None:
    assert plain.ask(request("POST", "/length", body=b"x" * 300_000)).json == {"length": 300_000}
    chunks = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    assert plain.ask(request("POST", "/length", "Transfer-Encoding: chunked") + chunks).json == {"length": 11}


def test_a_peer_that_expects_100_gets_it_when_the_body_is_wanted(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("POST", "/length", "Content-Length: 3", "Expect: 100-continue"))
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"abc")
        assert read_answer(sock).json == {"length": 3}


def test_a_body_that_is_too_large_gets_413_instead_of_100(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("POST", "/length", "Content-Length: 99999999", "Expect: 100-continue"))
        assert read_answer(sock).status == 413
        with contextlib.suppress(ConnectionError):
            assert sock.recv(1000) == b""


def test_a_1_0_client_that_expects_100_is_not_told_to_go_on(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(b"POST /length HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc")
        assert read_answer(sock).json == {"length": 3}


def test_a_stranger_who_expects_100_gets_401_instead_and_the_end(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("POST", "/secret", "Content-Length: 3", "Expect: 100-continue"))
        answer = read_answer(sock)
        assert answer.status == 401
        assert answer.headers["connection"] == "close"
        assert is_closed(sock, 2)


def test_a_small_body_that_nobody_wanted_is_dropped_and_the_connection_kept(plain: Daemon) -> None:
    with plain.connect() as sock:
        for _ in range(2):
            sock.sendall(request("POST", "/secret", "Content-Length: 50000"))
            assert read_answer(sock).status == 401
            sock.sendall(b"x" * 50_000)
        sock.sendall(request("GET", "/"))
        assert read_answer(sock).status == 200


@pytest.mark.parametrize("length", ["Content-Length: 100001", "Transfer-Encoding: chunked"])
def test_a_body_that_is_too_large_is_refused_when_it_is_asked_for(hasty: Daemon, length: str) -> None:
    with hasty.connect() as sock:
        sock.sendall(request("POST", "/length", length))
        if "chunked" in length:
            sock.sendall(b"186A1\r\n" + b"x" * 100_001 + b"\r\n")
        assert read_answer(sock).status == 413
        assert is_closed(sock, 2)


def test_who_has_no_password_gets_401_also_for_a_body_that_is_too_large(hasty: Daemon) -> None:
    assert hasty.ask(request("POST", "/secret", "Content-Length: 100001")).status == 401


def test_a_trailer_without_an_end_is_cut(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("POST", "/length", "Transfer-Encoding: chunked") + b"0\r\na: " + b"b" * 300_000)
        assert read_answer(sock).status == 431


# ---- deadlines ----


def test_a_head_that_does_not_arrive_is_answered_408(hasty: Daemon) -> None:
    with hasty.connect() as sock:
        began = time.monotonic()
        sock.sendall(b"GET / HTTP/1.1\r\nHo")
        assert read_answer(sock).status == 408
        assert 0.3 < time.monotonic() - began < 2


def test_a_byte_now_and_then_does_not_move_the_deadline_of_a_head(hasty: Daemon) -> None:
    with hasty.connect() as sock:
        sock.sendall(request("GET", "/"))
        assert read_answer(sock).status == 200
        began = time.monotonic()
        for byte in request("GET", "/", "a: " + "b" * 1000):
            try:
                sock.sendall(bytes([byte]))
            except ConnectionError:
                break
            time.sleep(0.05)
            if time.monotonic() - began > 2:
                break
        assert time.monotonic() - began < 2
        assert is_closed(sock)


def test_who_says_nothing_is_let_go(hasty: Daemon) -> None:
    with hasty.connect() as sock:
        began = time.monotonic()
        assert is_closed(sock)
        assert 0.3 < time.monotonic() - began < 2


def test_a_kept_connection_has_its_own_longer_time(hasty: Daemon) -> None:
    with hasty.connect() as sock:
        sock.sendall(request("GET", "/"))
        assert read_answer(sock).status == 200
        time.sleep(0.45)  # more than a head may take
        sock.sendall(request("GET", "/"))
        assert read_answer(sock).status == 200
        began = time.monotonic()
        assert is_closed(sock)
        assert 0.5 < time.monotonic() - began < 2


def test_a_body_that_does_not_arrive_is_answered_408(hasty: Daemon) -> None:
    with hasty.connect() as sock:
        sock.sendall(request("POST", "/length", "Content-Length: 100") + b"half")
        assert read_answer(sock).status == 408
        assert is_closed(sock)


def test_an_application_may_take_its_time(hasty: Daemon) -> None:
    assert hasty.get("/slow?1.2").status == 200
