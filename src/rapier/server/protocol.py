"""One connection: uvicorn's httptools protocol, with the deadlines, limits and refusals that it lacks.

uvicorn's own takes a head of any size and waits for it for ever, and for ever for a peer that does not read its answer;
it accepts a request without Host, reads the whole of a body that nobody wants, drops the answer to a client that has
ended its sending side, tells only the newest of several pipelined requests that their client left, and writes its 400
for a later request in front of the answer to an earlier one. What is overridden here is internal to uvicorn, so its
minor version is pinned, and `tests/unit/server/test_uvicorn_hooks.py` fails when one of the hooks is gone.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import re
import socket
import time
import urllib.parse
from collections.abc import Callable, MutableSet
from dataclasses import dataclass
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from rapier.server.accept import RESET_ON_CLOSE, plain_address
from rapier.server.deadline import Deadline
from rapier.server.exchange import PIECE_BYTES, Exchange, date_line, status_line
from rapier.server.forwarded import Proxies
from rapier.server.head import (
    VERSIONS,
    Refused,
    body_length,
    check_size,
    too_long,
    without_line_feed_in_credentials,
)
from rapier.server.hearing import Hearing
from rapier.server.refusals import OF_STATUS, Refusals
from rapier.server.seats import Seats
from rapier.server.settings import ASGIApplication, ErrorBody, Limits
from rapier.server.traffic import Traffic

log = logging.getLogger("rapier.server")

# A word that RFC 9110 allows as a method, at the beginning of a request (RFC 9112 2.2: empty lines may come before it).
_method_at_the_start = re.compile(rb"(?:\r\n)*([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})(?= )").match
# After these, what the peer goes on sending is of no use to anybody: it is not read. The others end politely.
_STOP_READING = frozenset({413, 414, 431, 503})


class Reading(enum.Enum):
    """What the next byte of the peer belongs to."""

    NOTHING = enum.auto()  # between two requests
    HEAD = enum.auto()
    BODY = enum.auto()


@dataclass
class Shared:
    """What the connections of one process share."""

    loop: asyncio.AbstractEventLoop
    config: Config
    server_state: ServerState
    app_state: dict[str, Any]
    limits: Limits
    error_body: ErrorBody
    refusals: Refusals
    traffic: Traffic
    proxies: Proxies
    behind: Seats  # requests in work of each address behind a trusted proxy

    @property
    def connections(self) -> MutableSet[Connection]:
        """Those that are open. uvicorn keeps the set."""
        return self.server_state.connections  # type: ignore[return-value]


class Connection(HttpToolsProtocol):
    """One connection, from its handshake's end. `left` is called once, when it has ended."""

    def __init__(self, shared: Shared, left: Callable[[], None]) -> None:
        super().__init__(shared.config, shared.server_state, shared.app_state, _loop=shared.loop)
        self.shared = shared
        self.limits = shared.limits
        self.logger = log
        self.active: Exchange | None = None  # the request in work; `cycle` is uvicorn's name for the newest one
        self.ending = False  # nothing more is read, and the connection is about to close
        self.ended = shared.traffic.ended
        self._proxied = False  # whether the peer is a trusted proxy
        self._left = left
        self._deadline = Deadline(shared.loop, self._too_late)
        self._sending_deadline = Deadline(shared.loop, self._not_read)
        self.hearing: Hearing = None  # type: ignore[assignment]  # there when the connection is, as uvicorn's `flow`
        self._reading = Reading.NOTHING
        self._fed = 0  # bytes since the parser last got a head, or a piece of a body, out of them
        self._unknown_method = b""
        self._refusal: tuple[int, str] | None = None  # to be written when the requests before it are answered
        self._refused: Exchange | None = None  # the request that it answers, where the application had begun with it
        self._when_flushed: Callable[[], None] | None = None
        self._draining = False

    # ---- the connection ----

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.hearing = Hearing(self.loop, transport, self.flow, tls=self.scheme == "https")
        transport.set_write_buffer_limits(high=1, low=0)  # so that `resume_writing` means: all has left here
        if self.client:
            self.client = (plain_address(self.client[0]), self.client[1])
            self._proxied = self.shared.proxies.trusts(self.client[0])
        self._deadline.set(self.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.end()
        self._sending_deadline.end()
        self._left()
        active, self.active = self.active, None
        super().connection_lost(exc)
        self.pipeline.clear()
        if active is not None:
            # uvicorn tells the newest request only, which may be one that still waits behind this.
            active.disconnected = True
            active.message_event.set()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._sending_deadline.set(self.limits.send_seconds)

    def resume_writing(self) -> None:
        self._sending_deadline.unset()
        super().resume_writing()
        if self._when_flushed is not None:
            then, self._when_flushed = self._when_flushed, None
            then()

    def drain(self) -> None:
        """The server ends: the request in work is still answered, then the connection closes; an idle one at once."""
        self._draining = True
        if self.ending:
            return
        self.pipeline.clear()
        if self.active is None:
            self._end(politely=True)
        else:
            self.active.keep_alive = False

    @property
    def state(self) -> str:
        """What it does, by `traffic.CONNECTION_STATES`."""
        if self.ending or self._refusal is not None:
            return "ending"
        if self.active is not None:
            return "body" if self.active.more_body and self.active.body_deadline_set else "work"
        return "head" if self._reading is Reading.HEAD or self.cycle is None else "idle"

    # ---- what the peer sends ----

    def data_received(self, data: bytes) -> None:
        if self.ending or self._refusal is not None:
            return
        self.hearing.reading = True
        self._parse(data)
        self.hearing.reading = False

    def _parse(self, data: bytes) -> None:
        newest = self.cycle
        before = self._reading
        self._fed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Nobody is upgraded here (RFC 9110 7.8 lets us go on); what follows the head is the next request.
            if rest := data[upgrade.args[0] :]:
                self._parse(rest)
            return
        except httptools.HttpParserCallbackError as problem:
            self._refuse(*_refusal_behind(problem))
            return
        except httptools.HttpParserInvalidMethodError:
            # It must be the first word of this piece, or it cannot be told from rubbish behind an earlier request.
            if before is Reading.NOTHING and self.cycle is newest and (method := _method_at_the_start(data)):
                self._take_unknown_method(method[1], data[method.end() :])
            else:
                self._refuse(400, "Bad request")
            return
        except httptools.HttpParserError as problem:
            mended = without_line_feed_in_credentials(data)
            if before is Reading.NOTHING and self.cycle is newest and mended is not None:
                self._read_again(mended)
            else:
                self._refuse(400, str(problem) or "Bad request")
            return
        if self._reading is not Reading.NOTHING and self._fed > self.limits.head_bytes:
            # The parser gathers a header (or a trailer) until its line ends: an endless one would fill the memory.
            refused = too_long(self.url if self._reading is Reading.HEAD else b"", self.limits)
            self._refuse(*refused.args)
        elif (
            self._reading is Reading.HEAD and before is not Reading.HEAD and self.active is None and newest is not None
        ):
            # Most heads come whole, and never get here. The first one's time runs since the handshake.
            self._deadline.set(self.limits.head_seconds)

    def _take_unknown_method(self, method: bytes, rest: bytes) -> None:
        """Reads a request again whose method the parser has no name for, so that the application can answer it.

        It is for the application to say 401, or that it has no such method; `get` is GET, as stock has it. A method has
        no say in where a request ends (but CONNECT, which the parser knows), so the parser is told GET.
        """
        self._unknown_method = method.upper()
        self._read_again(b"GET" + rest)

    def _read_again(self, data: bytes) -> None:
        """Parses a piece that begins with a request once more, from its beginning."""
        self._fed = 0
        self._reading = Reading.NOTHING
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._parse(data)

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= self.limits.pipelined_requests:
            raise Refused(503, "too many requests sent at once")
        self._reading = Reading.HEAD
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers come here as well, while the application holds the same list: they must not become headers.
        if self._reading is Reading.HEAD:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        parser, scope, headers = self.parser, self.scope, self.headers
        check_size(self.url, headers, self._fed, self.limits)
        version = parser.get_http_version()
        if version not in VERSIONS:
            raise Refused(505, "HTTP/1.1 or HTTP/1.0 is spoken here")
        scope["http_version"] = version
        length = body_length(headers, version)
        method: bytes = self._unknown_method or parser.get_method()
        self._unknown_method = b""
        if method == b"CONNECT":
            raise Refused(501, "Unsupported method")
        if length != 0 and parser.should_upgrade():
            # The parser takes everything behind such a head for another protocol: the body's length would be lost.
            raise Refused(400, "no Upgrade together with a body")
        scope["method"] = method.decode("ascii")
        url = httptools.parse_url(self.url)
        raw_path: bytes = url.path or b"/"
        path = raw_path.decode("ascii")
        scope["path"] = urllib.parse.unquote(path) if "%" in path else path
        scope["raw_path"] = raw_path
        scope["query_string"] = url.query or b""
        if self._proxied and self.client is not None:
            self.shared.proxies.apply(scope, self.client[0])
        self._reading = Reading.BODY
        self._fed = 0
        keep_alive = version == "1.1" and parser.should_keep_alive() and not self._draining
        exchange = Exchange(self, self.shared.error_body, length=length, keep_alive=keep_alive)
        self.cycle = exchange
        if self.active is None:
            self._start(exchange)
        else:
            # Reading goes on: with uvicorn's pause a client that leaves during the request in work would not be seen.
            self.pipeline.appendleft((exchange, self.app))

    def on_body(self, body: bytes) -> None:
        self._fed = 0
        exchange: Exchange = self.cycle  # type: ignore[assignment]
        exchange.received += len(body)
        if exchange.response_complete:
            return
        exchange.body += body
        if len(exchange.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        exchange.message_event.set()

    def on_message_complete(self) -> None:
        self._fed = 0
        self._reading = Reading.NOTHING
        exchange = self.cycle
        exchange.more_body = False
        if exchange is self.active:
            self._deadline.unset()
            exchange.message_event.set()
            self.hearing.leave_alone()
        elif self.active is None:
            self._deadline.set(self.limits.idle_seconds)

    def _start(self, exchange: Exchange) -> None:
        self.active = exchange
        self._deadline.unset()
        if exchange.more_body:
            self.hearing.listen()
        else:
            self.hearing.leave_alone()
        self._start_asgi_task(exchange, self._application(exchange) if self._proxied else self.app)

    def _application(self, exchange: Exchange) -> ASGIApplication:
        """Who answers behind a proxy: the application, or a 429 where the address has too many requests in work."""
        address = exchange.scope["client"][0]  # type: ignore[index]
        leave = self.shared.behind.take(address)
        if not isinstance(leave, str):
            exchange.leave = leave
            return self.app  # type: ignore[no-any-return]
        reason = f"{self.shared.behind.per_address} requests of this address are in work (connections_per_address)"
        self.shared.refusals.note("requests_per_address", reason, address)
        content_type, body = self.shared.error_body(429, reason, exchange.scope["raw_path"])

        async def refuse(scope: Any, receive: Any, send: Any) -> None:
            headers = [(b"content-type", content_type.encode("latin-1")), (b"retry-after", b"1")]
            await send({"type": "http.response.start", "status": 429, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        return refuse

    # ---- what the exchange asks ----

    def body_is_wanted(self, exchange: Exchange) -> bool:
        """The application waits for the body: its deadline begins. One that says it is too long is refused."""
        if exchange.length is not None and exchange.length > self.limits.body_bytes:
            self._refuse(413, f"a body of more than {self.limits.body_bytes} bytes")
            return False
        if not exchange.body_deadline_set:
            exchange.body_deadline_set = True
            self._deadline.set(self.limits.body_seconds)
        return True

    def body_is_too_large(self, exchange: Exchange) -> bool:
        """Whether more of a body came than may; the request is then refused."""
        if exchange.received <= self.limits.body_bytes:
            return False
        self._refuse(413, f"a body of more than {self.limits.body_bytes} bytes")
        return True

    def may_read_the_rest_of(self, exchange: Exchange) -> bool:
        """Whether what is left of the body is worth reading, to keep the connection."""
        if exchange.waiting_for_100_continue or exchange.length is None:
            return False
        return exchange.length - exchange.received <= self.limits.unread_bytes

    def on_response_complete(self) -> None:
        """The request in work is answered: on with the next one, or with waiting for it."""
        exchange, self.active = self.active, None
        self.hearing.fresh = False
        self.server_state.total_requests += 1
        if exchange is None or self.ending or self.transport.is_closing():
            return
        if not exchange.keep_alive:
            self._end(politely=not exchange.more_body)
        elif self.pipeline:
            following, _ = self.pipeline.pop()
            self._start(following)  # type: ignore[arg-type]
        elif self._refusal is not None:
            self._write_refusal()
        else:
            self.flow.resume_reading()
            between = self._reading is Reading.NOTHING
            self._deadline.set(self.limits.idle_seconds if between else self.limits.head_seconds)
            self._when_sent(self.hearing.listen)

    # ---- refusing and ending ----

    def _refuse(self, status: int, reason: str) -> None:
        """Answers an error of the server's own, after the answers to the requests before it, and closes."""
        self._refusal = (status, reason)
        self.flow.pause_reading()
        if self._reading is Reading.BODY and self.cycle is not self.active and self.pipeline:
            self.pipeline.popleft()  # the request whose body is at fault; it was waiting for its turn
        elif self._reading is Reading.BODY and self.active is not None:
            exchange, self.active = self.active, None
            self._refused = exchange
            exchange.disconnected = True
            exchange.message_event.set()
            exchange.tell(status)
            if exchange.response_started:
                self.transport.abort()  # half an answer is out: there is no way to say it
                return
        if self.active is None:
            self._write_refusal()

    def _write_refusal(self) -> None:
        status, reason = self._refusal or (400, "Bad request")
        self.shared.refusals.note(OF_STATUS[status], f"{status} {reason}", self.client[0] if self.client else "a peer")
        if self._refused is None:
            self.ended(self._known_of_the_refused(), status, 0, 0.0)
        content_type, body = self.shared.error_body(status, reason, self.url)
        version = self.scope["http_version"] if self.scope else "1.1"
        self.transport.write(
            b"%bcontent-type: %b\r\ncontent-length: %d\r\n%b%bconnection: close\r\n\r\n%b"
            % (
                status_line(version, status),
                content_type.encode("latin-1"),
                len(body),
                date_line(int(time.time())),
                b"".join(self._refused.common_lines()) if self._refused else b"",
                body,
            )
        )
        self._end(politely=status not in _STOP_READING)

    def _known_of_the_refused(self) -> dict[str, Any]:
        """What is known of a request that was refused before the application heard of it."""
        if self._reading is Reading.BODY:
            return dict(self.scope)  # it waited behind another one
        known: dict[str, Any] = {"client": self.client, "headers": [], "state": {}}
        if self._reading is Reading.HEAD and self.url:
            method = self._unknown_method or self.parser.get_method()
            known |= {"method": method.decode("ascii"), "raw_path": self.url.partition(b"?")[0]}
        return known

    def _end(self, *, politely: bool) -> None:
        """Closes when all is sent. Impolitely: without reading what the peer still sends, but after a while.

        Closing at once, with unread bytes waiting, would make the kernel send a reset, and the peer might never see the
        answer. Nor may TLS be ended while an answer is on its way: the time for ending it would cut a slow reader's.
        """
        self.ending = True
        self._deadline.unset()
        then = self._close if politely else self._linger
        if not politely:
            self.flow.pause_reading()
        self._when_sent(then)

    def _when_sent(self, then: Callable[[], None]) -> None:
        """Does that when nothing of an answer is left here, which has the time of a piece."""
        if self.transport.get_write_buffer_size():
            self._when_flushed = then
        else:
            then()

    def _close(self) -> None:
        self.hearing.listen()
        self.flow.resume_reading()
        self.transport.close()
        # What the transport still holds of an answer under TLS, it would hold for as long as it is not read.
        self._deadline.set(self.limits.linger_seconds if self._draining else self.limits.close_seconds)

    def _linger(self) -> None:
        self._deadline.set(self.limits.linger_seconds)

    def _not_read(self) -> None:
        """The peer does not read its answer, or a byte now and then."""
        self.shared.refusals.note(
            "unread",
            f"an answer was not read: less than {PIECE_BYTES // 1024} kB in {self.limits.send_seconds:g} seconds",
            self.client[0] if self.client else "a peer",
        )
        # With a reset, so that nothing of it stays in the kernel either.
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.transport.abort()

    def _too_late(self) -> None:
        """The deadline has passed."""
        if self.ending:
            self.transport.abort()
        elif self.active is not None:
            self._refuse(408, f"the body did not arrive in {self.limits.body_seconds:g} seconds")
        elif self._reading is Reading.HEAD:
            self._refuse(408, f"the request's head did not arrive in {self.limits.head_seconds:g} seconds")
        else:
            if self.cycle is None:
                self.shared.refusals.note(
                    "silent", "no request after the connection was made", self.client[0] if self.client else ""
                )
            self._end(politely=self._reading is Reading.NOTHING)


def _refusal_behind(problem: BaseException) -> tuple[int, str]:
    """Status and reason for what a callback of the parser raised; the parser keeps that as the context."""
    match problem.__context__:
        case Refused(args=(int(status), str(reason))):
            return status, reason
        case httptools.HttpParserInvalidURLError():
            return 400, "the request's target is no path"
        case None:
            return 400, "Bad request"
        case cause:
            raise cause  # a mistake of ours, not of the peer
