"""The accept loop, and the caps on connections: who is over one is turned away before TLS costs anything."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Callable

from rapier.server.refusals import Refusals
from rapier.server.settings import Limits

log = logging.getLogger("rapier.server")

# With one process, a crowd is taken in (or turned away) by handfuls. With several, each takes one connection and goes
# back to its loop: who took all that wait would keep them for itself, and the others would idle.
HANDFUL = 64
PAUSE_SECONDS = 1.0  # when the machine has no file descriptor or memory for one more connection
_OUT_OF = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Seats:
    """How many connections are open, in all and of each network."""

    def __init__(self, in_all: int, per_address: int) -> None:
        self._in_all = in_all
        self._per_address = per_address
        self._taken: Counter[bytes | str] = Counter()
        self.open = 0

    def take(self, host: str) -> Callable[[], None] | str:
        """A function that gives the seat back (calling it twice does no harm); or the reason why there is none."""
        network = network_of(host)
        if self._taken[network] >= self._per_address:
            return f"{self._per_address} connections of this address are open already (connections_per_address)"
        if self.open >= self._in_all:
            return f"{self._in_all} connections are open already (connections)"
        self._taken[network] += 1
        self.open += 1
        taken = True

        def leave() -> None:
            nonlocal taken
            if taken:
                taken = False
                self.open -= 1
                self._taken[network] -= 1
                if not self._taken[network]:
                    del self._taken[network]  # or every address that ever came would stay

        return leave


def plain_address(host: str) -> str:
    """An IPv4 peer's own address, where it came over a socket for both families (`::ffff:192.0.2.1`); others as is."""
    return host.removeprefix("::ffff:") if "." in host else host


def network_of(host: str) -> bytes | str:
    """What a cap counts as one address: an IPv4 address, or the 64-bit network that one IPv6 host is free to use."""
    if ":" not in host:
        return host
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:8]


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
        refusals: Refusals,
    ) -> None:
        """`make_protocol` is given the function that the protocol calls when its connection has ended.

        `context` is asked for each connection, since a new certificate may have another one.
        """
        self._loop = loop
        self._sockets = sockets
        self._make_protocol = make_protocol
        self._refusals = refusals
        self._handful = HANDFUL if workers == 1 else 1
        self._context = context
        self._limits = limits
        self.seats = Seats(-(-limits.connections // workers), -(-limits.connections_per_address // workers))
        self._opening: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None

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
                if problem.errno not in _OUT_OF:
                    raise
                log.warning("cannot accept connections: %s; trying again in %g s", problem.strerror, PAUSE_SECONDS)
                self._stop_accepting()  # or the loop would spin: the listening socket stays readable
                self._pause = self._loop.call_later(PAUSE_SECONDS, self.start)
                return
            host = plain_address(address[0])
            leave = self.seats.take(host)
            if isinstance(leave, str):
                self._refusals.note(leave, host)
                # Reset, so that a crowd leaves nothing in the kernel either: no FIN-WAIT, no TIME-WAIT.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                connection.close()
                continue
            connection.setblocking(False)
            task = self._loop.create_task(self._open(connection, host, leave))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

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
            self._refusals.note(f"no TLS handshake: {_why(problem)}", host)
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
