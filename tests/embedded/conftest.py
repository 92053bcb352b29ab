"""Embedded masters for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from embedded.master import Master

Start = Callable[..., Master]


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Master]:
    """One that the tests of a module share; it is not to be stopped."""
    master = Master(tmp_path_factory.mktemp("master"))
    yield master
    master.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts one of the test's own, with these options."""
    started: list[Master] = []

    def start(*options: str) -> Master:
        started.append(Master(tmp_path, *options))
        return started[-1]

    yield start
    for master in started:
        master.stop()
