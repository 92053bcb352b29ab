"""Networks: address pools that node groups connect to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from rapier.ganeti.kinds.kind import COMMON, Kind
from rapier.ganeti.members import UUID, Group, Object, Tag, Time, inherited, moment, own


def _addresses(text: Any) -> list[str]:
    """Ganeti joins the addresses by commas."""
    return sorted(filter(None, (part.strip() for part in text.split(",")))) if text else []


def _instances(names: list[str]) -> list[str]:
    return sorted(set(names))


class Connection(Group):
    """A node group that is connected, and by what."""

    group: str
    mode: str
    link: str
    vlan: str


def _connections(rows: Any) -> list[dict[str, str]]:
    """Ganeti lists `[group, mode, link, vlan]`."""
    return [dict(zip(("group", "mode", "link", "vlan"), row, strict=True)) for row in sorted(rows)]


class Network(Object, kw_only=True):
    """An IPv4 network, perhaps with an IPv6 one, and its pool of addresses."""

    kind: Literal["network"]
    name: Annotated[str, own("name", create="network_name")]
    uuid: Annotated[UUID, own("uuid")]
    serial_no: Annotated[int, own("serial_no")]
    ctime: Annotated[Time, own("ctime", moment)]
    mtime: Annotated[Time, own("mtime", moment)]
    network: Annotated[str, Meta(description="IPv4, such as 192.0.2.0/24"), own("network", create="network")]
    gateway: Annotated[str | None, own("gateway", create="gateway")]
    network6: Annotated[str | None, own("network6", create="network6")]
    gateway6: Annotated[str | None, own("gateway6", create="gateway6")]
    mac_prefix: Annotated[str | None, own("mac_prefix", create="mac_prefix")]
    reserved_ips: Annotated[
        list[str],
        Meta(description="addresses that no instance gets"),
        own("external_reservations", _addresses, create="add_reserved_ips"),
    ]
    free: Annotated[int, Meta(description="addresses that are free"), inherited("free_count")]
    reserved: Annotated[int, Meta(description="addresses that are taken"), inherited("reserved_count")]
    map: Annotated[str, Meta(description="an X for each address that is taken, a dot for a free one"), inherited("map")]
    groups: Annotated[list[Connection], inherited("group_list", _connections)]
    instances: Annotated[list[str], inherited("inst_list", _instances)]
    tags: Annotated[list[Tag], own("tags", sorted, create="tags")]


NETWORK = Kind(
    "network",
    "networks",
    "name",
    Network,
    left_out={
        "group_cnt": "the length of groups",
        "inst_cnt": "the length of instances",
    },
    shown=(
        *("name", "network", "gateway", "network6", "gateway6", "mac_prefix"),
        *("free_count", "reserved_count", "map", "group_list", "inst_list", "external_reservations"),
        *COMMON,
    ),
    parameter="network_name",
    tagged="network",
    create="OP_NETWORK_ADD",
    remove="OP_NETWORK_REMOVE",
)
