"""What browsers need of a server that takes Basic credentials: whose pages may write, and which may read answers.

A browser sends the credentials that its user once gave with whatever goes to this server, also with a form that a page
of somebody else sends; and an action may have no body, so that such a form is a whole request. But the browser says
whose page it was, and a page cannot change that: by `Origin` (RFC 6454), and newer ones by `Sec-Fetch-Site` (W3C Fetch
Metadata). Programs that are no browsers send neither, and are not concerned.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from http import HTTPStatus

from starlette.types import Scope

from rapier.api.http import Headers, Rejection, header

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# `same-site` is no better than `cross-site`: every port of a host is one site, and every host of a domain.
FOREIGN_SITES = frozenset({b"cross-site", b"same-site"})
DEFAULT_PORTS = {"http": 80, "https": 443}

_parts = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?").fullmatch

_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, HEAD, PUT, POST, DELETE"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, If-Match, If-None-Match, Prefer, Idempotency-Key, X-Request-Id, traceparent",
    ),
    (b"access-control-max-age", b"600"),
]
_EXPOSED: Headers = [
    (b"access-control-expose-headers", b"ETag, Location, Link, Preference-Applied, X-Request-Id, Retry-After")
]
_VARY: Headers = [(b"vary", b"Origin")]


def origin(text: str) -> str | None:
    """An origin as browsers write it, `https://host` or `https://host:8443`; `None` for what is none, as `null`."""
    found = _parts(text.lower())
    if found is None:
        return None
    scheme, host, port = found.groups()
    if host.startswith("["):
        try:
            host = f"[{ipaddress.IPv6Address(host[1:-1])}]"
        except ValueError:
            return None
    number = int(port) if port else DEFAULT_PORTS.get(scheme)
    return f"{scheme}://{host}" if number == DEFAULT_PORTS.get(scheme) else f"{scheme}://{host}:{number}"


class Origins:
    """Whose pages are trusted: this server's own, and those of the origins that the configuration names."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """`allowed` as `origin` writes them."""
        self._allowed = frozenset(allowed)

    def rejection(self, scope: Scope) -> Rejection | None:
        """Why this request may not be carried out, whoever sent it: it is a write, and the page is not trusted."""
        if scope["method"] in SAFE_METHODS:
            return None
        given = [value for name, value in scope["headers"] if name == b"origin"]
        pages = [origin(value.decode("latin-1")) for value in given]
        if given and all(page in self._allowed for page in pages):
            return None  # Sec-Fetch-Site is `cross-site` here, as it should be
        if all(page is not None and page == _own(scope) for page in pages):
            if header(scope, b"sec-fetch-site") not in FOREIGN_SITES:
                return None
            what = "a page of another site"
        else:
            what = f"a page of {given[0].decode('latin-1'):.100}"
        return Rejection(
            HTTPStatus.FORBIDDEN,
            f"This write comes from {what}: only pages of this server, and of the origins that its configuration "
            "names (allowed-origins), may write",
            "foreign-origin",
        )

    def is_preflight(self, scope: Scope) -> bool:
        """Whether a browser asks, before a request of a page and without credentials, if it may send it (Fetch 4.8)."""
        return (
            scope["method"] == "OPTIONS"
            and header(scope, b"origin") is not None
            and header(scope, b"access-control-request-method") is not None
        )

    def preflight_headers(self, scope: Scope) -> Headers | None:
        """What is answered to a preflight, beside `readable_headers`; `None` where its page may not read here."""
        return _PREFLIGHT if self._allowed_page(scope) else None

    def readable_headers(self, scope: Scope) -> Headers:
        """What makes an answer readable for the page that asks, where the configuration names its origin."""
        if not self._allowed:
            return []
        page = self._allowed_page(scope)
        # a cache must not give one page's answer to another, nor an answer without the permission to a page
        return [(b"access-control-allow-origin", page), *_EXPOSED, *_VARY] if page else _VARY

    def _allowed_page(self, scope: Scope) -> bytes | None:
        page = header(scope, b"origin")
        return page if page is not None and origin(page.decode("latin-1")) in self._allowed else None


def _own(scope: Scope) -> str | None:
    """This server's origin, as the client that sent this request knows it."""
    host = header(scope, b"host")
    return None if host is None else origin(f"{scope['scheme']}://{host.decode('latin-1')}")
