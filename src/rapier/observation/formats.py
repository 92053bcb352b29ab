"""How a line of the log looks: readable on a terminal, JSON for programs. Nothing that a peer sends can forge one.

Each line is one event. In JSON it is an object; as text it may go on, with the trace of an exception, in lines that
begin with spaces. Characters that do not print are escaped in both.
"""

from __future__ import annotations

import functools
import logging
import sys
import time
import traceback
from enum import Enum
from typing import Protocol

import msgspec

from rapier.api import trace

REQUESTS = "rapier.requests"  # the name under which requests are logged


class LogFormat(Enum):
    """What `--log-format` may be."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


class RequestLine(msgspec.Struct, omit_defaults=True):
    """A line about a request. Its path has no query: that may hold what nobody wants in a log.

    `bytes` are those of the answer's body. What peers send is `printable` already.
    """

    time: str
    level: str
    logger: str
    address: str
    method: str
    path: str
    status: int
    bytes: int
    milliseconds: float
    user: str | None = None
    job: int | None = None
    request: str | None = None
    agent: str | None = None


class RecordLine(msgspec.Struct, omit_defaults=True):
    """A line about what some module says. `trace` is an exception's, with its line ends."""

    time: str
    level: str
    logger: str
    message: str
    request: str | None = None
    trace: str | None = None


class Format(Protocol):
    """Makes lines, each with its end."""

    def record(self, record: logging.LogRecord) -> bytes:
        """The line of what some module says."""

    def request(self, line: RequestLine) -> bytes:
        """The line of a request; its time is that of this call."""


def chosen(wanted: LogFormat) -> Format:
    """The format; `AUTO` is text on a terminal."""
    if wanted is LogFormat.AUTO:
        wanted = LogFormat.TEXT if sys.stderr is not None and sys.stderr.isatty() else LogFormat.JSON
    return Text() if wanted is LogFormat.TEXT else JSON()


def printable(text: str) -> str:
    """The text, with what does not print as an escape: it can neither end a line nor move a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


class Text:
    """One readable line."""

    def record(self, record: logging.LogRecord) -> bytes:
        """`2026-11-28 09:04:22,123 INFO    rapier.server: … request=ID`, and a trace below it."""
        request = f" request={current}" if (current := trace.current()) else ""
        line = f"{_local(record.created, record.levelname)}{record.name}: {printable(record.getMessage())}{request}\n"
        if trouble := _trace_of(record):
            line += "".join(f"  {printable(one)}\n" for one in trouble.splitlines())
        return line.encode()

    def request(self, line: RequestLine) -> bytes:
        """`… 192.0.2.7 admin GET /2/info 200 5321 B 1.3 ms job=17 agent="curl/8" request=ID`."""
        job = f" job={line.job}" if line.job is not None else ""
        agent = f" agent={_quoted(line.agent)}" if line.agent else ""
        request = f" request={line.request}" if line.request else ""
        text = (
            f"{_local(time.time(), line.level)}{line.logger}: {line.address or '-'} {_word(line.user)} "
            f"{line.method or '-'} {_word(line.path)} {line.status} {line.bytes} B {line.milliseconds:.1f} ms"
            f"{job}{agent}{request}\n"
        )
        return text.encode()


class JSON:
    """One object."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode

    def record(self, record: logging.LogRecord) -> bytes:
        """A `RecordLine`."""
        trouble = _trace_of(record)
        return (
            self._encode(
                RecordLine(
                    _universal(record.created),
                    record.levelname,
                    record.name,
                    printable(record.getMessage()),
                    trace.current() or None,
                    trouble and "\n".join(map(printable, trouble.splitlines())),
                )
            )
            + b"\n"
        )

    def request(self, line: RequestLine) -> bytes:
        """The `RequestLine`."""
        line.time = _universal(time.time())
        return self._encode(line) + b"\n"


def _trace_of(record: logging.LogRecord) -> str | None:
    if not record.exc_info or record.exc_info[0] is None:
        return None
    return "".join(traceback.format_exception(*record.exc_info)).rstrip()


def _word(text: str | None) -> str:
    """As it is where it is one word, else in quotes; a dash for nothing."""
    if not text:
        return "-"
    return _quoted(text) if " " in text or '"' in text or "\\" in text else text


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@functools.lru_cache(maxsize=2)
def _universal_second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


@functools.lru_cache(maxsize=2)
def _local_second(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


def _universal(moment: float) -> str:
    """RFC 3339, with milliseconds."""
    second = int(moment)
    return f"{_universal_second(second)}.{int((moment - second) * 1000):03d}Z"


def _local(moment: float, level: str) -> str:
    second = int(moment)
    return f"{_local_second(second)},{int((moment - second) * 1000):03d} {level:7} "
