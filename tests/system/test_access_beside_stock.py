"""Who may do what: each route and method of version 2, by each sort of visitor, from stock and from Rapier.

In both of stock's modes, with --require-authentication and without, before the same luxid. No request submits anything
that changes the cluster: what is named does not exist, and numbers in query strings are none.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from endpoints import USERS, Access, Endpoint, rapier
from lab import VirtualCluster
from rapier.api.v2.routes import ROUTES

METHODS = ("GET", "PUT", "POST", "DELETE")
# in a query string where a number is wanted: 400, for who gets so far
NO_NUMBERS = "?" + "&".join(f"{name}=x" for name in ("dry-run", "force", "static", "bulk", "lock"))
UNKNOWN_PATHS = ("/nope", "/2/nope", "/2/info/", "/2/jobs/x")
VISITORS = {
    "nobody": None,
    "wrong password": "admin:wrong",
    "unknown user": "stranger:secret",
    "no password": "admin",
    "without rights": f"viewer:{USERS['viewer']}",
    "reader": f"reader:{USERS['reader']}",
    "writer": f"admin:{USERS['admin']}",
}
SORTS = ("nobody", "wrong password", "without rights", "reader", "writer")
TRIES_OF_AN_ADDRESS = 5  # Rapier slows down who guesses more often

pytestmark = pytest.mark.real


class Asked(NamedTuple):
    """One request."""

    method: str
    target: str
    visitor: str


class Answered(NamedTuple):
    """What is compared of the answer: the body only where it says no for who asks, or what is asked."""

    status: int
    challenge: str | None
    body: object


def target_of(uri: str) -> str:
    """A path of that form to what does not exist, with a query string that nothing can be done with."""
    path = re.sub(r"(?<=/query/)\{[^}]*\}", "node", uri)
    path = re.sub(r"\{[^}]*:number\}", "999999999", path)
    return re.sub(r"\{[^}]*\}", "nope", path) + NO_NUMBERS


def few_requests() -> list[Asked]:
    """Each method that a route has by the five sorts of visitors; one that it has not, and no routes, by three."""
    there = [(method, target_of(uri)) for uri, handlers in ROUTES.items() for method in handlers]
    absent = [
        (next(method for method in METHODS[::-1] if method not in handlers), target_of(uri))
        for uri, handlers in ROUTES.items()
    ]
    unknown = list(zip(METHODS, UNKNOWN_PATHS, strict=True))
    return [
        *(Asked(*one, visitor) for one in there for visitor in SORTS),
        *(Asked(*one, visitor) for one in absent + unknown for visitor in ("nobody", "wrong password", "writer")),
    ]


def all_requests() -> list[Asked]:
    """Each route with each method by each visitor; paths that there are not, too."""
    targets = [*map(target_of, ROUTES), *UNKNOWN_PATHS]
    return [Asked(*one) for one in itertools.product(METHODS, targets, VISITORS)]


def ask(endpoint: Endpoint, asked: Asked, source: str) -> Answered:
    """The answer, over a connection of its own that comes from the address `source`."""
    host, port = endpoint.address
    connection = http.client.HTTPSConnection(host, port, context=endpoint.tls(), timeout=60, source_address=(source, 0))
    headers = {"Content-Type": "application/json"}
    if (credentials := VISITORS[asked.visitor]) is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(credentials.encode()).decode()
    try:
        connection.request(asked.method, asked.target, body="{}" if asked.method == "GET" else "[]", headers=headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
    finally:
        connection.close()
    status = answer.status
    return Answered(
        status, answer.getheader("WWW-Authenticate"), body if status in (401, 403, 404, 501) else type(body)
    )


# Both have let the visitor in; the difference of that name is listed
BODY_THAT_IS_NO_OBJECT = (500, 400)


def ask_all(endpoint: Endpoint, all_asked: list[Asked]) -> list[Answered]:
    """The answers, in order; several are asked for at once."""
    tries: Counter[str] = Counter()
    sources = []
    for asked in all_asked:
        address = tries[asked.visitor] // TRIES_OF_AN_ADDRESS
        tries[asked.visitor] += 1
        sources.append(f"127.0.{1 + address // 250}.{1 + address % 250}")
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda one: ask(endpoint, *one), zip(all_asked, sources, strict=True)))


@pytest.fixture(params=[True, False], ids=["authentication required", "anonymous reads"])
def required(request: pytest.FixtureRequest, lab: VirtualCluster) -> Iterator[bool]:
    """Whether stock asks everybody for a password. It is started anew for this, and once more at the end."""
    lab.restart_rapi(require_authentication=request.param)
    yield request.param
    if not request.param:
        lab.restart_rapi(require_authentication=True)


@pytest.mark.parametrize("make_requests", [few_requests, pytest.param(all_requests, marks=pytest.mark.long)])
@pytest.mark.timeout(900)  # on a machine that has much else to do; alone it is a quarter of a minute
def test_each_visitor_may_do_with_each_route_and_method_what_stock_lets_them(
    required: bool, make_requests: Callable[[], list[Asked]], stock: Endpoint, lab: VirtualCluster, access: Access
) -> None:
    requests = make_requests()
    with rapier("rapier-rights", lab.luxi_socket, access, *([] if required else ["--anonymous-reads"])) as ours:
        answered = ask_all(ours, requests)
    expected = ask_all(stock, requests)
    differing = [
        f"{one.method} {one.target} by {one.visitor}: stock {theirs}, Rapier {here}"
        for one, theirs, here in zip(requests, expected, answered, strict=True)
        if here != theirs and (theirs.status, here.status) != BODY_THAT_IS_NO_OBJECT
    ]
    assert not differing, f"{len(differing)} of {len(requests)} differ\n" + "\n".join(differing[:20])
    seen = {
        (one.visitor, theirs.status) for one, theirs in zip(requests, expected, strict=True) if one.visitor in SORTS
    }
    everybody = {(visitor, 403) for visitor in ("without rights", "reader")} | {
        ("writer", 200),
        ("wrong password", 401),
    }
    assert seen >= everybody | {("nobody", 401)} | (set() if required else {("nobody", 200), ("nobody", 501)})
