"""What a reviewer found once, and nobody shall find again."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from endpoints import Access, rapier
from v3.client import Api
from v3.conftest import Make, creation


def test_no_header_of_a_stranger_keeps_the_daemon_busy(api: Api) -> None:
    began = time.monotonic()
    with api.endpoint.client(user=None) as stranger:
        for accept in ('"' + '\\"' * 16_000, "a/b;" * 8_000, "," * 30_000, 'x/y;q="' * 5_000):
            assert stranger.get("/3/self", headers={"Accept": accept}).status_code == 401
    for prefer in ('"' * 20_000, "wait=" * 6_000, 'a =";' * 8_000):
        assert api.ask("GET", "/3/self", Prefer=prefer).status_code == 200
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=1", "wait=1"),
        ('respond-async, wait="1"', "wait=1"),
        ("wait=1; foo=bar, wait=2", "wait=1"),
        ("WAIT = 1", "wait=1"),
        ("wait=99999999999", "wait=300"),
        ('foo="a, wait=3"', None),
        ("wait=abc", None),
        ("awaits=1", None),
    ],
)
def test_a_preference_is_read_as_the_rfc_has_it(api: Api, instance: str, prefer: str, applied: str | None) -> None:
    answer = api.ask("POST", f"instances/{instance}/tag", {"tags": [f"p{time.time_ns()}"]}, Prefer=prefer)
    assert answer.headers.get("Preference-Applied") == applied
    assert answer.status_code == (202 if applied is None else answer.status_code)
    api.done("PUT", f"instances/{instance}/tag", {"tags": []})


def test_if_none_match_counts_on_writes_too(api: Api, make: Make, access: Access, new_name: str) -> None:
    path = f"instances/{make()}"
    before = api.newest_job()
    tag = api.tag_of(path)
    for value in ("*", tag):
        api.refused(412, "precondition-failed", "POST", f"{path}/tag", {"tags": ["x"]}, If_None_Match=value)
        api.refused(412, "precondition-failed", "DELETE", path, If_None_Match=value)
    answer = api.ask("PUT", path, creation("x"), If_None_Match="*")
    assert answer.headers["ETag"].strip('"') == tag.strip('"').split(".")[0]
    with rapier("demanding", api.endpoint.luxi_socket, access, "--demand-preconditions") as endpoint:
        demanding = Api(api.target, endpoint)
        demanding.refused(428, "precondition-required", "POST", f"{path}/tag", {"tags": ["x"]}, If_None_Match='"zzz"')
        opcode = {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": ["x"]}
        demanding.refused(428, "precondition-required", "POST", "jobs", {"opcodes": [opcode]}, If_None_Match="*")
        demanding.done("PUT", f"groups/{new_name}", {}, If_None_Match="*")
        demanding.done("DELETE", f"groups/{new_name}", If_Match="*")
        before += 2
    assert api.newest_job() == before
    api.done("POST", f"{path}/tag", {"tags": ["x"]}, If_None_Match='"zzz"')


@pytest.mark.parametrize("given", [{"reason": [["rapier:user", "root", 1]]}, {"reason": None}, {"debug_level": 3}])
def test_nobody_but_rapier_says_why_a_job_is_made(api: Api, instance: str, given: dict[str, Any]) -> None:
    before = api.newest_job()
    [name] = given
    problem = api.refused(422, "unprocessable", "POST", f"instances/{instance}/startup", given)
    assert problem["pointer"] == f"/{name}"
    opcode = {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": ["x"], **given}
    problem = api.refused(422, "unprocessable", "POST", "jobs", {"opcodes": [opcode]})
    assert problem["pointer"] == f"/opcodes/0/{name}"
    assert api.newest_job() == before


@pytest.mark.parametrize("tag", ["a b", "ü", "a\x00", "a\n", "", "x" * 129])
def test_a_tag_that_ganeti_would_refuse_is_no_job(api: Api, instance: str, new_name: str, tag: str) -> None:
    before = api.newest_job()
    api.refused(422, "unprocessable", "POST", f"instances/{instance}/tag", {"tags": [tag]})
    api.refused(422, "unprocessable", "POST", "instances", creation(new_name, tags=[tag]))
    assert api.newest_job() == before


def test_a_negative_size_is_no_job(api: Api, new_name: str) -> None:
    body = creation(new_name, disk_template="sharedfile", disks=[{"size_mib": -5}])
    assert api.refused(422, "unprocessable", "POST", "instances", body)["pointer"] == "/disks/0/size_mib"


@pytest.mark.parametrize("name", ["%00", "a%0d%0aX-Evil:1", "a%2Fb", "a%20b", "..%2F..", "%C3%BC"])
def test_what_cannot_stand_in_a_uri_is_no_name(api: Api, name: str) -> None:
    before = api.newest_job()
    api.refused(422, "unprocessable", "PUT", f"groups/{name}", {})
    assert api.newest_job() == before


def test_odd_names_are_found_again_where_the_answer_says(api: Api, new_name: str) -> None:
    for name in (f"{new_name}?b#c", f"{new_name}*&=+"):
        made = api.done("POST", "groups", {"name": name})
        assert api.get(made.headers["Location"]).json()["name"] == name
        api.done("DELETE", made.headers["Location"])


def test_a_name_that_ganeti_stores_otherwise_is_found(api: Api, new_name: str) -> None:
    made = api.done("POST", "instances", creation(new_name.upper()))
    assert made.status_code == 201
    assert api.get(made.headers["Location"]).json()["name"] == new_name
    api.done("DELETE", f"instances/{new_name}")


def test_a_dry_run_makes_nothing_and_is_no_error(api: Api, new_name: str) -> None:
    body = creation(new_name)
    body["create"]["dry_run"] = True
    answer = api.done("POST", "instances", body)
    assert (answer.status_code, answer.json()["kind"], answer.json()["outcome"]) == (200, "job", "success")
    api.refused(404, "not-found", "GET", f"instances/{new_name}")


def test_pointers_point_into_the_body_that_was_sent(api: Api, instance: str, new_name: str) -> None:
    for path, body, pointer in (
        ("networks", {"name": new_name, "network": "bogus"}, "/network"),
        ("groups", {"name": ""}, "/name"),
        ("groups", {"a/b~c": 1, "name": new_name}, "/a~1b~0c"),
        (f"instances/{instance}/startup", {"priority": [0]}, "/priority"),
    ):
        assert api.refused(422, "unprocessable", "POST", path, body)["pointer"] == pointer


def test_what_was_sent_does_not_come_back_by_the_megabyte(api: Api) -> None:
    answer = api.ask("POST", "groups", {"x" * 1_000_000: 1})
    assert answer.status_code == 422
    assert len(answer.content) < 10_000


def test_an_alias_is_another_name_and_no_other_cluster(api: Api, access: Access, new_name: str) -> None:
    with rapier("alias", api.endpoint.luxi_socket, access, "--cluster-alias", "here") as endpoint:
        alias = Api(api.target, endpoint)
        own = api.get().json()["name"]
        for path in ("groups", "os"):
            assert {one["cluster"] for one in alias.get(f"/3/here/{path}").json()["items"]} == {own}
        for cluster in ("here", own):
            body = {"name": new_name, "cluster": cluster}
            made = alias.done("POST", "/3/here/groups", body)
            assert made.headers["Location"] == f"/3/here/groups/{new_name}"
            alias.done("DELETE", made.headers["Location"])


def test_a_job_has_one_uri_and_an_object_is_no_null(api: Api, instance: str) -> None:
    api.refused(404, "not-found", "GET", f"jobs/0{api.newest_job()}")
    answer = api.http.post(
        api.uri(f"instances/{instance}/startup"), content=b"null", headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422


def test_a_page_that_is_written_to_says_no_as_everybody_does(api: Api) -> None:
    for path in ("/3/docs", "/3/openapi.json", "/3/problems/not-found"):
        answer = api.http.post(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (405, "application/problem+json")
        assert answer.json()["type"] == "/3/problems/method-not-allowed"


def test_a_guarded_removal_leaves_nothing_unsaid_in_the_log(api: Api, new_name: str) -> None:
    made = api.done("POST", "groups", {"name": new_name})
    api.done("DELETE", f"groups/{new_name}", If_Match=made.headers["ETag"])
    time.sleep(0.5)
    from processes import RUNNING

    assert not [one.log for one in RUNNING if "never retrieved" in one.log]


@pytest.mark.parametrize("word", ["docs", "self", "-"])
def test_a_cluster_called_like_a_word_of_the_apis_own_is_told_the_way_out(api: Api, word: str) -> None:
    problem = api.refused(404, "not-found", "GET", f"/3/{word}/instances")
    assert "--cluster-alias" in problem["detail"]


def test_a_job_of_very_many_opcodes_is_refused_at_once(api: Api) -> None:
    before = api.newest_job()
    opcodes = [{"OP_ID": "OP_CLUSTER_VERIFY"}] * 30_000
    problem = api.refused(422, "unprocessable", "POST", "jobs", {"opcodes": opcodes}, If_Match='"stale"')
    assert problem["pointer"] == "/opcodes"
    assert "500" in problem["detail"]
    api.refused(412, "precondition-failed", "POST", "jobs", {"opcodes": opcodes[:500]}, If_Match='"stale"')
    assert api.newest_job() == before


def test_the_description_says_what_a_creation_has_to_have(api: Api, new_name: str) -> None:
    whole = api.http.get("/3/openapi.json").json()
    for method, collection, required in (
        ("post", "instances", {"name"}),
        ("put", "instances", set()),
        ("post", "groups", {"name"}),
        ("post", "networks", {"name", "network"}),
        ("put", "networks", {"network"}),
    ):
        path = collection if method == "post" else f"{collection}/{{{collection.removesuffix('s')}}}"
        body = whole["paths"][f"/3/{{cluster}}/{path}"][method]["requestBody"]
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert set(whole["components"]["schemas"][name].get("required", [])) == required
        assert body["required"] is bool(required)
        for member in required:
            uri = path.replace("{network}", new_name)
            given = dict.fromkeys(required - {member}, new_name)
            assert api.refused(422, "unprocessable", method.upper(), uri, given)["pointer"] == f"/{member}"


def test_what_cannot_stand_in_a_uri_is_no_name_in_an_opcode_either(api: Api) -> None:
    before = api.newest_job()
    for op_id, naming, others in (
        ("OP_GROUP_ADD", "group_name", {}),
        ("OP_NETWORK_ADD", "network_name", {"network": "192.0.2.0/24"}),
        ("OP_GROUP_RENAME", "new_name", {"group_name": "default"}),
    ):
        opcode = {"OP_ID": op_id, naming: "a b/ü", **others}
        problem = api.refused(422, "unprocessable", "POST", "jobs", {"opcodes": [opcode]})
        assert problem["pointer"] == f"/opcodes/0/{naming}"
    assert api.newest_job() == before


def test_each_action_says_what_it_does_itself(api: Api) -> None:
    paths = api.http.get("/3/openapi.json").json()["paths"]
    summaries = {
        uri: path["post"]["summary"]
        for uri, path in paths.items()
        if re.search(r"\}/[a-z]+$", uri) and "post" in path and not uri.endswith("/tag")
    }
    assert len(summaries) >= 8
    assert not [one for one in summaries.values() if one.startswith("OP_")]
    assert "instances whose primary node" in summaries["/3/{cluster}/nodes/{node}/migrate"]


def test_a_node_is_named_by_its_name_in_a_body_since_jobs_do_not_know_its_uuid(api: Api, new_name: str) -> None:
    uuid = api.get("nodes/node2").json()["uuid"]
    before = api.newest_job()
    problem = api.refused(422, "unprocessable", "POST", "instances", creation(new_name, primary_node=uuid))
    assert uuid in problem["detail"]
    assert api.newest_job() == before
