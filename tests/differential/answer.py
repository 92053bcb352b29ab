"""What one of the two answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What came back: `body` as JSON, or as bytes where it is none."""

    status: int
    headers: Mapping[str, str]
    body: Any
    raw: bytes

    @property
    def message(self) -> str:
        """That of an error."""
        return str(self.body.get("message")) if self.status >= 400 and isinstance(self.body, dict) else ""

    def __str__(self) -> str:
        head = "".join(f"{name}: {value}\n" for name, value in self.headers.items())
        return f"{self.status}\n{head}\n{self.raw.decode(errors='replace')[:3000]}"
