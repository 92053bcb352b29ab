"""JSON: bytes to values and back."""

from __future__ import annotations

from typing import Any

import msgspec

from rapier.representation.reading import DEEPEST, MOST_VALUES, NotReadable, TooMany, not_too_deep
from rapier.representation.registry import Representation

encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def decode(body: bytes) -> Any:
    """The value in `body`, nested as deep as the parser bears. Raises `NotReadable`."""
    # Each value but the first follows one of these. They count in texts as well, which hold as many in no real body.
    if len(body) > MOST_VALUES and sum(map(body.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise TooMany
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise NotReadable(str(problem)) from problem


def _encode_shaped(value: Any, shape: Any) -> bytes:
    return encode(value)


def _decode_shaped(body: bytes, shape: Any) -> Any:
    """The value in `body`. Few bodies hold enough brackets to be too deep; only those are walked."""
    value = decode(body)
    return value if body.count(b"[") + body.count(b"{") <= DEEPEST else not_too_deep(value)


JSON = Representation(
    name="json",
    media_type="application/json",
    encode=_encode_shaped,
    decode=_decode_shaped,
    problem_media_type="application/problem+json",
    encode_problem=encode,
)
