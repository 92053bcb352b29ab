"""Objects and collections: what they show, by which names, in which version."""

from __future__ import annotations

import pytest

from v3.client import Api
from v3.conftest import Make

COLLECTIONS = ("instances", "nodes", "groups", "networks", "jobs", "os")


def test_the_version_names_the_cluster_and_where_the_rest_is(api: Api) -> None:
    version = api.get("/3").json()
    assert version["version"] == 3
    assert [cluster["uri"] for cluster in version["clusters"]] == [api.base]
    assert {"etag", "guarded-writes", "prefer-wait"} <= set(version["features"])
    for uri in (version["description"], version["documentation"]):
        assert api.http.get(uri).status_code == 200


def test_the_cluster_shows_its_configuration(api: Api) -> None:
    cluster = api.get().json()
    info = api.luxi("QueryClusterInfo")
    assert (cluster["kind"], cluster["name"], cluster["uuid"]) == ("cluster", info["name"], info["uuid"])
    assert cluster["defaults"]["beparams"] == info["beparams"]
    assert cluster["master_node"] == info["master"]


def test_self_says_who_asks(api: Api) -> None:
    answer = api.get("/3/self", X_Request_Id="who-1")
    assert answer.json() == {"kind": "self", "user": "admin", "may_write": True, "request_id": "who-1"}


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_collection_has_what_the_master_knows(api: Api, instance: str, collection: str) -> None:
    found = api.get(collection).json()
    assert found["kind"] == collection
    if collection in ("instances", "nodes", "groups", "networks"):
        rows = api.luxi("Query", collection.removesuffix("s"), ["name", "uuid"], None)["data"]
        assert [(one["name"], one["uuid"]) for one in found["items"]] == sorted((row[0][1], row[1][1]) for row in rows)


@pytest.mark.parametrize("collection", ["instances", "nodes", "groups"])
def test_an_object_answers_by_name_and_by_uuid_as_in_its_collection(api: Api, instance: str, collection: str) -> None:
    [listed, *_] = api.get(f"{collection}?live=0" if collection != "groups" else collection).json()["items"]
    query = "?live=0" if collection != "groups" else ""
    by_name = api.get(f"{collection}/{listed['name']}{query}")
    by_uuid = api.get(f"{collection}/{listed['uuid']}{query}")
    assert by_name.json() == by_uuid.json() == listed
    assert by_name.headers["ETag"] == by_uuid.headers["ETag"]


@pytest.mark.parametrize("name", ["nobody", "v3", "00000000-0000-0000-0000-000000000000", "a%2Fb", "%C3%A9"])
@pytest.mark.parametrize("collection", ["instances", "nodes", "groups", "networks"])
def test_what_is_not_there_is_404(api: Api, collection: str, name: str) -> None:
    api.refused(404, "not-found", "GET", f"{collection}/{name}")
    api.refused(404, "not-found", "GET", f"{collection}/{name}/tag")


def test_a_names_beginning_names_nobody(api: Api, instance: str) -> None:
    api.refused(404, "not-found", "GET", f"instances/{instance[:-1]}x")


@pytest.mark.parametrize("job", ["0", "99999999", "x", "-1", "9223372036854775808", "1e3", "٣"])
def test_an_unknown_job_is_404(api: Api, job: str) -> None:
    api.refused(404, "not-found", "GET", f"jobs/{job}")


def test_another_cluster_is_404(api: Api) -> None:
    problem = api.refused(404, "not-found", "GET", "/3/elsewhere/instances")
    assert "elsewhere" in problem["detail"]


@pytest.mark.parametrize("path", ["", "/", "/x", "/instances/", "/instances/a/b", "/instances/a/tag/", "/exports/x/y"])
def test_what_has_no_route_is_404(api: Api, path: str) -> None:
    answer = api.http.get(f"{api.base}{path}" if path else "/3/")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_live_figures_come_unless_they_are_not_wanted(api: Api, instance: str) -> None:
    with_live = api.get(f"instances/{instance}")
    without = api.get(f"instances/{instance}?live=0")
    assert with_live.json()["live"]["running"] is False
    assert "live" not in without.json()
    assert with_live.headers["Cache-Control"] == "no-store"
    assert without.headers["Cache-Control"] == "no-cache"
    # the stamp is that of the object's own configuration, the digest that of what is shown
    assert with_live.headers["ETag"].split(".")[0] == without.headers["ETag"].split(".")[0]


def test_an_instance_shows_disks_nics_and_what_it_inherits(api: Api, instance: str) -> None:
    shown = api.get(f"instances/{instance}").json()
    [disk] = shown["disks"]
    [nic] = shown["nics"]
    assert disk["size_mib"] == 128
    assert nic["effective"]["mode"] == "bridged"
    assert nic["custom"] == {}
    defaults = api.get().json()["defaults"]["beparams"]["default"]
    assert shown["custom"]["beparams"] == {}
    assert shown["effective"]["beparams"] == defaults


def test_times_are_rfc_3339_in_utc(api: Api, instance: str) -> None:
    from datetime import UTC, datetime, timedelta

    made = datetime.fromisoformat(api.get(f"instances/{instance}").json()["ctime"])
    assert made.tzinfo == UTC
    assert abs(datetime.now(UTC) - made) < timedelta(minutes=10)


def test_an_unknown_query_argument_is_named_with_the_nearest_known(api: Api) -> None:
    problem = api.refused(422, "unprocessable", "GET", "instances?liv=0")
    assert problem["parameter"] == "liv"
    assert "'live'" in problem["detail"]
    api.refused(422, "unprocessable", "GET", "instances?live=perhaps")
    api.refused(422, "unprocessable", "GET", "groups?live=1")


def test_head_is_get_without_the_body(api: Api, instance: str) -> None:
    for path in ("", "instances?live=0", f"instances/{instance}?live=0", f"instances/{instance}/tag"):
        get, head = api.get(path), api.ask("HEAD", path)
        assert head.status_code == 200
        assert head.content == b""
        assert {name: head.headers[name] for name in ("ETag", "Content-Length", "Content-Type")} == {
            name: get.headers[name] for name in ("ETag", "Content-Length", "Content-Type")
        }


def test_options_and_405_name_the_methods(api: Api, make: Make) -> None:
    for path, allow in (
        ("", "GET, HEAD, OPTIONS"),
        ("instances", "GET, HEAD, OPTIONS, POST"),
        ("nodes", "GET, HEAD, OPTIONS"),
        ("instances/x", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("instances/x/tag", "DELETE, GET, HEAD, OPTIONS, POST, PUT"),
        ("instances/x/startup", "OPTIONS, POST"),
        ("jobs/1", "DELETE, GET, HEAD, OPTIONS"),
    ):
        options = api.ask("OPTIONS", path)
        assert (options.status_code, options.headers["Allow"]) == (204, allow)
        wrong = api.ask("PATCH", path)
        assert (wrong.status_code, wrong.headers["Allow"]) == (405, allow)
    assert api.ask("GET", "instances/x/startup").status_code == 405
