"""The table of limits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from rapier.server import Limits, table_of_limits
from rapier.server.run import WORKERS_GRACE_SECONDS


def test_every_limit_has_a_unit_and_a_sentence() -> None:
    rows = table_of_limits()
    assert [row.name for row in rows] == [limit.name for limit in dataclasses.fields(Limits)]
    for row in rows:
        assert row.default > 0
        assert row.unit in {"seconds", "bytes", "connections", "headers", "requests"}
        assert row.sentence[0].isupper()
        assert row.sentence.endswith(".")


@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_limit_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="head_seconds must be more than 0"):
        Limits(head_seconds=value)


def test_what_a_drain_may_take_is_ten_seconds_in_all_with_the_seconds_that_workers_are_waited_for() -> None:
    assert Limits().drain_seconds + Limits().shutdown_seconds + WORKERS_GRACE_SECONDS == 10


def test_the_page_of_limits_is_this_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "limits.md").read_text()
    shown = [line for line in page.splitlines() if line.startswith("| `")]
    table = table_of_limits()
    assert shown == [f"| `{row.name}` | {row.default:,.10g} {row.unit} | {row.sentence} |" for row in table]
