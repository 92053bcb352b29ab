"""The URIs that belong to no version of the API: health, for anybody, and metrics.

Health tells strangers that something answers here, and not more: no version, no name, no reason. `/healthz` is answered
by this process alone; `/readyz` also says whether the master can be asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from rapier.api.http import Headers, PlainAnswer, header
from rapier.cluster.cluster import Cluster

TEXT = b"text/plain; charset=utf-8"
NO_STORE = (b"cache-control", b"no-store")
METHODS = (b"allow", b"GET, HEAD")

HEALTH = b"/healthz"
READY = b"/readyz"
METRICS = b"/metrics"

Ready = Callable[[], Awaitable[bool]]


class Exposition(Protocol):
    """The metrics, of all workers."""

    async def start(self, cluster: Cluster) -> None:
        """This process serves, over this cluster."""

    async def __call__(self, accept: str) -> tuple[str, bytes]:
        """Content type and text, as an `Accept` header prefers it."""

    async def close(self) -> None:
        """It does no more."""


class Unversioned:
    """`open` is answered to anybody, `closed` to users. Both by path; each is an ASGI application."""

    def __init__(self, ready: Ready, exposition: Exposition | None) -> None:
        self._ready = ready
        self._exposition = exposition
        self.open: Mapping[bytes, ASGIApp] = {HEALTH: self._health, READY: self._readiness}
        self.closed: Mapping[bytes, ASGIApp] = {METRICS: self._metrics} if exposition else {}

    async def beside(self, scope: Scope, receive: Receive, send: Send) -> None:
        """All of them, at an address of their own that asks for no password; nothing else is there."""
        answer = {**self.open, **self.closed}.get(scope["raw_path"])
        if answer is None:
            answer = PlainAnswer(HTTPStatus.NOT_FOUND, TEXT, b"not found\n")
        await answer(scope, receive, send)

    async def _health(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _read(scope, HEALTH, PlainAnswer(HTTPStatus.OK, TEXT, b"ok\n", [NO_STORE]))(scope, receive, send)

    async def _readiness(self, scope: Scope, receive: Receive, send: Send) -> None:
        draining = scope["state"].get("draining")

        def ending() -> bool:
            return draining is not None and draining.is_set()

        # looked at again: the end may have come while the master was asked
        if _readable(scope) and not ending() and await self._ready() and not ending():
            answer = PlainAnswer(HTTPStatus.OK, TEXT, b"ready\n", [NO_STORE])
        else:
            answer = PlainAnswer(HTTPStatus.SERVICE_UNAVAILABLE, TEXT, b"not ready\n", [NO_STORE])
        await _read(scope, READY, answer)(scope, receive, send)

    async def _metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._exposition is not None
        answer = None
        if _readable(scope):
            accepted = (header(scope, b"accept") or b"").decode("latin-1")
            content_type, body = await self._exposition(accepted)
            headers: Headers = [NO_STORE, (b"vary", b"Accept")]
            answer = PlainAnswer(HTTPStatus.OK, content_type.encode("latin-1"), body, headers)
        await _read(scope, METRICS, answer)(scope, receive, send)


def _readable(scope: Scope) -> bool:
    return scope["method"] in ("GET", "HEAD")


def _read(scope: Scope, path: bytes, answer: PlainAnswer | None) -> PlainAnswer:
    """The answer to a read, or to any other method that there is none (RFC 9110 15.5.6)."""
    scope["state"]["route"] = path.decode("ascii")
    if answer is not None and _readable(scope):
        return answer
    return PlainAnswer(HTTPStatus.METHOD_NOT_ALLOWED, TEXT, b"only GET and HEAD\n", [METHODS])
