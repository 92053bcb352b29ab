"""A master whose queries show a change only some time after its job's end, as a large cluster's luxid does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from endpoints import Access, embedded_master, rapier
from v3.client import Api
from v3.conftest import creation

LAG_SECONDS = 0.4
LONG_LAG_SECONDS = 3.0  # longer than the time that changes are given to settle before anything was measured


def api_before(lag_seconds: float, folder: Path, access: Access) -> Iterator[Api]:
    """Version 3 before such a master."""
    with (
        embedded_master(folder, instances=7, lag_seconds=lag_seconds) as socket,
        rapier("rapier-late", socket, access) as endpoint,
    ):
        api = Api("late", endpoint)
        yield api
        api.http.close()


@pytest.fixture(scope="module")
def late(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Before one that is a little late."""
    yield from api_before(LAG_SECONDS, tmp_path_factory.mktemp("late"), access)


@pytest.fixture(scope="module")
def very_late(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Before one that is later than the settle time."""
    yield from api_before(LONG_LAG_SECONDS, tmp_path_factory.mktemp("very-late"), access)


def an_instance(api: Api, place: int, admin_state: str = "up") -> str:
    """One of those that the master came with: it has a disk, and runs where nothing else is said."""
    found = [
        one for one in api.get("instances?live=0").json()["items"] if one["disks"] and one["admin_state"] == admin_state
    ]
    return str(found[place]["name"])


def test_who_waits_for_a_creation_gets_the_object(late: Api, new_name: str) -> None:
    made = late.done("POST", "instances", creation(new_name))
    assert made.status_code == 201
    assert late.done("POST", f"instances/{new_name}/rename", {"new_name": f"{new_name}-b", "name_check": False,
                     "ip_check": False}).json()["name"] == f"{new_name}-b"  # fmt: skip


@pytest.mark.parametrize("path", ["tag", "nodes/node3/tag"])
def test_who_waits_for_a_change_of_tags_is_shown_it(late: Api, path: str) -> None:
    assert late.done("POST", path, {"tags": ["a", "b"]}).json()["tags"] == ["a", "b"]
    assert late.done("DELETE", f"{path}?tag=a").json()["tags"] == ["b"]
    assert late.done("PUT", path, {"tags": ["c"]}).json()["tags"] == ["c"]


def test_who_waits_for_an_action_is_shown_the_object_changed_and_its_new_tag(late: Api) -> None:
    path = f"instances/{an_instance(late, 0)}"
    before = late.get(path)
    down = late.done("POST", f"{path}/shutdown")
    assert (before.json()["admin_state"], down.json()["admin_state"]) == ("up", "down")
    assert late.done("POST", f"{path}/startup", If_Match=down.headers["ETag"]).json()["admin_state"] == "up"
    grown = late.done("POST", f"{path}/disks/0/grow", {"amount": 512}).json()
    assert grown["disks"][0]["size_mib"] == before.json()["disks"][0]["size_mib"] + 512


@pytest.mark.parametrize("body", [{"dry_run": True}, {}], ids=["dry run", "nothing to change"])
def test_an_action_that_changes_nothing_answers_after_the_settle_time_at_the_latest(
    late: Api, body: dict[str, bool]
) -> None:
    path = f"instances/{an_instance(late, 1)}"
    began = time.monotonic()
    assert late.done("POST", f"{path}/startup", body).json()["admin_state"] == "up"
    assert time.monotonic() - began < (1 if body else 4)


def test_who_waits_for_a_removal_does_not_see_the_object_any_more(late: Api, new_name: str) -> None:
    late.done("PUT", f"groups/{new_name}", {})
    assert late.done("DELETE", f"groups/{new_name}").json()["kind"] == "job"
    late.refused(404, "not-found", "GET", f"groups/{new_name}")


def test_a_write_that_finds_under_the_lock_that_nothing_is_left_to_do_makes_no_job(late: Api) -> None:
    path = f"instances/{an_instance(late, 2)}/tag"

    def write(method: str, query: str, body: dict[str, list[str]] | None) -> int:
        return late.ask(method, path + query, body, If_Match="*").status_code

    rounds: tuple[tuple[str, str, dict[str, list[str]] | None], ...] = (
        ("POST", "", {"tags": ["racer"]}),
        ("DELETE", "?tag=racer", None),
    )
    for method, query, body in rounds:
        # all have read the object before the first one's job is shown
        with ThreadPoolExecutor(3) as writers:
            answers = [*writers.map(write, [method] * 3, [query] * 3, [body] * 3)]
        assert sorted(answers)[0] in (200, 202)
    opcodes = [job["opcodes"] for job in late.get("jobs").json()["items"]]
    assert [] not in opcodes


# First of those before this master: what a guarded write sees of a lag is kept
def test_a_tag_is_stale_after_a_write_whose_change_is_long_in_showing(very_late: Api) -> None:
    path = f"nodes/{very_late.get('nodes?live=0').json()['items'][2]['name']}"
    tag = very_late.tag_of(path)
    first = very_late.ask("POST", f"{path}/tag", {"tags": ["first"]}, If_Match=tag)
    assert first.status_code == 202
    time.sleep(2.2)  # the time that changes are given before anything was measured
    assert very_late.tag_of(path) == tag
    very_late.refused(412, "precondition-failed", "POST", f"{path}/tag", {"tags": ["second"]}, If_Match=tag)


def test_what_is_longer_in_showing_than_the_settle_time_is_waited_for(very_late: Api, new_name: str) -> None:
    instance = f"instances/{an_instance(very_late, 0, 'down')}"
    other = f"instances/{an_instance(very_late, 1)}"
    size_before = very_late.get(other).json()["disks"][0]["size_mib"]
    renaming = {"new_name": f"{new_name}-b", "name_check": False, "ip_check": False}
    with ThreadPoolExecutor(4) as clients:
        made = clients.submit(very_late.done, "PUT", f"groups/{new_name}", {})
        tagged = clients.submit(very_late.done, "POST", "groups/default/tag", {"tags": ["a"]})
        renamed = clients.submit(very_late.done, "POST", f"{instance}/rename", renaming)
        grown = clients.submit(very_late.done, "POST", f"{other}/disks/0/grow", {"amount": 512})
    assert made.result().status_code == 201
    assert made.result().json()["name"] == new_name
    assert tagged.result().json()["tags"] == ["a"]
    assert renamed.result().json()["name"] == f"{new_name}-b"
    assert renamed.result().headers["Content-Location"].endswith(f"/{new_name}-b")
    assert grown.result().json()["disks"][0]["size_mib"] == size_before + 512


@pytest.mark.parametrize("made_before", [False, True], ids=["creation", "removal"])
def test_what_is_not_shown_while_the_client_waits_is_a_job_that_succeeded(
    very_late: Api, new_name: str, made_before: bool
) -> None:
    path = f"groups/{new_name}"
    if made_before:
        very_late.done("PUT", path, {})
    body: dict[str, str] | None = None if made_before else {}
    answer = very_late.ask("DELETE" if made_before else "PUT", path, body, Prefer="wait=1")
    assert answer.status_code == 202
    assert answer.json()["outcome"] == "success"
    assert answer.headers["Location"].endswith(f"/jobs/{answer.json()['id']}")
    assert answer.headers["Link"] == f'<{answer.headers["Location"]}>; rel="job"'
