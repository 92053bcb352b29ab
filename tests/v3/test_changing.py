"""Tags and actions: what the job was, what the answer is, what the object is like afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from v3.client import Api
from v3.conftest import Make


def test_tags_are_added_replaced_and_removed(api: Api, instance: str) -> None:
    tag = f"instances/{instance}/tag"
    assert api.done("PUT", tag, {"tags": ["b", "a"]}).json() == {"kind": "tag", "tags": ["a", "b"]}
    assert api.done("POST", tag, {"tags": ["c", "a"]}).json()["tags"] == ["a", "b", "c"]
    assert api.done("DELETE", f"{tag}?tag=a&tag=c").json()["tags"] == ["b"]
    assert api.done("PUT", tag, {"tags": []}).json()["tags"] == []
    assert api.luxi("QueryTags", "instance", instance) == []


@pytest.mark.parametrize("path", ["", "nodes/node3", "groups/default"])
def test_every_kind_has_tags(api: Api, path: str) -> None:
    tag = f"{path}/tag".lstrip("/")
    assert "v3:tag" in api.done("POST", tag, {"tags": ["v3:tag"]}).json()["tags"]
    assert "v3:tag" in api.get(path).json()["tags"]
    assert "v3:tag" not in api.done("DELETE", f"{tag}?tag=v3:tag").json()["tags"]


def test_a_change_of_tags_that_changes_nothing_makes_no_job(api: Api, instance: str) -> None:
    tag = f"instances/{instance}/tag"
    api.done("PUT", tag, {"tags": ["same"]})
    before = api.newest_job()
    for method, path, body in (
        ("PUT", tag, {"tags": ["same"]}),
        ("POST", tag, {"tags": ["same"]}),
        ("DELETE", f"{tag}?tag=another", None),
    ):
        answer = api.ask(method, path, body)
        assert (answer.status_code, answer.json()["tags"]) == (200, ["same"])
    assert api.newest_job() == before


def test_the_tag_of_tags_is_that_of_their_object(api: Api, instance: str) -> None:
    ours, objects = api.tag_of(f"instances/{instance}/tag"), api.tag_of(f"instances/{instance}")
    assert ours != objects
    assert ours.split(".")[0] == objects.split(".")[0]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/tags"),
        ({"tags": "a"}, "/tags"),
        ({"tags": [7]}, "/tags/0"),
        ({"tag": ["a"]}, "/tag"),
        ({"tags": [""]}, "/tags/0"),
    ],
)
def test_bad_tags_are_pointed_at(api: Api, instance: str, body: Any, pointer: str) -> None:
    assert api.refused(422, "unprocessable", "POST", f"instances/{instance}/tag", body)["pointer"] == pointer
    api.refused(422, "unprocessable", "DELETE", f"instances/{instance}/tag")


def test_an_instance_is_started_restarted_and_stopped(api: Api, make: Make) -> None:
    path = f"instances/{make()}"
    started = api.done("POST", f"{path}/startup", {"force": False})
    assert started.json()["admin_state"] == "up"
    assert started.headers["Content-Location"] == api.uri(path)
    assert 'rel="job"' in started.headers["Link"]
    assert api.get(path).json()["live"]["status"] == "running"
    api.done("POST", f"{path}/reboot", {"reboot_type": "hard"})
    assert api.done("POST", f"{path}/shutdown").json()["admin_state"] == "down"


def test_migration_moves_it_and_its_stamp_but_not_its_serial(api: Api, make: Make) -> None:
    path = f"instances/{make(disk_template='sharedfile', disks=[{'size_mib': 128}], admin_state='up')}"
    before = api.get(path)
    moved = api.done("POST", f"{path}/migrate", {"mode": "live", "target_node": "node3"})
    assert (before.json()["primary_node"], moved.json()["primary_node"]) == ("node2", "node3")
    assert before.headers["ETag"].split(".")[0] != moved.headers["ETag"].split(".")[0]
    assert api.done("POST", f"{path}/failover", {"target_node": "node2"}).json()["primary_node"] == "node2"


def test_a_renamed_instance_is_where_its_new_name_is(api: Api, make: Make, new_name: str) -> None:
    old = make()
    body = {"new_name": new_name, "name_check": False, "ip_check": False}
    answer = api.done("POST", f"instances/{old}/rename", body)
    assert answer.json()["name"] == new_name
    assert answer.headers["Content-Location"] == api.uri(f"instances/{new_name}")
    api.refused(404, "not-found", "GET", f"instances/{old}")
    api.done("DELETE", f"instances/{new_name}")


def test_a_disk_grows_by_its_place_and_by_its_uuid(api: Api, make: Make) -> None:
    path = f"instances/{make(disk_template='sharedfile', disks=[{'size_mib': 128}])}"
    [disk] = api.done("POST", f"{path}/disks/0/grow", {"amount": 64}).json()["disks"]
    assert disk["size_mib"] == 192
    [disk] = api.done("POST", f"{path}/disks/{disk['uuid']}/grow", {"amount": 256, "absolute": True}).json()["disks"]
    assert disk["size_mib"] == 256
    api.refused(404, "not-found", "POST", f"{path}/disks/1/grow", {"amount": 64})
    assert api.refused(422, "unprocessable", "POST", f"{path}/disks/0/grow", {})["parameter"] == "amount"


def test_actions_check_their_body_by_the_opcodes_table(api: Api, instance: str) -> None:
    before = api.newest_job()
    path = f"instances/{instance}"
    for action, body, parameter in (
        ("startup", {"forse": True}, "forse"),
        ("startup", {"force": "yes"}, "force"),
        ("reboot", {}, "reboot_type"),
        ("reboot", {"reboot_type": "warm"}, "reboot_type"),
        ("migrate", {"mode": 7}, "mode"),
        ("rename", {}, "new_name"),
    ):
        problem = api.refused(422, "unprocessable", "POST", f"{path}/{action}", body)
        assert (problem["parameter"], problem["pointer"]) == (parameter, f"/{parameter}")
    api.refused(422, "unprocessable", "POST", f"{path}/startup", {"instance_name": "another"})
    api.refused(422, "unprocessable", "POST", f"{path}/startup", [])
    assert api.newest_job() == before


def test_an_action_on_what_is_not_there_is_404_and_no_job(api: Api) -> None:
    before = api.newest_job()
    for action in ("startup", "shutdown", "migrate", "failover"):
        api.refused(404, "not-found", "POST", f"instances/nobody/{action}", {})
    api.refused(404, "not-found", "DELETE", "instances/nobody")
    api.refused(404, "not-found", "POST", "nodes/nobody/evacuate", {"mode": "all"})
    assert api.newest_job() == before


def test_a_wrong_state_is_409(api: Api, make: Make, new_name: str) -> None:
    path = f"instances/{make(admin_state='up')}"
    body = {"new_name": new_name, "name_check": False, "ip_check": False}
    problem = api.refused(409, "wrong-state", "POST", f"{path}/rename", body, Prefer="wait=60")
    assert problem["ganeti_code"] == "wrong_state"
    assert problem["job"]


def test_a_node_is_evacuated_by_jobs_of_its_job(api: Api, make: Make) -> None:
    first, second = (
        make(disk_template="sharedfile", disks=[{"size_mib": 128}], primary_node="node4") for _ in range(2)
    )
    answer = api.done("POST", "nodes/node4/evacuate", {"mode": "primary-only", "iallocator": "hail"})
    assert answer.json()["name"] == "node4"
    assert answer.json()["primary_instances"] == []
    job = api.get(answer.headers["Link"].partition(">")[0][1:]).json()
    assert [child["status"] for child in job["children"]] == ["success", "success"]
    assert job["outcome"] == "success"
    for name in (first, second):
        assert api.get(f"instances/{name}").json()["primary_node"] != "node4"
