"""The accept loop, and the caps on connections: who is over one is turned away before TLS costs anything."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import struct
from collections.abc import Callable

from rapier.server.forwarded import Proxies
from rapier.server.refusals import Refusals
from rapier.server.seats import Seats
from rapier.server.settings import Limits

log = logging.getLogger("rapier.server")

# With one process, a crowd is taken in (or turned away) by handfuls. With several, each takes one connection and goes
# back to its loop: who took all that wait would keep them for itself, and the others would idle.
HANDFUL = 64
PAUSE_SECONDS = 1.0  # when the machine has no file descriptor or memory for one more connection
_OUT_OF = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# accept(2): trouble of the network that the newcomer had; to be treated as if there had been none
_ITS_OWN = {
    *(errno.ENETDOWN, errno.EPROTO, errno.ENOPROTOOPT, errno.EHOSTDOWN, errno.ENONET, errno.EHOSTUNREACH),
    *(errno.EOPNOTSUPP, errno.ENETUNREACH, errno.EPERM),
}
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def plain_address(host: str) -> str:
    """An IPv4 peer's own address, where it came over a socket for both families (`::ffff:192.0.2.1`); others as is."""
    return host.removeprefix("::ffff:") if "." in host else host


class Acceptor:
    """Accepts on the listening sockets until it is stopped, and makes a protocol of each connection."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sockets: list[socket.socket],
        context: Callable[[], ssl.SSLContext | None],
        make_protocol: Callable[[Callable[[], None]], asyncio.Protocol],
        limits: Limits,
        workers: int,
        seats: Seats,
        refusals: Refusals,
        proxies: Proxies,
    ) -> None:
        """`make_protocol` is given the function that the protocol calls when its connection has ended.

        `context` is asked for each connection, since a new certificate may have another one. A trusted proxy may open
        as many connections as there may be in all: those behind it are counted by request.
        """
        self._loop = loop
        self._sockets = sockets
        self._make_protocol = make_protocol
        self._refusals = refusals
        self._handful = HANDFUL if workers == 1 else 1
        self._context = context
        self._limits = limits
        self._proxies = proxies
        self.seats = seats
        self._opening: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None

    @property
    def in_handshake(self) -> int:
        """How many connections are in their TLS handshake."""
        return len(self._opening)

    def start(self) -> None:
        """Connections are accepted from now on."""
        self._pause = None
        for sock in self._sockets:
            self._loop.add_reader(sock.fileno(), self._accept, sock)

    async def stop(self) -> None:
        """No connection is accepted any more; those still in their handshake are dropped.

        The listening sockets are closed: a newcomer is refused by the kernel, instead of waiting for us to end.
        """
        self._stop_accepting()
        for sock in self._sockets:
            sock.close()
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _stop_accepting(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        for sock in self._sockets:
            self._loop.remove_reader(sock.fileno())

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(self._handful):
            try:
                connection, address = listener.accept()
            except (BlockingIOError, InterruptedError):
                return  # another process was faster, or there are no more
            except ConnectionError:
                continue  # it left while it waited
            except OSError as problem:
                if problem.errno in _ITS_OWN:
                    continue
                if problem.errno not in _OUT_OF:
                    raise
                log.warning("cannot accept connections: %s; trying again in %g s", problem.strerror, PAUSE_SECONDS)
                self._stop_accepting()  # or the loop would spin: the listening socket stays readable
                self._pause = self._loop.call_later(PAUSE_SECONDS, self.start)
                return
            host = plain_address(address[0])
            leave = self.seats.take("" if self._proxies.trusts(host) else host)
            if isinstance(leave, str):
                self._refusals.note(leave, self._over(leave), host)
                # Reset, so that a crowd leaves nothing in the kernel either: no FIN-WAIT, no TIME-WAIT.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                connection.close()
                continue
            connection.setblocking(False)
            task = self._loop.create_task(self._open(connection, host, leave))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _over(self, cap: str) -> str:
        most = self.seats.per_address if cap == "connections_per_address" else self.seats.in_all
        return f"{most} connections{' of this address' if cap != 'connections' else ''} are open already ({cap})"

    async def _open(self, connection: socket.socket, host: str, leave: Callable[[], None]) -> None:
        context = self._context()
        try:
            # The protocol is made here and kept by its own `connections`: under uvloop `transport.get_protocol()` would
            # give the TLS layer's protocol instead.
            await self._loop.connect_accepted_socket(
                lambda: self._make_protocol(leave),
                connection,
                ssl=context,
                ssl_handshake_timeout=self._limits.handshake_seconds if context else None,
                ssl_shutdown_timeout=self._limits.close_seconds if context else None,
            )
        except OSError as problem:
            # The handshake failed or took too long; `connection_lost` is never called for a protocol that was not
            # connected, so the seat is given back here.
            leave()
            connection.close()
            self._refusals.note("handshake", f"no TLS handshake: {_why(problem)}", host)
        except BaseException:
            leave()
            connection.close()
            raise


def _why(problem: OSError) -> str:
    if isinstance(problem, ssl.SSLError):
        return problem.reason or "TLS error"
    if isinstance(problem, ConnectionAbortedError | TimeoutError):
        return "it took too long"
    return "the peer left"
