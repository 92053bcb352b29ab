"""Rapier before a master daemon that the test plays itself: absent, silent, talking garbage, coming back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from endpoints import Access, Endpoint, rapier
from luxi_peer import Peer, running_peer

DEADLINE_SECONDS = 1.0


@pytest.fixture(scope="session")
def lonely(tmp_path_factory: pytest.TempPathFactory, access: Access) -> Iterator[Endpoint]:
    """A daemon before a socket at which a test may put a master, or none. It is never restarted."""
    luxi_socket: Path = tmp_path_factory.mktemp("lonely") / "luxi"
    with rapier("rapier-lonely", luxi_socket, access, "--luxi-deadline-seconds", str(DEADLINE_SECONDS)) as endpoint:
        yield endpoint


@pytest.fixture
async def peer(lonely: Endpoint) -> AsyncIterator[Peer]:
    """The master that this daemon sees, as long as the test runs."""
    async with running_peer(lonely.luxi_socket) as peer:
        yield peer


@pytest.fixture
async def client(lonely: Endpoint) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that daemon."""
    async with lonely.async_client() as client:
        yield client
