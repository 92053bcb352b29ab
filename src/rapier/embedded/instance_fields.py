"""What an instance shows of itself in a query: a function for each field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rapier.embedded.configuration import Configuration
from rapier.embedded.filters import NO_DATA, OFFLINE, UNAVAILABLE
from rapier.embedded.model import Disk, Instance, Nic
from rapier.ganeti.query_fields import QUERY_FIELDS

Field = Callable[[Configuration, Instance], Any]


def status(configuration: Configuration, one: Instance) -> str:
    """One word for what was wanted and what is."""
    if configuration.nodes[one.primary_node].offline:
        return "ERROR_nodeoffline"
    if one.running:
        return "running" if one.admin_state == "up" else "ERROR_up"
    return {"up": "ERROR_down", "down": "ADMIN_down", "offline": "ADMIN_offline"}[one.admin_state]


def console_of(one: Instance) -> dict[str, str]:
    """How to get at its console: a hypervisor that is none has nothing there."""
    return {
        "instance": one.name,
        "kind": "msg",
        "message": f"Console not available for {one.hypervisor} hypervisor",
    }


def _live(show: Callable[[Instance], Any]) -> Field:
    """What only the primary node can tell."""

    def field(configuration: Configuration, one: Instance) -> Any:
        return OFFLINE if configuration.nodes[one.primary_node].offline else show(one)

    return field


def _own(show: Callable[[Instance], Any]) -> Field:
    return lambda configuration, one: show(one)


def _effective(show: Callable[[dict[str, Any]], Any]) -> Field:
    return lambda configuration, one: show(configuration.beparams(one))


def _or_unavailable(value: Any) -> Any:
    return UNAVAILABLE if value is None else value


def _disk(index: int, show: Callable[[Disk], Any]) -> Field:
    return lambda configuration, one: _or_unavailable(show(one.disks[index])) if index < len(one.disks) else UNAVAILABLE


def _nic(index: int, show: Callable[[Configuration, Nic], Any]) -> Field:
    return lambda configuration, one: (
        _or_unavailable(show(configuration, one.nics[index])) if index < len(one.nics) else UNAVAILABLE
    )


def _nics(show: Callable[[Configuration, Nic], Any]) -> Field:
    return lambda configuration, one: [show(configuration, nic) for nic in one.nics]


def _of_nic(name: str) -> Callable[[Configuration, Nic], Any]:
    return lambda configuration, nic: configuration.nicparams(nic.nicparams)[name] or None


def _bridge(configuration: Configuration, nic: Nic) -> str | None:
    params = configuration.nicparams(nic.nicparams)
    return params["link"] if params["mode"] == "bridged" else None


def _groups(show: Callable[[Configuration, str], str]) -> Field:
    return lambda configuration, one: [
        show(configuration, configuration.nodes[node].group) for node in one.secondary_nodes
    ]


def _group_name(configuration: Configuration, uuid: str) -> str:
    return configuration.groups[uuid].name


NIC_SHOWS: dict[str, Callable[[Configuration, Nic], Any]] = {
    "mac": lambda configuration, nic: nic.mac,
    "ip": lambda configuration, nic: nic.ip,
    "name": lambda configuration, nic: nic.name,
    "uuid": lambda configuration, nic: nic.uuid,
    "network": lambda configuration, nic: nic.network,
    "network.name": lambda configuration, nic: configuration.networks[nic.network].name if nic.network else None,
    "mode": _of_nic("mode"),
    "link": _of_nic("link"),
    "vlan": _of_nic("vlan"),
    "bridge": _bridge,
}
DISK_SHOWS: dict[str, Callable[[Disk], Any]] = {
    "size": lambda disk: disk.size,
    "name": lambda disk: disk.name,
    "uuid": lambda disk: disk.uuid,
    "spindles": lambda disk: disk.spindles,
}

FIELDS: dict[str, Field] = {
    "name": _own(lambda one: one.name),
    "uuid": _own(lambda one: one.uuid),
    "serial_no": _own(lambda one: one.serial_no),
    "ctime": _own(lambda one: one.ctime),
    "mtime": _own(lambda one: one.mtime),
    "tags": _own(lambda one: one.tags),
    "os": _own(lambda one: one.os),
    "hypervisor": _own(lambda one: one.hypervisor),
    "disk_template": _own(lambda one: one.disk_template),
    "admin_state": _own(lambda one: one.admin_state),
    "admin_state_source": _own(lambda one: one.admin_state_source),
    "admin_up": _own(lambda one: one.admin_state == "up"),
    "disks_active": _own(lambda one: one.disks_active),
    "forthcoming": _own(lambda one: False),
    "network_port": _own(lambda one: _or_unavailable(one.network_port)),
    "pnode": lambda configuration, one: configuration.nodes[one.primary_node].name,
    "pnode.group": lambda configuration, one: _group_name(configuration, configuration.nodes[one.primary_node].group),
    "pnode.group.uuid": lambda configuration, one: configuration.nodes[one.primary_node].group,
    "snodes": lambda configuration, one: [configuration.nodes[node].name for node in one.secondary_nodes],
    "snodes.group": _groups(_group_name),
    "snodes.group.uuid": _groups(lambda configuration, group: group),
    # parameters
    "beparams": _effective(lambda params: params),
    "vcpus": _effective(lambda params: params["vcpus"]),
    "be/memory": _effective(lambda params: params["maxmem"]),
    "custom_beparams": _own(lambda one: one.beparams),
    "hvparams": _own(lambda one: one.hvparams),
    "custom_hvparams": _own(lambda one: one.hvparams),
    "osparams": lambda configuration, one: configuration.osparams(one),
    "custom_osparams": _own(lambda one: one.osparams),
    "custom_nicparams": _own(lambda one: [nic.nicparams for nic in one.nics]),
    # disks
    "disk.count": _own(lambda one: len(one.disks)),
    "disk.sizes": _own(lambda one: [disk.size for disk in one.disks]),
    "disk.names": _own(lambda one: [disk.name for disk in one.disks]),
    "disk.uuids": _own(lambda one: [disk.uuid for disk in one.disks]),
    "disk.spindles": _own(lambda one: [disk.spindles for disk in one.disks]),
    "disk_usage": _own(lambda one: sum(disk.size for disk in one.disks)),
    "sda_size": _disk(0, DISK_SHOWS["size"]),
    "sdb_size": _disk(1, DISK_SHOWS["size"]),
    # network interfaces
    "nic.count": _own(lambda one: len(one.nics)),
    "nic.networks.names": _nics(NIC_SHOWS["network.name"]),
    "mac": _nic(0, NIC_SHOWS["mac"]),
    "ip": _nic(0, NIC_SHOWS["ip"]),
    "bridge": _nic(0, NIC_SHOWS["bridge"]),
    "nic_mode": _nic(0, NIC_SHOWS["mode"]),
    "nic_link": _nic(0, NIC_SHOWS["link"]),
    "nic_network": _nic(0, NIC_SHOWS["network"]),
    # what the primary node tells
    "status": status,
    "oper_state": _live(lambda one: one.running),
    "oper_ram": _live(lambda one: one.running_memory if one.running else UNAVAILABLE),
    "oper_vcpus": _live(lambda one: one.running_vcpus if one.running else UNAVAILABLE),
    "console": _live(console_of),
}


def _add_families() -> None:
    """The fields that there are many of: `be/vcpus`, `hv/acpi`, `disk.size/0`, `nic.mac/0`, `nic.macs`."""
    for name in QUERY_FIELDS["instance"]:
        if name in FIELDS:
            continue
        family, slash, rest = name.partition("/")
        if family == "be":
            FIELDS[name] = _effective(lambda params, rest=rest: params.get(rest, NO_DATA))  # type: ignore[misc]
        elif family == "hv":
            FIELDS[name] = _own(lambda one, rest=rest: one.hvparams.get(rest, UNAVAILABLE))  # type: ignore[misc]
        elif slash and family.startswith("disk."):
            FIELDS[name] = _disk(int(rest), DISK_SHOWS[family.removeprefix("disk.")])
        elif slash and family.startswith("nic."):
            FIELDS[name] = _nic(int(rest), NIC_SHOWS[family.removeprefix("nic.")])
        else:
            FIELDS[name] = _nics(NIC_SHOWS[name.removeprefix("nic.").removesuffix("s")])


_add_families()
