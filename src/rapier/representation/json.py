"""JSON: bytes to values and back."""

from __future__ import annotations

from typing import Any

import msgspec

encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class NotJSON(ValueError):
    """What came is no JSON, or is nested deeper than anything that is meant."""


def decode(body: bytes) -> Any:
    """The value in `body`. Raises `NotJSON`."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise NotJSON(str(problem)) from problem
