"""The addresses of networks: which there are, which are taken, and the first that is free."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Collection, Iterator

from rapier.embedded.configuration import Configuration
from rapier.embedded.model import Network
from rapier.embedded.refusals import generic

_SHORTEST, _LONGEST = 16, 30  # prefixes

IPv4 = ipaddress.IPv4Address


def pool(network: Network) -> ipaddress.IPv4Network:
    """The addresses as such. Raises `ValueError` with the words of Python's own module."""
    return ipaddress.IPv4Network(network.network)


def problem_with(network: Network) -> str | None:
    """What makes that no pool of addresses."""
    addresses = pool(network)
    hosts = addresses.num_addresses
    if addresses.prefixlen > _LONGEST:
        return f"A network with only {hosts} host(s) is too small, please specify at least a /{_LONGEST} network"
    if addresses.prefixlen < _SHORTEST:
        return (
            f"A big network with {hosts} host(s) is currently not supported. please specify at most a /{_SHORTEST} "
            "network"
        )
    return None


def first_and_last(network: Network) -> list[str]:
    """The two that no host has."""
    addresses = pool(network)
    return [str(addresses.network_address), str(addresses.broadcast_address)]


def contains(network: Network, address: str | None) -> bool:
    """Whether that is one of the network's."""
    try:
        return address is not None and IPv4(address) in pool(network)
    except ValueError:
        return False


def reserve(network: Network, address: str) -> None:
    """No instance may get that address any more. Raises Ganeti's `AddressPoolError`."""
    _check_within(network, address)
    if address in network.reserved:
        raise generic("AddressPoolError", f"IP {address} is already externally reserved")
    network.reserved = sorted([*network.reserved, address], key=IPv4)


def release(network: Network, address: str) -> None:
    """Instances may get that address again. Raises Ganeti's `AddressPoolError`."""
    _check_within(network, address)
    if address not in network.reserved:
        raise generic("AddressPoolError", f"IP {address} is not externally reserved")
    network.reserved.remove(address)


def _check_within(network: Network, address: str) -> None:
    if not contains(network, address):
        raise generic("AddressPoolError", f"{network.network} does not contain {address}")


def used(configuration: Configuration, network: Network) -> set[str]:
    """The addresses that instances have in it."""
    nics = itertools.chain.from_iterable(one.nics for one in configuration.instances)
    return {nic.ip for nic in nics if nic.network == network.uuid and nic.ip}


def free(configuration: Configuration, network: Network, also_taken: Collection[str]) -> Iterator[str]:
    """The addresses that an instance could get, the lowest first."""
    taken = {*used(configuration, network), *network.reserved, *also_taken}
    return (str(one) for one in pool(network) if str(one) not in taken)


def map_of(configuration: Configuration, network: Network) -> str:
    """A letter for each address: X for one that is taken."""
    taken = {*used(configuration, network), *network.reserved}
    return "".join("X" if str(one) in taken else "." for one in pool(network))
