"""Which statuses a target gave, for each URI and method of version 2: as its log says, and as the tests were answered.

Stock's log has a line for each 200 and for nothing else.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from conformance.statuses import STATUSES

Row = tuple[str, str, int]  # URI, method, status

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
# A request's line: method, path, status
_STOCKS_LINE = re.compile(r" INFO [\d.]+:\d+ ([A-Z]+) (/[^ ?]*)(?:\?.*)? HTTP/\d\.\d (\d+)$", re.MULTILINE)
_RAPIERS_LINE = re.compile(r" rapier\.requests: .*? ([A-Z]+) (/\S*) (\d+) \d+ B ", re.MULTILINE)


answered: defaultdict[str, set[Row]] = defaultdict(set)


def note(target: str, method: str, asked: str, status: int) -> None:
    """An answer of the target to a test."""
    uri = _uri_of(asked.partition("?")[0])
    if method in STATUSES.get(uri, ()):
        answered[target].add((uri, method, status))


def statuses_in(log: Path, since: int) -> set[Row]:
    """The statuses in a log from a byte on. What is no URI of version 2, or no method there, is not in the table."""
    with log.open("rb") as file:
        file.seek(since)
        text = file.read().decode(errors="replace")
    found = {*_STOCKS_LINE.findall(text), *_RAPIERS_LINE.findall(text)}
    rows = {(_uri_of(path), method, int(status)) for method, path, status in found}
    return {(uri, method, status) for uri, method, status in rows if method in STATUSES.get(uri, ())}


def _uri_of(path: str) -> str:
    return next((uri for uri, pattern in _PATTERNS if pattern.fullmatch(path)), "")


def table() -> Iterator[Row]:
    """The rows of the table."""
    for uri, methods in STATUSES.items():
        for method, statuses in methods.items():
            for status in statuses.split():
                yield uri, method, int(status)
