"""What the tests ask version 3 with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx

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
        """Signed in, and with a verified certificate."""
        return self.endpoint.client(timeout_seconds=120)

    @cached_property
    def base(self) -> str:
        """The URI of the one cluster."""
        return str(self.http.get("/3").json()["clusters"][0]["uri"])

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
