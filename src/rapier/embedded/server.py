"""The master as a process: its state, its queue, and a unix socket where it speaks LUXI."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import socket
from pathlib import Path
from typing import Any

import msgspec

from rapier.embedded.calls import Calls
from rapier.embedded.configuration import Configuration
from rapier.embedded.jobs import Jobs
from rapier.embedded.opcodes import EXECUTIONS
from rapier.embedded.queue import JobQueue
from rapier.embedded.seed import new_cluster
from rapier.embedded.store import Store
from rapier.errors import ConfigurationError, GanetiError, RequestRefused
from rapier.luxi.framing import END_OF_MESSAGE, Request, decode_request, encode_answer

log = logging.getLogger(__name__)

LONGEST_REQUEST_BYTES = 64 * 1024 * 1024
WAITING_CONNECTIONS = 1024  # that nobody has accepted yet


async def serve(
    socket_path: Path,
    state: Path,
    *,
    nodes: int = 4,
    instances: int = 0,
    candidates: int = 10,
    pace_seconds: float = 0.0,
    lag_seconds: float = 0.0,
) -> None:
    """Serves until SIGTERM or SIGINT. `nodes`, `instances` and the size of the pool of master `candidates` are what a
    new state folder begins with.

    Each step of a job takes `pace_seconds`; queries show a change of the configuration after `lag_seconds`.

    Raises `ConfigurationError` where it cannot begin.
    """
    store = Store(state)
    configuration = Configuration()
    objects = store.objects()
    if not objects:
        fresh = new_cluster(nodes, instances, candidates)
        await store.write(fresh)
        configuration.apply(fresh)
    for one in objects:
        configuration.put(one)
    jobs = Jobs(store, configuration)
    queue = JobQueue(jobs, configuration, EXECUTIONS, pace_seconds=pace_seconds)
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    listening = _listen(socket_path)
    try:
        async with asyncio.TaskGroup() as group:
            queue.start(group)
            connections = Connections(Calls(configuration, store, jobs, queue, lag_seconds), group)
            server = await asyncio.start_unix_server(
                connections.accept, sock=listening, limit=LONGEST_REQUEST_BYTES, backlog=WAITING_CONNECTIONS
            )
            log.info("serving %s, with %d instances", socket_path, len(configuration.instances))
            await ending.wait()
            server.close()
            connections.close()
            await queue.stop()
    except ExceptionGroup as problems:
        raise problems.exceptions[0] from None  # a disk that fails, for one: every job says so
    finally:
        _remove(socket_path)
        await store.close()


def _listen(path: Path) -> socket.socket:
    """A listening socket for this user alone. One that a killed master left is replaced; one that is served is not."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            pass
        except ConnectionRefusedError:
            if not path.is_socket():
                raise ConfigurationError(f"cannot listen at {path}: there is a file that is no socket") from None
            path.unlink()
        except OSError as problem:
            raise ConfigurationError(f"cannot listen at {path}: {problem.strerror or problem}") from None
        else:
            raise ConfigurationError(f"somebody serves {path} already")
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
        listening.listen(WAITING_CONNECTIONS)
    except OSError as problem:
        raise ConfigurationError(f"cannot listen at {path}: {problem.strerror or problem}") from None
    finally:
        os.umask(before)
    return listening


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


class Connections:
    """Those that are open, each answered one request after the other."""

    def __init__(self, calls: Calls, group: asyncio.TaskGroup) -> None:
        self._calls = calls
        self._group = group
        self._open: set[asyncio.Task[None]] = set()
        self._closed = False

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client has connected; one that was being accepted when all were cut is cut too."""
        if self._closed:
            writer.close()
            return
        task = self._group.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    def close(self) -> None:
        """Cuts all of them, and takes no more."""
        self._closed = True
        for task in self._open:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        following = self._group.create_task(_read(reader))
        try:
            while (message := await following) is not None:
                following = self._group.create_task(_read(reader))
                answering = self._group.create_task(self._answer(message))
                try:
                    await asyncio.wait({answering, following}, return_when=asyncio.FIRST_COMPLETED)
                    if not answering.done() and _has_left(writer):
                        return  # nobody is there any more to wait for a job
                    answer, last = await answering
                finally:
                    answering.cancel()
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
                if last:
                    return
        except ConnectionError:
            pass  # the client has left
        finally:
            following.cancel()
            writer.close()

    async def _answer(self, message: bytes) -> tuple[bytes | None, bool]:
        """The answer to a request, and whether it is the connection's last; `None` for one that is lost on demand."""
        try:
            request = decode_request(message)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
            return encode_answer(False, f"Failed to parse request: {problem}"), True
        answer, last = await self._outcome(request)
        return (None, True) if self._calls.loses_answer(request.method) else (answer, last)

    async def _outcome(self, request: Request) -> tuple[bytes, bool]:
        try:
            return encode_answer(True, await self._calls(request.method, request.args)), False
        except RequestRefused as problem:
            return encode_answer(False, problem.text), True  # as luxid does
        except GanetiError as problem:
            return encode_answer(False, _as_luxi(problem)), False
        except ConfigurationError as problem:
            return encode_answer(False, ["GenericError", [str(problem)]]), False
        except Exception as problem:
            log.exception("%s failed", request.method)
            return encode_answer(False, ["GenericError", [f"Failure in the embedded master: {problem!r}"]]), False


async def _read(reader: asyncio.StreamReader) -> bytes | None:
    """The next request without its end byte; `None` when no more will come."""
    try:
        return (await reader.readuntil(END_OF_MESSAGE))[:-1]
    except asyncio.LimitOverrunError:
        log.warning("a request of more than %d bytes", LONGEST_REQUEST_BYTES)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the client has left
    return None


def _has_left(writer: asyncio.StreamWriter) -> bool:
    """Whether the client has closed the connection; one that only ends its sending still waits for the answer."""
    if writer.is_closing():
        return True
    poll = select.poll()
    poll.register(writer.get_extra_info("socket"), 0)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


def _as_luxi(problem: GanetiError) -> list[Any]:
    return [problem.ganeti_class, problem.ganeti_args]
