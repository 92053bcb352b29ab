"""HTTP as every version of the API needs it: plain answers, the target as it came, a client that leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

from starlette.types import Receive, Scope, Send

T = TypeVar("T")
Headers = list[tuple[bytes, bytes]]

SERVER = b"Rapier"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is not even looked at by the version of the API that was asked; each says it in its own shape.

    `text` may be empty; `slug` is the kind of the problem in one word, as the last part of a problem's type.
    """

    status: HTTPStatus
    text: str
    slug: str
    headers: Headers = field(default_factory=list)


class PlainAnswer:
    """An answer whose body is known as a whole; its length is sent, but for a status that has no body."""

    def __init__(
        self, status: HTTPStatus, content_type: bytes | None, body: bytes, headers: Headers | None = None
    ) -> None:
        """Without a content type there is no body, and no length either (204; RFC 9110 8.6)."""
        self.status = status
        self.body = body
        self.headers: Headers = [(b"server", SERVER), *(headers or [])]
        if content_type is not None:
            self.headers += [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": int(self.status), "headers": self.headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that name (in lower case)."""
    for candidate, value in scope["headers"]:
        if candidate == name:
            return value  # type: ignore[no-any-return]
    return None


def header_list(scope: Scope, name: bytes) -> str | None:
    """The values of all headers of that name, joined as one list (RFC 9110 5.3); `None` where there is none."""
    values = [value.decode("latin-1") for candidate, value in scope["headers"] if candidate == name]
    return ", ".join(values) if values else None


def has_body(scope: Scope) -> bool:
    """Whether the request announced a body (RFC 9112 6.3)."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


def target_of(scope: Scope) -> str:
    """Path and query as they came, undecoded."""
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


class ClientLeft(Exception):
    """The client has left while its answer was being made: there is nobody to give it to."""


async def gone(receive: Receive) -> None:
    """Returns when the client has left. The body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def first_of(work: Awaitable[T], *others: Awaitable[object]) -> T | None:
    """What `work` answers or raises; `None` when one of the others ends first. None of them outlives the call."""
    tasks = [asyncio.ensure_future(one) for one in (work, *others)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None  # type: ignore[return-value]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
