"""From an ASGI request to a handler of version 2, and its answer back. The URIs themselves are in `routes`."""

from __future__ import annotations

import asyncio
import logging
import re
import urllib.parse
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from rapier.api.http import ClientLeft, PlainAnswer, Rejection, gone, has_body, header, target_of
from rapier.api.trail import cause_of
from rapier.api.v2 import rights
from rapier.api.v2.errors import Refusal, bad_request, error_body, not_found, refusal_for
from rapier.api.v2.reads import ByJob, Handler, body_of
from rapier.api.v2.request import Request
from rapier.api.v2.routes import ROUTES
from rapier.api.v2.writes import Submit
from rapier.cluster.cluster import Cluster
from rapier.errors import GanetiError, MasterError
from rapier.ganeti import private
from rapier.representation import json
from rapier.representation.reading import NotReadable, TooMany

log = logging.getLogger(__name__)

_names_json = re.compile(rb'application/json\s*(;\s*charset="?utf-8"?\s*)?', re.IGNORECASE).fullmatch

JSON = b"application/json"
# Programs exist that never read the answer to a write, and send the next request on the same connection: as in stock,
# the connection of a write ends with its answer.
KEPT_ALIVE_METHODS = frozenset({"GET", "HEAD"})


class _Name(Convertor[str]):
    """The names of objects, as stock's patterns have them. An escape in a path is no part of a name."""

    regex = r"[\w._-]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class _Number(_Name):
    regex = r"\d+"


register_url_convertor("name", _Name())
register_url_convertor("number", _Number())


class Endpoint:
    """One URI: its handlers by method, as an ASGI application. Who asks is in the scope's state."""

    def __init__(self, cluster: Cluster, uri: str, handlers: Mapping[str, Handler]) -> None:
        self._cluster = cluster
        self._route = without_convertors(uri)
        self._handlers = handlers
        self._needed = {method: rights.needed(method, uri) for method in handlers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["route"] = self._route
        try:
            answer = await self._answer(scope, receive)
        except (ClientDisconnect, ClientLeft):
            return
        except Refusal as refusal:
            answer = refused(refusal, scope["method"])
        except (GanetiError, MasterError) as problem:
            answer = refused(refusal_for(problem), scope["method"])
        except Exception:
            log.exception("%s %.200r failed", scope["method"], scope["raw_path"])
            answer = refused(Refusal(HTTPStatus.INTERNAL_SERVER_ERROR), scope["method"])
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> PlainAnswer:
        method = scope["method"]
        meant = "GET" if method == "HEAD" else method
        handler = self._handlers.get(meant)
        # HEAD has no effects (RFC 9110 9.2.1), and there are reads that make a job
        if handler is None or (method == "HEAD" and isinstance(handler, Submit | ByJob)):
            raise Refusal(HTTPStatus.NOT_IMPLEMENTED, f"Method {method} is unsupported for path {target_of(scope)}")
        state = scope["state"]
        if rejection := state["admission"].rejection(self._needed[meant]):
            raise Refusal(rejection.status, rejection.text, rejection.headers)
        request = Request(
            cluster=self._cluster,
            cause=cause_of(scope),
            target=target_of(scope),
            names=scope.get("path_params", {}),
            query=urllib.parse.parse_qs(query) if (query := scope["query_string"].decode("latin-1")) else {},
            body=await _body(scope, receive),
            draining=state.get("draining") or asyncio.Event(),
            gone=lambda: gone(receive),
        )
        value = await handler(request)
        if type(value) is int and (method != "GET" or isinstance(handler, Submit)):
            state["job"] = value
        return _answered(HTTPStatus.OK, body_of(value), method)


def without_convertors(uri: str) -> str:
    """A route's URI as it is told of: `/2/nodes/{node}`, without the kind of the variable part."""
    return re.sub(r":\w+}", "}", uri)


async def _body(scope: Scope, receive: Receive) -> Any:
    """The body's value, `None` where there is no body. Its type is looked at only where there is one."""
    if not has_body(scope):
        return None
    body = await HTTPRequest(scope, receive).body()
    if not body:
        return None
    if not _names_json(header(scope, b"content-type") or b""):
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        value = json.decode(body)
    except TooMany as problem:
        raise bad_request(f"The body holds {problem}") from None
    except NotReadable:
        raise bad_request("Unable to parse JSON data") from None
    if private.MARK in body:
        private.none_for_null(value)
    return value


def _answered(
    status: HTTPStatus, body: bytes, method: str, headers: list[tuple[bytes, bytes]] | None = None
) -> PlainAnswer:
    closing = [] if method in KEPT_ALIVE_METHODS else [(b"connection", b"close")]
    return PlainAnswer(status, JSON, body, [*(headers or []), *closing])


def refused(refusal: Refusal, method: str) -> PlainAnswer:
    """The answer that says no, in stock's words."""
    return _answered(refusal.status, error_body(refusal.status, refusal.text), method, refusal.headers)


def rejected(scope: Scope, rejection: Rejection) -> ASGIApp:
    """The answer to a request that was stopped before this version saw it."""
    return refused(Refusal(rejection.status, rejection.text, rejection.headers), scope["method"])


async def _unknown_path(scope: Scope, receive: Receive, send: Send) -> None:
    await refused(not_found(), scope["method"])(scope, receive, send)


def application(cluster: Cluster) -> ASGIApp:
    """Version 2 over one cluster. Matches paths as they came: to stock, `%2F` and a slash at the end are 404."""
    endpoints = {uri: Endpoint(cluster, uri, handlers) for uri, handlers in ROUTES.items()}
    router = Router(
        [Route(uri, endpoint=endpoint) for uri, endpoint in endpoints.items()],
        redirect_slashes=False,
        default=_unknown_path,
    )

    # what has no variable part needs no search
    fixed: dict[str, ASGIApp] = {uri: endpoint for uri, endpoint in endpoints.items() if "{" not in uri}

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1")
        await fixed.get(path, router)(dict(scope, path=path), receive, send)

    return application
