"""Jobs that writes to instances make: the opcode as it is in the queue, why, what was logged, what came out."""

from __future__ import annotations

from typing import Any

import pytest

from conformance import shapes
from conformance.client import Api
from conformance.history import Histories, Json, Step

COMMON: Json = {"debug_level": 0, "priority": 0, "depends": None, "comment": None}
WRITE: Json = {"dry_run": False, **COMMON}

CREATION: Json = {
    **WRITE,
    "OP_ID": "OP_INSTANCE_CREATE",
    "force_variant": False,
    "wait_for_sync": True,
    "name_check": False,
    "ignore_ipolicy": False,
    "opportunistic_locking": False,
    "beparams": {},
    "disks": [],
    "disk_template": "diskless",
    "hvparams": {},
    "hypervisor": "fake",
    "identify_defaults": False,
    "ip_check": False,
    "conflicts_check": True,
    "mode": "create",
    "nics": [{}],
    "osparams": {},
    "osparams_private": {},
    "osparams_secret": {},
    "os_type": "dummy+default",
    "source_shutdown_timeout": 120,
    "compress": "none",
    "start": True,
    "forthcoming": False,
    "commit": False,
    "tags": [],
    "instance_communication": False,
    "helper_startup_timeout": 300,
    "helper_shutdown_timeout": 7200,
}
STARTUP: Json = {
    **WRITE,
    "OP_ID": "OP_INSTANCE_STARTUP",
    "force": False,
    "ignore_offline_nodes": False,
    "hvparams": {},
    "beparams": {},
    "no_remember": False,
    "startup_paused": False,
    "shutdown_timeout": 120,
}
SHUTDOWN: Json = {
    **WRITE,
    "OP_ID": "OP_INSTANCE_SHUTDOWN",
    "force": False,
    "ignore_offline_nodes": False,
    "timeout": 120,
    "no_remember": False,
    "admin_state_source": "admin",
}
REBOOT: Json = {
    **WRITE,
    "OP_ID": "OP_INSTANCE_REBOOT",
    "shutdown_timeout": 120,
    "ignore_secondaries": False,
    "reboot_type": "hard",
}
REMOVE: Json = {**WRITE, "OP_ID": "OP_INSTANCE_REMOVE", "shutdown_timeout": 120, "ignore_failures": False}
QUERY_DATA: Json = {**COMMON, "OP_ID": "OP_INSTANCE_QUERY_DATA"}

DRY_RUN = " - INFO: dry-run mode requested, not actually executing the operation"


def uuid_of(life: dict[str, Step]) -> str:
    """The uuid of the instance whose life it is."""
    instance = life["create"].instance
    assert instance is not None
    return str(instance["uuid"])


# -- the opcode in the queue -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "opcode"),
    [
        ("shut down", {**SHUTDOWN, "timeout": 5}),
        ("start unremembered", {**STARTUP, "force": True, "no_remember": True}),
        ("start", STARTUP),
        ("shut down unremembered", {**SHUTDOWN, "no_remember": True}),
        ("reboot fully", {**REBOOT, "reboot_type": "full", "ignore_secondaries": True}),
        ("reboot softly", {**REBOOT, "reboot_type": "soft", "shutdown_timeout": 7}),
        ("reboot", REBOOT),
        ("start on trial", {**STARTUP, "dry_run": True}),
        ("remove on trial", {**REMOVE, "dry_run": True}),
        ("remove", {**REMOVE, "shutdown_timeout": 5}),
    ],
)
def test_a_write_is_queued_with_each_parameter_and_the_instances_uuid(
    histories: Histories, title: str, opcode: Json
) -> None:
    named = {"instance_name": histories.diskless_name, "instance_uuid": uuid_of(histories.diskless)}
    assert histories.diskless[title].opcode == {**opcode, **named}


def test_a_creation_is_queued_with_each_parameter_and_the_nodes_uuid(api: Api, histories: Histories) -> None:
    node = api.get(f"/2/nodes/{histories.node}").value()
    assert histories.diskless["create"].opcode == {
        **CREATION,
        "instance_name": histories.diskless_name,
        "pnode": histories.node,
        "pnode_uuid": node["uuid"],
    }


@pytest.mark.parametrize(("title", "dry_run"), [("create", False), ("create on trial", True)])
def test_a_creation_is_queued_with_what_was_chosen_for_it(
    api: Api, histories: Histories, title: str, dry_run: bool
) -> None:
    opcode = histories.sharedfile[title].opcode
    node = api.get(f"/2/nodes/{opcode['pnode']}").value()
    assert opcode == {
        **CREATION,
        "dry_run": dry_run,
        "instance_name": histories.sharedfile_name,
        "pnode": node["name"],
        "pnode_uuid": node["uuid"],
        "iallocator": "hail",
        "disk_template": "sharedfile",
        "file_driver": "loop",
        "disks": [{"size": 32, "name": "root"}, {"size": 16}],
        "nics": [{"mac": "aa:00:00:11:22:33"}],
        "beparams": {"vcpus": 2, "maxmem": 64, "minmem": 64},
        "tags": ["t1"],
        "start": False,
        "comment": "<b>",
    }


@pytest.mark.parametrize(("title", "static"), [("ask", False), ("ask for what is configured", True)])
def test_a_question_is_queued_with_or_without_the_static_flag(histories: Histories, title: str, static: bool) -> None:
    opcode = histories.sharedfile[title].opcode
    assert opcode == {
        **QUERY_DATA,
        "instances": [histories.sharedfile_name],
        "static": static,
        "use_locking": not static,
    }


@pytest.mark.parametrize(
    ("title", "op_id", "tags"),
    [("tag", "OP_TAGS_SET", ["a", "b+c", "x:y", "a"]), ("untag", "OP_TAGS_DEL", ["a", "x:y"])],
)
def test_tags_are_queued_as_they_were_given(histories: Histories, title: str, op_id: str, tags: list[str]) -> None:
    named = {"kind": "instance", "name": histories.diskless_name, "tags": tags}
    assert histories.diskless[title].opcode == {**WRITE, "OP_ID": op_id, **named}


# -- why -------------------------------------------------------------------------------------------------------------

RESOURCES = {
    "OP_INSTANCE_CREATE": "instances",
    "OP_INSTANCE_REMOVE": "instances_name",
    "OP_INSTANCE_STARTUP": "instances_name_startup",
    "OP_INSTANCE_SHUTDOWN": "instances_name_shutdown",
    "OP_INSTANCE_REBOOT": "instances_name_reboot",
    "OP_INSTANCE_QUERY_DATA": "instances_name_info",
    "OP_TAGS_SET": "instances_name_tags",
    "OP_TAGS_DEL": "instances_name_tags",
}


@pytest.mark.parametrize("life", ["diskless", "sharedfile", "idle"])
def test_the_reason_is_the_users_words_then_the_resource_then_the_job(
    histories: Histories, cause: list[list[Any]], life: str
) -> None:
    for title, step in getattr(histories, life).items():
        op_id = step.opcode["OP_ID"]
        words = [["gnt:user", "because I say <so>"]] if (life, title) == ("diskless", "create") else []
        assert step.trail == [
            *words,
            [f"gnt:library:rlib2:{RESOURCES[op_id]}", ""],
            *cause,
            [f"gnt:opcode:{op_id.lower().removeprefix('op_')}", f"job={step.job['id']};index=0"],
        ]


# -- what was logged -------------------------------------------------------------------------------------------------


def logs(histories: Histories) -> dict[tuple[str, str], list[str]]:
    """What each job said, where it said something."""
    diskless, sharedfile, idle = histories.diskless_name, histories.sharedfile_name, histories.idle_name
    trial, created = (histories.sharedfile[title].opcode["pnode"] for title in ("create on trial", "create"))
    selected = f" - INFO: Selected nodes for instance {sharedfile} via iallocator hail: "
    synced = [
        f" - INFO: Waiting for instance {sharedfile} to sync disks",
        f" - INFO: Instance {sharedfile}'s disks are in sync",
    ]

    def creating(name: str) -> list[str]:
        return [
            "* creating instance disks...",
            f"adding instance {name} to cluster config",
            "adding disks to cluster config",
        ]

    return {
        ("diskless", "create"): [*creating(diskless), "* starting instance..."],
        ("diskless", "reboot fully"): [f" - INFO: Instance {diskless} was already stopped, starting now"],
        ("diskless", "start on trial"): [DRY_RUN],
        ("diskless", "remove on trial"): [DRY_RUN],
        ("sharedfile", "create on trial"): [selected + trial, DRY_RUN],
        ("sharedfile", "create"): [
            selected + created,
            *("* disk 0, size 32M", "* disk 1, size 16M"),
            *creating(sharedfile),
            *synced,
            *synced,
            "* running the instance OS create scripts...",
        ],
        ("sharedfile", "ask"): [" - WARNING: Non-static data requested, locks need to be acquired"],
        ("sharedfile", "tag on trial"): [DRY_RUN],
        ("sharedfile", "shut down on trial"): [DRY_RUN],
        ("sharedfile", "reboot on trial"): [DRY_RUN],
        ("idle", "create"): creating(idle),
        ("idle", "reboot though stopped"): [f" - INFO: Instance {idle} was already stopped, starting now"],
    }


@pytest.mark.parametrize("life", ["diskless", "sharedfile", "idle"])
def test_a_job_says_what_it_does(histories: Histories, life: str) -> None:
    expected = logs(histories)
    for title, step in getattr(histories, life).items():
        assert step.log == expected.get((life, title), []), title


# -- what came out ---------------------------------------------------------------------------------------------------


def test_a_creation_answers_the_names_of_its_nodes_and_a_trial_their_uuids(api: Api, histories: Histories) -> None:
    assert histories.diskless["create"].result == [histories.node]
    created, trial = histories.sharedfile["create"], histories.sharedfile["create on trial"]
    assert created.instance is not None
    assert created.result == [created.instance["pnode"]] == [created.opcode["pnode"]]
    assert trial.result == [api.get(f"/2/nodes/{trial.opcode['pnode']}").value()["uuid"]]


@pytest.mark.parametrize("life", ["diskless", "sharedfile", "idle"])
def test_the_other_writes_answer_null(histories: Histories, life: str) -> None:
    for title, step in getattr(histories, life).items():
        if step.opcode["OP_ID"] not in ("OP_INSTANCE_CREATE", "OP_INSTANCE_QUERY_DATA") and "not there" not in title:
            assert (step.job["status"], step.job["opresult"]) == ("success", [None]), title


@pytest.mark.parametrize(("title", "static"), [("ask", False), ("ask for what is configured", True)])
def test_the_answer_about_an_instance_tells_all_that_is_configured(
    api: Api, histories: Histories, title: str, static: bool
) -> None:
    step, name = histories.sharedfile[title], histories.sharedfile_name
    instance, opcode = step.instance, histories.sharedfile["create"].opcode
    assert instance is not None
    shapes.assert_fits(step.result, {name: shapes.INSTANCE_INFO})
    answer = step.result[name]
    group = api.get(f"/2/nodes/{instance['pnode']}").value()["group.uuid"]
    backend = {key: value for key, value in instance["beparams"].items() if key != "memory"}
    (nic_uuid,), (mac,), (link,) = instance["nic.uuids"], instance["nic.macs"], instance["nic.links"]
    expected = {
        **{key: instance[key] for key in ("name", "pnode", "snodes", "os", "disk_template", "network_port")},
        **{key: instance[key] for key in ("serial_no", "uuid")},
        # the last digit is not always the same: two programs print it
        **{key: pytest.approx(instance[key], abs=1e-5) for key in ("mtime", "ctime")},
        "config_state": "down",
        "run_state": None if static else "down",
        "pnode_group_uuid": group,
        "pnode_group_name": "default",
        "snodes_group_uuids": [],
        "snodes_group_names": [],
        "nics": [[None, nic_uuid, None, mac, "bridged", link, "", None, None]],
        "hypervisor": opcode["hypervisor"],
        "hv_instance": {},
        "hv_actual": {},
        "be_instance": instance["custom_beparams"],
        "be_actual": backend,
        "os_instance": {},
        "os_actual": {},
    }
    assert {key: answer[key] for key in expected} == expected


@pytest.mark.parametrize(("title", "static"), [("ask", False), ("ask for what is configured", True)])
def test_the_answer_about_an_instance_tells_of_its_disks(histories: Histories, title: str, static: bool) -> None:
    step, name = histories.sharedfile[title], histories.sharedfile_name
    assert step.instance is not None
    for index, disk in enumerate(step.result[name]["disks"]):
        driver, path = disk["logical_id"]
        assert driver == "loop"
        assert f"/{name}/" in path
        assert disk["pstatus"] == (None if static else [path, None, None, None, None, False, 1])
        assert (disk["iv_name"], disk["dev_type"], disk["mode"]) == (f"disk/{index}", "sharedfile", "rw")
        assert disk["size"] == step.instance["disk.sizes"][index]
        assert disk["uuid"] == step.instance["disk.uuids"][index]
        assert disk["name"] == step.instance["disk.names"][index]
