"""Node groups: nodes that share policy and parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from rapier.ganeti.kinds.kind import COMMON, Kind
from rapier.ganeti.members import UUID, Group, Object, Parameters, Tag, Time, inherited, moment, own

AllocPolicy = Literal["preferred", "last_resort", "unallocable"]


class GroupCustom(Group):
    """What was set on the group itself."""

    ndparams: Annotated[Parameters, own("custom_ndparams", create="ndparams")]
    diskparams: Annotated[Parameters, own("custom_diskparams", create="diskparams")]
    ipolicy: Annotated[Parameters, own("custom_ipolicy", create="ipolicy")]


class GroupEffective(Group):
    """What is in force after inheritance from the cluster."""

    ndparams: Annotated[Parameters, inherited("ndparams")]
    diskparams: Annotated[Parameters, inherited("diskparams")]
    ipolicy: Annotated[Parameters, inherited("ipolicy")]


class NodeGroup(Object, kw_only=True):
    """A group of nodes."""

    kind: Literal["group"]
    name: Annotated[str, own("name", create="group_name")]
    uuid: Annotated[UUID, own("uuid")]
    serial_no: Annotated[int, own("serial_no")]
    ctime: Annotated[Time, own("ctime", moment)]
    mtime: Annotated[Time, own("mtime", moment)]
    alloc_policy: Annotated[AllocPolicy, own("alloc_policy", create="alloc_policy")]
    custom: GroupCustom
    effective: GroupEffective
    nodes: Annotated[list[str], inherited("node_list", sorted)]
    instances: Annotated[list[str], inherited("pinst_list", sorted)]
    tags: Annotated[list[Tag], own("tags", sorted)]


GROUP = Kind(
    "group",
    "groups",
    "name",
    NodeGroup,
    left_out={
        "node_cnt": "the length of nodes",
        "pinst_cnt": "the length of instances",
        "ndp/*": "members of effective.ndparams",
    },
    shown=(
        *("alloc_policy", "name", "node_cnt", "node_list", "ipolicy", "custom_ipolicy"),
        *("diskparams", "custom_diskparams", "ndparams", "custom_ndparams"),
        *COMMON,
    ),
    parameter="group_name",
    tagged="nodegroup",
    create="OP_GROUP_ADD",
    remove="OP_GROUP_REMOVE",
)
