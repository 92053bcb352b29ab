"""Version 3 before a real cluster and before an embedded master, and the instances that its tests work on."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from endpoints import Endpoint
from v3.client import Api

FIXTURES = {"real": "rapier_real", "embedded": "rapier_embedded"}
_names = (f"v3-{os.getpid()}-{number}" for number in itertools.count(1))


@pytest.fixture(scope="session", params=[pytest.param("real", marks=pytest.mark.real), "embedded"])
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    """Version 3, twice."""
    endpoint: Endpoint = request.getfixturevalue(FIXTURES[request.param])
    api = Api(request.param, endpoint)
    with api.http:
        yield api


def creation(name: str, **members: Any) -> dict[str, Any]:
    """The body that creates an instance which does not run."""
    return {
        "name": name,
        "os": "dummy+default",
        "disk_template": "diskless",
        "primary_node": "node2",
        "admin_state": "down",
        "create": {"name_check": False, "ip_check": False},
        **members,
    }


@pytest.fixture
def new_name() -> str:
    """A name that no instance has."""
    return next(_names)


Make = Callable[..., str]


@pytest.fixture
def make(api: Api) -> Iterator[Make]:
    """Makes instances that are gone when the test is over: `make(disk_template="sharedfile", ...)`, its name."""
    names: list[str] = []

    def make(**members: Any) -> str:
        name = next(_names)
        names.append(name)
        api.done("POST", "instances", creation(name, **members))
        return name

    yield make
    for one in api.get("instances?live=0").json()["items"]:
        if one["name"] in names:
            api.done("DELETE", f"instances/{one['uuid']}")


@pytest.fixture(scope="module")
def instance(api: Api) -> Iterator[str]:
    """One that the tests of a module share: it does not run, and has a disk where there can be one."""
    name = next(_names)
    body = creation(name, disk_template="sharedfile", disks=[{"size_mib": 128}], nics=[{"mac": "auto"}])
    api.done("POST", "instances", body)
    yield name
    api.done("DELETE", f"instances/{name}")
