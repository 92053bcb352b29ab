"""Which differences of `conformance.differences` a generated request may show, and how each is known.

A request is let off by nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from differential.answer import Answer
from differential.generator import Case

# Stock's answer, then Rapier's
Rule = Callable[[Case, Answer, Answer], bool]


def _fails_where_rapier_refuses(
    what: Callable[[Any], bool], *, at: str | tuple[str, ...], stock_has: int = 500
) -> Rule:
    """Stock has 500 (or what else is said), Rapier 400, for a body of which `what` is true, at URIs that end so."""

    def rule(case: Case, stock: Answer, rapier: Answer) -> bool:
        if (stock.status, rapier.status) != (stock_has, 400) or not case.uri.endswith(at):
            return False
        try:
            body = json.loads(case.body or b"null")
        except ValueError:
            return False
        return what(body)

    return rule


def _is_no_object(body: Any) -> bool:
    return not isinstance(body, dict)


def _has_odd_hypervisor_parameters(body: Any) -> bool:
    return isinstance(body, dict) and not isinstance(body.get("hvparams", body.get("custom_hvparams", {})), dict)


def _instances_are_none(body: Any) -> bool:
    return _is_no_object(body) or not isinstance(body.get("instances", []), list)


def _has_private_parameters_of_another_type(case: Case, stock: Answer, rapier: Answer) -> bool:
    """Of the two, only Rapier says which parameter it is."""
    named = re.search(r"\.(osparams_(?:private|secret)(?:_cluster)?)&#x27; fails", rapier.message)
    return named is not None and named[1].encode() in (case.body or b"") and stock.body != rapier.body


def _features_in_any_order(case: Case, stock: Answer, rapier: Answer) -> bool:
    if case.uri != "/2/features" or not stock.status == rapier.status == 200:
        return False
    return bool(stock.body != rapier.body and sorted(stock.body) == sorted(rapier.body))


def _is_no_jobs_id(case: Case, stock: Answer, rapier: Answer) -> bool:
    return rapier.status == 502 and "is too large for a job" in rapier.message and stock.status in (200, 500)


def _reads_no_json(literal: bytes) -> Rule:
    def rule(case: Case, stock: Answer, rapier: Answer) -> bool:
        refused = (rapier.status, rapier.message) == (400, "Unable to parse JSON data")
        return case.body is not None and literal in case.body and refused and stock.body != rapier.body

    return rule


# For the answer as a whole
RULES: Mapping[str, Rule] = {
    "hypervisor-parameters-that-are-no-object": _fails_where_rapier_refuses(
        _has_odd_hypervisor_parameters, at=("/instances", "/modify")
    ),
    "body-that-is-no-object": _fails_where_rapier_refuses(_instances_are_none, at=("/modify", "-multi-alloc")),
    "wait-without-an-object": _fails_where_rapier_refuses(_is_no_object, at="/wait"),
    "disks-that-are-no-text": _fails_where_rapier_refuses(lambda body: "disks" in body, at="/replace-disks"),
    "reinstallation-of-another-type": _fails_where_rapier_refuses(lambda body: True, at="/reinstall", stock_has=502),
    "private-parameters-of-another-type": _has_private_parameters_of_another_type,
    "ids-beyond-64-bits": _is_no_jobs_id,
    "numbers-beyond-doubles": _reads_no_json(b"1e400"),
    "half-a-letter": _reads_no_json(b"\\ud800"),
    "features-in-any-order": _features_in_any_order,
}
# For a header, by its name
HEADERS: Mapping[str, tuple[str, Rule]] = {
    "server": ("name-of-the-server", lambda case, stock, rapier: rapier.headers["server"] == "Rapier"),
    "connection": (
        "reads-keep-the-connection",
        lambda case, stock, rapier: case.method == "GET" and "connection" not in rapier.headers,
    ),
}
# For the reason trail of a job: what Rapier has behind stock's elements
TRAIL = "user-and-request-in-the-trail"
TRAIL_SOURCES = ("rapier:user", "rapier:request")
ALL = frozenset({*RULES, *(name for name, _ in HEADERS.values()), TRAIL})
