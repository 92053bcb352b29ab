"""Several processes over one set of listening sockets: started, watched, replaced when they die, ended together."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rapier.errors import RapierError
from rapier.server.overseer import Overseer, Parent, Report
from rapier.server.serving import HELD_BACK, HURRY

log = logging.getLogger("rapier.server")

Work = Callable[[Overseer, int], int]
SHORTEST_LIFE_SECONDS = (
    1.0  # who dies sooner is replaced after that time, or a worker that cannot live would be a storm
)
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


@dataclass
class Worker:
    """One of the processes, as the parent knows it."""

    process: int
    reports: int  # the reading end of its pipe
    born: float
    heard: float  # when it last gave a sign of life
    ready: bool = False
    rereading: bool = False  # it was told to, and has not said that it has
    given_up: bool = False  # it hung, and was told to die


class Workers:
    """The parent of the workers. It serves nothing itself, and has neither an event loop nor threads: it forks."""

    def __init__(
        self,
        count: int,
        work: Work,
        overseer: Overseer,
        look_at_certificate: Callable[[], None],
        stop_listening: Callable[[], None],
        *,
        silence_seconds: float,
        patience_seconds: float,
    ) -> None:
        """`work(overseer, parent)` is run in each worker; its answer is the worker's exit code.

        `overseer` is told how all of them are: it is alive as long as none of them hangs. `look_at_certificate` is
        called when a worker has found another one, so that those who are started later begin with it.
        `stop_listening` is called when no worker will be started any more. A worker that says nothing for
        `silence_seconds` is ended; `patience_seconds` is how long all may take to end.
        """
        self._count = count
        self._work = work
        self._overseer = overseer
        self._look_at_certificate = look_at_certificate
        self._stop_listening = stop_listening
        self._silence_seconds = silence_seconds
        self._watch_every_seconds = silence_seconds / 8
        self._patience_seconds = patience_seconds
        self._workers: dict[int, Worker] = {}  # by the descriptor of their reports
        self._announced = False
        self._rereading = False
        self._stop_asked = 0
        self._code = 0
        self._due: list[float] = []  # when replacements are to be started
        self._watch_at = 0.0

    def run(self) -> int:
        """Returns when all have ended after SIGTERM or SIGINT: 0. Or 1, when one could not even start."""
        # The workers hold the reading end. The writing end is ours alone: it closes when we are gone, however that was.
        self._parent_end, self._own_end = os.pipe()
        with _signals_as_bytes() as (wakeup, self._restore), selectors.DefaultSelector() as self._selector:
            self._selector.register(wakeup, selectors.EVENT_READ)
            for _ in range(self._count):
                self._start()
            self._watch_at = time.monotonic() + self._watch_every_seconds
            until = float("inf")
            while self._workers or (self._due and not self._stop_asked):
                wait = min([until, self._watch_at, *self._due]) - time.monotonic()
                for key, _ in self._selector.select(max(0.0, wait)):
                    if key.fd == wakeup:
                        self._signalled(os.read(wakeup, 4096))
                        if self._stop_asked and until == float("inf"):
                            until = time.monotonic() + self._patience_seconds
                    elif key.fd in self._workers:  # else it has been reaped in this turn
                        self._hear(self._workers[key.fd])
                if time.monotonic() >= until:
                    log.error("%d workers did not end in time and are killed", len(self._workers))
                    self._send(signal.SIGKILL)
                    until = float("inf")
                self._watch()
                self._replace()
        os.close(self._parent_end)
        os.close(self._own_end)
        return self._code

    def _start(self) -> None:
        reports, own_reports = os.pipe()
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
        process = os.fork()
        if process == 0:
            os._exit(self._live(reports, own_reports))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
        os.close(own_reports)
        now = time.monotonic()
        self._workers[reports] = Worker(process, reports, born=now, heard=now)
        self._selector.register(reports, selectors.EVENT_READ)

    def _live(self, reports: int, own_reports: int) -> int:
        """The worker's life, in the worker."""
        code = 1
        try:
            self._restore()
            self._selector.close()
            for pipe in (self._own_end, reports, *self._workers):
                os.close(pipe)
            code = self._work(Parent(own_reports), self._parent_end)
        except RapierError as problem:
            log.critical("worker %d cannot start: %s", os.getpid(), problem)
        except BaseException:
            log.exception("worker %d failed", os.getpid())
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
        return code

    # ---- what the workers say ----

    def _hear(self, worker: Worker) -> None:
        said = os.read(worker.reports, 4096)
        if not said:
            self._selector.unregister(worker.reports)  # it is about to end
            return
        worker.heard = time.monotonic()
        if Report.CERTIFICATE_TAKEN in said:
            self._look_at_certificate()
        if Report.READY in said:
            worker.ready = True
            worker.rereading = False  # it has read all anew just now
            if (
                not self._announced
                and len(self._workers) == self._count
                and all(one.ready for one in self._workers.values())
            ):
                self._announced = True
                self._overseer.ready()
        if Report.REREAD in said:
            worker.rereading = False
        self._look_for_the_end_of_rereading()

    def _look_for_the_end_of_rereading(self) -> None:
        if self._rereading and not any(worker.rereading for worker in self._workers.values()):
            self._rereading = False
            if not self._stop_asked:
                self._overseer.reread()

    def _watch(self) -> None:
        """Ends the workers that hang. While there is none, the overseer is told that we are alive."""
        now = time.monotonic()
        if now < self._watch_at:
            return
        if now > self._watch_at + self._watch_every_seconds:
            # We ourselves were stopped, perhaps the whole machine: that nobody was heard says nothing of them.
            for worker in self._workers.values():
                worker.heard = now
        self._watch_at = now + self._watch_every_seconds
        silent = [worker for worker in self._workers.values() if now - worker.heard > self._silence_seconds]
        for worker in silent:
            if not worker.given_up:
                worker.given_up = True
                log.error(
                    "worker %d hangs: no sign of life for %g s; it is ended", worker.process, self._silence_seconds
                )
                os.kill(worker.process, signal.SIGABRT)  # then it says where it hangs
                os.kill(worker.process, signal.SIGCONT)  # and one that is stopped dies too
        if not silent:
            self._overseer.alive()

    # ---- signals ----

    def _signalled(self, signals: bytes) -> None:
        for number in signals:
            if number == signal.SIGCHLD:
                self._reap()
            elif number == signal.SIGHUP:
                self._reread()
            else:
                self._stop()

    def _reread(self) -> None:
        if self._stop_asked:
            return
        for worker in self._workers.values():
            worker.rereading = True
        self._send(signal.SIGHUP)
        if self._announced:  # before, it would count as ready when it has read again
            self._rereading = True
            self._overseer.rereading()
            self._look_for_the_end_of_rereading()  # at once, where all are being replaced

    def _stop(self) -> None:
        """Tells all to end; a second time, to end at once."""
        self._stop_asked += 1
        self._stop_listening()  # each worker closes its own copies: who comes now is refused
        self._send(signal.SIGTERM if self._stop_asked == 1 else HURRY)
        if self._stop_asked == 1:
            self._overseer.ending()

    def _reap(self) -> None:
        for worker in list(self._workers.values()):
            ended, status = os.waitpid(worker.process, os.WNOHANG)
            if not ended:
                continue
            self._forget(worker)
            code = os.waitstatus_to_exitcode(status)
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
            if self._stop_asked:
                self._code = self._code or (1 if code else 0)
            elif not self._announced:
                log.error("worker %d %s before it was ready", worker.process, how)
                self._code = 1
                self._stop()
            else:
                log.error("worker %d %s; another one takes its place", worker.process, how)
                self._due.append(max(time.monotonic(), worker.born + SHORTEST_LIFE_SECONDS))

    def _forget(self, worker: Worker) -> None:
        del self._workers[worker.reports]
        with contextlib.suppress(KeyError):  # it may have closed its end, and then nobody listens to ours any more
            self._selector.unregister(worker.reports)
        os.close(worker.reports)
        self._look_for_the_end_of_rereading()

    def _replace(self) -> None:
        now = time.monotonic()
        for due in [due for due in self._due if due <= now]:
            self._due.remove(due)
            if not self._stop_asked:
                self._start()

    def _send(self, number: signal.Signals) -> None:
        for worker in self._workers.values():
            os.kill(worker.process, number)


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
