"""Lines to standard error, which never hold up who writes them, whoever reads at the other end, or nobody.

A process that serves gives its lines to a thread: a full pipe holds that thread, and when too many lines wait, further
ones are dropped and counted. Without the thread (at the start, and in the parent of workers, which forks and so has no
threads) a line is written at once, or dropped where that would have to wait.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WAITING_AT_MOST = 20_000  # lines
GATHER_SECONDS = 0.05  # lines of so long are written together: a write for each would cost more than the line
FLUSH_SECONDS = 1.0  # for what waits when the process ends
# Up to this, what several processes write into one pipe stays in one piece (PIPE_BUF, pipe(7))
PIECE_BYTES = 4096
FILE_PIECE_BYTES = 65_536


class Lines:
    """Where a process's lines go. `dropped_notice` makes the line that says how many were dropped.

    `file` is the one behind the descriptor, where it is to be made anew after somebody has renamed it, as logrotate.
    """

    def __init__(
        self, descriptor: int, dropped_notice: Callable[[int], bytes], file: str | os.PathLike[str] | None = None
    ) -> None:
        self._descriptor = descriptor
        self._file = file
        self._dropped_notice = dropped_notice
        self._waiting: deque[bytes] = deque()
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._untold = 0  # of those that were dropped
        self.dropped = 0

    def write(self, line: bytes) -> None:
        """Takes a line with its end. Never waits, never raises."""
        if self._thread is None:
            self._write_now(line)
        elif len(self._waiting) >= WAITING_AT_MOST:
            self._drop(1)
        else:
            self._waiting.append(line)
            if not self._wake.is_set():
                self._wake.set()

    @contextmanager
    def by_a_thread(self) -> Iterator[None]:
        """Meanwhile a thread does the writing. What waits at the end is still written, within a second."""
        self._ending.clear()
        self._thread = thread = threading.Thread(target=self._live, name="log", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._thread = None
            self._ending.set()
            self._wake.set()
            thread.join(FLUSH_SECONDS)

    def _live(self) -> None:
        while not self._ending.is_set():
            self._wake.wait()
            self._ending.wait(GATHER_SECONDS)
            self._wake.clear()  # before looking: a line that comes after the look sets it again
            self._write_waiting()
        self._write_waiting()

    def _write_waiting(self) -> None:
        self._follow()
        largest = FILE_PIECE_BYTES if self._is_file() else PIECE_BYTES
        while self._waiting:
            lines = [self._waiting.popleft()]
            size = len(lines[0])
            while self._waiting and size + len(self._waiting[0]) <= largest:
                lines.append(self._waiting.popleft())
                size += len(lines[-1])
            try:
                self._write_all(b"".join(lines))
            except OSError:  # nobody reads any more, or the disk is full: later lines may have more luck
                self._drop(len(lines))
        if self._untold:
            untold, self._untold = self._untold, 0
            try:
                self._write_all(self._dropped_notice(untold))
            except OSError:
                self._untold += untold

    def _write_all(self, data: bytes) -> None:
        """Writes it, however long that takes. Raises OSError."""
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:  # who shares the descriptor has made it so
                select.select([], [self._descriptor], [], 1.0)

    def _write_now(self, line: bytes) -> None:
        self._follow()
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        try:
            while line:
                if not any(event & select.POLLOUT for _, event in poll.poll(0)):
                    self._drop(1)
                    return
                # a pipe that can be written to takes as much as this at once
                line = line[os.write(self._descriptor, line[:PIECE_BYTES]) :]
        except OSError:
            self._drop(1)

    def _follow(self) -> None:
        """Has the descriptor be the file that has the name now."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(self._file), os.fstat(self._descriptor)):
                return
        with contextlib.suppress(OSError):  # better lines in a file without its name than none
            anew = open_log(self._file)
            os.dup2(anew, self._descriptor)
            os.close(anew)

    def _drop(self, count: int) -> None:
        self.dropped += count
        self._untold += count

    def _is_file(self) -> bool:
        try:
            return stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        except OSError:
            return False


def open_log(file: str | os.PathLike[str]) -> int:
    """A descriptor for adding lines to it; it is made where there is none. Raises OSError."""
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
