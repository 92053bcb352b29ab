"""The API under test, three of them in turn, and what the tests of one API share: instances, jobs, failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from conformance.client import Api
from conformance.differences import DIFFERENCES
from conformance.history import Histories, Like, forget, record
from conformance.seen import Row, statuses_in
from endpoints import Endpoint
from lab.luxi import ask

HERE = Path(__file__).parent
FIXTURES = {"stock": "stock", "rapier-real": "rapier_real", "rapier-embedded": "rapier_embedded"}


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("stock", marks=pytest.mark.real),
        pytest.param("rapier-real", marks=pytest.mark.real),
        "rapier-embedded",
    ],
)
def api(request: pytest.FixtureRequest) -> Api:
    """Stock ganeti-rapi, Rapier on the same cluster, Rapier on an embedded master."""
    endpoint: Endpoint = request.getfixturevalue(FIXTURES[request.param])
    assert endpoint.log is not None
    logs[request.param] = endpoint.log, endpoint.log.stat().st_size
    return Api(request.param, endpoint)


# -- the gate that the table of statuses is --------------------------------------------------------------------------

logs: dict[str, tuple[Path, int]] = {}  # each target's, and how long it was before the first test
_left_out: list[pytest.Item] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The gate comes after the rest of this folder, before all else: it looks at what was asked here."""
    items.sort(key=lambda item: (item.path.parent != HERE, item.get_closest_marker("gate") is not None))


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Remembers which of the suite's tests do not run, but for those that only a long run has."""
    _left_out.extend(item for item in items if item.path.parent == HERE and not item.get_closest_marker("long"))


@pytest.fixture
def logged(request: pytest.FixtureRequest) -> dict[str, set[Row]]:
    """The statuses that each target's log has, where the whole suite has run; otherwise the test is left out."""
    running = {item.path for item in request.session.items if item.path.parent == HERE}
    if _left_out or running != {*HERE.glob("test_*.py")}:
        pytest.skip("only where all tests of conformance run, on all targets")
    return {target: statuses_in(*log) for target, log in logs.items()}


@pytest.fixture
def differs(api: Api) -> Callable[[str], bool]:
    """Whether the API under test is one that the named difference is about."""
    return lambda name: api.target in DIFFERENCES[name].targets


@pytest.fixture(scope="session")
def histories(api: Api) -> Iterator[Histories]:
    """What was done before the tests look at it: the lives of instances, the cluster's tags, jobs that failed."""
    histories = record(api)
    yield histories
    forget(api, histories)


@pytest.fixture
def cause(differs: Callable[[str], bool]) -> list[list[Any]]:
    """What the reason trail of each job here says of its cause: the user, and an id that was made."""
    if differs("user-and-request-in-the-trail"):
        return [["rapier:user", "admin"], ["rapier:request", Like("[0-9a-f]{32}")]]
    return []


@pytest.fixture(scope="session")
def nodes(api: Api) -> list[str]:
    """The names of the cluster's nodes."""
    return [node["id"] for node in api.get("/2/nodes").value()]


@pytest.fixture(scope="module")
def slow_job(api: Api) -> int:
    """A job that runs for longer than the tests of one module need. No request of the API can make one."""
    delay: dict[str, Any] = {
        "OP_ID": "OP_TEST_DELAY",
        "duration": 25.0,
        "on_master": False,  # on a node it would hold the node's lock, and everybody up
        "reason": [["conformance", "a job that takes its time", 1]],
    }
    job_id = ask(api.endpoint.luxi_socket, "SubmitJob", [[delay]])
    assert type(job_id) is int
    return job_id
