"""Programs that tests start: wait until they are ready, end them, and keep what they say for when a test fails."""

from __future__ import annotations

import ctypes
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

RAPIER = (sys.executable, "-m", "rapier")
RUNNING: list[Program] = []  # in the order of their start; the failure report reads their logs
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class NotReady(Exception):
    """A program ended, or did not get ready in time. The text holds all that it said."""


class Program:
    """A program that runs until `stop`, or until this process ends. What it says goes into `log`, a file."""

    def __init__(self, name: str, command: Sequence[str | Path], pass_fds: Sequence[int] = ()) -> None:
        self.name = name
        self.command = [str(word) for word in command]
        # open until `stop`
        self._file = tempfile.NamedTemporaryFile(prefix=f"{name}-", suffix=".log")  # noqa: SIM115
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            preexec_fn=_end_with_parent,
            pass_fds=pass_fds,
        )
        RUNNING.append(self)

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    @property
    def log(self) -> str:
        """What it said up to now."""
        return self.log_since(0)

    @property
    def log_file(self) -> Path:
        """Where it says that."""
        return Path(self._file.name)

    def log_since(self, length: int) -> str:
        """What it said when it had said so many bytes."""
        with self.log_file.open("rb") as file:
            file.seek(length)
            return file.read().decode(errors="replace")

    def wait_for(self, pattern: str, timeout_seconds: float = 20) -> re.Match[str]:
        """The first place in its log that the pattern matches. Raises `NotReady`."""
        end = time.monotonic() + timeout_seconds
        while True:
            ended = self.process.poll() is not None
            if found := re.search(pattern, self.log):
                return found
            if ended or time.monotonic() > end:
                state = f"ended with {self.process.returncode}" if ended else f"not ready after {timeout_seconds:g} s"
                raise NotReady(f"{' '.join(self.command)}: {state}. It said:\n{self.log}")
            time.sleep(0.02)

    def wait_for_path(self, path: Path, timeout_seconds: float = 20) -> None:
        """Returns when there is such a file or socket. Raises `NotReady`."""
        end = time.monotonic() + timeout_seconds
        while not path.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise NotReady(f"{' '.join(self.command)}: there is no {path}. It said:\n{self.log}")
            time.sleep(0.02)

    def stop(self, patience_seconds: float = 15) -> int:
        """Asks it to end, ends it by force after a while; its exit code. A second time it only tells that."""
        if self not in RUNNING:
            return self.process.returncode
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        RUNNING.remove(self)
        self._file.close()
        return self.process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def children(process: int) -> set[int]:
    """The processes that it started."""
    found = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True, check=False).stdout
    return {int(word) for word in found.split()}


def log_lengths() -> dict[int, int]:
    """How many bytes each running program has said, by its process."""
    return {program.pid: program.log_file.stat().st_size for program in RUNNING}


def logs_since(lengths: dict[int, int]) -> list[tuple[str, str]]:
    """What each running program has said since `log_lengths`, with its name; without those that were silent."""
    said = [(program.name, program.log_since(lengths.get(program.pid, 0))) for program in RUNNING]
    return [(name, text) for name, text in said if text]


def _end_with_parent() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup, which ignores it, is not for what the tests start
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
