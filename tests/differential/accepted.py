"""Which differences of `conformance.differences` a generated request may show, and how each is known.

A request is let off by nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from differential.answer import Answer
from differential.generator import Case

# Stock's answer, then Rapier's
Rule = Callable[[Case, Answer, Answer], bool]


def _lets_viewers_in(case: Case, stock: Answer, rapier: Answer) -> bool:
    return case.user is not None and case.user[0] == "viewer" and (stock.status, rapier.status != 403) == (403, True)


def _looks_for_usb_devices(case: Case, stock: Answer, rapier: Answer) -> bool:
    return stock.status == 500 and rapier.status == 400 and "hvparams" in rapier.message


def _features_in_any_order(case: Case, stock: Answer, rapier: Answer) -> bool:
    if case.uri != "/2/features" or not stock.status == rapier.status == 200:
        return False
    return bool(stock.body != rapier.body and sorted(stock.body) == sorted(rapier.body))


def _reads_no_json(literal: bytes) -> Rule:
    def rule(case: Case, stock: Answer, rapier: Answer) -> bool:
        refused = (rapier.status, rapier.message) == (400, "Unable to parse JSON data")
        return case.body is not None and literal in case.body and refused and stock.body != rapier.body

    return rule


# For the answer as a whole
RULES: Mapping[str, Rule] = {
    "one-level-of-rights": _lets_viewers_in,
    "hypervisor-parameters-that-are-no-object": _looks_for_usb_devices,
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
