"""Private and secret parameters of operating systems go in, and their values come out nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.client import Api
from conformance.history import creation

FAILING = creation("never", "no-such-node")
HIDDEN = {"password": None}


@pytest.fixture(scope="module")
def job_id(api: Api) -> int:
    """A job that holds some; it fails."""
    given = {"osparams_private": {"password": "hush"}, "osparams_secret": {"password": "hush"}, "osparams": {"a": "b"}}
    job = api.job("POST", "/2/instances", {**FAILING, **given})
    assert job["status"] == "error"
    return int(job["id"])


def opcodes_of(api: Api, job_id: int) -> list[dict[str, Any]]:
    """The job's opcode, from each resource that shows it."""
    wait = {"fields": ["ops"], "previous_job_info": None, "previous_log_serial": None}
    query = {"fields": ["ops"], "qfilter": ["=", "id", job_id]}
    (in_bulk,) = [job for job in api.get("/2/jobs?bulk=1").value() if job["id"] == job_id]
    ((found,),) = api.put("/2/query/job", query).value()["data"]
    opcodes = [
        api.get(f"/2/jobs/{job_id}").value()["ops"],
        in_bulk["ops"],
        api.get(f"/2/jobs/{job_id}/wait", wait).value()["job_info"][0],
        found[1],
    ]
    return [opcode for (opcode,) in opcodes]


def test_a_job_shows_their_names_and_none_of_their_values(api: Api, job_id: int) -> None:
    for opcode in opcodes_of(api, job_id):
        assert opcode["osparams_private"] == HIDDEN
        assert opcode["osparams_secret"] == HIDDEN
        assert opcode["osparams"] == {"a": "b"}


def test_null_counts_as_no_parameters(api: Api) -> None:
    (opcode,) = api.job("POST", "/2/instances", {**FAILING, "osparams_private": None})["ops"]
    assert opcode["osparams_private"] == {}
    assert "osparams_secret" not in opcode


def test_those_of_the_cluster_are_hidden_by_operating_system(api: Api) -> None:
    body = {"osparams_private_cluster": {"no such/os": {"password": "hush"}}, "master_netmask": 129}
    (opcode,) = api.job("PUT", "/2/modify", body)["ops"]
    assert opcode["osparams_private_cluster"] == {"no such/os": HIDDEN}


def test_of_several_instances_each_is_looked_at(api: Api) -> None:
    one = {"name": "a", "mode": "create", "disks": [], "nics": [], "osparams_private": {"password": "hush"}}
    (opcode,) = api.job("POST", "/2/instances-multi-alloc", {"instances": [one]})["ops"]
    assert opcode["instances"][0]["osparams_private"] == HIDDEN
