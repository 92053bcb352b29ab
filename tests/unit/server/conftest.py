"""A server over plain HTTP with the default limits, and one over TLS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from endpoints import Access
from rude.daemon import Daemon, running


@pytest.fixture(scope="session")
def plain() -> Iterator[Daemon]:
    """Over plain HTTP, so that a test sees exactly what is on the wire."""
    with running() as daemon:
        yield daemon


@pytest.fixture(scope="session")
def hasty() -> Iterator[Daemon]:
    """One whose deadlines are short and whose limits are small."""
    limits = {
        "head_seconds": 0.4,
        "idle_seconds": 0.6,
        "body_seconds": 0.5,
        "body_bytes": 100_000,
        "unread_bytes": 1_000,
        "pipelined_requests": 4,
    }
    with running(limits=limits) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def secured(access: Access) -> Iterator[Daemon]:
    """Over TLS."""
    with running(access.certificate, access.key) as daemon:
        yield daemon
