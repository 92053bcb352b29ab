"""What version 3 says of itself: the description, the reference pages, a page for each problem, the XML schema.

The pages are made from the description and carry what they need: nothing is loaded from elsewhere.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from rapier.api.http import PlainAnswer
from rapier.api.v3.negotiation import problem_of_the_server
from rapier.api.v3.openapi import description, documents_of
from rapier.api.v3.problems import TYPES, ProblemType
from rapier.api.v3.routes import Route as APIRoute
from rapier.representation import xsd
from rapier.representation.registry import Registry

DESCRIPTION = b"application/vnd.oai.openapi+json;version=3.1"
HTML = b"text/html; charset=utf-8"
# nothing but the page's own style: no script, no other site, no frame
POLICY = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
)
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
h1, h2, h3 { line-height: 1.2; } h2 { border-bottom: 1px solid #d0d7de; margin-top: 2.5rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; background: #f6f8fa; border-radius: 4px; }
code { padding: .1em .3em; } pre { padding: .8rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .25rem .6rem;
border-bottom: 1px solid #eaeef2; } th { font-weight: 600; }
.method { font-weight: 700; display: inline-block; min-width: 4.5rem; }
details { margin: .6rem 0; } summary { cursor: pointer; } nav a { margin-right: 1rem; }
@media (prefers-color-scheme: dark) { body { background: #0d1117; color: #e6edf3; }
code, pre { background: #161b22; }
a { color: #58a6ff; } h2, td, th { border-color: #30363d; } }
"""


def _page(title: str, body: str) -> bytes:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style><body>{body}</body></html>"
    ).encode()


# -- reference -------------------------------------------------------------------------------------------------------


def _reference(whole: Any) -> bytes:
    by_tag: dict[str, list[str]] = {}
    for uri, path in whole["paths"].items():
        for method, operation in path.items():
            if method != "parameters":
                text = _operation(uri, method, path, operation, whole)
                by_tag.setdefault(operation["tags"][0], []).append(text)
    links = "".join(f'<a href="#{tag}">{tag}</a>' for tag in by_tag)
    sections = "".join(f'<h2 id="{tag}">{tag}</h2>{"".join(texts)}' for tag, texts in by_tag.items())
    schemas = "".join(_schema(name, schema) for name, schema in sorted(whole["components"]["schemas"].items()))
    problems = "".join(
        f'<tr><td><a href="/3/problems/{kind.slug}">{kind.slug}</a><td>{kind.status}<td>{html.escape(kind.title)}'
        for kind in TYPES.values()
    )
    return _page(
        whole["info"]["title"],
        f"<h1>{whole['info']['title']}</h1><p>Version {whole['info']['version']}. "
        f'For programs: <a href="/3/openapi.json">openapi.json</a>, <a href="/3/schema.xsd">schema.xsd</a>.</p>'
        f'<nav>{links}<a href="#shapes">shapes</a><a href="#problems">problems</a></nav>{sections}'
        f'<h2 id="shapes">shapes</h2>{schemas}'
        f'<h2 id="problems">problems</h2><table><tr><th>type<th>status<th>title{problems}</table>',
    )


def _operation(uri: str, method: str, path: Mapping[str, Any], operation: Mapping[str, Any], whole: Any) -> str:
    parameters = [_resolved(one, whole) for one in (*path["parameters"], *operation["parameters"])]
    rows = "".join(
        f"<tr><td><code>{html.escape(one['name'])}</code><td>{one['in']}<td>{html.escape(one.get('description', ''))}"
        for one in parameters
    )
    answers = "".join(
        f"<tr><td>{status}<td>{html.escape(_resolved(answer, whole)['description'])}{_shown(_resolved(answer, whole))}"
        for status, answer in operation["responses"].items()
    )
    body = operation.get("requestBody", {})
    example = body.get("content", {}).get("application/json", {}).get("example")
    sent = f"<p>Body:{_shown(body)}</p>" if body else ""
    if example is not None:
        sent += f"<pre>{html.escape(json.dumps(example, indent=2))}</pre>"
    return (
        f'<details id="{operation["operationId"]}"><summary><span class="method">{method.upper()}</span> '
        f"<code>{html.escape(uri)}</code> {html.escape(operation['summary'])}</summary>"
        f"<table>{rows}</table>{sent}<table>{answers}</table></details>"
    )


def _resolved(one: Mapping[str, Any], whole: Any) -> Any:
    if "$ref" not in one:
        return one
    at = whole
    for word in one["$ref"].removeprefix("#/").split("/"):
        at = at[word]
    return at


def _shown(described: Mapping[str, Any]) -> str:
    """A link to the shape of a body or an answer."""
    schema = next(iter(described.get("content", {"": {}}).values())).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    return f' <a href="#shape-{name}">{name}</a>' if name else ""


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{html.escape(member)}</code><td>{_type(one)}<td>{html.escape(one.get('description', ''))}"
        for member, one in schema.get("properties", {}).items()
    )
    return f'<h3 id="shape-{name}">{name}</h3><p>{html.escape(schema.get("description", ""))}</p><table>{rows}</table>'


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#shape-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"<code>{html.escape(str(one))}</code>" for one in schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema.get('items') or {})}"
    return html.escape(kind if isinstance(kind, str) else " or ".join(kind))


# -- problems --------------------------------------------------------------------------------------------------------


def _problem_page(kind: ProblemType) -> bytes:
    title = f"{kind.status} {kind.title}"
    return _page(
        title,
        f"<h1>{html.escape(kind.title)}</h1><p>Type <code>/3/problems/{kind.slug}</code>, status "
        f"{int(kind.status)} {kind.status.phrase}.</p><p>{html.escape(kind.explanation)}</p>"
        f'<p><a href="/3/docs#problems">All types of problems</a></p>',
    )


# -- as resources ----------------------------------------------------------------------------------------------------


def _fixed(kind: bytes, make: Callable[[], bytes]) -> ASGIApp:
    """A page that is the same for everybody, GET and HEAD only."""

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"cache-control", b"no-cache"), POLICY]
        if scope["method"] in ("GET", "HEAD"):
            answer = PlainAnswer(HTTPStatus.OK, kind, make(), headers)
        elif scope["method"] == "OPTIONS":
            answer = PlainAnswer(HTTPStatus.NO_CONTENT, None, b"", [(b"allow", b"GET, HEAD, OPTIONS")])
        else:
            content_type, body = problem_of_the_server(HTTPStatus.METHOD_NOT_ALLOWED, "A page can only be read")
            allow = [(b"allow", b"GET, HEAD, OPTIONS")]
            answer = PlainAnswer(HTTPStatus.METHOD_NOT_ALLOWED, content_type.encode(), body, allow)
        await answer(scope, receive, send)

    return page


class _Page:
    """A route's endpoint: Starlette takes a class or object with `__call__` as an ASGI application."""

    def __init__(self, route: str, application: ASGIApp) -> None:
        self._route = route
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["route"] = self._route
        await self._application(scope, receive, send)


def routes_of(routes: Sequence[APIRoute], representations: Registry) -> list[Route]:
    """The pages, as routes; each is made when somebody asks for it first."""
    whole = cache(lambda: description(routes, representations))
    made: Mapping[str, tuple[bytes, Callable[[], bytes]]] = {
        "/3/openapi.json": (DESCRIPTION, lambda: json.dumps(whole(), indent=1).encode()),
        "/3/docs": (HTML, lambda: _reference(whole())),
        "/3/schema.xsd": (b"application/xml", lambda: xsd.schema(documents_of(routes))),
        **{f"/3/problems/{slug}": (HTML, partial(_problem_page, kind)) for slug, kind in TYPES.items()},
    }
    return [
        Route(uri, endpoint=_Page(re.sub("^/3/problems/.+", "/3/problems/{slug}", uri), _fixed(kind, cache(make))))
        for uri, (kind, make) in made.items()
    ]
