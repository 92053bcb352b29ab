"""Opcodes on networks (gnt-network(8))."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from rapier.embedded import addresses
from rapier.embedded.configuration import Configuration
from rapier.embedded.model import Network, Nic, NodeGroup
from rapier.embedded.opcodes.groups import group_lock
from rapier.embedded.opcodes.tags import check_tag
from rapier.embedded.refusals import EXISTS, WRONG_INPUT, WRONG_STATE, failed, prereq
from rapier.embedded.work import Work, node_locks
from rapier.errors import GanetiError

_prefix = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){2}").fullmatch


def lock(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The lock of the network that the opcode names, by its name or its uuid."""
    name = params["network_name"]
    found = configuration.networks.find(name)
    return (f"network/{found.name if found else name}",)


def connection_locks(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The network's and the group's."""
    return [*lock(params, configuration), *group_lock(params, configuration)]


def removal_locks(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The network's, and those of all groups, which could be connected to it."""
    return [*lock(params, configuration), *(f"nodegroup/{group.name}" for group in configuration.groups)]


def locks_of_nics(nics: Iterable[dict[str, Any]], configuration: Configuration) -> Iterable[str]:
    """The locks of the networks that interfaces are to be in, so that no address is given away twice."""
    for name in {nic["network"] for nic in nics if nic.get("network")}:
        yield from lock({"network_name": name}, configuration)


def mac_prefix(given: str) -> str:
    """The first half of a MAC address, in small letters. Raises Ganeti's error for what is none."""
    if not _prefix(given.lower()):
        raise prereq(f"Invalid MAC address prefix '{given}'", WRONG_INPUT)
    return given.lower()


async def add(work: Work) -> None:
    """OP_NETWORK_ADD."""
    params, configuration = work.params, work.configuration
    if "mac_prefix" in params:
        params["mac_prefix"] = mac_prefix(params["mac_prefix"])
    there = configuration.networks.named(params["network_name"])
    if there is not None:
        text = f"Desired network name '{there.name}' already exists as a network (UUID: {there.uuid})"
        raise prereq(text, EXISTS)
    for tag in params["tags"]:
        check_tag(tag)
    if work.only_looks():
        return
    network = Network(
        name=params["network_name"],
        network=params["network"],
        network6=params.get("network6"),
        gateway6=params.get("gateway6"),
        mac_prefix=params.get("mac_prefix"),
        tags=sorted({*params["tags"]}),
    )
    _make_pool(network, params.get("gateway"))
    if params["conflicts_check"]:
        _reserve_for_nodes(work, network)
    for address in params.get("add_reserved_ips") or ():
        try:
            addresses.reserve(network, address)
        except GanetiError as problem:
            raise failed(f"Cannot reserve IP address '{address}': {problem.ganeti_args[0]}") from None
    await work.pause()
    work.changes.add(network)


def _make_pool(network: Network, gateway: str | None) -> None:
    try:
        problem = addresses.problem_with(network)
    except ValueError as wrong:
        raise failed(str(wrong)) from None
    if problem is None:
        network.reserved = addresses.first_and_last(network)
        if gateway is not None:
            network.gateway = gateway
            try:
                addresses.reserve(network, gateway)
            except GanetiError as refusal:
                problem = str(refusal.ganeti_args[0])
    if problem is not None:
        raise failed(f"Cannot create IP address pool for network '{network.name}': {problem}")


def _reserve_for_nodes(work: Work, network: Network) -> None:
    for node in work.configuration.nodes:
        for address in (node.primary_ip, node.secondary_ip):
            if not addresses.contains(network, address):
                continue
            try:
                addresses.reserve(network, address)
                work.info(f"Reserved IP address of node '{node.name}' ({address})")
            except GanetiError as problem:
                text = f"Cannot reserve IP address '{address}' of node '{node.name}': {problem.ganeti_args[0]}"
                work.warn(text)


async def remove(work: Work) -> None:
    """OP_NETWORK_REMOVE: of one that is connected to no group."""
    network = work.known_network(work.params["network_name"])
    connected = [group.name for group in work.configuration.groups if network.uuid in group.networks]
    if connected:
        work.warn(f"Network '{network.name}' is connected to the following node groups: {', '.join(connected)}")
        raise prereq("Network still connected", WRONG_STATE)
    if work.only_looks():
        return
    await work.pause()
    work.changes.remove(network)


async def set_params(work: Work) -> None:
    """OP_NETWORK_SET_PARAMS."""
    params = work.params
    if "gateway" in params and (params.get("add_reserved_ips") or params.get("remove_reserved_ips")):
        raise prereq("Cannot modify gateway and reserved ips at once", WRONG_INPUT)
    network = work.known_network(params["network_name"])
    gateway = params.get("gateway")
    if "mac_prefix" in params and params["mac_prefix"] != "none":
        params["mac_prefix"] = mac_prefix(params["mac_prefix"])
    if gateway and gateway not in network.reserved and gateway in addresses.used(work.configuration, network):
        raise prereq(f"Gateway IP address '{gateway}' is already reserved", WRONG_STATE)
    if work.only_looks():
        return
    await work.pause()
    edited = work.changes.edit(network)
    if gateway and gateway == network.gateway:
        work.warn(f"Gateway is already {gateway}")
    elif gateway:
        addresses.reserve(edited, gateway)
        if network.gateway:
            addresses.release(edited, network.gateway)
        edited.gateway = gateway
    _each(work, params.get("add_reserved_ips") or (), "reserve", lambda one: addresses.reserve(edited, one))
    for address in params.get("remove_reserved_ips") or ():
        if address == network.gateway:
            work.warn("Cannot unreserve Gateway's IP")
        else:
            _each(work, [address], "release", lambda one: addresses.release(edited, one))
    for name in ("mac_prefix", "network6", "gateway6"):
        if name in params:
            setattr(edited, name, None if params[name] == "none" else params[name])


def _each(work: Work, given: Iterable[str], what: str, do: Callable[[str], None]) -> None:
    for address in given:
        try:
            do(address)
        except GanetiError as problem:
            work.warn(f"Cannot {what} IP address {address}: {problem.ganeti_args[0]}")


async def connect(work: Work) -> None:
    """OP_NETWORK_CONNECT: instances of the group may be in the network from now on."""
    params = work.params
    network = work.known_network(params["network_name"])
    group = work.known_group(params["group_name"])
    if network.uuid in group.networks:
        work.warn(f"Network '{params['network_name']}' is already mapped to group '{group.name}'")
        work.only_looks()
        return
    if params["conflicts_check"]:
        _check_conflicts(
            work, network, group, "connect to", lambda nic: nic.ip is not None and addresses.contains(network, nic.ip)
        )
    if work.only_looks():
        return
    await work.pause()
    work.changes.edit(group).networks[network.uuid] = {
        "mode": params["network_mode"],
        "link": params["network_link"],
        "vlan": params["network_vlan"],
    }


async def disconnect(work: Work) -> None:
    """OP_NETWORK_DISCONNECT: of a network in which no instance of the group is."""
    params = work.params
    network = work.known_network(params["network_name"])
    group = work.known_group(params["group_name"])
    if network.uuid not in group.networks:
        work.warn(f"Network '{params['network_name']}' is not mapped to group '{group.name}'")
        work.only_looks()
        return
    _check_conflicts(work, network, group, "disconnect from", lambda nic: nic.network == network.uuid)
    if work.only_looks():
        return
    await work.pause()
    del work.changes.edit(group).networks[network.uuid]


def _check_conflicts(
    work: Work, network: Network, group: NodeGroup, action: str, conflicts: Callable[[Nic], bool]
) -> None:
    configuration = work.configuration
    found = []
    for one in configuration.instances:
        if configuration.nodes[one.primary_node].group == group.uuid:
            nics = [f"nic{index}/{nic.ip}" for index, nic in enumerate(one.nics) if conflicts(nic)]
            found += [f"{one.name}: {', '.join(nics)}"] if nics else []
    if found:
        work.warn(
            f"IP addresses from network '{network.name}', which is about to {action} node group '{group.name}', are "
            f"in use: {', '.join(found)}"
        )
        text = "Conflicting IP addresses found;  remove/modify the corresponding network interfaces"
        raise prereq(text, WRONG_STATE)


def addition_locks(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The name's; with a look for conflicts those of all nodes, whose addresses are reserved."""
    nodes = node_locks(configuration, None) if params["conflicts_check"] else []
    return [f"network/{params['network_name']}", *nodes]
