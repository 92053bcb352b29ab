"""What lines look like, and that no peer can forge one."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapier.observation.formats import JSON, Format, RequestLine, Text
from rapier.observation.requests import LONGEST, Requests

HOSTILE = st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass").decode("latin-1"))
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"


def line_of(form: Format, **parts: Any) -> str:
    """The line of one request."""
    written: list[bytes] = []
    scope = {
        "client": ("192.0.2.7", 4711),
        "method": parts.get("method", "GET"),
        "raw_path": parts.get("path", "/2/info").encode("latin-1"),
        "query_string": b"password=hunter2",
        "headers": [(b"authorization", b"Basic YWRtaW46c2VjcmV0"), *parts.get("headers", [])],
        "state": parts.get("state", {}),
    }
    Requests(lambda line: written.append(form.request(line)))(scope, parts.get("status", 200), 17, 0.00321)
    [line] = written
    return line.decode()


def test_a_request_as_text() -> None:
    state = {"user": "admin", "job": 17, "request_id": "abc"}
    line = line_of(Text(), state=state, headers=[(b"user-agent", b'Mozilla "5"')])
    expected = r'192\.0\.2\.7 admin GET /2/info 200 17 B 3\.2 ms job=17 agent="Mozilla \\"5\\"" request=abc'
    assert re.fullmatch(f"{TIME} INFO    rapier.requests: " + expected.replace('\\\\"', '\\\\\\"') + "\n", line)


def test_a_request_as_json() -> None:
    line = json.loads(line_of(JSON(), state={"user": "admin", "job": 17, "request_id": "abc"}))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "INFO",
        "logger": "rapier.requests",
        "address": "192.0.2.7",
        "method": "GET",
        "path": "/2/info",
        "status": 200,
        "bytes": 17,
        "milliseconds": 3.21,
        "user": "admin",
        "job": 17,
        "request": "abc",
    }


@pytest.mark.parametrize("form", [Text(), JSON()])
def test_neither_query_nor_credentials_are_told(form: Format) -> None:
    line = line_of(form, headers=[(b"cookie", b"session=hunter2")])
    assert "hunter2" not in line
    assert "YWRtaW4" not in line


def test_what_is_long_is_cut() -> None:
    line = json.loads(line_of(JSON(), path="/" + "x" * 8000, headers=[(b"user-agent", b"y" * 8000)]))
    assert len(line["path"]) == len(line["agent"]) == LONGEST + 1


@given(HOSTILE, HOSTILE, st.text(max_size=30))
def test_whatever_a_peer_sends_it_is_one_line_of_what_can_be_printed(path: str, agent: str, user: str) -> None:
    given = {"path": path, "headers": [(b"user-agent", agent.encode("latin-1"))], "state": {"user": user}}
    for form in (Text(), JSON()):
        line = line_of(form, **given)
        assert line.endswith("\n")
        assert line[:-1].isprintable()
    as_json = json.loads(line)
    assert set(as_json) <= set(RequestLine.__struct_fields__)
    assert as_json["status"] == 200


@given(HOSTILE, HOSTILE)
def test_no_word_of_a_text_line_can_be_taken_for_another(path: str, user: str) -> None:
    line = line_of(Text(), path=path, state={"user": user})
    word = r'("(?:[^"\\]|\\.)*"|[^ "]+)'
    found = re.fullmatch(f"{TIME} INFO    rapier.requests: 192.0.2.7 {word} GET {word} 200 17 B 3.2 ms\n", line)
    assert found, line


def test_health_and_metrics_are_told_only_where_debug_is_wanted() -> None:
    for level, wanted in ((logging.INFO, []), (logging.DEBUG, ["DEBUG"])):
        levels: list[str] = []
        requests = Requests(lambda line: levels.append(line.level), level)  # noqa: B023
        for path in ("/healthz", "/readyz", "/metrics"):
            requests({"client": None, "method": "GET", "headers": [], "state": {"route": path}}, 200, 3, 0.1)
        assert levels == wanted * 3
        assert len(requests.durations.cells) == 3


def test_without_a_writer_requests_are_counted_all_the_same() -> None:
    requests = Requests(None)
    requests({"client": None, "headers": [], "state": {}, "method": "BREW"}, 501, 0, 0.3)
    [(key, cell)] = requests.durations.cells.items()
    assert key == ("other", "other", 501)
    assert cell == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0.3]


def record(message: str, *args: Any, failure: Callable[[], object] | None = None) -> logging.LogRecord:
    trouble = None
    try:
        if failure is not None:
            failure()
    except Exception:
        trouble = sys.exc_info()
    return logging.LogRecord("rapier.x", logging.ERROR, __file__, 1, message, args, trouble)


def fail() -> None:
    raise ValueError("first\n2026-11-28 09:00:00,000 INFO    rapier.requests: forged\x1b[2J")


def test_a_message_is_one_line_whatever_it_holds() -> None:
    said = record("%s\nforged", "a\rb\x1b[2J\u2028")
    assert Text().record(said).decode().endswith(r"ERROR   rapier.x: a\rb\x1b[2J\u2028\nforged" + "\n")
    line = JSON().record(said)
    assert line.count(b"\n") == 1
    assert json.loads(line)["message"] == r"a\rb\x1b[2J\u2028\nforged"


def test_a_trace_is_a_member_in_json_and_indented_as_text() -> None:
    said = record("it failed", failure=fail)
    line = JSON().record(said)
    assert line.count(b"\n") == 1
    assert json.loads(line)["trace"].startswith("Traceback (most recent call last):\n")
    first, *others = Text().record(said).decode().splitlines()
    assert first.endswith("it failed")
    assert any("Traceback" in other for other in others)
    assert all(other.startswith("  ") and other.isprintable() for other in others)


def test_a_file_name_that_is_no_text_can_be_told() -> None:
    assert rb"\udcff" in Text().record(record("cannot open %s", b"\xff".decode(errors="surrogateescape")))
