"""Log lines about what was refused: the first one at once, the rest of a flood as a number.

A crowd that is turned away must not fill the disk with lines about it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping

log = logging.getLogger("rapier.server")

# Each reason's name, under which it is counted, and what it means.
REASONS: Mapping[str, str] = {
    "connections": "a connection above the cap in all",
    "connections_per_address": "a connection above the cap of its address",
    "requests_per_address": "429: a request above that cap, of an address behind a trusted proxy",
    "handshake": "no TLS handshake, or none in time",
    "silent": "no request in time after the connection was made",
    "unread": "an answer that its client does not read, or a byte now and then",
    "malformed": "400: a request that is none",
    "late": "408: a head or a body that did not arrive in time",
    "body_too_large": "413: a body that is too large",
    "target_too_long": "414: a target that is too long",
    "head_too_large": "431: a head that is too large, or has too many headers",
    "unsupported": "501: CONNECT",
    "pipelined": "503: too many requests sent at once on a connection",
    "http_version": "505: another version of HTTP",
}
OF_STATUS: Mapping[int, str] = {
    400: "malformed",
    408: "late",
    413: "body_too_large",
    414: "target_too_long",
    429: "requests_per_address",
    431: "head_too_large",
    501: "unsupported",
    503: "pipelined",
    505: "http_version",
}


class Refusals:
    """Counts refusals by name, and says each reason at most once in `every_seconds`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, every_seconds: float = 10.0, counted: Counter[str] | None = None
    ) -> None:
        self.total: Counter[str] = Counter() if counted is None else counted
        self._loop = loop
        self._every_seconds = every_seconds
        self._unsaid: dict[str, int] = {}
        self._last_from: dict[str, str] = {}

    def note(self, name: str, reason: str, address: str) -> None:
        """One more refusal, of a peer at `address`. `name` is one of `REASONS`, `reason` says it to a reader."""
        self.total[name] += 1
        if reason in self._unsaid:
            self._unsaid[reason] += 1
            self._last_from[reason] = address
            return
        log.warning("refused %s: %s", address, reason)
        self._unsaid[reason] = 0
        self._loop.call_later(self._every_seconds, self._sum_up, reason)

    def _sum_up(self, reason: str) -> None:
        count = self._unsaid.pop(reason)
        if count:
            log.warning("refused %d more, the last one %s: %s", count, self._last_from.pop(reason), reason)
            # Still going on: the next line is again a number, after the same time.
            self._unsaid[reason] = 0
            self._loop.call_later(self._every_seconds, self._sum_up, reason)
