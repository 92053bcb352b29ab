"""The application: who may come in, then which version of the API answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus

from starlette.types import Receive, Scope, Send

from rapier.access.doorkeeper import Doorkeeper
from rapier.api.http import header
from rapier.api.v2.endpoint import application as v2_application
from rapier.api.v2.endpoint import refused
from rapier.api.v2.errors import Refusal, bad_request, error_body
from rapier.api.v3.endpoint import Settings
from rapier.api.v3.endpoint import application as v3_application
from rapier.cluster.cluster import Cluster
from rapier.errors import AccessBusy, AccessDenied

log = logging.getLogger(__name__)

CHALLENGE = (b"www-authenticate", b'Basic realm="Ganeti Remote API"')


class Application:
    """ASGI application over one cluster. Nothing of a request but its head is looked at before its user is known."""

    def __init__(self, connect: Callable[[], Cluster], doorkeeper: Doorkeeper) -> None:
        """`connect` is called when the event loop runs. The doorkeeper is closed at the end, as the cluster is."""
        self._connect = connect
        self._doorkeeper = doorkeeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._cluster = self._connect()
        self._v2 = v2_application(self._cluster)
        self._v3 = v3_application(self._cluster, Settings())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._cluster.close()
        self._doorkeeper.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        authorization = header(scope, b"authorization")
        address = scope["client"][0] if scope["client"] else ""
        user = self._doorkeeper.recall(authorization, address)
        if user is None:
            try:
                user = await self._doorkeeper.admit(authorization, address)
            except AccessBusy as problem:
                await refused(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(problem)), scope["method"])(
                    scope, receive, send
                )
                return
            except AccessDenied:
                refusal = _unauthorized(authorization)
                await refused(refusal, scope["method"])(scope, receive, send)
                return
        scope.setdefault("state", {})["user"] = user
        if scope["raw_path"] == b"/3" or scope["raw_path"].startswith(b"/3/"):
            await self._v3(scope, receive, send)
        else:
            await self._v2(scope, receive, send)


def _unauthorized(authorization: bytes | None) -> Refusal:
    """Stock's answer to who was not admitted: a 400 where the header names the scheme and nothing else."""
    if authorization is not None and authorization.strip().lower() == b"basic":
        return bad_request("Basic authentication requires credentials")
    return Refusal(HTTPStatus.UNAUTHORIZED, headers=[CHALLENGE])


def refusal_of_the_server(status: int, text: str) -> tuple[str, bytes]:
    """Content type and body of what the server refuses by itself, before there is a request to route."""
    return "application/json", error_body(HTTPStatus(status), text)
