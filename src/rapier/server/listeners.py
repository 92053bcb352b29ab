"""The listening sockets: bound once, before any worker is started; or handed over by who started us."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket

from rapier.errors import ConfigurationError
from rapier.server.settings import Limits, Settings

UNSENT_BYTES = 65_536  # of an answer, that the kernel takes before it can send them
BACKLOG = 2048  # the kernel's own bound (net.core.somaxconn) is lower on most machines


def listening_sockets(settings: Settings) -> list[socket.socket]:
    """One listening, non-blocking socket for each address, or those handed over.

    Raises ConfigurationError that names the address.
    """
    if settings.handed_over and settings.listen:
        raise ConfigurationError(
            f"systemd hands over sockets ({', '.join(map(_where, settings.handed_over))}), and --listen says where to "
            "listen too: leave one of them out"
        )
    if not settings.listen and not settings.handed_over:
        raise ConfigurationError("there is no address to listen on")
    if settings.insecure_http:
        for host, port in settings.listen or [sock.getsockname()[:2] for sock in settings.handed_over]:
            if not _address(host).is_loopback:
                raise ConfigurationError(
                    f"plain HTTP would show passwords to the network: {host}:{port} is no loopback address"
                )
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(listening(host, port, settings.limits)) for host, port in settings.listen]
        opened.pop_all()
    return sockets or [_adopted(sock, settings.limits) for sock in settings.handed_over]


def urls(settings: Settings, sockets: list[socket.socket]) -> list[str]:
    """Where the sockets can be reached, in their order."""
    return [f"{'http' if settings.insecure_http else 'https'}://{_where(sock)}" for sock in sockets]


def side_urls(sockets: list[socket.socket]) -> list[str]:
    """The same for the addresses beside, which speak plain HTTP."""
    return [f"http://{_where(sock)}" for sock in sockets]


def _where(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        raise ConfigurationError(f"not an IPv4 or IPv6 address to listen on: {host!r}") from None


def listening(host: str, port: int, limits: Limits) -> socket.socket:
    """One such socket. Raises ConfigurationError naming the address."""
    version = _address(host).version
    sock = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if version == 6:
            # So that `::` can stand beside `0.0.0.0`.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _set_options(sock, limits)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as problem:
        sock.close()
        where = f"[{host}]:{port}" if version == 6 else f"{host}:{port}"
        why = os.strerror(problem.errno or 0)
        advice = "; --listen names another one" if problem.errno == errno.EADDRINUSE else ""
        raise ConfigurationError(f"cannot listen on {where}: {why}{advice}") from problem
    return sock


def _adopted(sock: socket.socket, limits: Limits) -> socket.socket:
    try:
        _set_options(sock, limits)
    except OSError as problem:
        raise ConfigurationError(f"cannot serve {_where(sock)}, which was handed over: {problem.strerror}") from problem
    return sock


def _set_options(sock: socket.socket, limits: Limits) -> None:
    """What is set here, Linux hands on to every socket accepted from now on: no call for each of them."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Who does not read leaves little of his answer in the kernel's memory; who does has as much on its way as ever.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(limits.stalled_seconds * 1000))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, round(limits.probe_seconds)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, round(limits.stalled_seconds / 2)))
    sock.setblocking(False)
