"""Opcodes that change things, on the embedded master and on a real cluster: they end alike and leave the same.

Only in the long run: through HTTP the suite of conformance sees most of the same, and real jobs take their time.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from embedded.master import Master, Opcode, creation, on_instance, opcode, tagging
from embedded.pair import BARE_TEXT, Pair, Side
from lab import VirtualCluster

pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.timeout(600)]

INSTANCE = (
    "name",
    "pnode",
    "status",
    "disk.sizes",
    "disk.names",
    "beparams",
    "custom_beparams",
    "os",
    "custom_nicparams",
)
NICS = ("nic.ips", "nic.networks.names", "nic.modes", "nic.links", "nic.names")
GROUP = ("name", "alloc_policy", "custom_ndparams", "custom_ipolicy", "custom_diskparams", "tags")
NETWORK = (
    *("name", "network", "gateway", "network6", "gateway6", "mac_prefix", "map", "free_count", "reserved_count"),
    *("external_reservations", "group_list", "group_cnt", "inst_list", "inst_cnt", "tags"),
)
SYSTEM_FIELDS = ((), ("valid",), ("hidden",), ("blacklisted",), ("hidden", "blacklisted"), ("os_hvp", "osparams"))
NODE = ("name", "role", "offline", "drained", "master_candidate", "master_capable", "vm_capable", "custom_ndparams")


@pytest.fixture(scope="module")
def pair(lab: VirtualCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    master = Master(tmp_path_factory.mktemp("master"))
    yield Pair(Side(lab.luxi_socket), Side(master.socket), f"o{os.getpid()}-")
    master.stop()


def masked(outcome: Any) -> Any:
    """Without what each master has of its own: uuids, addresses that were chosen at random, and folders.

    Where a policy is violated Ganeti shows the whole group for its uuid.
    """
    text = re.sub(r"[^ '\"]*(/srv/ganeti/)", r"\1", json.dumps(outcome))
    text = re.sub(r"to group \{.*?\} \(", "to group UUID (", text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", text)
    return json.loads(re.sub(r"aa:00:0[01](:[0-9a-f]{2}){3}", "MAC", text))


def story(pair: Pair, steps: list[Opcode | tuple[str, str, tuple[str, ...]]]) -> None:
    """Each step is a job of one opcode, or a look at an object's fields; both masters tell the same of all of them."""

    def tell(side: Side) -> list[Any]:
        told = []
        for step in steps:
            if isinstance(step, tuple):
                kind, name, fields = step
                outcome = side("Query", kind, list(fields), ["=", "name", name])
                told.append([step, outcome[1]["data"] if outcome[0] == "ok" else outcome])
            else:
                job_id = side.submit(step)
                end = side.end_of(job_id)
                texts = [entry[3] for entry in side.job(job_id, "oplog")[0][0]]
                told.append([step, end[:3], texts])
        return [masked(one) for one in told]

    real, embedded = pair.both(tell)
    different = [(theirs, ours) for theirs, ours in zip(real, embedded, strict=True) if ours != theirs]
    assert not different, json.dumps(different, indent=1)


def test_an_instance_moves_grows_and_gets_another_name(pair: Pair) -> None:
    name, other, files = pair.name("a"), pair.name("b"), pair.name("f")
    disk = {"disk_template": "sharedfile", "disks": [{"size": 64}]}

    def act(op_id: str, which: str = name, **params: Any) -> Opcode:
        return on_instance(op_id, which, **params)

    look = ("instance", name, INSTANCE)
    unchecked: dict[str, Any] = {"name_check": False, "ip_check": False}
    story(
        pair,
        [
            creation(name, start=True, nics=[{}], **disk),
            creation(files, disk_template="file", disks=[{"size": 64}]),
            act("OP_INSTANCE_MIGRATE", target_node="node3"),
            look,
            act("OP_INSTANCE_MIGRATE", target_node="node3"),
            act("OP_INSTANCE_MIGRATE", target_node="nosuch"),
            act("OP_INSTANCE_MIGRATE", target_node="node2", iallocator="hail"),
            act("OP_INSTANCE_MIGRATE", target_node="node2", live=True, mode="live"),
            act("OP_INSTANCE_MIGRATE", target_node="node2", cleanup=True),
            act("OP_INSTANCE_MIGRATE", target_node="node2", dry_run=True),
            act("OP_INSTANCE_MIGRATE", files, target_node="node3"),
            act("OP_INSTANCE_FAILOVER", files, target_node="node3"),
            act("OP_INSTANCE_FAILOVER", target_node="node2"),
            look,
            act("OP_INSTANCE_RENAME", new_name=other, **unchecked),
            act("OP_INSTANCE_SHUTDOWN"),
            act("OP_INSTANCE_MIGRATE", target_node="node3"),
            act("OP_INSTANCE_MIGRATE", target_node="node3", allow_failover=True),
            act("OP_INSTANCE_FAILOVER", target_node="node4"),
            look,
            act("OP_INSTANCE_GROW_DISK", disk=0, amount=36),
            act("OP_INSTANCE_GROW_DISK", disk=0, amount=50, absolute=True),
            act("OP_INSTANCE_GROW_DISK", disk=0, amount=200, absolute=True),
            act("OP_INSTANCE_GROW_DISK", disk=3, amount=4),
            act("OP_INSTANCE_GROW_DISK", disk=0, amount=9_999_999),
            act("OP_INSTANCE_GROW_DISK", disk=0, amount=4, dry_run=True),
            act("OP_INSTANCE_REPLACE_DISKS", mode="replace_auto"),
            act("OP_INSTANCE_REPLACE_DISKS", mode="replace_new_secondary"),
            act("OP_INSTANCE_RENAME", new_name=files, **unchecked),
            act("OP_INSTANCE_RENAME", new_name=other, name_check=False),
            act("OP_INSTANCE_RENAME", new_name=other, **unchecked),
            ("instance", other, INSTANCE),
            look,
            act("OP_INSTANCE_REMOVE", other),
            act("OP_INSTANCE_REMOVE", files),
        ],
    )


def test_a_migration_moves_neither_the_serial_number_nor_the_time(pair: Pair) -> None:
    name = pair.name("s")

    def before_and_after(side: Side) -> Any:
        side.end_of(side.submit(creation(name, start=True)))
        before = side.result("QueryInstances", [name], ["serial_no", "mtime"], False)
        side.end_of(side.submit(on_instance("OP_INSTANCE_MIGRATE", name, target_node="node3")))
        after = side.result("QueryInstances", [name], ["serial_no", "mtime"], False)
        node = side.result("QueryInstances", [name], ["pnode"], False)
        side.end_of(side.submit(on_instance("OP_INSTANCE_REMOVE", name)))
        return before == after, node

    real, embedded = pair.both(before_and_after)
    assert real == embedded == (True, [["node3"]])


def test_the_members_of_an_instance_are_changed(pair: Pair) -> None:
    name = pair.name("m")

    def change(**params: Any) -> Opcode:
        return on_instance("OP_INSTANCE_SET_PARAMS", name, **params)

    look = ("instance", name, (*INSTANCE, *NICS))
    story(
        pair,
        [
            creation(name, disk_template="sharedfile", disks=[{"size": 64}], nics=[{}]),
            change(),
            change(beparams={"maxmem": 256, "vcpus": "2"}),
            change(beparams={"memory": "192m"}),
            look,
            change(beparams={"vcpus": "default", "maxmem": None}),
            change(beparams={"nosuch": 1}),
            change(beparams={"vcpus": "x"}),
            change(hvparams={"nosuch": 1}),
            change(hvparams={"migration_mode": "live"}),
            change(osparams={"x": "y"}),
            change(osparams={"x": "default"}),
            change(os_name="dummy+other"),
            look,
            change(nics=[["add", {}]]),
            change(nics=[["add", -1, {"name": "eth1", "ip": "192.0.2.77", "mode": "routed", "link": "t"}]]),
            change(nics=[["modify", 0, {"ip": "192.0.2.5"}]]),
            change(nics=[["modify", "eth1", {"link": "u"}]]),
            change(nics=[["modify", -1, {"name": "none"}]]),
            change(nics=[[0, {"ip": "192.0.2.6"}]]),
            look,
            change(nics=[["modify", 0, {"mac": "xx"}]]),
            change(nics=[["modify", 9, {"ip": "none"}]]),
            change(nics=[["modify", "nosuch", {"ip": "none"}]]),
            change(nics=[["add", {"ip": "x"}]]),
            change(nics=[["modify", 0, {"mode": "routed", "ip": "none"}]]),
            change(nics=[["modify", 0, {"link": "nobr"}]]),
            change(nics=[["modify", 0, {"link": "nobr"}]], force=True),
            change(nics=[["remove", 0, {}]]),
            change(nics=[["remove", 0, {"ip": "x"}]]),
            change(nics=[["remove", {}], ["remove", {}]]),
            change(disks=[["add", {"size": 32}]]),
            change(disks=[["add", 0, {"size": "64m", "name": "d1", "mode": "ro"}]]),
            change(disks=[["modify", "d1", {"name": "root"}]]),
            look,
            change(disks=[["modify", 0, {"size": 77}]]),
            change(disks=[["modify", 7, {"name": "x"}]]),
            change(disks=[["add", {}]]),
            change(disks=[["remove", 0, {}]]),
            look,
            change(disk_template="drbd"),
            change(disk_template="sharedfile"),
            change(offline=True),
            on_instance("OP_INSTANCE_STARTUP", name),
            look,
            change(offline=False),
            change(beparams={"vcpus": 3}, dry_run=True),
            on_instance("OP_INSTANCE_REMOVE", name),
        ],
    )


def test_what_cannot_be_carried_out(pair: Pair) -> None:
    name, bare = pair.name("v"), pair.name("w")
    disk: dict[str, Any] = {"disk_template": "sharedfile", "disks": [{"size": 64}]}

    def act(op_id: str, which: str = name, **params: Any) -> Opcode:
        return on_instance(f"OP_INSTANCE_{op_id}", which, **params)

    def change(**params: Any) -> Opcode:
        return act("SET_PARAMS", **params)

    story(
        pair,
        [
            creation(name, start=True, nics=[{}], **disk),
            creation(bare),
            act("SHUTDOWN", admin_state_source="user"),
            act("SHUTDOWN", bare, admin_state_source="user"),
            act("SHUTDOWN", bare, admin_state_source="user", no_remember=True),
            act("SET_PARAMS", bare, offline=True),
            act("STARTUP", bare),
            act("SHUTDOWN", bare),
            act("SHUTDOWN", bare, force=True),
            act("REBOOT", bare, reboot_type="full"),
            act("REBOOT", bare, reboot_type="hard"),
            ("instance", bare, ("status", "admin_state")),
            change(beparams={"minmem": 999999}),
            change(beparams={"minmem": 999999, "maxmem": 999999}, force=True),
            change(disks=[["add", {"size": 64, "spindles": 2}]]),
            change(disks=[["add", {"size": 9999999}]]),
            change(nics=[["attach", {}]]),
            change(nics=[["detach", 0, {}]]),
            creation(pair.name("x"), disk_template="sharedfile", disks=[{"size": 64, "spindles": 2}]),
            creation(pair.name("x"), file_storage_dir="../x", **disk),
            creation(pair.name("x"), file_storage_dir="/x", **disk),
            creation("bad..dots"),
            creation(".bad"),
            creation(pair.name("x"), disk_template="sharedfile", disks=[{"size": 64, "adopt": "x"}]),
            creation(pair.name("x"), hvparams={"acpi": True}),
            creation(pair.name("x"), opportunistic_locking=True),
            creation(f"{pair.name('y')}.", dry_run=True),
            act("REMOVE"),
            act("REMOVE", bare),
        ],
    )


@pytest.mark.parametrize("mode", ["xx", 5])
def test_a_disks_mode_that_is_none(pair: Pair, mode: Any) -> None:
    disk = {"size": 64, "mode": mode}

    def tell(side: Side) -> list[Any]:
        return [
            side("SubmitJob", [asked])
            for asked in (
                creation(pair.name("x"), disk_template="sharedfile", disks=[disk]),
                on_instance("OP_INSTANCE_SET_PARAMS", "x", disks=[["add", -1, disk]]),
                on_instance("OP_INSTANCE_SET_PARAMS", "x", disks=[["add", disk]]),
                on_instance("OP_INSTANCE_SET_PARAMS", "x", disks=[[0, {"mode": mode}]]),
                on_instance("OP_INSTANCE_SET_PARAMS", "x", disks=[["modify", 0, {"size": "xx"}]]),
            )
        ]

    real, embedded = pair.both(tell)
    assert real == embedded == [BARE_TEXT] * 5


def test_groups(pair: Pair) -> None:
    name, other = f"{pair.prefix}g", f"{pair.prefix}h"

    def act(op_id: str, which: str = name, **params: Any) -> Opcode:
        return opcode(f"OP_GROUP_{op_id}", group_name=which, **params)

    look = ("group", name, GROUP)
    story(
        pair,
        [
            act("ADD"),
            act("ADD"),
            act("ADD", other, ndparams={"nosuch": 1}),
            act("ADD", other, ndparams={"spindle_count": "x"}),
            act("ADD", other, ipolicy={"nosuch": 1}),
            act("ADD", other, ipolicy={"minmax": []}),
            act("ADD", other, dry_run=True),
            act("ADD", other, alloc_policy="last_resort", ndparams={"spindle_count": "3"}),
            ("group", other, GROUP),
            act("RENAME", new_name=other),
            act("RENAME", "nosuch", new_name=other),
            act("SET_PARAMS"),
            act("SET_PARAMS", alloc_policy="unallocable"),
            act("SET_PARAMS", ndparams={"spindle_count": 4, "ovs": True}),
            act("SET_PARAMS", ndparams={"spindle_count": "default"}),
            act("SET_PARAMS", ndparams={"spindle_count": None}),
            act("SET_PARAMS", ipolicy={"vcpu-ratio": 2.5, "std": {"memory-size": 256}}),
            act("SET_PARAMS", ipolicy={"disk-templates": ["file"]}),
            act("SET_PARAMS", ipolicy={"disk-templates": ["drbd"]}),
            act("SET_PARAMS", diskparams={"drbd": {"resync-rate": 7}}),
            act("SET_PARAMS", diskparams={"drbd": {"nosuch": 7}}),
            act("SET_PARAMS", diskparams={"drbd": {"resync-rate": "x"}}),
            act("SET_PARAMS", diskparams={"drbd": {"resync-rate": "9", "dynamic-resync": "true"}}),
            act("SET_PARAMS", diskparams={"file": {"resync-rate": 7}}),
            act("SET_PARAMS", ipolicy={"minmax": []}),
            act("SET_PARAMS", ipolicy={"vcpu-ratio": 0}),
            act("SET_PARAMS", hv_state={"nosuch": {}}),
            act("SET_PARAMS", hv_state={"fake": {"nosuch": 1}}),
            act("SET_PARAMS", hv_state={"fake": {"mem_total": "x"}}),
            act("SET_PARAMS", hv_state={"fake": {"mem_total": "5"}}, disk_state={"plain": {"vg": {"disk_total": 1}}}),
            act("SET_PARAMS", disk_state={"nosuch": {}}),
            act("SET_PARAMS", disk_state={"plain": {"vg": {"nosuch": 1}}}),
            act("ADD", "never", hv_state={"nosuch": {}}),
            tagging("x", kind="nodegroup", name=name),
            look,
            act("ASSIGN_NODES", nodes=["nosuch"]),
            act("ASSIGN_NODES", nodes=["node4"]),
            ("node", "node4", ("group",)),
            act("REMOVE"),
            act("ASSIGN_NODES", "default", nodes=["node4"]),
            act("REMOVE", other),
            act("RENAME", new_name=other),
            ("group", other, GROUP),
            act("REMOVE", other),
            look,
        ],
    )


def test_networks(pair: Pair) -> None:
    name, other, instance = f"{pair.prefix}n", f"{pair.prefix}o", pair.name("n")

    def act(op_id: str, which: str = name, **params: Any) -> Opcode:
        return opcode(f"OP_NETWORK_{op_id}", network_name=which, **params)

    def connect(which: str = name, **params: Any) -> Opcode:
        return act("CONNECT", which, group_name="default", network_mode="bridged", network_link="xen-br0", **params)

    def nic(**members: str) -> Opcode:
        return creation(pair.name("x"), nics=[members])

    look = ("network", name, NETWORK)
    story(
        pair,
        [
            act("ADD", network="192.0.2.0/28", gateway="192.0.2.1", tags=["y", "x"], network6="2001:db8::/64"),
            look,
            act("ADD", network="192.0.2.0/28"),
            act("ADD", other, network="192.0.2.0/31"),
            act("ADD", other, network="10.0.0.0/8"),
            act("ADD", other, network="192.0.2.0/29", gateway="192.0.3.1"),
            act("ADD", other, network="192.0.2.0/29", mac_prefix="zz"),
            act("ADD", f"{name}m", network="192.0.2.0/29", mac_prefix="01:00:00"),
            act("REMOVE", f"{name}m"),
            act("ADD", other, network="192.0.2.0/29", tags=["a b"]),
            connect(),
            connect(),
            connect("nosuch"),
            act("REMOVE"),
            act("SET_PARAMS", gateway="192.0.2.3", mac_prefix="AA:00:01"),
            act("SET_PARAMS", gateway="192.0.2.3"),
            act("SET_PARAMS", gateway="10.0.2.4"),
            act("SET_PARAMS", add_reserved_ips=["192.0.2.5", "192.0.2.5", "9.9.9.9"]),
            act("SET_PARAMS", remove_reserved_ips=["192.0.2.5", "192.0.2.6", "192.0.2.3"]),
            act("SET_PARAMS", gateway="192.0.2.7", add_reserved_ips=["192.0.2.5"]),
            look,
            creation(instance, nics=[{"network": name, "ip": "pool"}, {"network": name, "ip": "192.0.2.9"}, {}]),
            ("instance", instance, (*INSTANCE, *NICS)),
            look,
            nic(network=name, ip="192.0.2.9"),
            nic(network=name, ip="10.2.2.9"),
            nic(network="nosuch", ip="pool"),
            nic(network=name, mode="routed"),
            nic(ip="192.0.2.10"),
            nic(ip="pool"),
            on_instance("OP_INSTANCE_SET_PARAMS", instance, nics=[["modify", 0, {"network": "none"}]]),
            on_instance("OP_INSTANCE_SET_PARAMS", instance, nics=[["modify", 1, {"ip": "192.0.2.11"}]]),
            on_instance("OP_INSTANCE_SET_PARAMS", instance, nics=[["add", {"network": name, "ip": "pool"}]]),
            ("instance", instance, (*INSTANCE, *NICS)),
            act("DISCONNECT", group_name="default"),
            on_instance("OP_INSTANCE_REMOVE", instance),
            look,
            act("DISCONNECT", group_name="default"),
            act("DISCONNECT", group_name="default"),
            act("REMOVE"),
            look,
        ],
    )


def test_nodes(pair: Pair) -> None:
    def change(name: str = "node4", **params: Any) -> Opcode:
        return opcode("OP_NODE_SET_PARAMS", node_name=name, **params)

    look = ("node", "node4", NODE)
    name = pair.name("d")
    story(
        pair,
        [
            change(),
            change("node1", drained=True),
            change("nosuch", drained=True),
            change(offline=True, drained=True),
            change(drained=True),
            look,
            creation(name, start=True),
            on_instance("OP_INSTANCE_MIGRATE", name, target_node="node4"),
            change(drained=False),
            change(offline=True),
            on_instance("OP_INSTANCE_MIGRATE", name, target_node="node4"),
            look,
            change(offline=False),
            change(offline=False),
            change(ndparams={"spindle_count": "4"}),
            look,
            change(ndparams={"spindle_count": "default"}),
            change(ndparams={"exclusive_storage": True}),
            change(secondary_ip="x"),
            change(powered=True, offline=True),
            change(drained=True, dry_run=True),
            change(hv_state={"fake": {"mem_total": 5}}, disk_state={"plain": {"vg": {"disk_total": 1}}}),
            ("node", "node4", ("hv_state", "disk_state")),
            change(hv_state={"fake": {"mem_total": "default"}}, disk_state={"plain": {"vg": {"disk_total": "x"}}}),
            look,
            on_instance("OP_INSTANCE_REMOVE", name),
        ],
    )


def test_disks_and_systems_are_made_usable_or_anew(pair: Pair) -> None:
    name, bare = pair.name("k"), pair.name("l")

    def act(op_id: str, which: str = name, **params: Any) -> Opcode:
        return on_instance(op_id, which, **params)

    look = ("instance", name, (*INSTANCE, "disks_active", "admin_state"))
    story(
        pair,
        [
            creation(name, disk_template="sharedfile", disks=[{"size": 64}]),
            creation(bare),
            act("OP_INSTANCE_DEACTIVATE_DISKS"),
            look,
            act("OP_INSTANCE_ACTIVATE_DISKS", dry_run=True),
            act("OP_INSTANCE_ACTIVATE_DISKS", "nosuch"),
            act("OP_INSTANCE_RECREATE_DISKS", bare),
            act("OP_INSTANCE_RECREATE_DISKS", disks=[[0, {}], [0, {}]]),
            act("OP_INSTANCE_RECREATE_DISKS", disks=[[0, {"name": "x"}]]),
            act("OP_INSTANCE_RECREATE_DISKS", disks=[[0, {"nosuch": "x"}]]),
            act("OP_INSTANCE_RECREATE_DISKS", disks=[3]),
            act("OP_INSTANCE_RECREATE_DISKS", nodes=["node2", "node3"]),
            act("OP_INSTANCE_RECREATE_DISKS", nodes=["node3"], iallocator="hail"),
            act("OP_INSTANCE_RECREATE_DISKS", dry_run=True),
            act("OP_INSTANCE_REINSTALL", bare),
            act("OP_INSTANCE_REINSTALL", os_type="nosuch"),
            act("OP_INSTANCE_REINSTALL", osparams={"x": "y"}),
            act("OP_INSTANCE_REINSTALL", os_type="dummy+default"),
            look,
            act("OP_INSTANCE_CONSOLE"),
            act("OP_INSTANCE_STARTUP"),
            act("OP_INSTANCE_CONSOLE"),
            act("OP_INSTANCE_REINSTALL"),
            act("OP_INSTANCE_RECREATE_DISKS"),
            act("OP_INSTANCE_DEACTIVATE_DISKS"),
            act("OP_BACKUP_EXPORT", target_node="node1", shutdown=False),
            act("OP_BACKUP_EXPORT", target_node="node1"),
            act("OP_INSTANCE_REMOVE"),
            act("OP_INSTANCE_REMOVE", bare),
        ],
    )


def test_exports_and_storage(pair: Pair) -> None:
    name = pair.name("x")

    def act(op_id: str, **params: Any) -> Opcode:
        return on_instance(f"OP_BACKUP_{op_id}", name, **params)

    def on_node(op_id: str, node: str = "node4", **params: Any) -> Opcode:
        return opcode(op_id, node_name=node, **params)

    storage = {"storage_type": "sharedfile", "output_fields": ["node", "type", "allocatable"]}
    story(
        pair,
        [
            creation(name, disk_template="sharedfile", disks=[{"size": 64}]),
            act("PREPARE", mode="local"),
            act("EXPORT", target_node="nosuch"),
            act("EXPORT", target_node="node1", mode="remote"),
            act("EXPORT", target_node="node1", compress="nosuch"),
            act("EXPORT", target_node="node1", zeroing_timeout_fixed=5),
            act("EXPORT", target_node="node1", long_sleep=True, shutdown=False),
            act("EXPORT", target_node="node1", dry_run=True),
            on_instance("OP_INSTANCE_REMOVE", name),
            opcode("OP_NODE_QUERY_STORAGE", nodes=["node4"], **storage),
            opcode("OP_NODE_QUERY_STORAGE", nodes=["nosuch"], **storage),
            opcode("OP_NODE_QUERY_STORAGE", nodes=[], storage_type="lvm-vg", output_fields=["name"]),
            opcode("OP_NODE_QUERY_STORAGE", nodes=[], storage_type="lvm-vg", output_fields=["nosuch"]),
            on_node("OP_NODE_MODIFY_STORAGE", storage_type="lvm-pv", name="x", changes={"nosuch": 1}),
            on_node("OP_NODE_MODIFY_STORAGE", storage_type="lvm-pv", name="x", changes={"allocatable": True}),
            on_node("OP_NODE_MODIFY_STORAGE", storage_type="file", name="x", changes={}),
            on_node("OP_REPAIR_NODE_STORAGE", storage_type="lvm-vg", name="x"),
            on_node("OP_REPAIR_NODE_STORAGE", storage_type="file", name="x"),
            on_node("OP_NODE_POWERCYCLE", "nosuch"),
            on_node("OP_NODE_POWERCYCLE", "node1", dry_run=True),
        ],
    )


def test_several_instances_at_once(pair: Pair) -> None:
    def one(which: str, **params: Any) -> Opcode:
        return creation(pair.name(which), **params)

    def several(*instances: Opcode, **params: Any) -> Opcode:
        return opcode("OP_INSTANCE_MULTI_ALLOC", instances=list(instances), **params)

    def tell(side: Side) -> list[Any]:
        told: list[Any] = []
        for parent in (
            several(one("t"), one("u", pnode=None)),
            several(one("t"), one("t")),
            several(one("t", iallocator="hail")),
            several(one("t", pnode="nosuch")),
            several(one("t"), dry_run=True),
            several(),
            several(*(one(which, pnode=None, hypervisor="fake") for which in "tu"), iallocator="hail"),
        ):
            job_id = side.submit(parent)
            end = side.end_of(job_id)
            result = side.job(job_id, "opresult")[0][0]
            if isinstance(result, dict) and result["jobs"]:
                ends = [side.end_of(child)[:2] for _, child in result["jobs"]]
                told.append([sorted(result["allocatable"]), result["failed"], ends])
            else:
                told.append(end[:3])
        for which in ("t", "u"):
            told.append(side.end_of(side.submit(on_instance("OP_INSTANCE_REMOVE", pair.name(which))))[:2])
        return [masked(each) for each in told]

    real, embedded = pair.both(tell)
    for theirs, ours in zip(real, embedded, strict=True):
        assert ours == theirs, json.dumps(theirs)


def test_job_filters_are_read_and_shown_alike(pair: Pair) -> None:
    fields = ["priority", "predicates", "action", "reason_trail"]
    nothing = ["jobid", ["=", "id", 0]]

    def tell(side: Side) -> list[Any]:
        told: list[Any] = []
        for priority, predicates, action, reason in (
            (5, [nothing], "PAUSE", []),
            (5, [nothing, ["opcode", ["|", ["=", "OP_ID", "x"], ["!", ["?", "dry_run"]]]]], ["RATE_LIMIT", 2], []),
            (5, [["jobid", [">", "id", "watermark"]], nothing], "REJECT", [["me", "why", 7]]),
            (0, [], "NOSUCH", []),
            (0, [["nosuch", nothing]], "PAUSE", []),
            (0, [["jobid", ["=", "nosuch", 1]], nothing], "PAUSE", []),
            (0, [nothing], ["RATE_LIMIT", 0], []),
            (-1, [nothing], "PAUSE", []),
            (0, [nothing], "PAUSE", ["x"]),
        ):
            made = side("ReplaceFilter", None, priority, predicates, action, reason)
            if made[0] != "ok":
                told.append(made)
                continue
            [shown] = side.result("QueryFilters", [made[1]], fields)
            told.append([*shown[:3], [entry[:2] for entry in shown[3]]])
            told.append(side("DeleteFilter", made[1]))
        told.append(side("QueryFilters", ["00000000-0000-4000-8000-000000000000"], fields))
        told.append(side("DeleteFilter", "00000000-0000-4000-8000-000000000000"))
        told.append(side("ReplaceFilter", "nosuch", 0, [nothing], "PAUSE", []))
        told.append(side("QueryFilters", [], ["nosuch"]))
        return told

    real, embedded = pair.both(tell)
    for theirs, ours in zip(real, embedded, strict=True):
        assert ours == theirs, json.dumps(theirs)


def test_defaults_of_the_cluster_show_in_its_instances(pair: Pair) -> None:
    name = pair.name("c")

    def change(**params: Any) -> Opcode:
        return opcode("OP_CLUSTER_SET_PARAMS", **params)

    look = ("instance", name, (*INSTANCE, *NICS))
    story(
        pair,
        [
            creation(name, nics=[{}]),
            change(beparams={"maxmem": 160}),
            look,
            change(beparams={"maxmem": 128}),
            change(beparams={"nosuch": 1}),
            change(hvparams={"fake": {"nosuch": 1}}),
            change(hvparams={"nosuch": {}}),
            change(nicparams={"link": "br9"}),
            look,
            change(nicparams={"link": "xen-br0"}),
            change(nicparams={"mode": "zz"}),
            change(ndparams={"spindle_count": "x"}),
            change(default_iallocator="nosuch"),
            change(mac_prefix="zz"),
            change(install_image="x"),
            change(hidden_os=[["remove", "y"]]),
            change(add_uids=[[3, 1]]),
            change(uid_pool=[[-3, 1]]),
            change(remove_uids=[[5, 6]]),
            change(ipolicy={"vcpu-ratio": 0}),
            change(diskparams={"drbd": {"resync-rate": "x"}}),
            change(os_hvp={"dummy": {"fake": {"nosuch": 1}}}),
            change(os_hvp={"dummy": {"fake": {"acpi": True}}}),
            change(os_hvp={"dummy": {"nosuch": {}}}),
            change(hvparams={"fake": {"acpi": True}}),
            change(hv_state={"nosuch": {}}),
            change(enabled_data_collectors={"nosuch": True}),
            *(change(enabled_hypervisors=[one]) for one in ("kvm", "xen-pvm", "xen-hvm")),
            change(hvparams={"kvm": {"acpi": True}}),
            change(hidden_os=[["add", "dummy"]]),
            *(opcode("OP_OS_DIAGNOSE", names=[], output_fields=["name", *fields]) for fields in SYSTEM_FIELDS),
            change(hidden_os=[["remove", "dummy"]], blacklisted_os=[["add", "dummy"], ["add", "dummy+default"]]),
            *(opcode("OP_OS_DIAGNOSE", names=[], output_fields=["name", *fields]) for fields in SYSTEM_FIELDS),
            creation(pair.name("x")),
            change(blacklisted_os=[["remove", "dummy"], ["remove", "dummy+default"]]),
            change(ipolicy={"nosuch": 1}),
            change(enabled_disk_templates=["sharedfile", "diskless", "file", "drbd"]),
            on_instance("OP_INSTANCE_REMOVE", name),
        ],
    )
    plain = ("candidate_pool_size", "beparams", "nicparams", "ndparams", "mac_prefix", "hidden_os", "uid_pool")
    real, embedded = pair.both(lambda side: [side.result("QueryClusterInfo")[one] for one in plain])
    assert real == embedded


def test_the_jobs_that_an_opcode_submits(pair: Pair) -> None:
    names = [pair.name("p"), pair.name("q")]

    def tell(side: Side) -> list[Any]:
        for name in names:
            side.end_of(side.submit(creation(name, start=name == names[0], pnode="node3")))
        told: list[Any] = []
        trail = {"reason": [["user", "because", 5]], "priority": 10, "comment": "mine"}
        for parent in (
            opcode("OP_NODE_MIGRATE", node_name="node3", target_node="node4") | trail,
            opcode("OP_NODE_EVACUATE", node_name="nosuch", mode="primary-only"),
            opcode("OP_NODE_EVACUATE", node_name="node3", mode="all"),
            opcode("OP_NODE_EVACUATE", node_name="node3", mode="secondary-only"),
            opcode("OP_NODE_EVACUATE", node_name="node3", mode="primary-only", remote_node="node2"),
            opcode("OP_NODE_EVACUATE", node_name="node3", mode="secondary-only", remote_node="node3"),
            opcode("OP_NODE_EVACUATE", node_name="node3", mode="primary-only") | trail,
        ):
            job_id = side.submit(parent)
            end = side.end_of(job_id)
            [result] = side.job(job_id, "opresult")[0]
            if not isinstance(result, dict):
                told.append(end[:3])
                continue
            children = []
            for taken, child in result["jobs"]:
                outcome = side.end_of(child)
                [[params]] = side.job(child, "ops")
                params["reason"] = [[one[0], re.sub(r"\d+", "N", one[1])] for one in params["reason"]]
                moved = {name: params.pop(name, None) for name in ("target_node", "target_node_uuid")}
                children.append([taken, child > job_id, outcome[:4], params, sorted(moved)])
            told.append(sorted(children, key=lambda one: json.dumps(one, sort_keys=True)))
        for name in names:
            side.end_of(side.submit(on_instance("OP_INSTANCE_REMOVE", name)))
        return [masked(one) for one in told]

    real, embedded = pair.both(tell)
    for theirs, ours in zip(real, embedded, strict=True):
        assert ours == theirs, json.dumps(theirs)
    assert [len(embedded[0]), len(embedded[-1])] == [2, 1]  # the one that does not run was not migrated
