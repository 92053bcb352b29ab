"""The cluster that a new state folder gets: nodes in one group, and instances on them."""

from __future__ import annotations

import itertools
from importlib import resources
from typing import Any

import msgspec

from rapier.embedded.configuration import Changes
from rapier.embedded.model import Cluster, Disk, Instance, Nic, Node, NodeGroup, Switches

CLUSTER_NAME = "cluster"
NETWORK = "198.51.100"  # TEST-NET-2: nobody's addresses
NAMES = ("www", "mail", "db", "wiki", "git", "build", "chat", "backup")


def facts() -> dict[str, Any]:
    """What `QueryClusterInfo` tells of a cluster right after its creation, read off Ganeti 3.0.2."""
    return msgspec.json.decode(resources.files(__package__).joinpath("cluster.json").read_bytes())  # type: ignore[no-any-return]


def new_cluster(nodes: int, instances: int, candidates: int) -> Changes:
    """A cluster of so many nodes, node1 its master, with so many instances on them in turn, every third one stopped.

    `candidates` is the size of its pool of master candidates.
    """
    changes = Changes()
    group = NodeGroup(name="default")
    members = [
        Node(
            name=f"node{number}",
            group=group.uuid,
            primary_ip=_address(9 + number),
            secondary_ip=_address(9 + number),
            master_candidate=number <= candidates,
        )
        for number in range(1, nodes + 1)
    ]
    changes.add(
        Cluster(name=CLUSTER_NAME, master_node=members[0].uuid, facts=facts() | {"candidate_pool_size": candidates})
    )
    changes.add(Switches())
    changes.add(group)
    for node in members:
        changes.add(node)
    homes = itertools.cycle(members)
    for number in range(instances):
        changes.add(_instance(number, next(homes)))
    return changes


def _address(number: int) -> str:
    return f"{NETWORK}.{number}" if number < 256 else f"198.18.{number // 256}.{number % 256}"


def _instance(number: int, node: Node) -> Instance:
    turn, place = divmod(number, len(NAMES))
    runs = number % 3 != 2
    with_disk = number % 2 == 0
    return Instance(
        name=f"{NAMES[place]}{turn + 1}",
        primary_node=node.uuid,
        os="dummy+default",
        hypervisor="fake",
        disk_template="sharedfile" if with_disk else "diskless",
        disks=[Disk(size=1024, name="root")] if with_disk else [],
        nics=[Nic(mac=f"aa:00:00:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}")],
        admin_state="up" if runs else "down",
        running=runs,
        disks_active=runs,
        running_memory=128 if runs else None,
        running_vcpus=1 if runs else None,
        tags=[f"role:{NAMES[place]}"],
    )
