"""One request and its answer, on the wire: uvicorn's cycle with the answer's framing written anew.

What differs from uvicorn's own:
- head and body of a plain answer leave in one write (one TLS record), not two;
- the length is always said where the body is known as a whole; HTTP/1.0 peers are answered in 1.0, without chunks;
- a large body leaves in pieces, each when the one before it has left: who does not read costs a piece, not the whole;
- an answer that ends before the request's body was read does not wait for that body;
- headers that the application lays down for all answers to a request are in those that the server makes as well;
- an application that fails because its client left is no error in the log.
"""

from __future__ import annotations

import asyncio
import functools
import http
import logging
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Protocol

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, RequestResponseCycle

from rapier.server.hearing import Hearing
from rapier.server.settings import ASGIApplication, ErrorBody
from rapier.server.traffic import LEFT, Ended

log = logging.getLogger("rapier.server")

# Up to this, copying a body behind its head is cheaper than a second TLS record; a larger one leaves in such pieces.
PIECE_BYTES = 65_536
# In the scope's `state`: a list to which the application may add headers (names in lower case) that shall be in every
# answer to this request, in one of the server's own (408, 413, 500) too.
ANSWER_HEADERS = "answer_headers"
_BODILESS = frozenset({204, 304})


class Line(Protocol):
    """What an exchange needs of the connection that it takes place on."""

    scope: Any
    transport: asyncio.Transport
    flow: FlowControl
    hearing: Hearing
    loop: asyncio.AbstractEventLoop
    expect_100_continue: bool
    ended: Ended

    def on_response_complete(self) -> None:
        """The exchange's answer is out."""

    def body_is_wanted(self, exchange: Exchange) -> bool:
        """The application waits for the body; whether it may have it."""

    def body_is_too_large(self, exchange: Exchange) -> bool:
        """Whether more of a body came than may; the request is then refused."""

    def may_read_the_rest_of(self, exchange: Exchange) -> bool:
        """Whether what is left of the body is worth reading, to keep the connection."""


class Exchange(RequestResponseCycle):
    """A request in work. `received` counts the bytes of its body; `length` is what was declared, None for chunks."""

    def __init__(self, connection: Line, error_body: ErrorBody, *, length: int | None, keep_alive: bool) -> None:
        super().__init__(
            scope=connection.scope,
            transport=connection.transport,
            flow=connection.flow,
            logger=log,
            access_logger=log,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            # HTTP/1.0 knows no such thing (RFC 9110 10.1.1)
            expect_100_continue=connection.expect_100_continue and connection.scope["http_version"] != "1.0",
            keep_alive=keep_alive,
            on_response=connection.on_response_complete,
        )
        self.connection = connection
        self._error_body = error_body
        self.length = length
        self.received = 0
        self.body_deadline_set = False
        self.leave: Callable[[], None] | None = None  # gives back the seat of an address behind a proxy
        self._began = time.perf_counter()  # the loop's own clock has milliseconds
        self._status = 0
        self._sent = 0  # bytes of the answer's body
        self._told = False
        self._head: list[bytes] | None = None  # the answer's head, until the first piece of its body comes
        self._head_alone: asyncio.Handle | None = None
        self._left: int | None = None  # bytes of the answer's body still owed, where its length was said
        self._chunked = False
        self._bodiless = connection.scope["method"] == "HEAD"
        self._common_headers: list[tuple[bytes, bytes]] = []
        connection.scope["state"][ANSWER_HEADERS] = self._common_headers

    async def run_asgi(self, app: ASGIApplication) -> None:
        """Runs the application, and tells what came of the request when that has ended."""
        try:
            await self._run(app)
        finally:
            self.tell(self._status if self.response_complete else LEFT)
            if self.leave is not None:
                self.leave()

    def tell(self, status: int, sent: int | None = None) -> None:
        """Tells that the request has ended, with this status and a body of so many bytes; the first time counts."""
        if not self._told:
            self._told = True
            self.connection.ended(
                self.scope, status, self._sent if sent is None else sent, time.perf_counter() - self._began
            )

    async def _run(self, app: ASGIApplication) -> None:
        """Runs the application. What it leaves undone is answered with 500, or the connection is cut."""
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            self.transport.abort()
            raise
        except Exception as problem:
            if self.disconnected:
                log.debug("the application ended after its client had left: %r", problem)
                return
            # The path as it came, without its query: that may hold what nobody wants in a log.
            log.exception("the application failed on %s %.200r", self.scope["method"], self.scope["raw_path"])
        if self.response_complete or self.disconnected:
            return
        if self.response_started:
            self.transport.abort()  # the peer must not take what it has for a whole answer
        else:
            await self.send_500_response()

    async def send_500_response(self) -> None:
        """Answers for an application that did not, in the shape that errors have here."""
        self._take_head()
        content_type, body = self._error_body(500, "Internal Server Error", self.scope["raw_path"])
        headers = [(b"content-type", content_type.encode("latin-1")), (b"connection", b"close")]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    async def receive(self) -> Any:
        """The next piece of the request's body; `http.disconnect` when the client left or was refused."""
        if not self.more_body:
            self.connection.hearing.listen()  # the application wants to know when its client leaves
            return await super().receive()
        if not self.connection.body_is_wanted(self):
            return {"type": "http.disconnect"}
        message = await super().receive()
        if message["type"] == "http.request" and self.connection.body_is_too_large(self):
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Any) -> None:
        """A message of the application. To a peer that left nothing is sent, and nothing raised."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            if self._head is not None or self.response_started:
                raise RuntimeError("a second http.response.start for one request")
            self._head = self._head_lines(message["status"], message.get("headers", ()))
            # The first piece of the body comes in the same turn of the loop, almost always, and then both are one
            # write. Else (a stream whose first event is yet to happen) the head leaves alone.
            self._head_alone = self.connection.loop.call_soon(self._write_head_alone)
            return
        if self.response_complete:
            raise RuntimeError(f"{message['type']} after the answer's end")
        if self._head is None and not self.response_started:
            raise RuntimeError(f"{message['type']} before http.response.start")
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        head = b"" if self.response_started else self._framed_head(None if more else len(body))
        framed = self._framed(body, more)
        if head:
            self._take_head()
            self.response_started = True
            self.waiting_for_100_continue = False
        if len(framed) > PIECE_BYTES:
            await self._write_in_pieces(head, memoryview(framed))
            if self.disconnected or self.transport.is_closing():
                return
        elif head or framed:
            self.transport.write(head + framed)
        if not more:
            self.response_complete = True
            self.message_event.set()
            self.on_response()

    async def _write_in_pieces(self, head: bytes, body: memoryview) -> None:
        if head:
            self.transport.write(head)
        for start in range(0, len(body), PIECE_BYTES):
            if self.flow.write_paused:
                await self.flow.drain()  # not for ever: see `Connection.pause_writing`
            if self.disconnected or self.transport.is_closing():
                return
            self.transport.write(body[start : start + PIECE_BYTES])

    def _head_lines(self, status: int, headers: Any) -> list[bytes]:
        self._left, self._chunked = None, False
        self._status = status
        lines = [status_line(self.scope["http_version"], status)]
        self._bodiless = status in _BODILESS or self.scope["method"] == "HEAD"
        dated = False
        for pair in headers:
            name, value = pair
            lower, line = header_line(name, value)
            if lower == b"content-length":
                self._left = int(value)
            elif lower == b"transfer-encoding":
                continue  # the framing is ours to choose
            elif lower == b"connection":
                if b"close" in [token.strip() for token in value.lower().split(b",")]:
                    self.keep_alive = False
                continue  # said once, below
            elif lower == b"date":
                dated = True
            lines.append(line)
        if not dated:
            lines.append(date_line(int(time.time())))
        return lines + self.common_lines()

    def common_lines(self) -> list[bytes]:
        """The lines of the headers that the application wants in every answer to this request."""
        # not remembered: an id is another in each request, and would drive out what is worth remembering
        return [_header_line(name, value)[1] for name, value in self._common_headers]

    def _framed_head(self, whole_length: int | None) -> bytes:
        """The head, with the framing of a body of `whole_length` bytes, or of one that is not known as a whole."""
        lines = self._head or []
        if self._left is None and not self._bodiless:
            if whole_length is not None:
                self._left = whole_length
                lines.append(b"content-length: %d\r\n" % whole_length)
            elif self.scope["http_version"] == "1.0":
                self.keep_alive = False  # its end is the connection's end
            else:
                self._chunked = True
                lines.append(b"transfer-encoding: chunked\r\n")
        if self.keep_alive and self.more_body and not self.connection.may_read_the_rest_of(self):
            self.keep_alive = False
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)

    def _framed(self, body: bytes, more: bool) -> bytes:
        if self._bodiless:
            return b""
        self._sent += len(body)
        if self._chunked:
            end = b"" if more else b"0\r\n\r\n"
            return b"%x\r\n%b\r\n%b" % (len(body), body, end) if body else end
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("the answer's body is not as long as its content-length says")
        return body

    def _take_head(self) -> None:
        self._head = None
        if self._head_alone is not None:
            self._head_alone.cancel()
            self._head_alone = None

    def _write_head_alone(self) -> None:
        if self._head is None or self.disconnected:
            return
        head = self._framed_head(None)
        self._take_head()
        self.response_started = True
        self.waiting_for_100_continue = False
        self.transport.write(head)


@functools.cache
def status_line(http_version: str, status: int) -> bytes:
    """`HTTP/1.1 200 OK`, in the version of the request."""
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/{'1.0' if http_version == '1.0' else '1.1'} {status} {phrase}\r\n".encode("ascii")


def _header_line(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """The name in lower case, and the line. Raises RuntimeError for characters that would end the line early."""
    if HEADER_RE.search(name):
        raise RuntimeError(f"not a header's name: {name!r}")
    if HEADER_VALUE_RE.search(value):
        raise RuntimeError(f"the value of the header {name!r} holds a control character")
    lower = name.lower()
    return lower, b"%b: %b\r\n" % (lower, value)


# Most headers of an answer are the same as in the answer before: remembering them saves two searches for each.
header_line = functools.lru_cache(maxsize=512)(_header_line)


@functools.lru_cache(maxsize=2)
def date_line(second: int) -> bytes:
    """`Date`, made once a second (RFC 9110 6.6.1)."""
    return f"date: {formatdate(second, usegmt=True)}\r\n".encode("ascii")
