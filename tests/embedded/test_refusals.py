"""What Ganeti refuses is refused, in its words, and what looks odd but is fine there is taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from embedded.conftest import Start
from embedded.master import Master, Opcode, creation, on_instance, opcode
from lab.luxi import Refused

WRONG_INPUT, WRONG_STATE = "wrong_input", "wrong_state"
_FILES = {"disk_template": "sharedfile", "disks": [{"size": 64}]}


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Master]:
    """One with an instance that runs, `up`, one that is stopped, `down`, and one that is marked offline, `off`."""
    master = Master(tmp_path_factory.mktemp("master"))
    master.run(creation("up", start=True, **_FILES))
    master.run(creation("down", nics=[{}], **_FILES))
    master.run(creation("off"), _change("off", offline=True))
    yield master
    master.stop()


def _change(name: str, **params: Any) -> Opcode:
    return on_instance("OP_INSTANCE_SET_PARAMS", name, **params)


def _cluster(**params: Any) -> Opcode:
    return opcode("OP_CLUSTER_SET_PARAMS", **params)


def _group(**params: Any) -> Opcode:
    return opcode("OP_GROUP_SET_PARAMS", group_name="default", **params)


def refusal(master: Master, asked: Opcode) -> Any:
    """The error that a job of this opcode ends in."""
    job_id = master.submit(asked)
    assert master.end_of(job_id) == "error", master.job(job_id, "opresult")
    [error] = master.job(job_id, "opresult")
    return error


# -- an instance that is marked offline ------------------------------------------------------------------------------


@pytest.mark.parametrize("op_id", ["OP_INSTANCE_STARTUP", "OP_INSTANCE_SHUTDOWN", "OP_INSTANCE_REBOOT"])
def test_an_instance_that_is_marked_offline_is_neither_started_nor_stopped(master: Master, op_id: str) -> None:
    params = {"reboot_type": "hard"} if op_id == "OP_INSTANCE_REBOOT" else {}
    text = "Instance 'off' is marked to be offline, can't use instance from outside down, up states"
    assert refusal(master, on_instance(op_id, "off", **params)) == ["OpPrereqError", [text, WRONG_STATE]]
    assert master.instance("off", "status") == ["ADMIN_offline"]


def test_it_is_not_started_either_where_its_node_is_offline(master: Master) -> None:
    master.run(creation("stranded", pnode="node4"), _change("stranded", offline=True))
    master.run(opcode("OP_NODE_SET_PARAMS", node_name="node4", offline=True, auto_promote=True))
    error = refusal(master, on_instance("OP_INSTANCE_STARTUP", "stranded", ignore_offline_nodes=True))
    assert "is marked to be offline" in error[1][0]
    assert master.instance("stranded", "admin_state") == ["offline"]
    master.run(opcode("OP_NODE_SET_PARAMS", node_name="node4", offline=False))


def test_with_force_it_is_shut_down_and_stays_marked_offline(master: Master) -> None:
    master.run(on_instance("OP_INSTANCE_SHUTDOWN", "off", force=True))
    assert master.instance("off", "status") == ["ADMIN_offline"]


# -- opcodes that cannot be carried out ------------------------------------------------------------------------------

_SPINDLES = "Spindles in instance disks cannot be specified when exclusive storage is not active"
_OPPORTUNISTIC = "Opportunistic locking is only available in combination with an instance allocator"


@pytest.mark.parametrize(
    ("asked", "text", "code"),
    [
        (_change("down", nics=[["detach", 0, {}]]), "Detach operation is not supported for NICs", WRONG_INPUT),
        (
            creation("new", disk_template="sharedfile", disks=[{"size": 64, "adopt": "x"}]),
            "Disk adoption is not supported for the 'sharedfile' disk template",
            WRONG_INPUT,
        ),
        (
            _group(diskparams={"file": {"resync-rate": 5}}),
            "While verify diskparams options: ('Provided option keys not supported: file/resync-rate', 'wrong_input')",
            WRONG_INPUT,
        ),
        (creation("bad..dots"), "Invalid hostname 'bad..dots'", WRONG_INPUT),
        (creation(".bad"), "Invalid hostname '.bad'", WRONG_INPUT),
        (creation("new", opportunistic_locking=True), _OPPORTUNISTIC, WRONG_INPUT),
        (
            opcode("OP_INSTANCE_MULTI_ALLOC", instances=[creation("new")], opportunistic_locking=True),
            _OPPORTUNISTIC,
            WRONG_INPUT,
        ),
        (
            creation("new", disk_template="sharedfile", disks=[{"size": 64, "spindles": 2}]),
            _SPINDLES,
            WRONG_INPUT,
        ),
        (_change("down", disks=[["add", {"size": 64, "spindles": 2}]]), _SPINDLES, WRONG_INPUT),
        (
            _cluster(add_uids=[[3, 1]]),
            "Lower user-id range boundary value (3) is larger than higher boundary value (1)",
            WRONG_INPUT,
        ),
        (
            _cluster(add_uids=[[-3, 1]]),
            "Lower user-id range boundary value (-3) is smaller than UIDPOOL_UID_MIN (0).",
            WRONG_INPUT,
        ),
        (
            _cluster(remove_uids=[[5, 6]]),
            "User-id range to be removed is not found in the current user-id pool: [5, 6]",
            WRONG_INPUT,
        ),
        (
            _cluster(ipolicy={"vcpu-ratio": 0}),
            "Can't unset ipolicy attribute 'vcpu-ratio' on the cluster'",
            WRONG_INPUT,
        ),
        (_cluster(hv_state={"nosuch": {}}), "Invalid hypervisor(s) in hypervisor state: nosuch", WRONG_INPUT),
        (_cluster(disk_state={"nosuch": {}}), "Invalid storage type(s) in disk state: nosuch", WRONG_INPUT),
    ],
)
def test_the_opcode_fails_in_ganetis_words(master: Master, asked: Opcode, text: str, code: str) -> None:
    assert refusal(master, asked) == ["OpPrereqError", [text, code]]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (_cluster(os_hvp={"dummy": {"fake": {"nosuch": 1}}}), "Unknown parameter 'nosuch'"),
        (_cluster(diskparams={"drbd": {"resync-rate": "x"}}), "'resync-rate' (value x) is not a valid integer"),
        (_group(diskparams={"drbd": {"resync-rate": "x"}}), "'resync-rate' (value x) is not a valid integer"),
        (_group(hv_state={"fake": {"mem_total": "x"}}), "'mem_total' (value x) is not a valid integer"),
        (_group(disk_state={"plain": {"vg": {"nosuch": 1}}}), "Unknown parameter 'nosuch'"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(master: Master, asked: Opcode, text: str) -> None:
    assert refusal(master, asked) == ["TypeEnforcementError", [text]]


def test_a_parameter_of_another_hypervisor_is_not_supported(master: Master) -> None:
    for asked in (creation("new", hvparams={"acpi": True}), _cluster(hvparams={"fake": {"acpi": True}})):
        assert refusal(master, asked) == ["HypervisorError", ["Parameter 'acpi' is not supported"]]


def test_data_collectors_are_switched_where_there_are_such(master: Master) -> None:
    assert refusal(master, _cluster(enabled_data_collectors={"nosuch": True})) == ["OpExecError", ["'nosuch'"]]
    master.run(_cluster(enabled_data_collectors={"drbd": False}, data_collector_interval={"drbd": 7}))
    info = master.ask("QueryClusterInfo")
    assert (info["enabled_data_collectors"]["drbd"], info["data_collector_interval"]["drbd"]) == (False, 7)


def test_nobody_but_its_user_stops_an_instance_in_its_users_name(master: Master) -> None:
    error = refusal(master, on_instance("OP_INSTANCE_SHUTDOWN", "up", admin_state_source="user"))
    assert error == ["OpPrereqError", ["Instance 'up' was not shutdown by the user"]]
    assert master.instance("up", "status") == ["running"]


def test_the_least_memory_of_an_instance_is_held_to_the_policy_as_well(master: Master) -> None:
    kind, [text, code] = refusal(master, _change("down", beparams={"minmem": 999_999}))
    assert (kind, code) == ("OpPrereqError", WRONG_INPUT)
    assert text.endswith("violates policy: memory-size value 1000000 is not in range [4, 131072]")


def test_files_of_disks_stay_in_the_clusters_folder(master: Master) -> None:
    folder = "/srv/ganeti/shared-file-storage"
    kind, [text] = refusal(master, creation("new", file_storage_dir="../x", **_FILES))
    assert (kind, text) == ("OpExecError", f"Invalid parameters to PathJoin: '{(folder, '../x', 'new')}'")
    master.run(creation("below", file_storage_dir="a/b", **_FILES))
    [[[_, _, path]]] = master.run(on_instance("OP_INSTANCE_ACTIVATE_DISKS", "below"))
    assert path.startswith(f"{folder}/a/b/below/")


@pytest.mark.parametrize(
    "asked",
    [
        creation("new", disk_template="sharedfile", disks=[{"size": 64, "mode": "xx"}]),
        _change("down", disks=[["add", -1, {"size": 64, "mode": "xx"}]]),
        _change("down", disks=[["add", {"size": 64, "mode": "xx"}]]),
        _change("down", disks=[["modify", 0, {"mode": "xx"}]]),
        _change("down", disks=[["modify", 0, {"name": 5}]]),
        creation("new", disk_template="sharedfile", disks=[{"size": 64, "spindles": "x"}]),
        _change("down", disks=[[0, {"mode": "xx"}]]),
    ],
)
def test_a_disk_of_the_wrong_types_cannot_be_read_at_all(master: Master, asked: Opcode) -> None:
    with pytest.raises(Refused, match="Failed to parse request"):
        master.submit(asked)


# -- what is fine ----------------------------------------------------------------------------------------------------


def test_an_instances_name_loses_its_last_dot(master: Master) -> None:
    master.run(creation("dotted."))
    assert master.instance("dotted", "name") == ["dotted"]


def test_any_three_octets_are_a_mac_prefix(master: Master) -> None:
    master.run(opcode("OP_NETWORK_ADD", network_name="odd", network="192.0.2.0/28", mac_prefix="01:00:00"))
    assert master.ask("Query", "network", ["mac_prefix"], ["=", "name", "odd"])["data"] == [[[0, "01:00:00"]]]


def test_a_groups_policy_goes_back_to_the_clusters_with_nothing_in_its_place(master: Master) -> None:
    def own() -> Any:
        return master.ask("Query", "group", ["custom_ipolicy"], ["=", "name", "default"])["data"][0][0][1]

    master.run(_group(ipolicy={"vcpu-ratio": 3, "spindle-ratio": 5}))
    assert own() == {"vcpu-ratio": 3, "spindle-ratio": 5}
    master.run(_group(ipolicy={"minmax": [], "vcpu-ratio": 0}))
    assert own() == {"spindle-ratio": 5}


def test_user_ids_are_kept_in_order(master: Master) -> None:
    master.run(_cluster(add_uids=[[20, 30], [1, 3]]))
    assert master.ask("QueryClusterInfo")["uid_pool"] == [[1, 3], [20, 30]]
    master.run(_cluster(remove_uids=[[1, 3]]), _cluster(uid_pool=[]))
    assert master.ask("QueryClusterInfo")["uid_pool"] == []


def test_parameters_of_hypervisors_for_one_system_are_kept_and_taken_away(master: Master) -> None:
    master.run(_cluster(os_hvp={"dummy+default": {"fake": {"migration_mode": "live"}}}))
    assert master.ask("QueryClusterInfo")["os_hvp"] == {"dummy+default": {"fake": {"migration_mode": "live"}}}
    master.run(_cluster(os_hvp={"dummy+default": {"fake": None}}))
    assert master.ask("QueryClusterInfo")["os_hvp"] == {}


# -- operating systems that are not for everybody --------------------------------------------------------------------


def _systems(master: Master, *fields: str) -> Any:
    [rows] = master.run(opcode("OP_OS_DIAGNOSE", output_fields=["name", *fields], names=[]))
    return rows


@pytest.mark.parametrize("field", ["hidden", "blacklisted"])
def test_a_system_is_left_out_unless_the_field_that_says_why_is_asked_for(master: Master, field: str) -> None:
    master.run(_cluster(**{f"{field}_os": [["add", "dummy"]]}))
    assert _systems(master) == []
    assert _systems(master, {"hidden": "blacklisted", "blacklisted": "hidden"}[field]) == []
    assert _systems(master, field) == [["dummy", True]]
    master.run(_cluster(**{f"{field}_os": [["remove", "dummy"]]}))
    assert _systems(master) == [["dummy"]]


def test_nothing_is_installed_with_a_blacklisted_system(master: Master) -> None:
    master.run(_cluster(blacklisted_os=[["add", "dummy+default"]]))
    error = refusal(master, creation("new"))
    assert error == ["OpPrereqError", ["Guest OS 'dummy+default' is not allowed for installation", WRONG_STATE]]
    master.run(_cluster(blacklisted_os=[["remove", "dummy+default"]]))


# -- hypervisors -----------------------------------------------------------------------------------------------------


def test_a_hypervisor_that_the_nodes_do_not_have_is_not_enabled(master: Master) -> None:
    text = (
        "Hypervisor parameter validation failed on node node1: Parameter 'kvm_path' fails validation: not found or not "
        "a file (current value: '/usr/bin/kvm')"
    )
    assert refusal(master, _cluster(enabled_hypervisors=["kvm"])) == ["OpExecError", [text]]
    assert refusal(master, _cluster(enabled_hypervisors=["fake", "kvm"])) == ["OpExecError", [text]]
    assert master.ask("QueryClusterInfo")["enabled_hypervisors"] == ["fake"]
    master.run(creation("after"))


def test_the_first_hypervisor_that_is_enabled_becomes_the_default(start: Start) -> None:
    master = start()
    master.run(_cluster(enabled_hypervisors=["chroot", "fake"]), creation("one"))
    info = master.ask("QueryClusterInfo")
    assert (info["enabled_hypervisors"], info["default_hypervisor"]) == (["chroot", "fake"], "chroot")
    assert master.instance("one", "hypervisor") == ["chroot"]
