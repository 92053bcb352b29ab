"""Stock and Rapier before one luxid, on a cluster where no job runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

from differential.asking import Pair
from differential.tally import Tally
from differential.world import standing_still
from endpoints import Endpoint


@pytest.fixture(scope="module")
def pair(stock: Endpoint, rapier_real: Endpoint) -> Iterator[Pair]:
    """Both, ready to be asked."""
    with standing_still(stock.luxi_socket) as world:
        yield Pair(stock, rapier_real, world)


@pytest.fixture(scope="session")
def tallies() -> defaultdict[int, Tally]:
    """What was asked, by how often each row was to be."""
    return defaultdict(Tally)
