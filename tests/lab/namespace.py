"""A network namespace with addresses and a hosts file of its own."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from lab.machine import LabError, run

FOLDER = Path("/run/netns")
FILES = Path("/etc/netns")  # `ip netns exec` lays what is in here over /etc


class Namespace:
    """The namespace NAME; `make` and `remove` may both be called whatever an interrupted run left."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = FOLDER / name

    def make(self, hosts: Mapping[str, str], on_loopback: Sequence[str], bridge: str) -> None:
        """With names for addresses, addresses on its loopback device, and a bridge that nothing is behind."""
        files = FILES / self.name
        files.mkdir(parents=True)
        lines = ["127.0.0.1 localhost", *(f"{address} {host}" for host, address in hosts.items())]
        (files / "hosts").write_text("\n".join(lines) + "\n")
        run(["ip", "netns", "add", self.name])
        batch = ["link set lo up", f"link add {bridge} type bridge"]
        # a wider mask than /32 would make every address of the network answer here
        batch += [f"addr add {address}/32 dev lo" for address in on_loopback]
        run(["ip", "-n", self.name, "-batch", "-"], given="\n".join(batch) + "\n")

    def command(self, *words: str | Path) -> list[str]:
        """`words` as a command that runs inside."""
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def pids(self) -> list[int]:
        """The processes inside; none where there is no such namespace."""
        try:
            return [int(pid) for pid in run(["ip", "netns", "pids", self.name]).split()]
        except LabError:
            return []

    def remove(self) -> None:
        """Ends every process inside, and removes the namespace and its files."""
        for how, patience_seconds in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
            for pid in self.pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, how)
            end = time.monotonic() + patience_seconds
            while self.pids() and time.monotonic() < end:
                time.sleep(0.05)
        if left := self.pids():
            raise LabError(f"processes {left} in the namespace {self.name} do not end")
        if self.path.exists():
            run(["ip", "netns", "del", self.name])
        shutil.rmtree(FILES / self.name, ignore_errors=True)
