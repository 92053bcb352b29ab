"""A request's id: taken from the request, or made; found again in the answer, in each log line, and in its job.

It is kept twice. What handles the request reads it from the scope; what is called deep below, and logs, knows no scope,
so that there it is in the context of the request's task.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextvars import ContextVar

HEADER = b"x-request-id"
TRACEPARENT = b"traceparent"

# No quote, bracket, space or control character: an id can stand in a log line, a header or a reason trail as it is.
_well_formed = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,128}").fullmatch
# W3C Trace Context 3.2: version, trace-id, parent-id, flags. Later versions may go on behind another dash.
_traceparent = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
).fullmatch

_current: ContextVar[str] = ContextVar("request_id")


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The request's own `X-Request-Id`; else the trace-id of its `traceparent`; else 32 random hexadecimal digits.

    One that is not well-formed, or that is there twice, counts as none.
    """
    given: dict[bytes, bytes | None] = {}
    for name, value in headers:
        if name in (HEADER, TRACEPARENT):
            given[name] = None if name in given else value
    if given:
        if (own := given.get(HEADER)) and _well_formed(own):
            return own.decode("ascii")
        if (parent := given.get(TRACEPARENT)) and (found := _traceparent(parent)):
            version, trace, more = found.groups()
            if more is None or version != b"00":
                return trace.decode("ascii")
    # as long and as random as a trace-id, and five times as fast as uuid4
    return os.urandom(16).hex()


def begin(request_id: str) -> None:
    """What this task logs from now on, and what the tasks log that it starts, is about this request."""
    _current.set(request_id)


def current() -> str:
    """The id of the request that this task is about; empty where it is about none."""
    return _current.get("")
