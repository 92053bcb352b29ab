"""Statuses: what every URI answers to who may not ask, or asks badly; and the gate that the table of them is.

The table says what stock answers. The run fails where one of its rows is not in the log of a target, or there is one
that is not in the table.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.client import JSON, Answer, Api
from conformance.seen import Row, answered, table
from conformance.statuses import ONLY_OF_STOCK, STATUSES

METHODS = [(uri, method) for uri, methods in STATUSES.items() for method in methods]
# No object of these names is there: what were accepted by mistake would change nothing
NAMES = {
    "{instance}": "no-such-instance",
    "{node}": "no-such-node",
    "{group}": "no-such-group",
    "{network}": "no-such-network",
    "{filter}": "00000000-0000-4000-8000-000000000000",
    "{job}": "900000000",
    "{disk}": "0",
    "{resource}": "node",
}
TARGETS = ("stock", "rapier-real", "rapier-embedded")

Asked = tuple[str, str, str]


def target_of(uri: str) -> str:
    """A request's target for a URI of the table."""
    for part, name in NAMES.items():
        uri = uri.replace(part, name)
    return uri


@pytest.fixture(scope="module")
def refused(api: Api) -> dict[Asked, Answer]:
    """Requests that no target carries out, to every URI; many at once, since stock takes its time for each."""

    def ask(asked: Asked) -> Answer:
        uri, method, how = asked
        target = target_of(uri)
        match how:
            case "nobody":
                return api.request(method, target, user=None)
            case "viewer":
                return api.request(method, target, content=b"{bad", headers=JSON, user="viewer")
            case "no JSON":
                return api.request(method, target, content=b"{bad", headers=JSON)
        return api.request(method, target, content=b"{}", headers={"Content-Type": "text/plain"})

    everything = [(uri, method, how) for uri, method in METHODS for how in ("nobody", "viewer", "no JSON", "no type")]
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(everything, pool.map(ask, everything), strict=True))


@pytest.mark.parametrize(("uri", "method"), METHODS)
def test_a_stranger_and_a_body_that_cannot_be_read_are_refused(
    refused: dict[Asked, Answer], uri: str, method: str
) -> None:
    assert refused[uri, method, "nobody"].refusal() == (401, "Unauthorized")
    assert refused[uri, method, "no JSON"].refusal() == (400, "Unable to parse JSON data")
    assert refused[uri, method, "no type"].refusal() == (415, "Unsupported Media Type")


@pytest.mark.parametrize(("uri", "method"), METHODS)
def test_a_user_without_the_right_is_refused_before_the_body_is_read(
    refused: dict[Asked, Answer], uri: str, method: str
) -> None:
    needs_a_right = "403" in STATUSES[uri][method].split()
    assert refused[uri, method, "viewer"].status == (403 if needs_a_right else 400)


@pytest.fixture
def given(logged: dict[str, set[Row]]) -> dict[str, set[Row]]:
    """The statuses that each target gave: by its log; stock's log has nothing but 200."""
    return logged | {"stock": answered["stock"]}


@pytest.mark.gate
@pytest.mark.real
@pytest.mark.parametrize("target", TARGETS)
def test_each_status_of_the_table_was_given(given: dict[str, set[Row]], target: str) -> None:
    rows = {row for row in table() if target == "stock" or row not in ONLY_OF_STOCK}
    assert rows <= given[target], sorted(rows - given[target])


@pytest.mark.gate
@pytest.mark.real
@pytest.mark.parametrize("target", TARGETS)
def test_no_status_was_given_that_is_not_in_the_table(given: dict[str, set[Row]], target: str) -> None:
    assert given[target] <= {*table()}, sorted(given[target] - {*table()})


@pytest.mark.gate
@pytest.mark.real
@pytest.mark.parametrize("target", TARGETS)
def test_the_log_has_each_status_that_the_tests_were_answered(logged: dict[str, set[Row]], target: str) -> None:
    rows = {row for row in answered[target] if target != "stock" or row[2] == 200}
    assert rows <= logged[target], sorted(rows - logged[target])
