"""A cluster over a master daemon of the tests' own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from luxi_peer import Peer, running_peer
from rapier.cluster.cluster import Cluster
from rapier.luxi.client import Luxi


@pytest_asyncio.fixture
async def peer(tmp_path: Path) -> AsyncIterator[Peer]:
    """A master daemon of the tests' own."""
    async with running_peer(tmp_path / "luxi") as running:
        yield running


@pytest_asyncio.fixture
async def cluster(peer: Peer) -> AsyncIterator[Cluster]:
    """The cluster behind it."""
    of_peer = Cluster(Luxi(peer.path, deadline_seconds=5))
    yield of_peer
    await of_peer.close()
    await asyncio.sleep(0)
