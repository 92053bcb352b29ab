"""Each test runs on both event loops: asyncio's own, and uvloop, on which the daemon runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from luxi_peer import Peer, running_peer

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, LoopFactory]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the master daemon's socket is."""
    return tmp_path / "luxi"


@pytest_asyncio.fixture
async def peer(path: Path) -> AsyncIterator[Peer]:
    """A master daemon of the tests' own."""
    async with running_peer(path) as running:
        yield running
