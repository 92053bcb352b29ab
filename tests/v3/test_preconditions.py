"""Entity tags: 304 for who has it already, 412 for who would overwrite what they have not seen."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from endpoints import Access, rapier
from lab import VirtualCluster
from v3.client import Api
from v3.conftest import Make, creation

PATHS = ["", "tag", "instances?live=0", "nodes?live=0", "groups", "networks", "jobs"]


@pytest.mark.parametrize("path", PATHS)
def test_who_has_it_already_gets_304(api: Api, instance: str, path: str) -> None:
    tag = api.tag_of(path)
    answer = api.ask("GET", path, If_None_Match=tag)
    assert (answer.status_code, answer.headers["ETag"]) == (304, tag)
    assert api.ask("GET", path, If_None_Match=f'"x", W/{tag}').status_code == 304
    assert api.ask("GET", path, If_None_Match="*").status_code == 304
    assert api.ask("HEAD", path, If_None_Match=tag).status_code == 304
    assert api.ask("GET", path, If_None_Match='"other"').status_code == 200


def test_another_representation_is_another_tag_with_the_same_stamp(api: Api, instance: str) -> None:
    path = f"instances/{instance}?live=0"
    as_json = api.tag_of(path)
    as_xml = api.ask("GET", path, Accept="application/xml").headers["ETag"]
    assert as_json != as_xml
    assert as_json.split(".")[0] == as_xml.split(".")[0]
    assert api.ask("GET", path, Accept="application/xml", If_None_Match=as_json).status_code == 200
    assert api.ask("GET", path, If_Match=as_xml).status_code == 200
    api.refused(412, "precondition-failed", "GET", path, If_Match='"other"')


def test_a_tag_that_is_still_good_lets_a_write_through_and_is_then_stale(api: Api, make: Make) -> None:
    path = f"instances/{make()}"
    tag = api.tag_of(path)
    changed = api.done("POST", f"{path}/tag", {"tags": ["one"]}, If_Match=f'"x.y", W/{tag}')
    before = api.newest_job()
    stale = api.ask("POST", f"{path}/tag", {"tags": ["two"]}, If_Match=tag)
    assert (stale.status_code, stale.json()["type"]) == (412, "/3/problems/precondition-failed")
    assert api.newest_job() == before
    # the current tag comes with the refusal, and is good for the next try
    assert stale.headers["ETag"].strip('"') == changed.headers["ETag"].strip('"').split(".")[0]
    done = api.done("POST", f"{path}/tag", {"tags": ["two"]}, If_Match=stale.headers["ETag"])
    assert done.json()["tags"] == ["one", "two"]
    assert api.done("POST", f"{path}/tag", {"tags": ["three"]}, If_Match="*").json()["tags"] == ["one", "three", "two"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "tag", {"tags": ["x"]}),
        ("POST", "tag", {"tags": ["x"]}),
        ("DELETE", "tag?tag=x", None),
        ("POST", "startup", {}),
        ("POST", "migrate", {"mode": "live"}),
        ("POST", "disks/0/grow", {"amount": 64}),
        ("POST", "rename", {"new_name": "other"}),
        ("DELETE", "", None),
    ],
)
def test_a_stale_tag_is_412_whatever_the_write(api: Api, instance: str, method: str, path: str, body: Any) -> None:
    before = api.newest_job()
    uri = f"instances/{instance}/{path}".rstrip("/")
    api.refused(412, "precondition-failed", method, uri, body, If_Match='"0123456789abcdef01234567.0"')
    assert api.newest_job() == before


def test_what_is_wrong_with_a_creation_is_said_before_a_tag_that_nothing_has(api: Api, new_name: str) -> None:
    path = f"instances/{new_name}"
    for tag in ("*", '"0123456789abcdef01234567.0"'):
        body = creation(new_name, primary_node="no-such-node")
        problem = api.refused(422, "unprocessable", "PUT", path, body, If_Match=tag)
        assert problem["parameter"] == "pnode"
        api.refused(412, "precondition-failed", "PUT", path, creation(new_name), If_Match=tag)


def test_a_live_migration_between_the_reading_and_the_write_is_412(api: Api, make: Make) -> None:
    path = f"instances/{make(disk_template='sharedfile', disks=[{'size_mib': 128}], admin_state='up')}"
    before = api.get(path)
    api.done("POST", f"{path}/migrate", {"mode": "live", "target_node": "node3"})
    api.refused(412, "precondition-failed", "POST", f"{path}/tag", {"tags": ["x"]}, If_Match=before.headers["ETag"])


def test_a_change_that_somebody_else_made_is_412(api: Api, make: Make, request: pytest.FixtureRequest) -> None:
    """By the command line on a real cluster, by LUXI on an embedded one."""
    name = make()
    tag = api.tag_of(f"instances/{name}")
    if api.target == "real":
        lab: VirtualCluster = request.getfixturevalue("lab")
        lab.run("gnt-instance", "modify", "-B", "vcpus=2", name)
    else:
        job_id = api.luxi("SubmitJob", [{"OP_ID": "OP_INSTANCE_SET_PARAMS", "instance_name": name,
                                         "beparams": {"vcpus": 2}, "reason": []}])  # fmt: skip
        assert api.get(f"jobs/{job_id}?wait=30").json()["outcome"] == "success"
    api.refused(412, "precondition-failed", "POST", f"instances/{name}/startup", {}, If_Match=tag)


def test_a_failed_job_that_changed_something_is_412(api: Api, make: Make) -> None:
    """A job of two opcodes, of which the second fails: the first one's change stays."""
    name = make()
    tag = api.tag_of(f"instances/{name}")
    opcodes = [
        {"OP_ID": "OP_TAGS_SET", "kind": "instance", "name": name, "tags": ["half"]},
        {"OP_ID": "OP_INSTANCE_REBOOT", "instance_name": name, "reboot_type": "hard"},
        {"OP_ID": "OP_TAGS_DEL", "kind": "instance", "name": name, "tags": ["never"]},
    ]
    answer = api.ask("POST", "jobs", {"opcodes": opcodes}, Prefer="wait=60")
    assert answer.status_code >= 400
    assert api.get(f"instances/{name}").json()["tags"] == ["half"]
    api.refused(412, "precondition-failed", "POST", f"instances/{name}/startup", {}, If_Match=tag)


def test_a_clusters_default_ends_a_304_and_does_not_refuse_a_write(api: Api, make: Make) -> None:
    path = f"instances/{make()}"
    tag = api.tag_of(f"{path}?live=0")
    change = {"OP_ID": "OP_CLUSTER_SET_PARAMS", "beparams": {"maxmem": 160}}
    api.done("POST", "jobs", {"opcodes": [change]})
    try:
        answer = api.ask("GET", f"{path}?live=0", If_None_Match=tag)
        assert answer.status_code == 200
        assert answer.json()["effective"]["beparams"]["maxmem"] == 160
        assert answer.headers["ETag"].split(".")[0] == tag.split(".")[0]
        api.done("POST", f"{path}/tag", {"tags": ["still"]}, If_Match=tag)
    finally:
        api.done("POST", "jobs", {"opcodes": [{**change, "beparams": {"maxmem": 128}}]})


def test_an_unfinished_job_that_touches_the_object_is_409(api: Api, make: Make) -> None:
    name = make()
    path = f"instances/{name}"
    tag = api.tag_of(path)
    delay = {"OP_ID": "OP_TEST_DELAY", "duration": 2.0, "on_master": False, "no_locks": True, "reason": []}
    startup = {"OP_ID": "OP_INSTANCE_STARTUP", "instance_name": name, "reason": []}
    job_id = api.luxi("SubmitJob", [delay, startup])
    answer = api.ask("POST", f"{path}/tag", {"tags": ["x"]}, If_Match=tag)
    assert (answer.status_code, answer.json()["type"]) == (409, "/3/problems/object-busy")
    assert answer.json()["jobs"] == [f"{api.base}/jobs/{job_id}"]
    assert int(answer.headers["Retry-After"]) >= 1
    assert api.get(f"jobs/{job_id}?wait=30").json()["outcome"] == "success"
    api.refused(412, "precondition-failed", "POST", f"{path}/tag", {"tags": ["x"]}, If_Match=tag)


def test_creating_can_be_guarded_by_the_collection(api: Api, make: Make, new_name: str) -> None:
    tag = api.tag_of("groups")
    assert api.tag_of("groups") == tag
    made = api.done("POST", "groups", {"name": new_name}, If_Match=tag)
    before = api.newest_job()
    api.refused(412, "precondition-failed", "POST", "groups", {"name": f"{new_name}-2"}, If_Match=tag)
    assert api.newest_job() == before
    api.done("DELETE", f"groups/{made.json()['uuid']}")


def test_an_etag_header_without_if_match_is_400(api: Api, instance: str) -> None:
    before = api.newest_job()
    path = f"instances/{instance}/tag"
    api.refused(400, "etag-without-if-match", "PUT", path, {"tags": ["x"]}, ETag='"x.y"')
    assert api.newest_job() == before


@pytest.mark.parametrize("tag", ["x", '"x', 'w/"x"', '"x" "y"', "", '"x",,y', "* x"])
def test_a_precondition_that_is_none_is_400(api: Api, instance: str, tag: str) -> None:
    api.refused(400, "malformed", "POST", f"instances/{instance}/tag", {"tags": ["x"]}, If_Match=tag)


def test_a_bad_body_counts_before_a_stale_tag(api: Api, instance: str) -> None:
    stale = '"0123456789abcdef01234567.0"'
    api.refused(422, "unprocessable", "POST", f"instances/{instance}/tag", {"tag": []}, If_Match=stale)
    api.refused(422, "unprocessable", "POST", f"instances/{instance}/migrate", {"target_node": "node9"}, If_Match=stale)
    api.refused(404, "not-found", "POST", "instances/nobody/startup", {}, If_Match=stale)


def test_where_preconditions_are_demanded_an_unguarded_change_is_428(api: Api, access: Access, make: Make) -> None:
    path = f"instances/{make()}"
    options = ("--demand-preconditions", "--cluster-alias", "here")
    with rapier("demanding", api.endpoint.luxi_socket, access, *options) as endpoint:
        demanding = Api(api.target, endpoint)
        before = api.newest_job()
        for method, below, body in (
            ("POST", f"{path}/tag", {"tags": ["x"]}),
            ("POST", f"{path}/startup", {}),
            ("DELETE", path, None),
            ("POST", "groups", {"name": "g-never"}),
            ("PUT", "groups/g-never", {}),
            ("POST", "jobs", {"opcodes": [{"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": ["x"]}]}),
        ):
            demanding.refused(428, "precondition-required", method, below, body)
        demanding.refused(404, "not-found", "POST", "instances/nobody/startup", {})
        assert api.newest_job() == before
        demanding.done("POST", f"{path}/tag", {"tags": ["x"]}, If_Match=demanding.tag_of(path))
        assert demanding.get("/3/here/groups").json() == demanding.get("groups").json()


def test_an_alias_may_not_be_a_word_of_the_api(access: Access) -> None:
    from processes import RAPIER

    for word in ("-", "docs", "self", "a/b"):
        command = [*RAPIER, "serve", "--htpasswd", str(access.users), "--tls-cert", str(access.certificate)]
        ended = subprocess.run([*command, "--cluster-alias", word], capture_output=True, text=True, timeout=30)
        assert ended.returncode != 0
        assert "cluster-alias" in ended.stderr + ended.stdout
