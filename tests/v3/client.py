"""What the tests ask version 3 with. Every answer is held against the API's own description before a test sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from endpoints import Endpoint
from lab.luxi import ask

WAIT = {"Prefer": "wait=60"}


@dataclass
class Api:
    """Version 3 of one daemon. `base` is the cluster's URI."""

    target: str
    endpoint: Endpoint

    @cached_property
    def http(self) -> httpx.Client:
        """Signed in, and with a verified certificate; what it receives is as described, or the test fails."""
        client = self.endpoint.client(timeout_seconds=120)

        def check(answer: httpx.Response) -> None:
            if answer.url.path not in ("/3/openapi.json", "/3/docs", "/3/schema.xsd"):  # which describe the others
                answer.read()
                self.description.check(answer.request.method, answer)

        client.event_hooks = {"response": [check]}
        return client

    @cached_property
    def base(self) -> str:
        """The URI of the one cluster."""
        return str(self.http.get("/3").json()["clusters"][0]["uri"])

    @cached_property
    def description(self) -> Description:
        """What the daemon says of itself."""
        return Description(self.http.get("/3/openapi.json").json())

    def uri(self, path: str) -> str:
        """An absolute one as it is, else one below the cluster."""
        return path if path.startswith("/3") else f"{self.base}/{path}".rstrip("/")

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """One request; its answer is as described. Header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = {} if body is None else {"json": body}
        return self.http.request(method, self.uri(path), headers=named, **content)

    def get(self, path: str = "", **headers: str) -> httpx.Response:
        """A read that succeeds."""
        answer = self.ask("GET", path, **headers)
        assert answer.status_code == 200, answer.text
        return answer

    def tag_of(self, path: str) -> str:
        """The entity tag of what is there now."""
        return self.get(path).headers["ETag"]

    def done(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """A write whose job ends well while the client waits."""
        answer = self.ask(method, path, body, **{**WAIT, **headers})
        assert answer.status_code in (200, 201), answer.text
        return answer

    def refused(self, status: int, slug: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """A request that is refused with a problem of that type: the problem."""
        answer = self.ask(method, path, body, **headers)
        assert answer.status_code == status, answer.text
        problem = answer.json()
        assert problem["type"] == f"/3/problems/{slug}", problem
        assert problem["request_id"] == answer.headers["X-Request-Id"]
        return problem

    def luxi(self, method: str, *arguments: Any) -> Any:
        """A question to the master daemon itself."""
        return ask(self.endpoint.luxi_socket, method, list(arguments))

    def newest_job(self) -> int:
        """The greatest id in the queue."""
        return max((row[0] for row in self.luxi("QueryJobs", None, ["id"])), default=0)


class Description:
    """An OpenAPI description, and whether answers are as it says."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self._registry: Any = Registry().with_resource("urn:description", DRAFT202012.create_resource(document))
        self._paths = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(uri))), path)
            for uri, path in document["paths"].items()
        ]
        self.seen: set[tuple[str, str, int]] = set()

    def check(self, method: str, answer: httpx.Response) -> None:
        """Raises `AssertionError` for an answer that the description does not allow."""
        asked = answer.url.raw_path.decode().partition("?")[0]
        path = next((path for pattern, path in self._paths if pattern.fullmatch(asked)), None)
        operation = path and path.get("get" if method == "HEAD" else method.lower())
        if not operation:  # a path or a method that is not there: then the answer says that it is not
            assert answer.status_code in (204, 400, 404, 405, 406, 401, 403), answer.text
            return
        described = operation["responses"].get(str(answer.status_code))
        assert described, f"{method} {answer.url.path}: {answer.status_code} is not described: {answer.text[:300]}"
        described = self._resolved(described)
        if method == "HEAD" or answer.status_code == 304:
            assert answer.content == b""
            return
        for name in described.get("headers", {}):
            assert name in answer.headers, f"{method} {answer.url.path} lacks {name}"
        media_type = answer.headers["Content-Type"].partition(";")[0]
        assert media_type in described["content"], f"{media_type} is not described"
        if media_type.endswith("json"):
            schema = {"$ref": "urn:description" + described["content"][media_type]["schema"]["$ref"]}
            problems = [*Draft202012Validator(schema, registry=self._registry).iter_errors(answer.json())]
            assert not problems, f"{method} {answer.url.path}: {problems[0].json_path}: {problems[0].message}"
        self.seen.add((method, operation["operationId"], answer.status_code))

    def _resolved(self, one: Any) -> Any:
        at = one
        if "$ref" in one:
            at = self.document
            for word in one["$ref"].removeprefix("#/").split("/"):
                at = at[word]
        return at
