"""Log lines about what was refused: the first one at once, the rest of a flood as a number.

A crowd that is turned away must not fill the disk with lines about it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

log = logging.getLogger("rapier.server")


class Refusals:
    """Counts refusals by reason, and says each reason at most once in `every_seconds`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, every_seconds: float = 10.0) -> None:
        self.total: Counter[str] = Counter()
        self._loop = loop
        self._every_seconds = every_seconds
        self._unsaid: dict[str, int] = {}
        self._last_from: dict[str, str] = {}

    def note(self, reason: str, address: str) -> None:
        """One more refusal for `reason`, of a peer at `address`."""
        self.total[reason] += 1
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
