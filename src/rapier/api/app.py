"""The application: what comes before any version of the API. Then the version that was asked answers.

In this order: the request's id, which every answer carries; whose page sent it, where a browser did; which user it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from rapier.access.basic import REALM, read_basic
from rapier.access.doorkeeper import Doorkeeper
from rapier.access.rights import NONE
from rapier.api import trace
from rapier.api.admission import Admission
from rapier.api.browsers import Origins
from rapier.api.http import Headers, PlainAnswer, Rejection, header
from rapier.api.unversioned import Exposition, Unversioned
from rapier.api.v2.endpoint import application as v2_application
from rapier.api.v2.endpoint import rejected as v2_rejected
from rapier.api.v2.errors import error_body
from rapier.api.v3.endpoint import application as v3_application
from rapier.api.v3.negotiation import Negotiation, problem_of_the_server
from rapier.api.v3.settings import Settings
from rapier.cluster.cluster import Cluster
from rapier.errors import AccessBusy, AccessDenied

log = logging.getLogger(__name__)

ANSWER_HEADERS = "answer_headers"  # a list in the scope's state; the server puts these into every answer, also its own
SIDE = "side"  # true in the state of a request that came to an address beside, where nobody is asked for a password
REREAD_ON_HANGUP = "reread_on_hangup"  # a list in the lifespan's state; the server awaits what is in it after SIGHUP
CHALLENGE = (b"www-authenticate", f'Basic realm="{REALM}"'.encode())
CHALLENGE_WITH_CHARSET = (b"www-authenticate", f'Basic realm="{REALM}", charset="UTF-8"'.encode())
NOBODY = ""  # the name of a user that is not known
FORBIDDEN = Rejection(HTTPStatus.FORBIDDEN, "", "forbidden")


class Version(NamedTuple):
    """A version of the API, as the application needs it: who answers, and how it says no to what never gets there."""

    answer: ASGIApp
    rejected: Callable[[Scope, Rejection], ASGIApp]
    challenge: tuple[bytes, bytes]
    cross_origin: bool  # whether pages of configured origins may read its answers


class Application:
    """ASGI application over one cluster. Nothing of a request but its head is looked at before its user is known."""

    def __init__(
        self,
        connect: Callable[[], Cluster],
        doorkeeper: Doorkeeper,
        origins: Origins,
        settings: Settings,
        exposition: Exposition | None = None,
        *,
        anonymous_reads: bool = False,
    ) -> None:
        """`connect` is called when the event loop runs. The doorkeeper is closed at the end, as the cluster is.

        `settings` are those of version 3; `anonymous_reads` concern version 2 alone. Without an `exposition` there are
        no metrics.
        """
        self._connect = connect
        self._doorkeeper = doorkeeper
        self._origins = origins
        self._settings = settings
        self._exposition = exposition
        self._anonymous_reads = anonymous_reads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        scope.get("state", {}).setdefault(REREAD_ON_HANGUP, []).append(self._doorkeeper.reread_users)
        self._cluster = self._connect()
        if self._exposition is not None:
            await self._exposition.start(self._cluster)
        self._unversioned = Unversioned(self._cluster.ready, self._exposition)
        self._v2 = Version(v2_application(self._cluster), v2_rejected, CHALLENGE, cross_origin=False)
        v3 = v3_application(self._cluster, self._settings)
        v3_rejected = Negotiation(self._settings.representations).rejected
        self._v3 = Version(v3, v3_rejected, CHALLENGE_WITH_CHARSET, cross_origin=True)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._exposition is not None:
            await self._exposition.close()
        await self._cluster.close()
        self._doorkeeper.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _version(self, scope: Scope) -> Version:
        return self._v3 if _is_version_3(scope["raw_path"]) else self._v2

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        request_id = trace.request_id(scope["headers"])
        state["request_id"] = request_id
        trace.begin(request_id)
        common: Headers = state.setdefault(ANSWER_HEADERS, [])
        common.append((trace.HEADER, request_id.encode("ascii")))
        if state.get(SIDE):
            await self._unversioned.beside(scope, receive, send)
            return
        if health := self._unversioned.open.get(scope["raw_path"]):
            await health(scope, receive, send)
            return
        version = self._version(scope)
        if version.cross_origin:
            common += self._origins.readable_headers(scope)
        answer = await self._admitted(scope, version)
        await answer(scope, receive, send)

    async def _admitted(self, scope: Scope, version: Version) -> ASGIApp:
        """Who answers: the version that was asked, where the request may get there, and then the state has its user,
        and what that may do."""
        if rejection := self._origins.rejection(scope):
            return version.rejected(scope, rejection)
        if version.cross_origin and self._origins.is_preflight(scope):
            allowed = self._origins.preflight_headers(scope)
            if allowed is None:
                return version.rejected(scope, _NO_PREFLIGHT)
            return PlainAnswer(HTTPStatus.NO_CONTENT, None, b"", allowed)
        return await self._known(scope, version)

    async def _known(self, scope: Scope, version: Version) -> ASGIApp:
        """Who answers, now that somebody is known to be a user, or not to be one. Stock's order, on version 2.

        There without credentials it is 401 before anything else, unless reads are anonymous. But before a password is
        said to be wrong a path or a method may be said to be unknown, so that version 2 is asked with it.
        """
        state = scope["state"]
        closed = self._unversioned.closed.get(scope["raw_path"])
        of_version_2 = version is self._v2 and closed is None
        authorization = header(scope, b"authorization")
        refusal = _unauthorized(authorization, version.challenge)
        anonymous_reads = self._anonymous_reads and of_version_2
        if authorization is None and anonymous_reads:
            state["user"], state["admission"] = NOBODY, Admission(NONE, refusal)
            return version.answer
        address = scope["client"][0] if scope["client"] else ""
        user = self._doorkeeper.recall(authorization, address)
        if user is None:
            try:
                user = await self._doorkeeper.admit(authorization, address)
            except AccessBusy as problem:
                return version.rejected(scope, Rejection(HTTPStatus.SERVICE_UNAVAILABLE, str(problem), "too-busy"))
            except AccessDenied:
                if not anonymous_reads and not (of_version_2 and read_basic(authorization)):
                    return version.rejected(scope, refusal)
                state["user"], state["admission"] = NOBODY, Admission(None, refusal)
                return version.answer
        state["user"], state["admission"] = user, Admission(self._doorkeeper.rights_of(user), FORBIDDEN)
        return closed or version.answer


_NO_PREFLIGHT = Rejection(
    HTTPStatus.FORBIDDEN,
    "Pages of this origin may not use the API: the configuration (allowed-origins) does not name it",
    "foreign-origin",
)


def _unauthorized(authorization: bytes | None, challenge: tuple[bytes, bytes]) -> Rejection:
    """Stock's answer to who was not admitted: a 400 where the header names the scheme and nothing else."""
    if authorization is not None and authorization.strip().lower() == b"basic":
        return Rejection(HTTPStatus.BAD_REQUEST, "Basic authentication requires credentials", "malformed")
    return Rejection(HTTPStatus.UNAUTHORIZED, "", "unauthorized", [challenge])


def refusal_of_the_server(status: int, text: str, target: bytes) -> tuple[str, bytes]:
    """Content type and body of what the server refuses by itself, before there is a request to route."""
    if _is_version_3(target.partition(b"?")[0]):
        return problem_of_the_server(HTTPStatus(status), text)
    return "application/json", error_body(HTTPStatus(status), text)


def _is_version_3(path: bytes) -> bool:
    return path.startswith(b"/3") and path[2:3] in (b"", b"/")
