"""Version 2's writes, and those reads of it that are jobs: a table row each, read by one function.

A row says which opcode is submitted, which of its parameters the path and the query string give, and whether the body
gives others. The answer is the job's id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from rapier.api.trail import TrailElement
from rapier.api.v2.errors import Refusal, bad_request
from rapier.api.v2.request import Request, check_type
from rapier.ganeti.opcodes import OPCODES, InvalidParameter, Params, UnknownParameter
from rapier.luxi.client import read_job_id

# Where one parameter's value comes from
Source = Callable[[Request], Any]


def flag(name: str) -> Source:
    """From a query argument that is a number, taken as yes or no."""
    return lambda request: request.flag(name)


def text(name: str, default: str | None = None) -> Source:
    """From a query argument."""
    return lambda request: request.text(name, default)


def texts(name: str) -> Source:
    """From all values of a query argument."""
    return lambda request: request.texts(name)


def required_text(name: str, *, split: bool = False) -> Source:
    """From a query argument that has to be there; `split` at its commas. Raises a 400 that names it."""

    def source(request: Request) -> Any:
        value = request.text(name)
        if not value:
            raise bad_request(f"Missing the required '{name}' parameter")
        return value.split(",") if split else value

    return source


def path(name: str) -> Source:
    """From a variable part of the path."""
    return lambda request: request.names[name]


def number(name: str) -> Source:
    """From a variable part of the path that is a number."""
    return lambda request: int(request.names[name])


def path_list(name: str) -> Source:
    """From a variable part of the path, as a list of one."""
    return lambda request: [request.names[name]]


def always(value: Any) -> Source:
    """The same in each request."""
    return lambda request: value


# The body's parameters, where they do not stand in the body as the opcode has them
Preparation = Callable[[Request], Any]


@dataclass(frozen=True)
class Submit:
    """A request that submits one opcode. `fixed` parameters may not stand in the body as well.

    Those in `forbidden` may stand nowhere: setting one is 403.
    """

    op_id: str
    resource: str  # how the stock API calls it in the reason trail
    fixed: Mapping[str, Source] = field(default_factory=dict)
    body: bool = True  # whether the body gives parameters
    renamed: Mapping[str, str] = field(default_factory=dict)
    prepare: Preparation | None = None
    forbidden: tuple[str, ...] = ()

    async def __call__(self, request: Request) -> int:
        """Submits the job; its id."""
        if self.forbidden:
            self._refuse_forbidden(request)
        given = self._given(request)
        # `depends` counts also where the rest of the body does not
        if isinstance(given, dict) and isinstance(request.body, dict) and request.body.get("depends"):
            given = given | {"depends": request.body["depends"]}
        fixed = {"reason": reason_trail(request, self.resource)}
        fixed |= {name: source(request) for name, source in self.fixed.items()}
        return await request.cluster.submit([fill(self.op_id, given, fixed, self.renamed)])

    def _given(self, request: Request) -> Any:
        if self.prepare is not None:
            return self.prepare(request)
        return request.body if self.body else {}

    def _refuse_forbidden(self, request: Request) -> None:
        """Raises a 403 for a forbidden parameter; a 400 where the body, which might hold one, is no object.

        As with stock, a list that holds its name names it, too.
        """
        for name in self.forbidden:
            if name in request.query or (isinstance(request.body, dict | list) and name in request.body):
                raise Refusal(HTTPStatus.FORBIDDEN, f"The parameter {name} cannot be set via RAPI")
        check_type(request.body, dict, "Body contents")


async def cancel_job(request: Request) -> list[object]:
    """`DELETE /2/jobs/J`: whether it was cancelled, and what luxid says of it."""
    return list(await request.cluster.luxi.cancel_job(read_job_id(request.names["job"])))


def reason_trail(request: Request, resource: str) -> list[TrailElement]:
    """Why the job was submitted: the user's own words where there are any, which resource was asked; by whom, and when.

    Stock's elements come first: who reads the trail by position finds the same as with stock.
    """
    trail: list[TrailElement] = []
    words = request.text("reason")
    if words:
        trail.append(("gnt:user", words, time.time_ns()))
    trail.append((f"gnt:library:rlib2:{resource}", "", time.time_ns()))
    return [*trail, *request.cause.trail()]


def fill(op_id: str, given: Any, fixed: Params, renamed: Mapping[str, str] | None = None) -> Params:
    """The opcode with the body's parameters and the fixed ones. Raises the 400 that stock has for what is wrong."""
    if given is None:
        given = {}
    check_type(given, dict, "Body contents")
    params = dict(given)
    for old, new in (renamed or {}).items():
        if old in params:
            if new in params:
                raise bad_request(f"Parameter '{old}' was renamed to '{new}', but both are specified")
            params[new] = params.pop(old)
    if overwritten := set(params) & set(fixed):
        raise bad_request(f"Can't overwrite static parameters {overwritten}")
    try:
        return OPCODES[op_id].fill(params | fixed)
    except InvalidParameter as problem:
        raise bad_request(f"Invalid body parameters: {(str(problem), 'wrong_input')}") from None
    except (UnknownParameter, TypeError) as problem:
        raise bad_request(f"Invalid body parameters: {problem}") from None
