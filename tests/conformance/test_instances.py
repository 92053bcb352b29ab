"""/2/instances and /2/instances/I, read: lists, single ones, and their values at each step of an instance's life."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from conformance import shapes
from conformance.client import Api
from conformance.history import Histories, Json, Step

SYNC_QUERY = "(&#x27;Sync queries are not allowed&#x27;, &#x27;wrong_input&#x27;)"
NEVER = {"uuid", "ctime", "name", "pnode", "os", "nic.macs", "nic.uuids"}  # what no job of these changes


def kept(api: Api, histories: Histories, which: int = 0) -> Json:
    """One of the instances that stay."""
    instance = api.get(f"/2/instances/{histories.kept[which]}").value()
    assert isinstance(instance, dict)
    return instance


def shown(step: Step) -> Json:
    """The instance after a step that left it there."""
    assert step.instance is not None
    return step.instance


# -- lists -----------------------------------------------------------------------------------------------------------


def test_instances_are_ids_with_uris_sorted_as_texts(api: Api, histories: Histories) -> None:
    instances = api.get("/2/instances").value()
    names = [instance["id"] for instance in instances]
    assert instances == [{"id": name, "uri": f"/2/instances/{name}"} for name in names]
    assert names == sorted(names)
    assert set(names) >= set(histories.kept)


def test_instances_in_bulk_have_these_members_and_no_others(api: Api, histories: Histories) -> None:
    bulk = api.get("/2/instances?bulk=1").value()
    shapes.assert_fits(bulk, [shapes.INSTANCE])
    assert set(histories.kept) <= {instance["name"] for instance in bulk}


def test_instances_in_bulk_are_sorted_with_their_numbers_as_numbers(api: Api, histories: Histories) -> None:
    ours = [one["name"] for one in api.get("/2/instances?bulk=1").value() if one["name"] in histories.kept]
    ten, nine = histories.kept
    assert ours == [nine, ten]


def test_an_instance_in_bulk_is_the_same_as_alone(api: Api, histories: Histories) -> None:
    alone = kept(api, histories)
    assert alone in api.get("/2/instances?bulk=1").value()


@pytest.mark.parametrize("query", ["lock=1", "bulk=1&lock=1", "lock=-1"])
def test_locking_the_list_is_refused_by_the_master(api: Api, query: str) -> None:
    assert api.get(f"/2/instances?{query}").refusal() == (500, SYNC_QUERY)


# -- one -------------------------------------------------------------------------------------------------------------


def test_one_instance_has_these_members_and_no_others(api: Api, histories: Histories) -> None:
    shapes.assert_fits(kept(api, histories), shapes.INSTANCE)


@pytest.mark.parametrize("name", ["no-such-instance", "node1", "00000000-0000-0000-0000-000000000000"])
def test_an_instance_that_is_not_there_is_404(api: Api, name: str) -> None:
    assert api.get(f"/2/instances/{name}").refusal() == (404, "Not Found")


def test_the_letters_of_a_name_count(api: Api, histories: Histories) -> None:
    assert api.get(f"/2/instances/{histories.kept[0].upper()}").refusal() == (404, "Not Found")


def test_the_beginning_of_a_name_is_no_name(api: Api, histories: Histories) -> None:
    assert api.get(f"/2/instances/{histories.kept[0][:-1]}").refusal() == (404, "Not Found")


def test_an_instance_is_found_by_its_uuid_as_well(api: Api, histories: Histories) -> None:
    by_name = kept(api, histories)
    assert api.get(f"/2/instances/{by_name['uuid']}").value() == by_name


def test_locking_one_instance_is_refused_by_the_master(api: Api, histories: Histories) -> None:
    assert api.get(f"/2/instances/{histories.kept[0]}?lock=1").refusal() == (500, SYNC_QUERY)
    assert api.get("/2/instances/no-such-instance?lock=1").refusal() == (500, SYNC_QUERY)


def test_a_node_counts_its_instances(api: Api, histories: Histories) -> None:
    node = api.get(f"/2/nodes/{histories.node}").value()
    assert set(histories.kept) <= set(node["pinst_list"])
    assert len(node["pinst_list"]) == node["pinst_cnt"]
    assert node["sinst_list"] == []
    assert node["sinst_cnt"] == 0


# -- what is configured ----------------------------------------------------------------------------------------------


def test_an_instance_made_with_nothing_of_its_own_has_the_clusters_values(api: Api, histories: Histories) -> None:
    info, instance = api.get("/2/info").value(), kept(api, histories)
    backend = info["beparams"]["default"]
    nic = info["nicparams"]["default"]
    assert backend["maxmem"] == backend["minmem"] == 128
    expected: Json = {
        "name": histories.kept[0],
        "admin_state": "down",
        "os": "dummy+default",
        "pnode": histories.node,
        "snodes": [],
        "disk_template": "diskless",
        "nic.ips": [None],
        "nic.modes": [nic["mode"]],
        "nic.names": [None],
        "nic.links": [nic["link"]],
        "nic.networks": [None],
        "nic.networks.names": [None],
        "nic.bridges": [nic["link"]],
        "network_port": None,
        "disk.sizes": [],
        "disk.spindles": [],
        "disk_usage": 0,
        "disk.uuids": [],
        "disk.names": [],
        "beparams": {**backend, "memory": backend["maxmem"]},
        "hvparams": {},
        "oper_state": False,
        "oper_ram": None,
        "oper_vcpus": None,
        "status": "ADMIN_down",
        "custom_hvparams": {},
        "custom_beparams": {},
        "custom_nicparams": [{}],
        "serial_no": 1,
        "tags": [],
    }
    assert {name: instance[name] for name in expected} == expected
    assert instance["ctime"] == instance["mtime"]
    assert instance["nic.macs"][0].startswith(info["mac_prefix"] + ":")


def test_an_instance_made_with_values_of_its_own_has_them(histories: Histories) -> None:
    instance = shown(histories.sharedfile["create"])
    shapes.assert_fits(instance, shapes.INSTANCE)
    expected: Json = {
        "admin_state": "down",
        "status": "ADMIN_down",
        "disk_template": "sharedfile",
        "disk.sizes": [32, 16],
        "disk.spindles": [None, None],
        "disk_usage": 48,
        "disk.names": ["root", None],
        "nic.macs": ["aa:00:00:11:22:33"],
        "custom_beparams": {"minmem": 64, "maxmem": 64, "vcpus": 2},
        "custom_nicparams": [{}],
        "tags": ["t1"],
    }
    assert {name: instance[name] for name in expected} == expected
    assert len(set(instance["disk.uuids"])) == 2
    backend = instance["beparams"]
    assert (backend["minmem"], backend["maxmem"], backend["memory"], backend["vcpus"]) == (64, 64, 64, 2)


def test_memory_is_another_name_of_the_largest_memory(histories: Histories) -> None:
    instance = shown(histories.idle["create"])
    assert instance["custom_beparams"] == {"minmem": 64}
    assert instance["beparams"]["minmem"] == 64
    assert instance["beparams"]["memory"] == instance["beparams"]["maxmem"] == 128


# -- lives -----------------------------------------------------------------------------------------------------------


def condition(step: Step) -> tuple[Any, ...]:
    """What changes when an instance is started and stopped."""
    names = ("admin_state", "status", "oper_state", "oper_ram", "oper_vcpus")
    return tuple(shown(step)[name] for name in names)


RUNNING = ("up", "running", True, 128, 1)
STOPPED = ("down", "ADMIN_down", False, None, None)
CONDITIONS = {
    "create": RUNNING,
    "tag": RUNNING,
    "untag": RUNNING,
    "shut down": STOPPED,
    "start unremembered": ("down", "ERROR_up", True, 128, 1),
    "start": RUNNING,
    "shut down unremembered": ("up", "ERROR_down", False, None, None),
    "reboot fully": RUNNING,
    "reboot softly": RUNNING,
    "reboot": RUNNING,
    "start on trial": RUNNING,
    "remove on trial": RUNNING,
}
IDLE_CONDITIONS = {
    "create": STOPPED,
    "create again": STOPPED,
    "shut down though stopped": STOPPED,
    "reboot though stopped": RUNNING,
    "start though running": RUNNING,
    "untag what is not there": RUNNING,
}


@pytest.mark.parametrize("title", CONDITIONS)
def test_an_instance_shows_whether_it_runs_and_ought_to(histories: Histories, title: str) -> None:
    assert condition(histories.diskless[title]) == CONDITIONS[title]


@pytest.mark.parametrize("title", IDLE_CONDITIONS)
def test_what_is_so_already_stays_so(histories: Histories, title: str) -> None:
    assert condition(histories.idle[title]) == IDLE_CONDITIONS[title]


def test_a_stopped_instance_of_two_processors_is_started_with_them(histories: Histories) -> None:
    assert condition(histories.sharedfile["create"]) == STOPPED
    assert condition(histories.sharedfile["start"]) == ("up", "running", True, 64, 2)


CHANGING = ("tag", "untag", "shut down", "start unremembered", "start", "shut down unremembered", "reboot fully")
UNCHANGING = ("reboot softly", "reboot", "start on trial", "remove on trial")


def test_the_serial_number_moves_with_each_change_and_only_then(histories: Histories) -> None:
    titles = [title for title in histories.diskless if title != "remove"]
    for before, title in pairwise(titles):
        old, new = shown(histories.diskless[before]), shown(histories.diskless[title])
        moved = new["serial_no"] > old["serial_no"], new["mtime"] > old["mtime"]
        assert moved == ((True, True) if title in CHANGING else (False, False)), title
        assert {*CHANGING, *UNCHANGING} >= {title}
        assert {name: new[name] for name in NEVER} == {name: old[name] for name in NEVER}


@pytest.mark.parametrize("title", ["tag on trial", "shut down on trial", "reboot on trial"])
def test_a_trial_changes_nothing(histories: Histories, title: str) -> None:
    assert histories.sharedfile[title].instance == histories.sharedfile["start"].instance


def test_a_creation_on_trial_creates_nothing(histories: Histories) -> None:
    assert histories.sharedfile["create on trial"].instance is None


@pytest.mark.parametrize("life", ["diskless", "sharedfile", "idle"])
def test_a_removed_instance_is_gone(api: Api, histories: Histories, life: str) -> None:
    assert getattr(histories, life)["remove"].instance is None
    name = getattr(histories, f"{life}_name")
    assert name not in [instance["id"] for instance in api.get("/2/instances").value()]


def test_tags_of_an_instance_come_and_go(histories: Histories) -> None:
    steps = histories.diskless
    assert [sorted(shown(steps[title])["tags"]) for title in ("create", "tag", "untag")] == [
        [],
        ["a", "b+c", "x:y"],
        ["b+c"],
    ]
