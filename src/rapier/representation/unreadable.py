"""What every format says of bytes that it cannot read."""

from __future__ import annotations

from typing import Any

DEEPEST = 64  # nesting; nothing that is meant comes near


class NotReadable(ValueError):
    """The bytes are not of their format, or nested too deep. The text says what is wrong, and where."""


def check_depth(value: Any) -> None:
    """Raises `NotReadable` for lists and dictionaries that are nested too deep."""
    level = [value]
    for _ in range(DEEPEST + 1):
        containers = [one for one in level if isinstance(one, (dict, list))]
        if not containers:
            return
        level = [one for each in containers for one in (each.values() if isinstance(each, dict) else each)]
    raise NotReadable(f"it is nested deeper than {DEEPEST}")
