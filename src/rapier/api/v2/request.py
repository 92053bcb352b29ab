"""One version 2 request, as handlers see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rapier.api.trail import Cause
from rapier.api.v2.errors import bad_request
from rapier.cluster.cluster import Cluster


@dataclass(slots=True)
class Request:
    """What was asked.

    `target` is path and query as they came, `names` the variable parts of the path, `query` the arguments with a value.
    """

    cluster: Cluster
    cause: Cause
    target: str
    names: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: Any
    draining: asyncio.Event
    gone: Callable[[], Awaitable[None]]  # returns when the client has left

    def flag(self, name: str, default: int = 0) -> bool:
        """A query argument that is a number, taken as yes or no. Raises a 400 that names it."""
        try:
            return bool(int(self.query.get(name, [default])[0]))
        except ValueError:
            raise bad_request(f"Invalid value for the '{name}' parameter") from None

    def text(self, name: str, default: str | None = None) -> str | None:
        """A query argument as it stands."""
        values = self.query.get(name)
        return values[0] if values else default

    def texts(self, name: str) -> list[str]:
        """All values of a query argument that may be repeated."""
        return self.query.get(name, [])

    def member(self, name: str, *default: Any) -> Any:
        """A member of the body. Raises a 400 that names it when it is missing and there is no default."""
        if isinstance(self.body, dict) and name in self.body:
            return self.body[name]
        if default:
            return default[0]
        raise bad_request(f"Required parameter '{name}' is missing")


def check_type(value: Any, wanted: type, what: str) -> None:
    """Raises stock's 400 for a value of another type."""
    if not isinstance(value, wanted):
        raise bad_request(f"{what}: Type is '{type(value).__name__}', but '{wanted.__name__}' is expected")
