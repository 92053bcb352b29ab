"""docs/differences.md shows what the tests let off, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from conformance.differences import AROUND, DIFFERENCES, RAPIER, STOCK

TESTS = Path(__file__).parents[1]
PAGE = Path(__file__).parents[2] / "docs" / "differences.md"
WHO = {STOCK: "stock", RAPIER: "Rapier"}


def test_a_user_reads_the_differences_that_the_tests_know() -> None:
    rows = re.findall(r"^\| (\S+) \| (stock|Rapier) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert rows == [(name, WHO[one.targets], one.reason) for name, one in (DIFFERENCES | AROUND).items()]


def test_each_difference_is_one_that_some_test_shows() -> None:
    files = [file for file in TESTS.rglob("*.py") if file.name != "differences.py"]
    text = "".join(file.read_text() for file in files)
    assert not [name for name in DIFFERENCES if f'"{name}"' not in text]
