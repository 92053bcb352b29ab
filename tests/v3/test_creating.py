"""Creating and removing: by POST to the collection, by PUT to an unused name."""

from __future__ import annotations

from typing import Any

import pytest

from v3.client import Api
from v3.conftest import Make, creation


def test_an_instance_is_made_shown_and_removed(api: Api, new_name: str) -> None:
    body = creation(
        new_name,
        disk_template="sharedfile",
        disks=[{"size_mib": 130, "name": "root"}],
        nics=[{"mac": "auto", "custom": {"link": "xen-br0"}}],
        custom={"beparams": {"maxmem": 192, "vcpus": 2}},
        tags=["one", "two"],
    )
    made = api.done("POST", "instances", body)
    assert made.status_code == 201
    assert made.headers["Location"] == f"{api.base}/instances/{new_name}"
    assert made.headers["Preference-Applied"] == "wait=60"
    shown = made.json()
    assert (shown["name"], shown["primary_node"], shown["admin_state"]) == (new_name, "node2", "down")
    assert shown["disks"][0]["size_mib"] == 132  # Ganeti rounds up to extents of four
    assert shown["disks"][0]["name"] == "root"
    assert shown["nics"][0]["custom"] == {"link": "xen-br0"}
    assert shown["custom"]["beparams"]["maxmem"] == 192
    assert shown["effective"]["beparams"]["vcpus"] == 2
    assert shown["tags"] == ["one", "two"]
    assert api.get(f"instances/{new_name}").headers["ETag"].split(".")[0] == made.headers["ETag"].split(".")[0]
    gone = api.done("DELETE", f"instances/{new_name}", If_Match=made.headers["ETag"])
    assert (gone.status_code, gone.json()["kind"], gone.json()["outcome"]) == (200, "job", "success")
    api.refused(404, "not-found", "GET", f"instances/{new_name}")


@pytest.mark.parametrize(
    ("collection", "body"),
    [
        ("groups", {"alloc_policy": "last_resort", "custom": {"ndparams": {"spindle_count": 4}}}),
        ("networks", {"network": "192.0.2.0/24", "gateway": "192.0.2.1", "reserved_ips": ["192.0.2.9"], "tags": ["t"]}),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_groups_and_networks_too(api: Api, collection: str, body: dict[str, Any], method: str, new_name: str) -> None:
    if method == "POST":
        made = api.done("POST", collection, {"name": new_name, **body})
    else:
        made = api.done("PUT", f"{collection}/{new_name}", body, If_None_Match="*")
    assert made.status_code == 201
    assert made.headers["Location"] == f"{api.base}/{collection}/{new_name}"
    shown = made.json()
    for member in set(body) - {"custom", "reserved_ips"}:
        assert shown[member] == body[member]
    assert set(body.get("reserved_ips", ())) <= set(shown.get("reserved_ips", ()))
    if "custom" in body:
        assert shown["custom"]["ndparams"] == body["custom"]["ndparams"]
        assert shown["effective"]["ndparams"]["spindle_count"] == 4
    api.done("DELETE", f"{collection}/{shown['uuid']}")
    api.refused(404, "not-found", "GET", f"{collection}/{new_name}")


def test_without_a_wait_the_answer_is_the_job(api: Api, new_name: str) -> None:
    answer = api.ask("POST", "instances", creation(new_name))
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["Location"] == f"{api.base}/jobs/{job['id']}"
    assert job["summary"] == [f"INSTANCE_CREATE({new_name})"]
    ended = api.get(f"jobs/{job['id']}?wait=60").json()
    assert ended["outcome"] == "success"
    api.done("DELETE", f"instances/{new_name}")


def test_a_name_in_use_is_409_and_no_job(api: Api, instance: str) -> None:
    before = api.newest_job()
    api.refused(409, "already-exists", "POST", "instances", creation(instance))
    assert api.newest_job() == before


def test_put_to_an_existing_one_is_405_and_with_none_match_412(api: Api, instance: str) -> None:
    before = api.newest_job()
    problem = api.refused(405, "method-not-allowed", "PUT", f"instances/{instance}", creation(instance))
    assert "PUT" not in problem["allow"]
    api.refused(412, "precondition-failed", "PUT", f"instances/{instance}", creation(instance), If_None_Match="*")
    assert api.newest_job() == before


def test_put_with_if_match_only_changes_so_an_unused_name_is_412(api: Api, new_name: str) -> None:
    body = creation(new_name)
    api.refused(412, "precondition-failed", "PUT", f"instances/{new_name}", body, If_Match="*")


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"nam": "x"}, "/nam", "'name'"),
        ({"disks": [{"size_mb": 1}]}, "/disks/0/size_mb", "'size_mib'"),
        ({"disks": [{"size_mib": "1"}]}, "/disks/0/size_mib", "int"),
        ({"nics": [{"custom": {"lnk": "x"}}]}, "/nics/0/custom/lnk", "'link'"),
        ({"create": {"ip_chek": False}}, "/create/ip_chek", "'ip_check'"),
        ({"create": {"ip_check": 1}}, "/create/ip_check", "bool"),
        ({"create": {"OP_ID": "OP_CLUSTER_DESTROY"}}, "/create/OP_ID", "no member"),
        ({"create": {"reason": []}}, "/create/reason", "no member"),
        ({"disk_template": "floppy"}, "/disk_template", "floppy"),
        ({"secondary_nodes": ["a", "b"]}, "/secondary_nodes", "one secondary node"),
        ({"admin_state": "offline"}, "/admin_state", "up or down"),
        ({"cluster": "another"}, "/cluster", "cluster"),
        ({"kind": "node"}, "/kind", "instance"),
        ({"uuid": "x"}, "/uuid", "no member"),
        ({"name": 7}, "/name", "str"),
    ],
)
def test_a_bad_member_is_pointed_at_and_makes_no_job(
    api: Api, new_name: str, change: dict[str, Any], pointer: str, words: str
) -> None:
    before = api.newest_job()
    problem = api.refused(422, "unprocessable", "POST", "instances", creation(new_name) | change)
    assert problem["pointer"] == pointer
    assert words in problem["detail"]
    assert api.newest_job() == before


@pytest.mark.parametrize("body", [[], "web1", 7, None, True])
def test_a_body_that_is_no_object_is_422(api: Api, body: Any) -> None:
    answer = api.http.post(f"{api.base}/instances", json=body)
    assert answer.status_code == 422


def test_without_a_name_it_is_said_what_is_missing(api: Api) -> None:
    body = creation("x")
    del body["name"]
    assert api.refused(422, "unprocessable", "POST", "instances", body)["pointer"] == "/name"


def test_the_uri_and_the_body_must_name_the_same(api: Api, new_name: str) -> None:
    body = creation("another")
    assert api.refused(422, "unprocessable", "PUT", f"instances/{new_name}", body)["pointer"] == "/name"


def test_what_ganeti_refuses_later_is_a_problem_with_the_job(api: Api, new_name: str) -> None:
    body = creation(new_name, disk_template="sharedfile", disks=[{"size_mib": 128}], os="nothing+like")
    problem = api.refused(500, "job-failed", "POST", "instances", body, Prefer="wait=60")
    assert problem["job"].startswith(f"{api.base}/jobs/")
    assert problem["ganeti_class"] == "OpExecError"
    assert problem["failed"][0]["status"] == "error"
    assert "nothing" in problem["detail"]
    body = creation(new_name, disk_template="plain", disks=[{"size_mib": 128}])
    problem = api.refused(422, "unprocessable", "POST", "instances", body, Prefer="wait=60")
    assert problem["ganeti_class"] == "OpPrereqError"


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"primary_node": "node9"}, "pnode"),
        ({"secondary_nodes": ["node9"]}, "snode"),
        ({"nics": [{"network": "lan9"}]}, "nics"),
    ],
)
def test_what_a_body_names_has_to_be_there_before_there_is_a_job(
    api: Api, new_name: str, change: dict[str, Any], parameter: str
) -> None:
    before = api.newest_job()
    problem = api.refused(422, "unprocessable", "POST", "instances", creation(new_name) | change)
    assert problem["parameter"] == parameter
    assert api.newest_job() == before


def test_what_a_client_read_it_may_send_back_to_make_another(
    api: Api, instance: str, make: Make, new_name: str
) -> None:
    shown = api.get(f"instances/{make()}").json()
    for member in (
        "uuid",
        "name",
        "admin_state_source",
        "forthcoming",
        "disks_active",
        "disk_usage_mib",
        "network_port",
    ):
        del shown[member]
    shown["create"] = {"name_check": False, "ip_check": False}
    made = api.done("PUT", f"instances/{new_name}", shown)
    assert made.json()["custom"] == shown["custom"]
    api.done("DELETE", f"instances/{new_name}")
