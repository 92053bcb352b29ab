"""What an answer looks like on the wire."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import pytest

from rude.daemon import Daemon, eventually, is_closed, read_answer, request


def test_a_plain_answer_says_its_length_and_keeps_the_connection(plain: Daemon) -> None:
    with plain.connect() as sock:
        for _ in range(3):
            sock.sendall(request("GET", "/"))
            answer = read_answer(sock)
            assert (answer.version, answer.status) == ("HTTP/1.1", 200)
            assert answer.headers["content-length"] == str(len(answer.body))
            assert "connection" not in answer.headers


def test_the_length_is_said_even_where_the_application_does_not_say_it(plain: Daemon) -> None:
    answer = plain.get("/unmeasured")
    assert answer.headers["content-length"] == "16"
    assert "transfer-encoding" not in answer.headers
    assert answer.body == b"as long as it is"


def test_an_answer_is_dated_once(plain: Daemon) -> None:
    answer = plain.get("/")
    assert abs(parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()) < 5


def test_a_stream_of_unknown_length_comes_in_chunks(plain: Daemon) -> None:
    answer = plain.get("/stream")
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.body == b"one two three"


def test_the_head_of_a_stream_does_not_wait_for_its_first_piece(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("GET", "/stream"))
        first = sock.recv(65536)
    assert first.startswith(b"HTTP/1.1 200")
    assert b"one" not in first


@pytest.mark.parametrize(("path", "body"), [("/unmeasured", b"as long as it is"), ("/stream", b"one two three")])
def test_a_1_0_peer_is_answered_in_1_0_without_chunks_and_the_connection_closed(
    plain: Daemon, path: str, body: bytes
) -> None:
    with plain.connect() as sock:
        sock.sendall(request("GET", path, version="1.0"))
        answer = read_answer(sock)
        assert answer.version == "HTTP/1.0"
        assert "transfer-encoding" not in answer.headers
        assert answer.headers["connection"] == "close"
        assert answer.body == body
        assert is_closed(sock)


def test_an_answer_without_a_body_has_none_and_no_length(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("GET", "/nothing") + request("GET", "/"))
        assert "content-length" not in read_answer(sock).headers


def test_head_gets_the_length_and_no_body(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("HEAD", "/"))
        answer = read_answer(sock, "HEAD")
        assert int(answer.headers["content-length"]) > 0
        assert answer.body == b""
        sock.sendall(request("GET", "/"))
        assert read_answer(sock).status == 200


def test_an_application_that_says_close_closes_the_connection(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("GET", "/close"))
        assert read_answer(sock).headers["connection"] == "close"
        assert is_closed(sock)


def test_a_peer_that_says_close_gets_its_answer_and_the_end(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("GET", "/", "Connection: close"))
        assert read_answer(sock).headers["connection"] == "close"
        assert is_closed(sock)


def test_an_application_that_fails_is_answered_for_with_500(plain: Daemon) -> None:
    answer = plain.get("/broken")
    assert answer.status == 500
    assert answer.json == {"code": 500, "explain": "Internal Server Error"}
    assert "a mistake of the application" in plain.log


def test_an_application_that_fails_in_the_middle_of_an_answer_ends_the_connection(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("GET", "/halfway"))
        with pytest.raises(ConnectionError):
            read_answer(sock)


def test_a_header_that_holds_a_line_end_never_leaves(plain: Daemon) -> None:
    answer = plain.get("/injecting")
    assert answer.status == 500
    assert "x-other" not in answer.headers


def test_requests_sent_at_once_are_answered_in_their_order(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("GET", "/slow?0.2") + request("GET", "/unmeasured") + request("GET", "/scope?last"))
        everything = b""
        while b"last" not in everything:
            everything += sock.recv(65536)
    assert everything.index(b"slow") < everything.index(b"as long as it is") < everything.index(b"last")


def test_a_large_answer_with_close_arrives_whole_at_a_slow_reader(secured: Daemon) -> None:
    """Ending TLS has a deadline of 3 s: it must not begin before the answer has left."""
    with secured.connect() as sock:
        sock.sendall(request("GET", "/big"))
        length = 0
        began = time.monotonic()
        while piece := sock.recv(16384):
            length += len(piece)
            time.sleep(0.015)
    assert time.monotonic() - began > 4, "it was not slow enough to prove anything"
    assert length > 5_000_000


def test_a_client_that_leaves_is_seen_by_the_application(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("GET", "/wait"))
        assert eventually(lambda: plain.get("/counters").json["waiting"] == 1)
    assert eventually(lambda: plain.get("/counters").json["waiting"] == 0, 1)


def test_a_client_that_leaves_is_seen_even_when_it_sent_a_further_request_behind(plain: Daemon) -> None:
    with plain.connect() as sock:
        sock.sendall(request("GET", "/wait") + request("GET", "/"))
        assert eventually(lambda: plain.get("/counters").json["waiting"] == 1)
    assert eventually(lambda: plain.get("/counters").json["waiting"] == 0, 1)


def test_an_application_that_its_client_left_is_no_error_in_the_log(plain: Daemon) -> None:
    before = plain.get("/counters").json["left_alone"]
    with plain.connect() as sock:
        sock.sendall(request("POST", "/length", "Content-Length: 100"))
        time.sleep(0.1)
    assert eventually(lambda: plain.get("/counters").json["left_alone"] == before + 1)
    assert "in the middle of its body" not in plain.log


@pytest.mark.parametrize("what", ["small", "stream", "nothing", "broken"])
def test_a_header_for_every_answer_is_in_the_servers_own_too(plain: Daemon, what: str) -> None:
    answer = plain.get(f"/marked?{what}")
    assert answer.headers["x-mark"] == "one"
    assert (answer.status == 500) == (what == "broken")


def test_it_is_in_the_refusal_of_a_body_and_in_no_other_answer_of_the_connection(hasty: Daemon) -> None:
    with hasty.connect() as sock:
        sock.sendall(request("GET", "/marked?small"))
        assert read_answer(sock).headers["x-mark"] == "one"
        sock.sendall(request("GET", "/"))
        assert "x-mark" not in read_answer(sock).headers
        sock.sendall(request("POST", "/marked?length", "Content-Length: 200000"))
        refused = read_answer(sock)
        assert (refused.status, refused.headers["x-mark"]) == (413, "one")
    with hasty.connect() as sock:
        sock.sendall(request("POST", "/marked?length", "Content-Length: 10") + b"12345")
        late = read_answer(sock)
        assert (late.status, late.headers["x-mark"]) == (408, "one")
    assert "x-mark" not in hasty.ask(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n").headers
