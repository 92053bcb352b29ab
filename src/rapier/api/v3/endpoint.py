"""From an ASGI request to an operation of version 3, and its answer back. The URIs themselves are in `routes`.

Refusals come in this order: path, method, rights, representation, cluster, query, body, precondition's form; then the
operation has its say, and last of all whether the precondition holds.
"""

from __future__ import annotations

import asyncio
import logging
import re
import urllib.parse
from http import HTTPStatus
from typing import NamedTuple

from starlette.requests import ClientDisconnect
from starlette.routing import Route as StarletteRoute
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from rapier.access.rights import READER, WRITER
from rapier.api.admission import Admission
from rapier.api.browsers import SAFE_METHODS
from rapier.api.http import ClientLeft, PlainAnswer, first_of, gone, header_list, target_of
from rapier.api.trail import cause_of
from rapier.api.v3 import pages
from rapier.api.v3.negotiation import Negotiation, query_of
from rapier.api.v3.operations import Operation
from rapier.api.v3.preconditions import Preconditions, entity_tag, preconditions_of
from rapier.api.v3.problems import Problem, method_not_allowed, not_found, problem_for
from rapier.api.v3.request import FORMAT, Answer, Request, read_arguments
from rapier.api.v3.routes import RESERVED, Route, routes_of
from rapier.api.v3.settings import Settings
from rapier.cluster.cluster import Cluster
from rapier.errors import GanetiError, MasterError, SubmissionLost
from rapier.representation.registry import Representation

log = logging.getLogger(__name__)

NO_STORE = ("cache-control", "no-store")
NO_CACHE = ("cache-control", "no-cache")
VARY = ("vary", "Accept")


class Rendered(NamedTuple):
    """An answer as bytes, before it is known whether the client has it already."""

    status: HTTPStatus
    body: bytes
    headers: list[tuple[str, str]]
    tag: str | None


class Endpoint:
    """One URI, as an ASGI application. Who asks, and how the request is called, is in the scope's state."""

    def __init__(self, cluster: Cluster, route: Route, settings: Settings) -> None:
        self._cluster = cluster
        self._route = route
        self._settings = settings
        self._negotiation = Negotiation(settings.representations)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["route"] = self._route.uri
        try:
            answer = await self._answer(scope, receive)
        except (ClientDisconnect, ClientLeft):
            return
        except Exception as problem:
            answer = self._negotiation.refused(_problem(problem, scope), scope)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> PlainAnswer:
        method = scope["method"]
        if method == "OPTIONS":
            return PlainAnswer(HTTPStatus.NO_CONTENT, None, b"", [(b"allow", ", ".join(self._route.allow).encode())])
        operation = self._route.methods.get("GET" if method == "HEAD" else method)
        if operation is None:
            raise _wrong_method(method, self._route)
        admission: Admission = scope["state"]["admission"]
        if rejection := admission.rejection(READER if method in SAFE_METHODS else WRITER):
            raise Problem(rejection.slug, f"The users file gives {scope['state']['user']!r} no right to {method} here")
        representation = self._negotiation.wanted(scope)
        names = {name: _unescaped(value) for name, value in scope.get("path_params", {}).items()}
        cluster_name, own_name = await self._cluster_name(names.pop("cluster", None))
        arguments = read_arguments(query_of(scope), {**operation.arguments, "format": FORMAT})
        body = await self._negotiation.body(scope, receive, operation)
        state, cause = scope["state"], cause_of(scope)
        request = Request(
            cluster=self._cluster,
            cluster_name=cluster_name,
            cluster_names=tuple(filter(None, (own_name, self._settings.alias))),
            user=cause.user,
            may_write=admission.rejection(WRITER) is None,
            request_id=cause.request_id,
            trail=cause.trail,
            names=names,
            query=arguments,
            body=body,
            preconditions=preconditions_of(scope),
            demands_precondition=self._settings.demand_preconditions,
            wait_seconds=_preferred_wait(scope, self._settings.longest_wait_seconds),
            longest_wait_seconds=self._settings.longest_wait_seconds,
            draining=state.get("draining") or asyncio.Event(),
            gone=lambda: gone(receive),
            told=state,
        )
        rendered = await self._rendered(request, operation, representation, target_of(scope))
        return _conditional(rendered, request.preconditions, representation, method)

    async def _rendered(
        self, request: Request, operation: Operation, representation: Representation, target: str
    ) -> Rendered:
        async def make() -> Rendered:
            return _render(await operation.handle(request), representation)

        if not operation.shared:
            return await make()
        sharing = self._cluster.read(("v3", target, representation.name), make)
        if not operation.slow:
            return await sharing
        rendered = await first_of(sharing, request.gone())
        if rendered is None:
            raise ClientLeft
        return rendered

    async def _cluster_name(self, asked: str | None) -> tuple[str, str]:
        """The cluster's name as the URI has it, and as it is; both empty where there is none in it. Raises a 404."""
        if asked is None:
            return "", ""
        alias = self._settings.alias
        name = await self._cluster.objects.cluster_name(None if asked == alias else asked)
        if asked in RESERVED:
            raise not_found(
                f"{asked!r} is a word of the API's own and names no cluster; one that is called so is reached by "
                "another name that the daemon gives it (--cluster-alias)"
            )
        if asked not in (name, alias):
            raise not_found(f"There is no cluster {asked!r} here; there is {name!r}")
        return asked, name


def _unescaped(segment: str) -> str:
    """A segment of the path. Raises a 400 for an escape that is none."""
    if "%" not in segment:
        return segment
    try:
        if not re.search("%(?![0-9A-Fa-f]{2})", segment):
            return urllib.parse.unquote(segment, errors="strict")
    except UnicodeDecodeError:
        pass
    raise Problem("malformed", f"The path holds an escape that is none: {segment!r}")


_PREFERENCE = re.compile(
    r'\s*+([^\s=;,"]++)\s*+(?:=\s*+(?:"([^"]*+)"|([^\s=;,"]*+)))?+[^,"]*+(?:"[^"]*+"[^,"]*+)*+(?:,|$)'
)


def _preferred_wait(scope: Scope, longest: int) -> int | None:
    """`Prefer: wait=N` (RFC 7240 4.3), at most what the server holds out. The first of several counts."""
    prefer = header_list(scope, b"prefer")
    if prefer is None:
        return None
    for name, quoted, plain in _PREFERENCE.findall(prefer[:4096]):
        seconds = quoted or plain
        if name.lower() == "wait" and seconds.isascii() and seconds.isdigit():
            return min(int(seconds[:9]), longest)
    return None


def _wrong_method(method: str, route: Route) -> Problem:
    return method_not_allowed(f"{method} is not among {', '.join(route.allow)}", route.allow)


def _problem(error: Exception, scope: Scope) -> Problem:
    """What is said of what went wrong; a fault of our own is logged."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, (GanetiError, MasterError, SubmissionLost)):
        return problem_for(error)
    log.error("%s %.200r failed", scope["method"], scope["raw_path"], exc_info=error)
    return Problem("internal-error", "The server's log says more")


# -- making the answer -----------------------------------------------------------------------------------------------


def _render(answer: Answer, representation: Representation) -> Rendered:
    body = representation.encode(answer.value, answer.shape)
    headers = [*answer.headers, VARY]
    tag = None
    if answer.stamp is not None:
        tag = entity_tag(answer.stamp, body, representation.media_type)
        headers.append(("etag", tag))
    headers.append(NO_STORE if answer.volatile else NO_CACHE)
    return Rendered(answer.status, body, headers, tag)


def _conditional(
    rendered: Rendered, preconditions: Preconditions, representation: Representation, method: str
) -> PlainAnswer:
    """The answer, or 304 where the client has it already; 412 where a read is wanted only of another state."""
    headers = [(name.encode(), value.encode("latin-1")) for name, value in rendered.headers]
    if method in ("GET", "HEAD") and rendered.tag is not None:
        stamp = rendered.tag[1:].partition(".")[0]
        if preconditions.if_match is not None and not preconditions.if_match.name_stamp(stamp):
            raise Problem(
                "precondition-failed", "It is not what If-Match says", headers=[(b"etag", rendered.tag.encode())]
            )
        if preconditions.if_none_match is not None and preconditions.if_none_match.name_tag(rendered.tag):
            return PlainAnswer(HTTPStatus.NOT_MODIFIED, None, b"", headers)
    return PlainAnswer(rendered.status, representation.media_type.encode(), rendered.body, headers)


def application(cluster: Cluster, settings: Settings) -> ASGIApp:
    """Version 3 over one cluster. Paths are matched as they came, escapes are undone in each segment by itself."""
    negotiation = Negotiation(settings.representations)

    async def unknown(scope: Scope, receive: Receive, send: Send) -> None:
        await negotiation.refused(not_found(f"There is nothing at {scope['path']!r}"), scope)(scope, receive, send)

    routes = routes_of(settings.kinds)
    endpoints = [StarletteRoute(route.uri, endpoint=Endpoint(cluster, route, settings)) for route in routes]
    own_pages = pages.routes_of(routes, settings.representations)
    router = Router([*own_pages, *endpoints], redirect_slashes=False, default=unknown)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await router(dict(scope, path=scope["raw_path"].decode("latin-1")), receive, send)

    return application
