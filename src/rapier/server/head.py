"""What a request's head must be before the application hears of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rapier.server.settings import Limits

VERSIONS = frozenset({"1.0", "1.1"})
Headers = Iterable[tuple[bytes, bytes]]  # names in lower case

_credentials_then_line_feed = re.compile(rb"(\r\nauthorization: *basic +[a-z0-9+/]+={0,2})\n\r\n", re.IGNORECASE)


class Refused(Exception):
    """The server itself refuses the request; args: (status, reason). Raised through the parser's callbacks."""


# What a host's name, address and port are made of (RFC 3986 3.2.2)
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*").fullmatch


def body_length(headers: Headers, version: str) -> int | None:
    """How long the request's body is; None for chunks. Raises Refused unless there is exactly one Host, which is one.

    The parser has seen to the rest: one length only, a number, and none beside chunks. HTTP/1.0 may do without Host
    (RFC 9112 3.2), and knows no chunks (6.1). The parser is content with any coding before them, which nobody undoes.
    """
    hosts = 0
    length: int | None = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
            if not _HOST(value):
                raise Refused(400, "the Host header holds what no host is called")
        elif name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            length = None
            if value.lower() != b"chunked" or version == "1.0":
                raise Refused(400, "a Transfer-Encoding is chunked and nothing else, from clients that speak HTTP/1.1")
    if hosts == 0 and version != "1.0":
        raise Refused(400, "Missing Host header")
    if hosts > 1:
        raise Refused(400, "a request has exactly one Host header (RFC 9112 3.2)")
    return length


def check_size(url: bytes, headers: list[tuple[bytes, bytes]], fed: int, limits: Limits) -> None:
    """Raises Refused for a head that is larger than it may be. It came within `fed` bytes, almost always few."""
    if len(url) > limits.target_bytes:
        raise too_long(url, limits)
    if len(headers) > limits.head_fields:
        raise Refused(431, f"more than {limits.head_fields} headers")
    if fed > limits.head_bytes:
        size = len(url) + sum(len(name) + len(value) + 4 for name, value in headers)
        if size > limits.head_bytes:
            raise too_long(url, limits)


def too_long(url: bytes, limits: Limits) -> Refused:
    """The refusal of a head that is too long, by what is too long in it."""
    if len(url) > limits.target_bytes:
        return Refused(414, f"a target of more than {limits.target_bytes} bytes")
    return Refused(431, f"a head of more than {limits.head_bytes} bytes")


def without_line_feed_in_credentials(data: bytes) -> bytes | None:
    """The request at the beginning of `data`, less a line feed behind its credentials; None where there is none.

    Base64 encoders made for mail end their text with a line feed, and programs for stock ganeti-rapi send it on, in
    front of the line's own end. A reader to whom it ends the head would have to take the next header for a request: it
    cannot be both. So this one may pass, while other bare line feeds are refused.
    """
    end = data.find(b"\r\n\r\n") + 4
    head, found = _credentials_then_line_feed.subn(rb"\1\r\n", data[:end])
    return head + data[end:] if found else None
