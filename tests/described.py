"""What version 3 says of its answers, and whether they are so.

Every client that `Endpoint` makes holds what it receives against this before a test sees it. The description is made
here as the daemon makes it, since asking each daemon would be seen in its log and its figures; a test holds that what
is served is the same.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from lxml import etree
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from rapier.api.v3.openapi import ANYWHERE, description, documents_of
from rapier.api.v3.problems import TYPES
from rapier.api.v3.routes import routes_of
from rapier.api.v3.settings import Settings
from rapier.representation import xml, xsd

URN = "urn:description"
# What describes the others, for programs and for people
PAGES = re.compile(r"/3/(openapi\.json|docs|schema\.xsd|problems/[a-z-]+)")
# What may come where there is no operation: that there is none, what is refused before one is looked for, a preflight
ELSEWHERE = {204, 404, 405, 403, *(int(TYPES[slug].status) for slug in ANYWHERE)}
# Those of an answer that a client acts upon
HEADERS = {"etag", "link", "location", "content-location", "preference-applied", "retry-after", "www-authenticate"}
# Of a longer collection so many of its first and of its last items are looked at: all would take seconds
SOME = 25


class Description:
    """An OpenAPI description with its XML schema."""

    def __init__(self, document: Any, schema: bytes) -> None:
        self.document = document
        self.schema = schema
        self._xml = etree.XMLSchema(etree.fromstring(schema))
        self._registry: Any = Registry().with_resource(URN, DRAFT202012.create_resource(document))
        self._validators: dict[str, Draft202012Validator] = {}
        self._paths = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(uri))), path)
            for uri, path in document["paths"].items()
        ]

    def check(self, answer: httpx.Response) -> None:
        """Raises `AssertionError` for an answer of version 3 that the description does not allow."""
        asked = answer.request.url.raw_path.decode().partition("?")[0]
        method = answer.request.method
        if not re.match("/3(/|$)", asked) or (PAGES.fullmatch(asked) and answer.status_code == 200):
            return
        what = f"{method} {asked}: {answer.status_code}"
        path = next((path for pattern, path in self._paths if pattern.fullmatch(asked)), None)
        operation = path and path.get("get" if method == "HEAD" else method.lower())
        if operation:
            described = operation["responses"].get(str(answer.status_code))
            assert described, f"{what} is not described: {answer.text[:300]}"
            described = self._resolved(described)
        else:
            assert answer.status_code in ELSEWHERE, f"{what}: {answer.text[:300]}"
            described = self._resolved({"$ref": "#/components/responses/not-found"})
        for name, header in described.get("headers", {}).items():
            assert name in answer.headers or not header["required"], f"{what} lacks {name}"
        for name in HEADERS & {*answer.headers}:
            assert not operation or name in map(str.lower, described["headers"]), f"{what}: {name} is not described"
        if method == "HEAD" or answer.status_code in (204, 304):
            assert answer.content == b"", what
            return
        media_type = answer.headers["Content-Type"].partition(";")[0]
        assert media_type in described["content"], f"{what}: {media_type} is not described"
        reference = described["content"][media_type]["schema"]["$ref"]
        match media_type:
            case "application/xml":
                self._xml.assertValid(etree.fromstring(answer.content))
            case "application/problem+xml":
                self._check_value(xml.decode_problem(answer.content), reference, what)
            case "application/json" | "application/problem+json":
                self._check_value(answer.json(), reference, what)

    def _check_value(self, value: Any, reference: str, what: str) -> None:
        if reference not in self._validators:
            self._validators[reference] = Draft202012Validator({"$ref": URN + reference}, registry=self._registry)
        match value:
            case {"items": [_, *_] as items} if len(items) > 2 * SOME:
                value = value | {"items": items[:SOME] + items[-SOME:]}
        problem = next(self._validators[reference].iter_errors(value), None)
        assert problem is None, f"{what}: {problem.json_path}: {problem.message}"

    def _resolved(self, one: Any) -> Any:
        at = one
        if "$ref" in one:
            at = self.document
            for word in one["$ref"].removeprefix("#/").split("/"):
                at = at[word]
        return at


@cache
def usual() -> Description:
    """That of every daemon which nobody has added to."""
    settings = Settings()
    routes = routes_of(settings.kinds)
    document = json.loads(json.dumps(description(routes, settings.representations)))
    return Description(document, xsd.schema(documents_of(routes)))
