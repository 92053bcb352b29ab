"""Nodes: the physical machines."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from rapier.ganeti.kinds.kind import COMMON, Kind
from rapier.ganeti.members import UUID, Group, Object, Parameters, Tag, Time, Unavailable, inherited, live, moment, own

Role = Literal["master", "master-candidate", "regular", "drained", "offline"]
_ROLES: dict[str, Role] = {"M": "master", "C": "master-candidate", "R": "regular", "D": "drained", "O": "offline"}
Figure = int | Unavailable | UnsetType
Size = Annotated[int | Unavailable | UnsetType, Meta(description="in MiB")]


class NodeCustom(Group):
    """What was set on the node itself."""

    ndparams: Annotated[Parameters, own("custom_ndparams")]


class NodeEffective(Group):
    """What is in force after inheritance from group and cluster."""

    ndparams: Annotated[Parameters, inherited("ndparams")]


class NodeLive(Group):
    """What the node itself tells. A figure that it does not have is absent."""

    memory_total_mib: Annotated[Size, live("mtotal")] = UNSET
    memory_free_mib: Annotated[Size, live("mfree")] = UNSET
    memory_node_mib: Annotated[Size, live("mnode")] = UNSET
    disk_total_mib: Annotated[Size, live("dtotal")] = UNSET
    disk_free_mib: Annotated[Size, live("dfree")] = UNSET
    spindles_total: Annotated[Figure, live("sptotal")] = UNSET
    spindles_free: Annotated[Figure, live("spfree")] = UNSET
    cpus: Annotated[Figure, live("ctotal")] = UNSET
    cpus_node: Annotated[Figure, live("cnos")] = UNSET
    cpu_nodes: Annotated[Figure, live("cnodes")] = UNSET
    cpu_sockets: Annotated[Figure, live("csockets")] = UNSET
    boot_id: Annotated[str | Unavailable | UnsetType, live("bootid")] = UNSET


class Node(Object, kw_only=True):
    """A physical machine."""

    kind: Literal["node"]
    name: Annotated[str, own("name")]
    uuid: Annotated[UUID, own("uuid")]
    serial_no: Annotated[int, own("serial_no")]
    ctime: Annotated[Time, own("ctime", moment)]
    mtime: Annotated[Time, own("mtime", moment)]
    role: Annotated[Role, own("role", _ROLES.__getitem__)]
    group: Annotated[str, inherited("group")]
    group_uuid: Annotated[UUID, own("group.uuid")]
    primary_ip: Annotated[str, own("pip")]
    secondary_ip: Annotated[str, own("sip")]
    master_capable: Annotated[bool, own("master_capable")]
    vm_capable: Annotated[bool, own("vm_capable")]
    powered: Annotated[bool | None, Meta(description="null where no out-of-band program is configured"), own("powered")]
    custom: NodeCustom
    effective: NodeEffective
    hypervisor_state: Annotated[Parameters | None, own("hv_state")]
    disk_state: Annotated[Parameters | None, own("disk_state")]
    primary_instances: Annotated[list[str], inherited("pinst_list", sorted)]
    secondary_instances: Annotated[list[str], inherited("sinst_list", sorted)]
    tags: Annotated[list[Tag], own("tags", sorted)]
    live: NodeLive | UnsetType = UNSET


NODE = Kind(
    "node",
    "nodes",
    "name",
    Node,
    left_out={
        "offline": "role says it",
        "drained": "role says it",
        "master": "role says it",
        "master_candidate": "role says it",
        "pinst_cnt": "the length of primary_instances",
        "sinst_cnt": "the length of secondary_instances",
        "ndp/*": "members of effective.ndparams",
    },
    shown=(
        *("name", "offline", "master_candidate", "drained"),
        *("dtotal", "dfree", "sptotal", "spfree", "mtotal", "mnode", "mfree", "pinst_cnt", "sinst_cnt"),
        *("ctotal", "cnos", "cnodes", "csockets", "pip", "sip", "role", "pinst_list", "sinst_list"),
        *("master_capable", "vm_capable", "ndparams", "group.uuid"),
        *COMMON,
    ),
    parameter="node_name",
    uuid_parameter="node_uuid",
    tagged="node",
    actions={"migrate": "OP_NODE_MIGRATE", "evacuate": "OP_NODE_EVACUATE"},
)
