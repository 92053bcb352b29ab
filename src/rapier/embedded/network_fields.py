"""What a network shows of itself in a query: a function for each field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rapier.embedded import addresses
from rapier.embedded.configuration import Configuration
from rapier.embedded.filters import UNAVAILABLE
from rapier.embedded.model import Network


def _or_unavailable(name: str) -> Callable[[Configuration, Network], Any]:
    return lambda configuration, one: UNAVAILABLE if getattr(one, name) is None else getattr(one, name)


def _groups(configuration: Configuration, one: Network) -> list[list[str]]:
    """The groups that it is connected to: name, mode, link, vlan."""
    connected = [(group.name, group.networks.get(one.uuid)) for group in configuration.groups]
    return [[name, how["mode"], how["link"], how["vlan"]] for name, how in connected if how is not None]


def _instances(configuration: Configuration, one: Network) -> list[str]:
    return [
        instance.name for instance in configuration.instances if any(nic.network == one.uuid for nic in instance.nics)
    ]


FIELDS: dict[str, Callable[[Configuration, Network], Any]] = {
    "network": lambda configuration, one: one.network,
    "gateway": _or_unavailable("gateway"),
    "network6": _or_unavailable("network6"),
    "gateway6": _or_unavailable("gateway6"),
    "mac_prefix": _or_unavailable("mac_prefix"),
    "map": addresses.map_of,
    "free_count": lambda configuration, one: addresses.map_of(configuration, one).count("."),
    "reserved_count": lambda configuration, one: addresses.map_of(configuration, one).count("X"),
    "external_reservations": lambda configuration, one: ", ".join(one.reserved),
    "group_list": _groups,
    "group_cnt": lambda configuration, one: len(_groups(configuration, one)),
    "inst_list": _instances,
    "inst_cnt": lambda configuration, one: len(_instances(configuration, one)),
}
