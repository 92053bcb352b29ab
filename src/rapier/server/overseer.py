"""Who is told how a serving process is: the service manager, or the parent of several workers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from enum import IntEnum
from typing import Protocol

from rapier.server.systemd import ServiceManager


class Overseer(Protocol):
    """What there is to tell, in the order of a life."""

    def alive(self) -> None:
        """The event loop turns. Told every few seconds, from before `ready` until the end."""

    def ready(self) -> None:
        """Connections are accepted. Once."""

    def certificate_taken(self) -> None:
        """The certificate's files have changed, and new connections get the new one."""

    def rereading(self) -> None:
        """After SIGHUP: files are being read again."""

    def reread(self) -> None:
        """They have been."""

    def ending(self) -> None:
        """No connection is accepted any more. Once, and then nothing but `alive`."""


class Outside:
    """The overseer of the daemon as a whole: its starter, who reads what it says, and the service manager."""

    def __init__(self, announce: Callable[[], None], serving: str, manager: ServiceManager) -> None:
        """`announce` tells the starter; `serving` is what there is to see while all is well."""
        self._announce = announce
        self._serving = serving
        self._manager = manager

    def alive(self) -> None:
        self._manager.tell_alive()

    def ready(self) -> None:
        self._announce()
        self._manager.tell(READY=1, STATUS=self._serving)

    def certificate_taken(self) -> None:
        pass  # the log has said so

    def rereading(self) -> None:
        self._manager.tell_reloading("Reading certificate and users again")

    def reread(self) -> None:
        self._manager.tell(READY=1, STATUS=self._serving)

    def ending(self) -> None:
        self._manager.tell(STOPPING=1, STATUS="Ending: requests in work are answered")


class Report(IntEnum):
    """What a worker tells its parent, a byte each."""

    ALIVE = ord("a")
    READY = ord("r")
    CERTIFICATE_TAKEN = ord("c")
    REREAD = ord("h")


class Parent:
    """The overseer of a worker, over a pipe. The parent is told by the same signals, so it knows the rest."""

    def __init__(self, pipe: int) -> None:
        os.set_blocking(pipe, False)
        self._pipe = pipe

    def _report(self, report: Report) -> None:
        # A pipe that is full or broken has a parent that hangs or is gone, of which the worker hears otherwise.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._pipe, bytes([report]))

    def alive(self) -> None:
        self._report(Report.ALIVE)

    def ready(self) -> None:
        self._report(Report.READY)

    def certificate_taken(self) -> None:
        self._report(Report.CERTIFICATE_TAKEN)

    def rereading(self) -> None:
        pass

    def reread(self) -> None:
        self._report(Report.REREAD)

    def ending(self) -> None:
        pass
