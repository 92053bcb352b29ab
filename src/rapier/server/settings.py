"""What the server is told: where to listen, with which certificate, and the table of its limits."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from rapier.server.forwarded import Proxies
from rapier.server.traffic import Traffic

ASGIApplication = Callable[[Any, Any, Any], Awaitable[None]]
# (status, reason, the request's target as far as it was read) -> (content type, body)
ErrorBody = Callable[[int, str, bytes], tuple[str, bytes]]


# In the scope's `state`, and true: the request came to one of the addresses that are `side` in the settings.
SIDE = "side"

LARGEST = 2_000_000_000  # beyond it the kernel's own numbers end


def _limit(default: float, unit: str, sentence: str) -> Any:
    return field(default=default, metadata={"unit": unit, "sentence": sentence})


@dataclass(frozen=True)
class Limits:
    """Every cap and deadline of the server. `table_of_limits` gives this table with its units and sentences.

    200 connections of one address: a proxy in front, or a whole office behind one address, holds one for each
    request in work and some idle ones; at 8,000 requests a second of 5 ms that is 40. Fifty such addresses fill the
    cap in all, and a single one never does.
    """

    connections: int = _limit(10_000, "connections", "Open connections in all; a further one is closed at once.")
    connections_per_address: int = _limit(
        200,
        "connections",
        "Open connections of one IPv4 address, or of one IPv6 network of 64 bits; a further one is closed at once. "
        "Behind a trusted proxy: its requests in work; 429 for a further one.",
    )
    handshake_seconds: float = _limit(10.0, "seconds", "For the TLS handshake; then the connection is dropped.")
    head_seconds: float = _limit(
        10.0, "seconds", "For a request's head, from the handshake's end or from its first byte; then 408."
    )
    idle_seconds: float = _limit(60.0, "seconds", "Between two requests of a connection; then it is closed.")
    body_seconds: float = _limit(
        60.0, "seconds", "For a request's body, from when the application first asks for it; then 408."
    )
    send_seconds: float = _limit(
        30.0, "seconds", "For each 64 kB of an answer to be taken by who asked; then the connection is cut."
    )
    head_bytes: int = _limit(65_536, "bytes", "A request's head; 431 for a longer one.")
    head_fields: int = _limit(100, "headers", "Headers in a request; 431 for more.")
    target_bytes: int = _limit(8_192, "bytes", "A request's target (path and query); 414 for a longer one.")
    body_bytes: int = _limit(
        10 * 1024 * 1024, "bytes", "A request's body; 413 for a longer one, when the application asks for it."
    )
    pipelined_requests: int = _limit(
        32,
        "requests",
        "Requests sent before the one in work was answered; 503 and the connection's end for more, or for more than "
        "`head_bytes` of heads.",
    )
    unread_bytes: int = _limit(
        65_536,
        "bytes",
        "What is left of a body when its answer has ended: up to this it is read and dropped and the connection kept, "
        "beyond it the connection is closed.",
    )
    linger_seconds: float = _limit(
        0.5, "seconds", "From an answer's end to the closing of a connection that still sends an unread body."
    )
    close_seconds: float = _limit(
        10.0,
        "seconds",
        "For the last 64 kB of an answer and the peer's part in ending TLS; then the connection is dropped.",
    )
    stalled_seconds: float = _limit(
        10.0, "seconds", "Without a sign from a peer that has to acknowledge what was sent; then it is dropped."
    )
    probe_seconds: float = _limit(
        30.0, "seconds", "Of silence on a connection until the kernel asks whether the peer is still there."
    )
    silent_worker_seconds: float = _limit(
        30.0,
        "seconds",
        "Without a sign of life from one of several workers; then it is ended, and another one takes its place.",
    )
    drain_seconds: float = _limit(7.0, "seconds", "For requests in work after SIGTERM; then they are cut.")
    shutdown_seconds: float = _limit(1.0, "seconds", "For the application's own end, after that.")

    def __post_init__(self) -> None:
        for limit in fields(self):
            if not 0 < getattr(self, limit.name) < LARGEST:
                value = getattr(self, limit.name)
                raise ValueError(f"{limit.name} must be more than 0 and less than {LARGEST:,}, not {value}")


class Limit(NamedTuple):
    """One row of the table."""

    name: str
    default: float
    unit: str
    sentence: str


def table_of_limits() -> list[Limit]:
    """Every limit with its default, unit and sentence, in the order of the table: the documentation is made from it."""
    return [
        Limit(limit.name, getattr(Limits(), limit.name), limit.metadata["unit"], limit.metadata["sentence"])
        for limit in fields(Limits)
    ]


def plain_text(status: int, reason: str, target: bytes) -> tuple[str, bytes]:
    """The body of an error where the application has not said how it wants it."""
    return "text/plain; charset=utf-8", f"{status} {reason}\n".encode()


@dataclass(frozen=True)
class Settings:
    """Where to listen, with what, and how much of everything."""

    listen: tuple[tuple[str, int], ...]  # IPv4 and IPv6 addresses with their ports; port 0 takes a free one
    certificate: Path | None  # PEM, with the chain; None only with insecure_http
    key: Path | None = None  # PEM; None: it is in the certificate's file
    insecure_http: bool = False  # plain HTTP; refused unless every address is a loopback one
    handed_over: tuple[socket.socket, ...] = ()  # listening sockets that others opened; then `listen` is empty
    hangup_rereads: bool = True  # SIGHUP has certificate and users read again; else it does what the system says
    workers: int = 1
    limits: Limits = Limits()
    error_body: ErrorBody = plain_text  # for what the server itself refuses: 400, 408, 413, 414, 431, 501, 503, 505
    traffic: Traffic = field(default_factory=Traffic)  # what is seen, in each process for itself
    proxies: Proxies = field(default_factory=Proxies)  # whose word counts on whose request they bring
    side: tuple[tuple[str, int], ...] = ()  # addresses for plain HTTP that have `SIDE` in their requests' state
    in_each_process: Callable[[], AbstractContextManager[None]] = nullcontext  # around the serving
