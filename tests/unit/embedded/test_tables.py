"""The embedded master's tables against those of `ganeti/`."""

from __future__ import annotations

import pytest

from rapier.embedded.fields import FIELDS
from rapier.embedded.opcodes import EXECUTIONS
from rapier.ganeti.opcodes import OPCODES
from rapier.ganeti.query_fields import QUERY_FIELDS


@pytest.mark.parametrize("kind", ["instance", "node", "group", "job"])
def test_it_shows_exactly_the_fields_that_ganeti_has(kind: str) -> None:
    assert set(FIELDS[kind]) == set(QUERY_FIELDS[kind])


def test_it_carries_out_opcodes_that_there_are() -> None:
    assert set(EXECUTIONS) < set(OPCODES)
