"""Several processes over one set of listening sockets: started, replaced when they die, ended together."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterator

from rapier.errors import RapierError

log = logging.getLogger("rapier.server")

Work = Callable[[Callable[[], None], int], int]
SHORTEST_LIFE_SECONDS = (
    1.0  # who dies sooner is replaced after that time, or a worker that cannot live would be a storm
)
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class Workers:
    """The parent of the workers. It serves nothing itself, and has neither an event loop nor threads: it forks."""

    def __init__(
        self,
        count: int,
        work: Work,
        announce: Callable[[], None],
        stop_listening: Callable[[], None],
        patience_seconds: float,
    ) -> None:
        """`work(ready, parent)` is run in each worker; its answer is the worker's exit code.

        `announce` is called once, when all are ready; `stop_listening` when no worker will be started any more.
        `patience_seconds` is how long they may take to end.
        """
        self._count = count
        self._work = work
        self._announce = announce
        self._stop_listening = stop_listening
        self._patience_seconds = patience_seconds
        self._born: dict[int, float] = {}  # process id -> when it was started
        self._ready: dict[int, int] = {}  # reading end of a pipe -> process id that is not ready yet
        self._announced = False
        self._stop_asked = 0
        self._code = 0
        self._due: list[float] = []  # when replacements are to be started

    def run(self) -> int:
        """Returns when all have ended after SIGTERM or SIGINT: 0. Or 1, when one could not even start."""
        # The workers hold the reading end. The writing end is ours alone: it closes when we are gone, however that was.
        self._parent_end, self._own_end = os.pipe()
        with _signals_as_bytes() as (wakeup, self._restore), selectors.DefaultSelector() as self._selector:
            self._selector.register(wakeup, selectors.EVENT_READ)
            for _ in range(self._count):
                self._start()
            until = float("inf")
            while self._born or (self._due and not self._stop_asked):
                wait = min([until, *self._due]) - time.monotonic()
                for key, _ in self._selector.select(None if wait == float("inf") else max(0.0, wait)):
                    if key.fd == wakeup:
                        self._signalled(os.read(wakeup, 4096))
                        if self._stop_asked and until == float("inf"):
                            until = time.monotonic() + self._patience_seconds
                    else:
                        self._said_ready(key.fd)
                if time.monotonic() >= until:
                    log.error("%d workers did not end in time and are killed", len(self._born))
                    self._send(signal.SIGKILL)
                    until = float("inf")
                self._replace()
        os.close(self._parent_end)
        os.close(self._own_end)
        return self._code

    def _start(self) -> None:
        ready, say_ready = os.pipe()
        process = os.fork()
        if process == 0:
            os._exit(self._live(ready, say_ready))
        os.close(say_ready)
        self._born[process] = time.monotonic()
        self._ready[ready] = process
        self._selector.register(ready, selectors.EVENT_READ)

    def _live(self, ready: int, say_ready: int) -> int:
        """The worker's life, in the worker."""
        code = 1
        try:
            self._restore()
            self._selector.close()
            for pipe in (self._own_end, ready, *self._ready):
                os.close(pipe)

            def say() -> None:
                os.write(say_ready, b".")
                os.close(say_ready)

            code = self._work(say, self._parent_end)
        except RapierError as problem:
            log.critical("worker %d cannot start: %s", os.getpid(), problem)
        except BaseException:
            log.exception("worker %d failed", os.getpid())
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
        return code

    def _said_ready(self, pipe: int) -> None:
        said = os.read(pipe, 1)
        self._selector.unregister(pipe)
        os.close(pipe)
        self._ready.pop(pipe)
        if said and not self._ready and not self._announced and len(self._born) == self._count:
            self._announced = True
            self._announce()

    def _signalled(self, signals: bytes) -> None:
        for number in signals:
            if number == signal.SIGCHLD:
                self._reap()
            else:
                self._stop()

    def _stop(self) -> None:
        """Tells all to end; a second time, to end at once."""
        self._stop_asked += 1
        self._stop_listening()  # each worker closes its own copies: who comes now is refused
        self._send(signal.SIGTERM)

    def _reap(self) -> None:
        for process in list(self._born):
            ended, status = os.waitpid(process, os.WNOHANG)
            if not ended:
                continue
            born = self._born.pop(process)
            code = os.waitstatus_to_exitcode(status)
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
            if self._stop_asked:
                self._code = self._code or (1 if code else 0)
            elif not self._announced:
                log.error("worker %d %s before it was ready", process, how)
                self._code = 1
                self._stop()
            else:
                log.error("worker %d %s; another one takes its place", process, how)
                self._due.append(max(time.monotonic(), born + SHORTEST_LIFE_SECONDS))

    def _replace(self) -> None:
        now = time.monotonic()
        for due in [due for due in self._due if due <= now]:
            self._due.remove(due)
            if not self._stop_asked:
                self._start()

    def _send(self, number: signal.Signals) -> None:
        for process in self._born:
            os.kill(process, number)


@contextlib.contextmanager
def _signals_as_bytes() -> Iterator[tuple[int, Callable[[], None]]]:
    """A descriptor on which each signal is a byte, and a function that puts everything back (a child calls it too)."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    wakeup_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def restore() -> None:
        signal.set_wakeup_fd(wakeup_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)

    try:
        yield reading, restore
    finally:
        restore()
