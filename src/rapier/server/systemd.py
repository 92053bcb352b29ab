"""What systemd hands over and wants to be told: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3).

All of it is a few variables and a datagram. The libraries for it were last touched in 2017, or are bindings that want
libsystemd and a compiler.

The variables are taken out of the environment: they are for this process, and not for those that it starts.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import MutableMapping

from rapier.errors import ConfigurationError

log = logging.getLogger("rapier.server")

FIRST_DESCRIPTOR = 3
SEND_SECONDS = 1.0  # systemd reads at once; who does not must not hold us up
Environment = MutableMapping[str, str]


def handed_over_sockets(environment: Environment) -> list[socket.socket]:
    """The listening sockets that systemd opened for this process. Raises ConfigurationError for what is none."""
    process, count, names = (environment.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    environment.pop("LISTEN_PIDFDID", None)
    if process != str(os.getpid()) or not count.isdecimal():
        return []
    descriptors = range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(count))
    named = dict(zip(descriptors, names.split(":") if names else [], strict=False))
    return [_listening(descriptor, named.get(descriptor, "unknown")) for descriptor in descriptors]


def _listening(descriptor: int, name: str) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)
        sock = socket.socket(fileno=descriptor)
        if (
            sock.family in (socket.AF_INET, socket.AF_INET6)
            and sock.type == socket.SOCK_STREAM
            and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        ):
            return sock
        what = "it is no TCP socket that listens"
    except OSError as problem:
        what = f"it is no socket ({problem.strerror})"
    raise ConfigurationError(
        f"descriptor {descriptor} ({name}), which systemd handed over, is of no use: {what}. In the .socket unit, "
        "ListenStream= names an address and a port, and Accept= is no"
    )


class ServiceManager:
    """Is told how we are, where it has asked for that."""

    def __init__(self, environment: Environment) -> None:
        """`watchdog_seconds` is how often it must hear from this process at least; None where it does not mind."""
        address = environment.pop("NOTIFY_SOCKET", "")
        if address and address[0] not in "/@":
            log.warning("NOTIFY_SOCKET=%s is no unix socket: the service manager is told nothing", address)
            address = ""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._failed = False
        microseconds, process = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        asked = microseconds.isdecimal() and int(microseconds) > 0 and process in ("", str(os.getpid()))
        self.watchdog_seconds = int(microseconds) / 1e6 if asked else None

    def tell(self, **assignments: str | int) -> None:
        """One datagram with a line for each of the assignments (`READY=1`)."""
        if not self._address:
            return
        message = "\n".join(f"{name}={value}" for name, value in assignments.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(SEND_SECONDS)
                sock.sendto(message.encode(), self._address)
            self._failed = False
        except OSError as problem:
            if not self._failed:  # once, and not for each sign of life
                log.warning("the service manager could not be told %s: %s", message.replace("\n", " "), problem)
            self._failed = True

    def tell_reloading(self, status: str) -> None:
        """`RELOADING=1`, which has to come with the time: the service manager looks for one after its own SIGHUP."""
        self.tell(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000, STATUS=status)

    def tell_alive(self) -> None:
        """`WATCHDOG=1`, where it waits for one."""
        if self.watchdog_seconds is not None:
            self.tell(WATCHDOG=1)


NOBODY = ServiceManager({})
