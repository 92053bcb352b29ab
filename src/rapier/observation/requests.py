"""Each request that has ended: counted, and told in a line of the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from rapier.api.unversioned import HEALTH, METRICS, READY
from rapier.durations import Durations
from rapier.observation.formats import REQUESTS, RequestLine, printable

# What clients may invent has one name: metrics are kept for each
METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"})
OTHER = "other"
LONGEST = 500  # characters of a path, or of what a client calls itself
# Asked every few seconds by machines
_WATCHING = frozenset(path.decode() for path in (HEALTH, READY, METRICS))


class Requests:
    """`requests(scope, status, sent, seconds)`, as the server tells of each; `durations` is by route, method, status.

    A route is the pattern of a URI, never a path; what reached none is `other`.
    """

    def __init__(self, write: Callable[[RequestLine], None] | None, level: int = logging.INFO) -> None:
        """`write` is given those of `level` and above; health and metrics are DEBUG, all others INFO."""
        self.durations: Durations[tuple[str, str, int]] = Durations()
        self._write = write if level <= logging.INFO else None
        self._all = level <= logging.DEBUG

    def __call__(self, scope: Mapping[str, Any], status: int, sent: int, seconds: float) -> None:
        state = scope["state"]
        method = scope.get("method", "")
        route = state.get("route", OTHER)
        self.durations.take((route, method if method in METHODS else OTHER, status), seconds)
        if self._write is None or (route in _WATCHING and not self._all):
            return
        client, user, agent = scope["client"], state.get("user") or None, _agent(scope["headers"])
        self._write(
            RequestLine(
                "",
                "DEBUG" if route in _WATCHING else "INFO",
                REQUESTS,
                client[0] if client else "",
                method,
                _shown(scope.get("raw_path", b"").decode("latin-1")),
                status,
                sent,
                round(seconds * 1000, 2),
                user and printable(user),
                state.get("job"),
                state.get("request_id"),
                agent and _shown(agent),
            )
        )


def _agent(headers: list[tuple[bytes, bytes]]) -> str | None:
    for name, value in headers:
        if name == b"user-agent":
            return value.decode("latin-1")
    return None


def _shown(text: str) -> str:
    return printable(text if len(text) <= LONGEST else text[:LONGEST] + "…")
