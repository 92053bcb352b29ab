"""How often things of a kind happened, and how long they took: plain numbers, for who wants to show them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

# Upper bounds in seconds, few on purpose: each is a time series for each key. Beyond the last one there is one more.
BOUNDS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)


class Durations(Generic[K]):
    """Counts by key and by how long it took. Taking one costs less than half a microsecond."""

    __slots__ = ("cells",)

    def __init__(self) -> None:
        # for each key: how many took at most each bound (and no less than the one before), how many longer; their sum
        self.cells: dict[K, list[float]] = {}

    def take(self, key: K, seconds: float) -> None:
        """One more of `key`, which took `seconds`."""
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = [0.0] * (len(BOUNDS) + 2)
        cell[bisect_left(BOUNDS, seconds)] += 1
        cell[-1] += seconds


def count(cell: list[float]) -> float:
    """How many are in a cell."""
    return sum(cell[:-1])
