"""The master daemon alone: stopping, killing and starting it while the rest of the cluster goes on."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lab.luxi import Refused, ask
from lab.machine import LabError

if TYPE_CHECKING:
    from lab.cluster import VirtualCluster

NAME = "ganeti-luxid"


class Luxid:
    """ganeti-luxid of one lab."""

    def __init__(self, cluster: VirtualCluster) -> None:
        self._cluster = cluster

    @property
    def _pid_file(self) -> Path:
        return self._cluster.master / "var/run/ganeti" / f"{NAME}.pid"

    def pid(self) -> int | None:
        """Its process, None where none runs."""
        with suppress(OSError, ValueError):
            pid = int(self._pid_file.read_text())
            if NAME.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        return None

    def stop(self) -> None:
        """Ends it as an administrator does; it removes its socket."""
        self._cluster.run("/usr/lib/ganeti/daemon-util", "stop", NAME)
        self._wait_until_gone()

    def kill(self) -> None:
        """Ends it without warning; its socket stays, with nobody behind it."""
        if pid := self.pid():
            os.kill(pid, signal.SIGKILL)
            self._wait_until_gone()

    def pause(self) -> None:
        """Holds it: connections are taken by the kernel, and nothing is answered until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on after `pause`."""
        self._signal(signal.SIGCONT)

    def start(self) -> None:
        """Starts it where it does not run, and returns when it answers."""
        if self.pid() is None:
            # daemon-util takes a killed one's pid file for a running daemon
            self._pid_file.unlink(missing_ok=True)
            self._cluster.run("/usr/lib/ganeti/daemon-util", "start", NAME)
        self.wait_until_ready()

    def answers(self) -> bool:
        """Whether it answers a small question within a second."""
        with suppress(OSError, Refused):
            return bool(ask(self._cluster.luxi_socket, "QueryConfigValues", [["cluster_name"]], timeout_seconds=1))
        return False

    def wait_until_ready(self, timeout_seconds: float = 60) -> None:
        """Returns when it answers; raises `LabError` after the time."""
        end = time.monotonic() + timeout_seconds
        while not self.answers():
            if time.monotonic() > end:
                raise LabError(f"the master daemon of {self._cluster.name} did not answer in {timeout_seconds:g} s")
            time.sleep(0.1)

    def _signal(self, number: signal.Signals) -> None:
        pid = self.pid()
        if pid is None:
            raise LabError(f"the master daemon of {self._cluster.name} does not run")
        os.kill(pid, number)

    def _wait_until_gone(self, timeout_seconds: float = 10) -> None:
        end = time.monotonic() + timeout_seconds
        while self.pid() is not None:
            if time.monotonic() > end:
                raise LabError(f"the master daemon of {self._cluster.name} does not end")
            time.sleep(0.02)
