"""What this process of the server sees, for who counts and logs it. The server itself keeps no figures but these.

A request that has ended is told at once; how many connections do what is counted when somebody asks, which costs the
connections nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

# (scope, status, bytes of the answer's body, seconds from the end of the head). The scope is the application's, and its
# `state` has what the application laid down there. Of a head that was refused it has what is known: perhaps no method.
Ended = Callable[[Mapping[str, Any], int, int, float], None]

# The status of a request whose client left before its answer was out, or whose connection was cut. Never sent.
LEFT = 499

CONNECTION_STATES: Mapping[str, str] = {
    "handshake": "in its TLS handshake",
    "head": "a request's head is awaited, the first one or one that has begun to arrive",
    "body": "the application waits for a request's body",
    "work": "a request is in work, long polls among them",
    "idle": "between two requests",
    "ending": "about to close",
}


class Doing(Protocol):
    """A connection, by what it does."""

    @property
    def state(self) -> str:
        """One of `CONNECTION_STATES`."""


class Traffic:
    """The figures of one process. Made before the workers are started: each has its own copy from then on."""

    def __init__(self, ended: Ended = lambda *_: None) -> None:
        self.ended = ended
        self.refused: Counter[str] = Counter()  # by the names in `refusals.REASONS`
        self._connections: Collection[Doing] = ()
        self._in_handshake: Callable[[], int] = int

    def watch(self, connections: Collection[Doing], in_handshake: Callable[[], int]) -> None:
        """From now on these are what `connections` counts."""
        self._connections = connections
        self._in_handshake = in_handshake

    def connections(self) -> Counter[str]:
        """How many do what, by `CONNECTION_STATES`."""
        counted = Counter(dict.fromkeys(CONNECTION_STATES, 0))
        counted.update(connection.state for connection in self._connections)
        counted["handshake"] = self._in_handshake()
        return counted
