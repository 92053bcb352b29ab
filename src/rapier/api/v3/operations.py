"""What a method does on a resource: the frame that every operation fills, and from which its description is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rapier.api.v3.request import Answer, Argument, Request

Handler = Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True, eq=False)
class Operation:
    """One method of one resource.

    `body` is the shape of the request's body, `None` where it takes none; `answers` what a good answer may be, by
    status. `problems` are the types that are its own, beside those that any request may meet. `shared`: a read whose
    equal requests share an answer, since it hangs on nothing but the URI;
    `slow`: one that may take so long that its client leaves.
    """

    handle: Handler
    summary: str
    answers: Mapping[int, Any]
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    body: Any = None
    problems: tuple[str, ...] = ()
    writes: bool = False
    shared: bool = False
    slow: bool = False
