"""How version 2 says no: the status and the body that stock ganeti-rapi has for it."""

from __future__ import annotations

import html
from http import HTTPStatus

from rapier.api.v2.text import text_of
from rapier.errors import (
    GanetiError,
    JobQueueDrainError,
    JobQueueFull,
    MasterError,
    MasterGarbled,
    RequestRefused,
)

Headers = list[tuple[bytes, bytes]]


class Refusal(Exception):
    """An answer that is an error. Without a text of its own it carries the status's name, as in stock."""

    def __init__(self, status: HTTPStatus, text: str = "", headers: Headers | None = None) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text or status.phrase
        self.headers = headers or []


def bad_request(text: str) -> Refusal:
    """400, with what was wrong."""
    return Refusal(HTTPStatus.BAD_REQUEST, text)


def not_found() -> Refusal:
    """404, in the words that clients compare."""
    return Refusal(HTTPStatus.NOT_FOUND)


def error_body(status: HTTPStatus, text: str) -> bytes:
    """Stock's error body: `message` is escaped for HTML, inside JSON."""
    values = {"code": int(status), "message": html.escape(text), "explain": status.description}
    return text_of(values)


def python_text(problem: GanetiError) -> str:
    """An error as Python prints one with these arguments: stock's clients see it so."""
    return str(Exception(*problem.ganeti_args))


def refusal_for(problem: GanetiError | MasterError) -> Refusal:
    """What stock answers for what the master daemon said, or for its silence.

    Stock tries for 30 s to connect, and then answers 504; the same is answered at once here. Where a connection is lost
    it sends the request again and again, writes too. Here a lost write is 504, as stock has it for a master that is
    gone: no job is submitted twice.
    """
    match problem:
        case JobQueueFull():
            return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Job queue is full, needs archiving")
        case JobQueueDrainError():
            return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Job queue is drained, cannot submit")
        case RequestRefused() | MasterGarbled():
            return Refusal(HTTPStatus.BAD_GATEWAY, str(problem))
        case GanetiError():
            return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, python_text(problem))
    return Refusal(HTTPStatus.GATEWAY_TIMEOUT, str(problem))
