"""Instances: virtual machines, with their disks and network interfaces."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from rapier.ganeti.kinds.kind import COMMON, Kind
from rapier.ganeti.members import (
    UUID,
    Creates,
    Group,
    MiB,
    Object,
    Parameters,
    Tag,
    Time,
    Unavailable,
    inherited,
    live,
    moment,
    own,
)

AdminState = Literal["up", "down", "offline"]
DiskTemplate = Literal["blockdev", "diskless", "drbd", "ext", "file", "gluster", "plain", "rbd", "sharedfile"]
Status = Literal[
    "running",
    "ADMIN_down",
    "ADMIN_offline",
    "ERROR_up",
    "ERROR_down",
    "ERROR_nodedown",
    "ERROR_nodeoffline",
    "ERROR_wrongnode",
    "USER_down",
]


def _only(names: list[str]) -> str | None:
    """The one secondary node that a creation can name."""
    if len(names) > 1:
        raise ValueError("an instance has one secondary node at most")
    return names[0] if names else None


def _starts(state: str) -> bool:
    if state == "offline":
        raise ValueError("an instance is created up or down")
    return state == "up"


class Disk(Group):
    """One disk, in the order in which the instance sees them."""

    uuid: Annotated[UUID, own("disk.uuids")]
    name: Annotated[str | None, own("disk.names", create="name")]
    size_mib: Annotated[MiB, own("disk.sizes", create="size")]
    spindles: Annotated[int | None, own("disk.spindles", create="spindles")]


class NICCustom(Group):
    """What was set on this interface; what is missing follows the cluster."""

    mode: Annotated[str | UnsetType, Meta(description="bridged, routed, openvswitch, ...")] = UNSET
    link: str | UnsetType = UNSET
    vlan: str | UnsetType = UNSET


class NICEffective(Group):
    """What is in force after inheritance."""

    mode: Annotated[str, inherited("nic.modes")]
    link: Annotated[str, inherited("nic.links")]
    vlan: Annotated[str | None, inherited("nic.vlans")]
    bridge: Annotated[str | None, inherited("nic.bridges")]


class NIC(Group):
    """One network interface; `network` is the name of a Ganeti network."""

    uuid: Annotated[UUID, own("nic.uuids")]
    name: Annotated[str | None, own("nic.names", create="name")]
    mac: Annotated[str, own("nic.macs", create="mac")]
    ip: Annotated[str | None, own("nic.ips", create="ip")]
    network: Annotated[str | None, inherited("nic.networks.names", create="network")]
    network_uuid: Annotated[str | None, own("nic.networks")]
    custom: Annotated[NICCustom, own("custom_nicparams", create="*")]
    effective: NICEffective


class InstanceCustom(Group):
    """What was set on the instance itself."""

    beparams: Annotated[Parameters, own("custom_beparams", create="beparams")]
    hvparams: Annotated[Parameters, own("custom_hvparams", create="hvparams")]
    osparams: Annotated[Parameters, own("custom_osparams", create="osparams")]


class InstanceEffective(Group):
    """What is in force after inheritance from the cluster."""

    beparams: Annotated[Parameters, inherited("beparams")]
    hvparams: Annotated[Parameters, inherited("hvparams")]
    osparams: Annotated[Parameters, inherited("osparams")]


class InstanceLive(Group):
    """What the primary node tells. `memory_mib` and `vcpus` are absent for an instance that does not run."""

    status: Annotated[Status | Unavailable, live("status")]
    running: Annotated[bool | Unavailable, live("oper_state")]
    memory_mib: Annotated[MiB | Unavailable | UnsetType, live("oper_ram")] = UNSET
    vcpus: Annotated[int | Unavailable | UnsetType, live("oper_vcpus")] = UNSET


class Instance(Object, kw_only=True):
    """A virtual machine."""

    kind: Literal["instance"]
    name: Annotated[str, own("name", create="instance_name")]
    uuid: Annotated[UUID, own("uuid")]
    serial_no: Annotated[int, own("serial_no")]
    ctime: Annotated[Time, own("ctime", moment)]
    mtime: Annotated[Time, own("mtime", moment)]
    admin_state: Annotated[AdminState, own("admin_state", create="start", write=_starts)]
    admin_state_source: Annotated[Literal["admin", "user"], own("admin_state_source")]
    forthcoming: Annotated[bool, own("forthcoming")]
    os: Annotated[str, own("os", create="os_type")]
    hypervisor: Annotated[str, own("hypervisor", create="hypervisor")]
    disk_template: Annotated[DiskTemplate, own("disk_template", create="disk_template")]
    disks_active: Annotated[bool, own("disks_active")]
    disk_usage_mib: Annotated[MiB, inherited("disk_usage")]
    primary_node: Annotated[str, own("pnode", create="pnode")]
    secondary_nodes: Annotated[list[str], own("snodes", create="snode", write=_only)]
    disks: Annotated[list[Disk], Creates("disks")]
    nics: Annotated[list[NIC], Creates("nics")]
    network_port: Annotated[int | None, own("network_port")]
    custom: InstanceCustom
    effective: InstanceEffective
    tags: Annotated[list[Tag], own("tags", sorted, create="tags")]
    live: InstanceLive | UnsetType = UNSET


INSTANCE = Kind(
    "instance",
    "instances",
    "name",
    Instance,
    left_out={
        "admin_up": "admin_state says it",
        "be/*": "members of effective.beparams",
        "vcpus": "a member of effective.beparams",
        "hv/*": "members of effective.hvparams",
        "console": "a resource of its own: asking the nodes for it is a job of theirs",
        "disk.count": "the length of disks",
        "disk.name/*": "disks",
        "disk.size/*": "disks",
        "disk.spindles/*": "disks",
        "disk.uuid/*": "disks",
        "sda_size": "disks",
        "sdb_size": "disks",
        "nic.count": "the length of nics",
        "nic.bridge/*": "nics",
        "nic.ip/*": "nics",
        "nic.link/*": "nics",
        "nic.mac/*": "nics",
        "nic.mode/*": "nics",
        "nic.name/*": "nics",
        "nic.network.name/*": "nics",
        "nic.network/*": "nics",
        "nic.uuid/*": "nics",
        "nic.vlan/*": "nics",
        "bridge": "nics",
        "ip": "nics",
        "mac": "nics",
        "nic_link": "nics",
        "nic_mode": "nics",
        "nic_network": "nics",
        "pnode.group": "the primary node says it",
        "pnode.group.uuid": "the primary node says it",
        "snodes.group": "the secondary nodes say it",
        "snodes.group.uuid": "the secondary nodes say it",
    },
    shown=(
        *("name", "admin_state", "os", "pnode", "snodes", "disk_template"),
        *("nic.ips", "nic.macs", "nic.modes", "nic.uuids", "nic.names", "nic.links"),
        *("nic.networks", "nic.networks.names", "nic.bridges", "network_port"),
        *("disk.sizes", "disk.spindles", "disk_usage", "disk.uuids", "disk.names"),
        *("beparams", "hvparams", "oper_state", "oper_ram", "oper_vcpus", "status"),
        *("custom_hvparams", "custom_beparams", "custom_nicparams"),
        *COMMON,
    ),
    parameter="instance_name",
    uuid_parameter="instance_uuid",
    tagged="instance",
    create="OP_INSTANCE_CREATE",
    remove="OP_INSTANCE_REMOVE",
    actions={
        "startup": "OP_INSTANCE_STARTUP",
        "shutdown": "OP_INSTANCE_SHUTDOWN",
        "reboot": "OP_INSTANCE_REBOOT",
        "migrate": "OP_INSTANCE_MIGRATE",
        "failover": "OP_INSTANCE_FAILOVER",
        "rename": "OP_INSTANCE_RENAME",
    },
)
GROW_DISK = "OP_INSTANCE_GROW_DISK"
QUERY_DATA = "OP_INSTANCE_QUERY_DATA"  # what `gnt-instance info` shows, by a job
