"""Guesses are slowed: who failed often within a minute waits before the next try is looked at.

A try is counted when it begins and taken back when it was good, so that many at once count as many. What is counted is
the pair of user and address, so that nobody can slow a user down from elsewhere; and, with a higher limit, the address
alone, for one who tries many names.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

WINDOW_SECONDS = 60.0
FREE_TRIES_OF_USER = 10
FREE_TRIES_OF_ADDRESS = 100
LONGEST_WAIT_SECONDS = 2.0
_FIRST_WAIT_SECONDS = 0.25


class Slowing:
    """How long each try waits. Bounded: of more than `kept_at_most` pairs and addresses the oldest are forgotten."""

    def __init__(self, kept_at_most: int = 20_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept_at_most = kept_at_most
        self._clock = clock
        self._tries: OrderedDict[Hashable, tuple[float, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tries)

    def begin(self, user: str, address: str) -> float:
        """Count a try, and answer how many seconds it has to wait before it is looked at."""
        site = site_of(address)
        return max(self._count((user, site), FREE_TRIES_OF_USER), self._count(site, FREE_TRIES_OF_ADDRESS))

    def take_back(self, user: str, address: str) -> None:
        """A try that was begun did not fail."""
        site = site_of(address)
        for key in ((user, site), site):
            earlier = self._tries.get(key, ())[:-1]
            if earlier:
                self._tries[key] = earlier
            else:
                self._tries.pop(key, None)

    def _count(self, key: Hashable, free: int) -> float:
        now = self._clock()
        recent = tuple(begun for begun in self._tries.get(key, ()) if begun > now - WINDOW_SECONDS)
        # One beyond the last that changes the wait is enough to know of.
        self._tries[key] = (*recent, now)[-(free + 4) :]
        self._tries.move_to_end(key)
        if len(self._tries) > self._kept_at_most:
            self._tries.popitem(last=False)
        beyond = len(recent) - free
        return min(LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**beyond) if beyond >= 0 else 0.0


def site_of(address: str) -> str:
    """Whom an address stands for: itself; for IPv6 the /64, which a single host has all of."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
