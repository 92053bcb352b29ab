"""Whether the end of what a peer sends is looked for. It ends the connection, so there are times to leave it alone.

A peer that has ended its sending side, after its request, still wants the answer. So while a request is in work nothing
is read, unless its application watches for the client to leave, which looks the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl


class Hearing:
    """Of one connection. Whoever reads on it says when it is in the midst of that: `reading`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, flow: FlowControl, *, tls: bool
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._flow = flow
        self._tls = tls
        self._wanted = True
        self._deaf = False
        self.reading = False
        self.fresh = True  # no request was answered yet

    def listen(self) -> None:
        """From now on the peer's end is seen."""
        self._wanted = True
        if not self._deaf:
            return
        self._deaf = False
        if self._tls:
            self._transport.set_read_buffer_limits()  # type: ignore[attr-defined]
        else:
            self._flow.resume_reading()

    def leave_alone(self) -> None:
        """Until `listen`, nothing is read: a request is in work."""
        if not self._wanted:
            return
        self._wanted = False
        if self.fresh:
            self._stop()
        else:
            # Most answers are made before the loop looks at its sockets again, and none of this was needed. The first
            # request may be read with the handshake's end, out of turn, so it is not left to that.
            self._loop.call_soon(self._stop)

    def _stop(self) -> None:
        if self._wanted or self._deaf or self._transport.is_closing():
            return
        self._deaf = True
        if not self._tls:
            self._flow.pause_reading()
            return
        # The pause of a transport over TLS stops what the application gets; the peer's end would be seen, and obeyed.
        # The socket itself is read until the transport's buffer is full: none at all is always full.
        limit: Callable[..., None] = self._transport.set_read_buffer_limits  # type: ignore[attr-defined]
        limit(high=0)
        if self.reading:
            limit(high=0)  # each look at an empty buffer of none turns it round, and a last one is yet to come
