"""Every write that the table of routes holds is kept back by a stale tag, and from the page of another site."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from rapier.api.v3.examples import EXAMPLES
from rapier.api.v3.operations import Operation
from rapier.api.v3.routes import routes_of
from rapier.ganeti.kinds import KINDS
from v3.client import Api
from v3.conftest import creation

STALE = '"0123456789abcdef01234567.0"'
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    (method, route.uri): operation
    for route in routes_of(KINDS)
    for method, operation in route.methods.items()
    if method != "GET"
}
# Examples with what differs from one cluster to another: names of objects that are there, or are not
ADAPTED: Mapping[str, Callable[[str], Any]] = {
    "InstanceCreation": creation,
    "NodeGroupCreation": lambda name: {**EXAMPLES["NodeGroupCreation"], "name": name},
    "NetworkCreation": lambda name: {**EXAMPLES["NetworkCreation"], "name": name},
    "InstanceCreationByURI": lambda name: {**creation(name), "name": name},
    "InstanceRename": lambda name: {**EXAMPLES["InstanceRename"], "new_name": name},
}
each_write = pytest.mark.parametrize(("method", "uri"), OPERATIONS, ids=map(" ".join, OPERATIONS))


@pytest.fixture(scope="module")
def network(api: Api) -> Iterator[str]:
    """A network that the tests of this module share."""
    made = api.done("POST", "networks", {"name": "v3-routes", "network": "192.0.2.0/24"}).json()
    yield made["name"]
    api.done("DELETE", f"networks/{made['uuid']}")


@pytest.fixture(scope="module")
def job(api: Api) -> Iterator[str]:
    """A job that is unfinished while the tests of this module run."""
    delay = {"OP_ID": "OP_TEST_DELAY", "duration": 1.0, "on_master": False, "no_locks": True, "reason": []}
    job_id = api.luxi("SubmitJob", [delay] * 150)
    yield str(job_id)
    assert api.get(f"jobs/{job_id}").json()["outcome"] is None, "it should have lasted for all of the tests"
    api.luxi("CancelJob", job_id, False)
    assert api.get(f"jobs/{job_id}?wait=60").json()["outcome"] == "canceled"


@pytest.fixture
def names(api: Api, instance: str, network: str, job: str) -> dict[str, str]:
    """An object of each kind, for the variable parts of a URI."""
    cluster = api.base.removeprefix("/3/")
    objects = {"instance": instance, "node": "node3", "group": "default", "network": network, "job": job}
    return {"cluster": cluster, "disk": "0", **objects}


def good_request(method: str, uri: str, names: Mapping[str, str], new_name: str) -> tuple[str, Any]:
    """Path and body of a request with which nothing is wrong. What creates gets a name that nobody has."""
    operation = OPERATIONS[method, uri]
    tags = uri.endswith("/tag")
    if method == "PUT" and not tags:
        uri = f"{uri.rpartition('/')[0]}/{new_name}"
    path = uri.format_map(names) + ("?tag=some" if method == "DELETE" and tags else "")
    if operation.body is None:
        return path, None
    shape = operation.body.__name__
    if shape in ADAPTED:
        return path, ADAPTED[shape](new_name)
    assert shape in EXAMPLES, f"{method} {uri}: there is no example of {shape}, so nobody knows whether it is guarded"
    return path, EXAMPLES[shape]


def test_whatever_is_no_read_is_known_to_write() -> None:
    assert all(operation.writes for operation in OPERATIONS.values())
    assert len(OPERATIONS) > 30


@each_write
def test_a_stale_tag_is_412_and_no_job(api: Api, names: dict[str, str], new_name: str, method: str, uri: str) -> None:
    path, body = good_request(method, uri, names, new_name)
    before = api.newest_job()
    api.refused(412, "precondition-failed", method, path, body, If_Match=STALE)
    assert api.newest_job() == before
    if "{job}" in uri:
        assert api.luxi("QueryJobs", [int(names["job"])], ["status"]) != [["canceling"]]


@each_write
def test_the_page_of_another_site_is_403_and_no_job(
    api: Api, names: dict[str, str], new_name: str, method: str, uri: str
) -> None:
    path, body = good_request(method, uri, names, new_name)
    before = api.newest_job()
    for headers in ({"Origin": "https://elsewhere.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}):
        api.refused(403, "foreign-origin", method, path, body, **headers)
    assert api.newest_job() == before
    if "{job}" in uri:
        assert api.luxi("QueryJobs", [int(names["job"])], ["status"]) != [["canceling"]]
