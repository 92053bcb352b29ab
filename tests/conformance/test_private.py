"""Private parameters of operating systems: whoever reads a job sees that they were given, and not what they are."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from conformance.client import Api
from conformance.history import creation
from conformance.telling import holding
from lab.luxi import ask

SECRET = "what-nobody-may-read"


@pytest.fixture(scope="module")
def job_id(api: Api) -> Iterator[int]:
    """A job that carries private parameters, as long as the tests of the module run."""
    mark = secrets.token_hex(3)
    given = {"osparams_private": {"password": SECRET}, "osparams_secret": {"key": SECRET}}
    with holding(api, mark) as reason:
        wanted = creation(f"private-{mark}", "node2", **given)
        job_id = api.submit("POST", f"/2/instances?reason={reason.replace(' ', '+')}", wanted)
        yield job_id
        ask(api.endpoint.luxi_socket, "CancelJob", [job_id, False])


@pytest.mark.parametrize("target", ["/2/jobs/{}", "/2/jobs?bulk=1", "/2/jobs/{}/wait", "/2/query/job?fields=id,ops"])
def test_their_values_are_null(api: Api, job_id: int, target: str) -> None:
    wanted = ({"fields": ["ops"]},) if target.endswith("/wait") else ()
    answer = api.get(target.format(job_id), *wanted)
    assert answer.status == 200
    assert SECRET.encode() not in answer.raw
    assert b'"osparams_private":{"password":null}' in answer.raw.replace(b" ", b"")
    assert b'"osparams_secret":{"key":null}' in answer.raw.replace(b" ", b"")


def test_the_master_has_them(api: Api, job_id: int) -> None:
    [[[opcode]]] = ask(api.endpoint.luxi_socket, "QueryJobs", [[job_id], ["ops"]])
    assert opcode["osparams_private"] == {"password": SECRET}


FAILING = creation("never", "no-such-node")


def test_null_counts_as_no_parameters(api: Api) -> None:
    (opcode,) = api.job("POST", "/2/instances", {**FAILING, "osparams_private": None})["ops"]
    assert opcode["osparams_private"] == {}
    assert "osparams_secret" not in opcode


def test_those_of_the_cluster_are_null_by_operating_system(api: Api) -> None:
    body = {"osparams_private_cluster": {"no such/os": {"password": SECRET}}, "master_netmask": 129}
    (opcode,) = api.job("PUT", "/2/modify", body)["ops"]
    assert opcode["osparams_private_cluster"] == {"no such/os": {"password": None}}


def test_of_several_instances_each_is_looked_at(api: Api) -> None:
    one = {"name": "a", "mode": "create", "disks": [], "nics": [], "osparams_private": {"password": SECRET}}
    (opcode,) = api.job("POST", "/2/instances-multi-alloc", {"instances": [one]})["ops"]
    assert opcode["instances"][0]["osparams_private"] == {"password": None}
