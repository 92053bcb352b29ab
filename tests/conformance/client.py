"""What the tests ask an API with. It knows nothing but HTTP; what holds for every answer is checked here."""

from __future__ import annotations

import base64
import json
import socket
from dataclasses import dataclass
from typing import Any

import httpx

from conformance.seen import note
from endpoints import USERS, Endpoint

JSON = {"Content-Type": "application/json"}
ENDS = ("success", "error", "canceled")
ABOVE_ANY_SERIAL = 1_000_000  # as previous_log_serial: the log is no news
_NOTHING = object()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: httpx.Headers
    raw: bytes
    version: str = "HTTP/1.1"

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.raw)

    def refusal(self) -> tuple[int, str]:
        """Status and message of an error, whose body is checked to the last member."""
        body = self.json
        assert set(body) == {"code", "message", "explain"}
        assert body["code"] == self.status
        assert body["explain"] == EXPLANATIONS[self.status]
        return self.status, body["message"]

    def value(self) -> Any:
        """The body of a success."""
        assert self.status == 200, self.raw
        return self.json


EXPLANATIONS = {
    400: "Bad request syntax or unsupported method",
    401: "No permission -- see authorization schemes",
    403: "Request forbidden -- authorization will not help",
    404: "Nothing matches the given URI",
    415: "Entity body in unsupported format",
    500: "Server got itself in trouble",
    501: "Server does not support this operation",
    502: "Invalid responses from another server/proxy",
    503: "The server cannot process the request due to a high load",
    504: "The gateway server did not receive a timely response",
}


class Api:
    """One API under test, called `target`."""

    def __init__(self, target: str, endpoint: Endpoint) -> None:
        self.target = target
        self.endpoint = endpoint
        self._clients = {user: endpoint.client(user) for user in (None, *USERS)}

    # -- one request -------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        target: str,
        body: Any = _NOTHING,
        *,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        user: str | None = "admin",
    ) -> Answer:
        """Sends `body` as JSON, or `content` as it is; no body without either."""
        if body is not _NOTHING:
            content, headers = json.dumps(body).encode(), {**JSON, **(headers or {})}
        response = self._clients[user].request(method, target, content=content, headers=headers)
        answer = Answer(response.status_code, response.headers, response.content, response.http_version)
        note(self.target, method, target, answer.status)
        check_every_answer(answer, is_head=method == "HEAD")
        return answer

    def get(self, target: str, body: Any = _NOTHING, **more: Any) -> Answer:
        """GET."""
        return self.request("GET", target, body, **more)

    def put(self, target: str, body: Any = _NOTHING, **more: Any) -> Answer:
        """PUT."""
        return self.request("PUT", target, body, **more)

    def post(self, target: str, body: Any = _NOTHING, **more: Any) -> Answer:
        """POST."""
        return self.request("POST", target, body, **more)

    def delete(self, target: str, body: Any = _NOTHING, **more: Any) -> Answer:
        """DELETE."""
        return self.request("DELETE", target, body, **more)

    def exchange(self, request: str | bytes, timeout_seconds: float = 10) -> bytes:
        """Bytes over a connection of its own: all that came back until it was closed, or until the time was over.

        `{credentials}` in a text stands for the administrator's Authorization line.
        """
        if isinstance(request, str):
            credentials = base64.b64encode(f"admin:{USERS['admin']}".encode()).decode()
            request = request.replace("{credentials}", f"Authorization: Basic {credentials}").encode()
        host, port = self.endpoint.address
        with socket.create_connection((host, port), timeout=timeout_seconds) as plain:
            connection = self.endpoint.tls().wrap_socket(plain, server_hostname=host)
            connection.sendall(request)
            received = b""
            try:
                while part := connection.recv(65536):
                    received += part
            except (TimeoutError, ConnectionError):
                pass
            return received

    def raw(self, request: str | bytes, timeout_seconds: float = 10) -> Answer:
        """`exchange`, read as one answer."""
        return parse(self.exchange(request, timeout_seconds))

    # -- jobs --------------------------------------------------------------------------------------------------------

    def submit(self, method: str, target: str, body: Any = _NOTHING, **more: Any) -> int:
        """The id of the job that the request submitted."""
        answer = self.request(method, target, body, **more)
        job_id = answer.value()
        assert type(job_id) is int
        assert answer.raw == b"%d\n" % job_id
        return job_id

    def finished(self, job_id: int) -> dict[str, Any]:
        """The job, once it has ended."""
        known = None
        while known is None or known[0] not in ENDS:
            wanted = {"fields": ["status"], "previous_job_info": known, "previous_log_serial": ABOVE_ANY_SERIAL}
            change = self.get(f"/2/jobs/{job_id}/wait", wanted).value()
            known = change["job_info"] if change else known
        job = self.get(f"/2/jobs/{job_id}").value()
        assert isinstance(job, dict)
        return job

    def job(self, method: str, target: str, body: Any = _NOTHING) -> dict[str, Any]:
        """Submits, and waits for the end."""
        return self.finished(self.submit(method, target, body))


def check_every_answer(answer: Answer, is_head: bool = False) -> None:
    """What holds for each answer whatever was asked."""
    headers = answer.headers
    assert headers.get_list("content-type") == ["application/json"]
    assert headers.get_list("content-length") == [str(len(answer.raw))] or is_head
    assert "content-encoding" not in headers
    assert "transfer-encoding" not in headers
    assert len(headers.get_list("server")) == 1
    assert len(headers.get_list("date")) == 1
    assert "www-authenticate" not in headers or answer.status == 401
    if not is_head:
        assert answer.raw == json.dumps(answer.json).encode() + b"\n", "to the blank: scripts look for such texts"


def parse(received: bytes) -> Answer:
    """One answer from its bytes."""
    head, _, body = received.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    version, status = status_line.split(" ")[:2]
    pairs = [line.split(": ", 1) for line in lines]
    return Answer(int(status), httpx.Headers([(name, value) for name, value in pairs]), body, version)
