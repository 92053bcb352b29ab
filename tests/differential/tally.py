"""What was asked in a run, and what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from differential.asking import Outcome

Row = tuple[str, str]  # method and URI


@dataclass
class Tally:
    """Counts outcomes: by row, by status of each side, by accepted difference."""

    rows: Counter[Row] = field(default_factory=Counter)
    stock: Counter[int] = field(default_factory=Counter)
    rapier: Counter[int] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """One request more."""
        self.rows[outcome.case.method, outcome.case.uri] += 1
        self.stock[outcome.stock.answer.status] += 1
        self.rapier[outcome.rapier.answer.status] += 1
        self.accepted.update(outcome.accepted)

    def share_of_successes(self, statuses: Counter[int]) -> float:
        """How many of the answers are a 2xx, of 1."""
        return sum(times for status, times in statuses.items() if 200 <= status < 300) / statuses.total()
