"""What every format owes to whoever reads a body: one error, and bounds on nesting and on the number of values."""

from __future__ import annotations

from typing import Any

DEEPEST = 64
"""How many lists and maps may lie inside one another."""
MOST_VALUES = 100_000
"""How many values a body may hold. Millions of the smallest, such as `[]`, would hold up everybody for seconds."""


class NotReadable(ValueError):
    """A body that its format cannot read.

    `pointer` is the JSON Pointer (RFC 6901) of the value it is about, where the format can tell; `""` is the body as
    a whole.
    """

    def __init__(self, problem: str, pointer: str = "") -> None:
        super().__init__(f"{pointer}: {problem}" if pointer else problem)
        self.pointer = pointer


class TooMany(NotReadable):
    """A body of more than `MOST_VALUES` values."""

    def __init__(self) -> None:
        super().__init__(f"more than {MOST_VALUES:,} values")


def not_too_deep(value: Any) -> Any:
    """`value`, if no more than `DEEPEST` lists and maps lie inside one another in it. Raises `NotReadable`."""
    level = [value]
    for _ in range(DEEPEST):
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
        if not level:
            return value
    raise NotReadable(f"nested deeper than {DEEPEST} levels")


def _children(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
