"""docs/differences.md shows what the tests let off, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from conformance.differences import AROUND, DIFFERENCES, RAPIER, STOCK
from differential.accepted import ALL

HERE = Path(__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "differences.md"
WHO = {STOCK: "stock", RAPIER: "Rapier"}


def test_a_user_reads_the_differences_that_the_tests_know() -> None:
    rows = re.findall(r"^\| (\S+) \| (stock|Rapier) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert rows == [(name, WHO[one.targets], one.reason) for name, one in (DIFFERENCES | AROUND).items()]


def test_each_difference_is_one_that_tests_let_off() -> None:
    asked = "".join(file.read_text() for file in HERE.glob("*.py") if file.name != "differences.py")
    let_off = {*re.findall(r'differs\("([\w.-]+)"\)', asked), *re.findall(r'difference="([\w.-]+)"', asked), *ALL}
    assert {*DIFFERENCES} == let_off
