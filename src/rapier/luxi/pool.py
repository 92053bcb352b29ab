"""A bounded pool of LUXI connections to one master daemon.

luxid answers one request after the other on a connection and loses a second one sent before the first answer, so a
connection carries one request at a time and goes back to the pool only after its answer came whole. One that was left
in the middle (deadline, cancelled caller, garbage) is closed: its late answer must never reach somebody else.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from rapier.durations import Durations
from rapier.errors import GanetiError, MasterAbsent, MasterGarbled, MasterLost, MasterSilent, RequestRefused
from rapier.luxi.framing import END_OF_MESSAGE, decode_answer, encode_request

# Connecting is a matter of the kernel's queue: who does not accept for this long will not.
CONNECT_SECONDS = 10.0
# The largest answers seen are tens of megabytes (20,000 instances, all fields). Beyond this it is no answer.
MAX_ANSWER_BYTES = 1 << 30

# What comes of a call, by the name under which it is counted.
OUTCOMES: Mapping[str, str] = {
    "answered": "the master's answer",
    "error": "an error of the master's own",
    "refused": "luxid could not read the request",
    "absent": "no socket, nobody behind it, or no permission",
    "silent": "no answer before the deadline",
    "lost": "the connection ended before the answer",
    "garbled": "an answer that is none",
    "given_up": "who asked was gone before the answer",
}
_OUTCOME_OF: tuple[tuple[type[BaseException], str], ...] = (
    (RequestRefused, "refused"),
    (GanetiError, "error"),
    (MasterAbsent, "absent"),
    (MasterSilent, "silent"),
    (MasterLost, "lost"),
    (MasterGarbled, "garbled"),
)


class Connection(asyncio.Protocol):
    """One connection to the master daemon: `ask` sends a request and waits for its answer."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[bytearray] | None = None
        self._transport: asyncio.Transport | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.close()  # nobody asked: what follows could be taken for the answer to the next request
            return
        self._received += data
        match data.find(END_OF_MESSAGE):
            case -1 if len(self._received) <= MAX_ANSWER_BYTES:
                return
            case -1:
                self._fail(MasterGarbled(f"the master's answer has more than {MAX_ANSWER_BYTES} bytes"))
                self.close()
            case end if end == len(data) - 1:
                answer, self._received = self._received, bytearray()
                del answer[-1]
                self._answer.set_result(answer)
            case _:
                self._fail(MasterGarbled("the master said more than it was asked"))
                self.close()

    def eof_received(self) -> None:
        self.lost = True  # `connection_lost` follows, but a request could come in between

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._fail(MasterLost("the master daemon closed the connection before its answer"))

    def _fail(self, problem: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(problem)

    async def ask(self, message: bytes) -> bytearray:
        """The answer to `message`, without its end byte. Raises `MasterLost` when the connection ends first."""
        if self.lost or self._transport is None:
            raise MasterLost("the master daemon had closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        try:
            return await self._answer
        finally:
            self._answer = None

    def close(self) -> None:
        """Closes at once; what was not sent is dropped."""
        self.lost = True
        if self._transport is not None:
            self._transport.abort()


class _Message:
    """A request, and whether any of it may have reached the master."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.sent = False


class Pool:
    """At most `size` connections to the master daemon behind the unix socket `path`.

    Who finds all of them busy waits in order; that wait counts against the caller's deadline.
    """

    def __init__(self, path: Path, size: int, calls: Durations[tuple[str, str]] | None = None) -> None:
        """`calls` takes each call by its method and its outcome, one of `OUTCOMES`."""
        self.path = path
        self.size = size
        self._calls = Durations() if calls is None else calls
        self._under_way = 0
        self._places = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._closed = False

    @property
    def in_use(self) -> int:
        """How many calls have a connection, or are making one."""
        return min(self._under_way, self.size)

    @property
    def waiting(self) -> int:
        """How many calls wait for a connection."""
        return max(0, self._under_way - self.size)

    async def call(self, method: str, args: Sequence[Any], deadline_seconds: float, *, repeatable: bool) -> Any:
        """The result of one LUXI call.

        A call that is `repeatable` (a read) is sent a second time, on a new connection, when the first one was lost
        before its answer: luxid was restarted, perhaps. Any other call is sent once.

        Raises `GanetiError` as the master answered, `MasterAbsent` (nothing was sent), and, when it is not known
        whether the call was carried out: `MasterSilent` after the deadline, `MasterLost`, `MasterGarbled`.
        """
        message = _Message(encode_request(method, list(args)))
        began = time.perf_counter()
        self._under_way += 1
        outcome = "answered"
        try:
            return await self._call(message, method, deadline_seconds, repeatable=repeatable)
        except BaseException as problem:
            outcome = next((name for kind, name in _OUTCOME_OF if isinstance(problem, kind)), "given_up")
            raise
        finally:
            self._under_way -= 1
            self._calls.take((method, outcome), time.perf_counter() - began)

    async def _call(self, message: _Message, method: str, deadline_seconds: float, *, repeatable: bool) -> Any:
        try:
            async with asyncio.timeout(deadline_seconds), self._places:
                try:
                    return await self._exchange(message, self._take_idle())
                except MasterLost:
                    if not repeatable or self._closed:
                        raise
                    self._drop_idle()  # most likely luxid ended, and the others with it
                return await self._exchange(message, None)
        except TimeoutError:
            raise MasterSilent(
                f"the master daemon at {self.path} did not answer {method} within {deadline_seconds:g} s",
                sent=message.sent,
            ) from None

    async def _exchange(self, message: _Message, idle: Connection | None) -> Any:
        """One request and its answer, on `idle` or else a new connection, which then waits for the next request."""
        connection = idle or await self._connect()
        self._busy.add(connection)
        try:
            message.sent = True
            result = decode_answer(await connection.ask(message.data))
        except RequestRefused:
            connection.close()  # so does luxid, but a moment later: the next request would be lost in between
            raise
        except GanetiError:
            self._keep(connection)
            raise
        except BaseException:
            connection.close()
            raise
        finally:
            self._busy.discard(connection)
        self._keep(connection)
        return result

    def _keep(self, connection: Connection) -> None:
        if not connection.lost:
            self._idle.append(connection)

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.lost:
                return connection
        return None

    async def _connect(self) -> Connection:
        if self._closed:
            raise MasterAbsent("the connections to the master daemon are closed")
        reached = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            await self._reach(reached)
            _, connection = await asyncio.get_running_loop().create_unix_connection(Connection, sock=reached)
        except BaseException:
            reached.close()
            raise
        if self._closed:
            connection.close()
            raise MasterAbsent("the connections to the master daemon are closed")
        return connection

    async def _reach(self, reached: socket.socket) -> None:
        """Connects. Where the master's queue of new connections is full, tries again until it is not.

        luxid's queue holds five, so a burst of first requests fills it. The event loops know nothing of that: on one
        such a connection counts as made, on the other as impossible.
        """
        pause_seconds = 0.001
        end = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                reached.connect(str(self.path))
                return
            except BlockingIOError:
                if time.monotonic() > end:
                    raise MasterAbsent(
                        f"nobody accepts connections on the master daemon's socket {self.path}"
                    ) from None
            except FileNotFoundError:
                raise MasterAbsent(f"there is no master daemon here: no socket {self.path}") from None
            except ConnectionRefusedError:
                raise MasterAbsent(f"no master daemon listens on its socket {self.path}") from None
            except PermissionError:
                raise MasterAbsent(f"no permission to open the master daemon's socket {self.path}") from None
            except OSError as problem:
                raise MasterAbsent(f"cannot reach the master daemon at {self.path}: {problem}") from problem
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, 0.05)

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def close(self) -> None:
        """Closes all connections, for good; calls that are under way end with `MasterLost`, others `MasterAbsent`."""
        self._closed = True
        self._drop_idle()
        for connection in list(self._busy):
            connection.close()
