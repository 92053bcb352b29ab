"""JSON: bytes to values and back."""

from __future__ import annotations

from typing import Any

import msgspec

from rapier.representation.unreadable import NotReadable, check_depth

encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class NotJSON(NotReadable):
    """What came is no JSON, or is nested deeper than anything that is meant."""


def decode(body: bytes) -> Any:
    """The value in `body`. Raises `NotJSON`."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise NotJSON(str(problem)) from problem


class JSON:
    """As a representation of version 3: the shape is in the values themselves."""

    name = "json"
    media_type = "application/json"
    problem_media_type = "application/problem+json"

    def encode(self, value: Any, shape: Any) -> bytes:
        """The value, and a line's end."""
        return encode(value) + b"\n"

    def encode_problem(self, problem: dict[str, Any]) -> bytes:
        """A problem document (RFC 9457 3)."""
        return encode(problem) + b"\n"

    def decode(self, body: bytes, shape: Any) -> Any:
        """The value in `body`. Raises `NotReadable`."""
        value = decode(body)
        check_depth(value)
        return value
