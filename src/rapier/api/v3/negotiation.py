"""Which representation a request wants, which one its body has, and problems in the one that is wanted."""

from __future__ import annotations

import urllib.parse
from http import HTTPStatus
from typing import Any

from starlette.requests import Request as HTTPRequest
from starlette.types import Receive, Scope

from rapier.api.http import Headers, PlainAnswer, Rejection, has_body, header, header_list
from rapier.api.v3.operations import Operation
from rapier.api.v3.problems import TYPES, Problem, unprocessable
from rapier.api.v3.request import NOTHING
from rapier.representation import json
from rapier.representation.reading import NotReadable
from rapier.representation.registry import Registry, Representation


def query_of(scope: Scope) -> dict[str, list[str]]:
    """The query string's arguments, an empty value for one without. Raises a 400 for what cannot be read."""
    text = scope["query_string"].decode("latin-1")
    if not text:
        return {}
    try:
        return urllib.parse.parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError:
        raise Problem("malformed", "The query string holds an escape that is no UTF-8, or too much") from None


class Negotiation:
    """Over the representations there are."""

    def __init__(self, known: Registry) -> None:
        self.known = known

    @property
    def media_types(self) -> list[str]:
        """Of all of them."""
        return [one.media_type for one in self.known]

    def wanted(self, scope: Scope) -> Representation:
        """What the client wants to have: by `?format=`, else by Accept (RFC 9110 12.5.1). Raises a 406."""
        asked = query_of(scope).get("format")
        accept = header_list(scope, b"accept")
        found = self.known.negotiate(accept) if asked is None else self.known.by_name(asked[-1])
        if found is None:
            said = accept if asked is None else f"format={asked[-1]}"
            raise Problem(
                "not-acceptable", f"There is no representation that is {said}", {"available": self.media_types}
            )
        return found

    async def body(self, scope: Scope, receive: Receive, operation: Operation) -> Any:
        """The body as plain values; `NOTHING` where there is none. Raises a 415, 422 or 400."""
        body = await HTTPRequest(scope, receive).body() if has_body(scope) else b""
        if not body:
            return NOTHING
        if operation.body is None:
            raise unprocessable("This takes no body")
        content_type = header(scope, b"content-type")
        media_type = None if content_type is None else content_type.decode("latin-1")
        found = None if media_type is None else self.known.by_media_type(media_type)
        if found is None or found.decode is None:
            raise Problem(
                "unsupported-media-type",
                "The Content-Type is missing" if media_type is None else f"{media_type} cannot be read here",
                {"available": self.media_types},
                headers=[(b"accept", ", ".join(self.media_types).encode())],  # RFC 9110 15.5.16
            )
        try:
            return found.decode(body, operation.body)
        except NotReadable as problem:
            raise Problem("malformed", str(problem)) from None

    def refused(self, problem: Problem, scope: Scope) -> PlainAnswer:
        """The answer that says no, as a problem document (RFC 9457)."""
        try:
            representation = self.known.for_problems(self.wanted(scope))
        except Problem:
            representation = self.known.default
        kind = problem.type
        headers: Headers = [*problem.headers, (b"vary", b"Accept"), (b"cache-control", b"no-store")]
        if kind.retry_after_seconds is not None:
            headers.append((b"retry-after", b"%d" % kind.retry_after_seconds))
        body = problem.body() | {"request_id": scope["state"]["request_id"]}
        assert representation.encode_problem is not None
        return PlainAnswer(
            kind.status, representation.problem_media_type.encode(), representation.encode_problem(body), headers
        )

    def rejected(self, scope: Scope, rejection: Rejection) -> PlainAnswer:
        """The answer to a request that does not get to any resource."""
        text = rejection.text or TYPES[rejection.slug].explanation
        return self.refused(Problem(rejection.slug, text, headers=rejection.headers), scope)


# What the server itself refuses, before a request's head is read or while its body comes in
_BY_THE_SERVER = {
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.REQUEST_TIMEOUT: "too-slow",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "content-too-large",
    HTTPStatus.REQUEST_URI_TOO_LONG: "uri-too-long",
    HTTPStatus.TOO_MANY_REQUESTS: "too-many-requests",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "head-too-large",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal-error",
    HTTPStatus.SERVICE_UNAVAILABLE: "too-busy",
}


def problem_of_the_server(status: HTTPStatus, text: str) -> tuple[str, bytes]:
    """Media type and body, in JSON: which representation is wanted may not be known yet."""
    problem = Problem(_BY_THE_SERVER.get(status, "malformed"), text).body() | {"status": int(status)}
    return "application/problem+json", json.encode(problem) + b"\n"
