"""One version 3 request, as operations see it, and what they answer."""

from __future__ import annotations

import asyncio
import difflib
import re
import urllib.parse
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from rapier.api.v3.preconditions import Preconditions
from rapier.api.v3.problems import unprocessable
from rapier.cluster.cluster import Cluster
from rapier.ganeti.kinds import JOB

LONGEST_NAME = 100  # that is compared with the known ones
NOTHING = object()  # no body


@dataclass(slots=True)
class Request:
    """What was asked.

    `names` are the variable parts of the path, `query` the arguments that the operation takes, `body` plain values of
    the operation's shape or `NOTHING`. `wait_seconds` is how long the client prefers to wait for a job's end.
    """

    cluster: Cluster
    cluster_name: str  # as the URI has it
    cluster_names: tuple[str, ...]  # its own name first
    user: str
    may_write: bool
    request_id: str
    trail: Callable[[], list[Any]]  # why jobs of this request are made: user and request, as of now
    names: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any
    preconditions: Preconditions
    demands_precondition: bool
    wait_seconds: int | None
    longest_wait_seconds: int
    draining: asyncio.Event
    gone: Callable[[], Awaitable[None]]  # returns when the client has left
    told: MutableMapping[str, Any]  # what the log's line about the request tells beside: `job`

    def uri(self, *parts: str) -> str:
        """The URI of something in the request's cluster."""
        return "/".join(("/3", *(urllib.parse.quote(part, safe="") for part in (self.cluster_name, *parts))))

    def job_uri(self, job_id: int) -> str:
        """The URI of a job."""
        return self.uri(JOB.collection, str(job_id))

    @property
    def given_parameters(self) -> Any:
        """The body where none counts as one without members."""
        return {} if self.body is NOTHING else self.body


@dataclass(slots=True)
class Answer:
    """What becomes an answer: a value of a shape, and what goes into headers.

    `stamp` makes the entity tag. `volatile`: holds live figures, or is the state of a moment: nobody may keep it.
    """

    value: Any
    shape: Any
    status: HTTPStatus = HTTPStatus.OK
    stamp: str | None = None
    volatile: bool = False
    headers: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Argument:
    """A query argument: its type (bool, int or str; a list of str may be repeated), and what it is for."""

    type: type
    meaning: str
    default: Any = None


FORMAT = Argument(str, "the representation, where no header can say it: its short name, such as xml")


def read_arguments(given: Mapping[str, list[str]], known: Mapping[str, Argument]) -> dict[str, Any]:
    """The arguments with their values, those that are missing at their defaults. Raises a 422 that names one."""
    for name in given:
        if name not in known:
            raise unprocessable(f"There is no query argument {name!r} here{nearest(name, known)}", parameter=name)
    values = {}
    for name, argument in known.items():
        texts = given.get(name)
        if texts is None:
            values[name] = argument.default
        elif argument.type is list:
            values[name] = texts
        else:
            values[name] = _read(name, argument, texts[-1])
    return values


def _read(name: str, argument: Argument, text: str) -> Any:
    if argument.type is bool:
        words = {"1": True, "true": True, "yes": True, "": True, "0": False, "false": False, "no": False}
        if text.lower() in words:
            return words[text.lower()]
        raise unprocessable(f"{name}={text!r}: say 1 or 0", parameter=name)
    if argument.type is int:
        if re.fullmatch(r"-?[0-9]{1,18}", text):
            return int(text)
        raise unprocessable(f"{name}={text!r} is no number", parameter=name)
    return text


def nearest(name: str, known: Iterable[str]) -> str:
    """What was nearly meant, as the end of a sentence."""
    close = difflib.get_close_matches(name[:LONGEST_NAME], list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""
