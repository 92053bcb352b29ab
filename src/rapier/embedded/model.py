"""What the embedded master's configuration is made of. Members are named as in Ganeti's `config.data`.

Nodes, groups and instances point at each other by uuid. Sizes are MiB, times seconds since 1970.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

Params = dict[str, Any]


def new_uuid() -> str:
    """A uuid as Ganeti makes them."""
    return str(uuid.uuid4())


class ConfigObject(msgspec.Struct, kw_only=True):
    """What every object has."""

    name: str
    uuid: str = msgspec.field(default_factory=new_uuid)
    serial_no: int = 1
    ctime: float = msgspec.field(default_factory=time.time)
    mtime: float = 0.0
    tags: list[str] = []

    def __post_init__(self) -> None:
        self.mtime = self.mtime or self.ctime


class HasStates(ConfigObject, kw_only=True):
    """What has static states: of hypervisors, and of storage by its type and name."""

    hv_state: dict[str, Params] = {}
    disk_state: dict[str, dict[str, Params]] = {}


class Cluster(HasStates, kw_only=True, tag="cluster"):
    """The cluster itself. `facts` are the members of its `QueryClusterInfo` that the other members do not hold."""

    master_node: str
    facts: Params


class Switches(ConfigObject, kw_only=True, tag="switches"):
    """What the queue and the watcher are told. No part of the cluster: setting one moves no serial number."""

    name: str = "switches"
    drained: bool = False
    watcher_pause: float | None = None


class NodeGroup(HasStates, kw_only=True, tag="group"):
    """A node group; empty parameters are inherited from the cluster.

    `networks` are those that it is connected to: by uuid, what a network interface in them gets (mode, link, vlan).
    """

    alloc_policy: str = "preferred"
    networks: dict[str, dict[str, str]] = {}
    ndparams: Params = {}
    diskparams: Params = {}
    ipolicy: Params = {}


class Network(ConfigObject, kw_only=True, tag="network"):
    """A network: its addresses, and those of them that no instance may get.

    `reserved` holds the first and the last address, the gateway's, and whatever was reserved by hand.
    """

    network: str
    gateway: str | None = None
    network6: str | None = None
    gateway6: str | None = None
    mac_prefix: str | None = None
    reserved: list[str] = []


class Node(HasStates, kw_only=True, tag="node"):
    """A node, with the machine that it pretends to be."""

    group: str
    primary_ip: str
    secondary_ip: str
    offline: bool = False
    drained: bool = False
    master_candidate: bool = True
    master_capable: bool = True
    vm_capable: bool = True
    ndparams: Params = {}
    memory: int = 16_384
    memory_of_its_own: int = 512
    disk: int = 512_000
    cpus: int = 8
    bridges: tuple[str, ...] = ("xen-br0",)
    boot_id: str = msgspec.field(default_factory=new_uuid)
    exports: list[str] = []  # of which instances


class Disk(msgspec.Struct, kw_only=True):
    """One disk of an instance."""

    size: int
    name: str | None = None
    mode: str = "rw"
    spindles: int | None = None
    uuid: str = msgspec.field(default_factory=new_uuid)
    file: str = msgspec.field(default_factory=new_uuid)  # the name that its file has


class Nic(msgspec.Struct, kw_only=True):
    """One network interface of an instance; `nicparams` holds what was set on it: mode, link, vlan.

    `network` is the uuid of the network that it is in.
    """

    mac: str
    ip: str | None = None
    name: str | None = None
    network: str | None = None
    nicparams: dict[str, str] = {}
    uuid: str = msgspec.field(default_factory=new_uuid)


class Instance(ConfigObject, kw_only=True, tag="instance"):
    """An instance, and whether it runs at present, which a hypervisor would tell."""

    primary_node: str
    secondary_nodes: list[str] = []
    os: str
    hypervisor: str
    disk_template: str
    admin_state: str = "down"
    admin_state_source: str = "admin"
    disks_active: bool = False
    running: bool = False
    beparams: Params = {}
    hvparams: Params = {}
    osparams: Params = {}
    disks: list[Disk] = []
    file_storage_dir: str | None = None  # where the files of its disks are below the cluster's folder
    nics: list[Nic] = []
    network_port: int | None = None
    # what it runs with: a changed parameter counts from the next start on
    running_memory: int | None = None
    running_vcpus: int | None = None


class JobFilter(ConfigObject, kw_only=True, tag="filter"):
    """A rule for jobs; its name is its uuid. `watermark` is the last job's id when it was made."""

    priority: int
    predicates: list[list[Any]]
    action: str | tuple[str, int]
    reason_trail: list[list[Any]]
    watermark: int


AnyObject = Cluster | Switches | NodeGroup | Network | Node | Instance | JobFilter
