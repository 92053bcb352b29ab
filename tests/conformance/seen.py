"""Which statuses each target gave for each URI and method of version 2, over all tests of a run."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from conformance.statuses import STATUSES

Seen = defaultdict[tuple[str, str], set[int]]

_PARTS = {"{job}": r"\d+", "{disk}": r"\d+"}
_PATTERNS = [
    (
        uri,
        re.compile(
            "".join(
                _PARTS.get(part, r"[\w.-]+") if part.startswith("{") else re.escape(part)
                for part in re.split(r"({\w+})", uri)
            )
        ),
    )
    for uri in STATUSES
]
seen: defaultdict[str, Seen] = defaultdict(lambda: defaultdict(set))


def note(target: str, method: str, asked: str, status: int) -> None:
    """An answer of the target; what is no URI of version 2, or no method there, is not in the table."""
    path = asked.partition("?")[0]
    for uri, pattern in _PATTERNS:
        if pattern.fullmatch(path) and method in STATUSES[uri]:
            seen[target][uri, method].add(status)
            return


def table() -> Iterator[tuple[str, str, int]]:
    """The rows of the table."""
    for uri, methods in STATUSES.items():
        for method, statuses in methods.items():
            for status in statuses.split():
                yield uri, method, int(status)
