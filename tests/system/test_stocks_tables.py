"""Our tables of version 2 have the rows that the tables of Debian's own ganeti-rapi have, and no others.

The tables are those by which Rapier answers, and those from which the tests make their requests.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conformance.statuses import STATUSES
from differential.contract import CONTRACT
from lab import with_ganetis_python
from rapier.api.v2.rights import needed
from rapier.api.v2.routes import ROUTES
from rapier.api.v2.writes import Submit

pytestmark = pytest.mark.real

SCRIPT = Path(__file__).with_name("stocks_tables.py")


class Row(NamedTuple):
    """What stock's tables say of one method of a URI."""

    rights: list[str]
    opcode: str | None
    renamed: Mapping[str, str]
    forbidden: list[str]


Place = tuple[str, str]  # URI, method


@pytest.fixture(scope="module")
def stocks() -> dict[Place, Row]:
    command = with_ganetis_python(SCRIPT)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    rows = map(json.loads, done.stdout.splitlines())
    return {(uri, method): Row(*row) for uri, method, *row in rows}


def places(table: Mapping[str, Mapping[str, Any]]) -> dict[Place, Any]:
    """A table's values, by URI and method, with the URIs' variable parts called as stock's rows call them."""
    return {
        (re.sub(r"\{(\w+)[^}]*\}", r"{\1}", uri), method): value
        for uri, methods in table.items()
        for method, value in methods.items()
    }


def test_each_table_has_stocks_uris_and_methods_and_no_others(stocks: dict[Place, Row]) -> None:
    assert len(stocks) > 80
    assert places(ROUTES).keys() == stocks.keys()
    assert places(STATUSES).keys() == stocks.keys()
    assert places(CONTRACT).keys() == stocks.keys()


def test_each_uri_and_method_needs_the_rights_that_stock_wants(stocks: dict[Place, Row]) -> None:
    assert {place: sorted(needed(place[1], place[0])) for place in stocks} == {
        place: row.rights for place, row in stocks.items()
    }


def test_writes_submit_stocks_opcodes_under_stocks_names(stocks: dict[Place, Row]) -> None:
    submitting = {place: handler for place, handler in places(ROUTES).items() if isinstance(handler, Submit)}
    assert len(submitting) > 40
    for place, ours in submitting.items():
        theirs = stocks[place]
        assert (ours.op_id, dict(ours.renamed), [*ours.forbidden]) == theirs[1:], place


def test_generated_requests_know_stocks_opcodes_and_names(stocks: dict[Place, Row]) -> None:
    for place, asked in places(CONTRACT).items():
        theirs = stocks[place]
        if asked.opcode:
            assert asked.opcode == theirs.opcode, place
        assert (dict(asked.renamed), [*asked.forbidden]) == (theirs.renamed, theirs.forbidden), place
