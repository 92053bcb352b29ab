"""The table of metrics, and its page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from rapier.durations import BOUNDS
from rapier.luxi.pool import OUTCOMES
from rapier.observation.metrics import METRICS, Metric
from rapier.server import CONNECTION_STATES, REASONS
from rapier.server.refusals import OF_STATUS

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()


def rows_below(heading: str) -> list[str]:
    """The rows of the table with that heading."""
    table = PAGE.partition(f"\n{heading}\n")[2].splitlines()[1:]
    return table[: next((place for place, line in enumerate(table) if not line.startswith("|")), len(table))]


def test_the_page_has_the_metrics_of_the_table() -> None:
    def row(metric: Metric) -> str:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.sentence} |"

    assert rows_below("| metric | kind | labels | what it is |") == [row(metric) for metric in METRICS]


@pytest.mark.parametrize(
    ("label", "values"), [("reason", REASONS), ("outcome", OUTCOMES), ("state", CONNECTION_STATES)]
)
def test_the_page_has_the_values_of_labels(label: str, values: Mapping[str, str]) -> None:
    expected = [f"| `{value}` | {meaning} |" for value, meaning in values.items()]
    assert rows_below(f"| {label} | what it is |") == expected


def test_the_page_has_the_bounds_of_histograms() -> None:
    [said] = re.findall(r"bounds ([0-9., and]+) seconds", PAGE)
    assert [float(word) for word in re.findall(r"[0-9.]+", said)] == list(BOUNDS)


def test_each_metric_is_named_as_prometheus_wants_it() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch("rapier_[a-z_]+", metric.name)
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert metric.sentence[0].isupper() or metric.sentence[0].isdigit()
        assert metric.sentence.endswith(".")


def test_each_status_that_the_server_refuses_with_has_a_reason() -> None:
    assert {name for name, meaning in REASONS.items() if meaning[0].isdigit()} == set(OF_STATUS.values())
    assert all(REASONS[name].startswith(f"{status}: ") for status, name in OF_STATUS.items())
