"""JSON as stock writes it, to the blank: scripts exist that look for `"status": "success"` in it."""

from __future__ import annotations

import json
from typing import Any

# Blanks behind commas and colons, and escapes for all that is not ASCII, are what Python does when it is not asked
_encode = json.JSONEncoder().encode


def text_of(value: Any) -> bytes:
    """The text of a body, with the line end that stock's have."""
    return _encode(value).encode("ascii") + b"\n"
