"""How many connections are open, in all and of each address, counted over all workers.

Each worker counts its own in memory that all of them see, in a row that it alone writes: no lock, and nothing to wait
for. Who comes is counted first and looked at then, so that two workers that take the last seat in the same moment both
see it taken. A row belongs to the worker that holds the lock on its byte: the kernel takes that from a process that
dies, whose replacement finds the row free and begins it anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import socket
from array import array
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from rapier.errors import ConfigurationError

# Other workers' connections are counted by a hash of their address: in so many places that two addresses hardly ever
# share one, and keyed, so that nobody can find an address that shares another's.
PLACES = 65_536
_IN_ALL = PLACES
_ROW = PLACES + 1
_BYTES = array("I").itemsize


class Tally:
    """The memory that the workers share: made before they are forked, one row for each."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.key = os.urandom(16)
        self.file = os.memfd_create("rapier-seats")
        os.ftruncate(self.file, rows * _ROW * _BYTES)
        self._memory = memoryview(mmap.mmap(self.file, 0)).cast("I")

    def claim(self) -> tuple[memoryview, list[memoryview]]:
        """A row of this process's own, with zeros, and those of the others. Raises ConfigurationError."""
        rows = [self._memory[number * _ROW : (number + 1) * _ROW] for number in range(self.rows)]
        for number, row in enumerate(rows):
            try:
                fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except OSError:
                continue  # another worker's
            row[:] = memoryview(array("I", bytes(_ROW * _BYTES)))
            return row, rows[:number] + rows[number + 1 :]
        raise ConfigurationError(f"there are {self.rows} workers already")

    def place_of(self, network: bytes | str) -> int:
        """Where the connections of a network are counted."""
        name = network.encode() if isinstance(network, str) else network
        return int.from_bytes(hashlib.blake2b(name, digest_size=4, key=self.key).digest(), "big") % PLACES


class Tallies(NamedTuple):
    """What is counted over all workers: connections, and requests behind trusted proxies."""

    connections: Tally
    requests: Tally


class Seats:
    """The seats of one worker's connections. `in_all` and `per_address` hold for all workers together."""

    def __init__(self, in_all: int, per_address: int, tally: Tally | None = None) -> None:
        self.in_all = in_all
        self.per_address = per_address
        self._taken: Counter[bytes | str] = Counter()
        self._tally = tally if tally is not None and tally.rows > 1 else None
        if self._tally is not None:
            self._row, self._others = self._tally.claim()
        self.open = 0

    def take(self, host: str) -> Callable[[], None] | str:
        """A function that gives the seat back (calling it twice does no harm); or the name of the cap that is met.

        An empty `host` counts in all, and for no address.
        """
        network = network_of(host)
        self._count(network, 1)
        of_others, of_address_at_others = self._elsewhere(network)
        taken = True

        def leave() -> None:
            nonlocal taken
            if taken:
                taken = False
                self._count(network, -1)

        if host and self._taken[network] + of_address_at_others > self.per_address:
            leave()
            return "connections_per_address"
        if self.open + of_others > self.in_all:
            leave()
            return "connections"
        return leave

    def _count(self, network: bytes | str, change: int) -> None:
        self.open += change
        self._taken[network] += change
        if not self._taken[network]:
            del self._taken[network]  # or every address that ever came would stay
        if self._tally is not None:
            self._row[_IN_ALL] += change
            self._row[self._tally.place_of(network)] += change

    def _elsewhere(self, network: bytes | str) -> tuple[int, int]:
        """How many connections the other workers have, in all and of this network."""
        if self._tally is None:
            return 0, 0
        place = self._tally.place_of(network)
        return sum(row[_IN_ALL] for row in self._others), sum(row[place] for row in self._others)


def network_of(host: str) -> bytes | str:
    """What a cap counts as one address: an IPv4 address, or the 64-bit network that one IPv6 host is free to use."""
    if ":" not in host:
        return host
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:8]
