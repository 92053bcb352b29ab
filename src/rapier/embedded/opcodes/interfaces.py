"""Network interfaces of instances, from the words of an opcode: their addresses, parameters and networks."""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Iterable
from typing import Any

from rapier.embedded import addresses
from rapier.embedded.configuration import Configuration
from rapier.embedded.model import Network, Nic, NodeGroup
from rapier.embedded.refusals import NOT_UNIQUE, WRONG_INPUT, WRONG_STATE, generic, prereq
from rapier.embedded.work import Work

CHOOSE_MAC = ("auto", "generate")
PARAMETERS = ("mode", "link", "vlan")
POOL = "pool"  # in an address's place: the network gives a free one
_MODES = ("bridged", "routed", "openvswitch")
_mac = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}").fullmatch

Words = dict[str, Any]


def taken_macs(configuration: Configuration) -> set[str]:
    """The MAC addresses of all instances."""
    return {nic.mac for instance in configuration.instances for nic in instance.nics}


def new_nic(work: Work, given: Words, taken: set[str]) -> Nic:
    """An interface as an opcode words it; one in a network gets that one's parameters by `settle`."""
    network = network_of(work, given)
    own = own_parameters(work, given, {}) if network is None else {}
    address = ip(work, given.get("ip"), network)
    if network is None and work.configuration.nicparams(own)["mode"] == "routed" and address is None:
        raise prereq("Routed nic mode requires an ip address if not attached to a network", WRONG_INPUT)
    return Nic(
        mac=mac_address(work.configuration, given.get("mac") or "auto", network, taken),
        ip=address,
        name=None if given.get("name") == "none" else given.get("name"),
        network=network.uuid if network else None,
        nicparams=own,
    )


def network_of(work: Work, given: Words) -> Network | None:
    """The network that the interface is to be in. Raises Ganeti's errors for an unknown one, or for words beside it."""
    if given.get("network") in (None, "none"):
        return None
    network = work.known_network(given["network"])
    if any(given.get(name) for name in ("mode", "link", "bridge")):
        raise prereq("If network is given, no mode or link is allowed to be passed", WRONG_INPUT)
    return network


def own_parameters(work: Work, given: Words, before: dict[str, str]) -> dict[str, str]:
    """What is set on the interface itself, where `before` was. Raises Ganeti's error for an unknown mode."""
    own = {**before, **{name: given[name] for name in PARAMETERS if given.get(name) is not None}}
    if given.get("bridge"):
        own.setdefault("link", given["bridge"])
    own = {name: value for name, value in own.items() if value != "default"}
    mode = work.configuration.nicparams(own)["mode"]
    if mode not in _MODES:
        raise generic("ConfigurationError", f"Invalid NIC mode '{mode}'")
    if own.get("vlan") and own["vlan"][0] not in ".:":
        own["vlan"] = f".{own['vlan']}"  # a number alone is an untagged port
    return own


def settle(work: Work, index: int, nic: Nic, group: NodeGroup, also_taken: set[str]) -> None:
    """Gives an interface what its network has for it in that group; one in none must have no address of one.

    `also_taken` are addresses that other interfaces of the same opcode have got.
    """
    configuration = work.configuration
    if nic.network is None:
        check_no_networks_address(work, nic.ip, group)
        return
    network = configuration.networks[nic.network]
    netparams = group.networks.get(network.uuid)
    if netparams is None:
        name = configuration.nodes.find(work.params["pnode"])
        text = f"No netparams found for network {network.name}. Probably not connected to node's"
        raise prereq(f"{text} {name.name if name else ''} nodegroup", WRONG_INPUT)
    nic.nicparams = {**netparams}
    work.info(f"NIC/{index} inherits netparams {[netparams['link'], netparams['mode'], netparams['vlan']]}")
    if nic.ip == POOL:
        nic.ip = address_from_pool(work, index, network, also_taken)
    elif nic.ip is not None and nic.ip not in addresses.free(configuration, network, also_taken):
        text = f"IP address {nic.ip} already in use or does not belong to network {network.name}"
        raise prereq(text, NOT_UNIQUE)
    if nic.ip is not None:
        also_taken.add(nic.ip)


def address_from_pool(work: Work, index: int, network: Network, also_taken: Iterable[str]) -> str:
    """The first free address of the network."""
    found = next(addresses.free(work.configuration, network, {*also_taken}), None)
    if found is None:
        raise prereq(f"Unable to get a free IP for NIC {index} from the address pool", WRONG_STATE)
    work.info(f"Chose IP {found} from network {network.name}")
    return found


def check_no_networks_address(work: Work, address: str | None, group: NodeGroup) -> None:
    """Raises where an address of a network that the group is connected to is meant for an interface outside it."""
    if not work.params["conflicts_check"]:
        return
    for uuid in group.networks:
        network = work.configuration.networks[uuid]
        if addresses.contains(network, address):
            text = (
                f"The requested IP address ({address}) belongs to network {network.name}, but the target NIC does not."
            )
            raise prereq(text, WRONG_STATE)


def ip(work: Work, given: str | None, network: Network | None) -> str | None:
    """An address as it is kept; `POOL` for one that is still to be chosen."""
    if given is None or given.lower() == "none":
        return None
    if given.lower() == "auto":
        if not work.params.get("name_check"):
            raise prereq("IP address set to auto but name checks have been skipped", WRONG_INPUT)
        return None
    if given.lower() == POOL:
        if network is None:
            raise prereq("if ip=pool, parameter network must be passed too", WRONG_INPUT)
        return POOL
    try:
        ipaddress.ip_address(given)
    except ValueError:
        raise prereq(f"Invalid IP address '{given}'", WRONG_INPUT) from None
    return given


def mac_address(configuration: Configuration, given: str, network: Network | None, taken: set[str]) -> str:
    """The address that is asked for, or one that nobody has, with the network's or the cluster's first half."""
    mac = given.lower()
    if mac in CHOOSE_MAC:
        prefix = (network and network.mac_prefix) or configuration.cluster.facts["mac_prefix"]
        while (mac := f"{prefix}:{secrets.token_bytes(3).hex(':')}") in taken:
            pass
        return mac
    if not _mac(mac):
        raise prereq(f"Invalid MAC address '{given}'", WRONG_INPUT)
    if mac in taken:
        raise prereq(f"MAC address {mac} already in use in cluster", NOT_UNIQUE)
    return mac
