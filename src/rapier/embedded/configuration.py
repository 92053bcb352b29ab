"""The configuration in memory, and changes to it that count as a whole or not at all.

It belongs to the event loop: nothing else reads or writes it. A job's opcode gathers its changes in `Changes`; they are
written to the disk first (`store`), and then applied here.
"""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from rapier.embedded.model import (
    AnyObject,
    Cluster,
    ConfigObject,
    Instance,
    JobFilter,
    Network,
    Node,
    NodeGroup,
    Params,
    Switches,
)

O = TypeVar("O", bound=ConfigObject)  # noqa: E741
A = TypeVar("A", bound=AnyObject)


class Objects(Generic[O]):
    """The objects of one kind, by name and by uuid."""

    def __init__(self) -> None:
        self._by_uuid: dict[str, O] = {}
        self._by_name: dict[str, O] = {}
        self._sorted: list[O] | None = None

    def __iter__(self) -> Iterator[O]:
        """In the order of their names."""
        if self._sorted is None:
            self._sorted = sorted(self._by_uuid.values(), key=lambda one: natural(one.name))
        return iter(self._sorted)

    def __len__(self) -> int:
        return len(self._by_uuid)

    def __getitem__(self, uuid: str) -> O:
        return self._by_uuid[uuid]

    def named(self, name: str) -> O | None:
        """The object of exactly that name."""
        return self._by_name.get(name)

    def find(self, name: str) -> O | None:
        """The object of that name, in whatever letters, or of that uuid, or the only one whose name begins so."""
        found = self._by_name.get(name) or self._by_name.get(name.lower()) or self._by_uuid.get(name)
        return found or self.shortened(name.lower())

    def shortened(self, name: str) -> O | None:
        """The only object whose name is that and a dot and more."""
        longer = [one for one in self if one.name.startswith(f"{name}.")]
        return longer[0] if len(longer) == 1 else None

    def put(self, one: O) -> None:
        """Adds or replaces."""
        self._sorted = None
        before = self._by_uuid.get(one.uuid)
        if before is not None and before.name != one.name:
            del self._by_name[before.name]
        self._by_uuid[one.uuid] = one
        self._by_name[one.name] = one

    def remove(self, one: O) -> None:
        """Removes."""
        self._sorted = None
        del self._by_uuid[one.uuid]
        del self._by_name[one.name]


class Configuration:
    """The cluster and its objects."""

    cluster: Cluster
    switches: Switches

    def __init__(self) -> None:
        self.groups: Objects[NodeGroup] = Objects()
        self.networks: Objects[Network] = Objects()
        self.nodes: Objects[Node] = Objects()
        self.instances: Objects[Instance] = Objects()
        self.filters: Objects[JobFilter] = Objects()
        self.listeners: list[Callable[[Changes], None]] = []  # who is told of all that is applied
        self._on_nodes: dict[str, list[Instance]] | None = None

    def __iter__(self) -> Iterator[AnyObject]:
        """Every object."""
        yield from (self.cluster, self.switches)
        yield from self.groups
        yield from self.networks
        yield from self.nodes
        yield from self.instances
        yield from self.filters

    def put(self, one: AnyObject) -> None:
        """Adds or replaces an object."""
        match one:
            case Cluster():
                self.cluster = one
            case Switches():
                self.switches = one
            case NodeGroup():
                self.groups.put(one)
            case Network():
                self.networks.put(one)
            case Node():
                self.nodes.put(one)
            case Instance():
                self.instances.put(one)
                self._on_nodes = None
            case JobFilter():
                self.filters.put(one)

    def remove(self, one: AnyObject) -> None:
        """Removes an object."""
        match one:
            case NodeGroup():
                self.groups.remove(one)
            case Network():
                self.networks.remove(one)
            case Node():
                self.nodes.remove(one)
            case Instance():
                self.instances.remove(one)
                self._on_nodes = None
            case JobFilter():
                self.filters.remove(one)

    def apply(self, changes: Changes) -> None:
        """What the changes say is so from now on."""
        for one in changes.put.values():
            self.put(one)
        for one in changes.removed:
            self.remove(one)
        for tell in self.listeners:
            tell(changes)

    # -- what is in force after inheritance --------------------------------------------------------------------------

    def beparams(self, instance: Instance) -> Params:
        """Memory, processors and the like of an instance."""
        return {**self.cluster.facts["beparams"]["default"], **instance.beparams}

    def osparams(self, instance: Instance) -> Params:
        """The parameters of an instance's operating system, its variant's above the system's own."""
        known = self.cluster.facts["osparams"]
        return {**known.get(instance.os.partition("+")[0], {}), **known.get(instance.os, {}), **instance.osparams}

    def nicparams(self, own: dict[str, str]) -> dict[str, str]:
        """Mode, link and vlan of a network interface on which `own` was set."""
        return {**self.cluster.facts["nicparams"]["default"], **own}

    def ndparams(self, group: NodeGroup, node: Node | None = None) -> Params:
        """The node parameters of a group, or of a node in it."""
        return {**self.cluster.facts["ndparams"], **group.ndparams, **(node.ndparams if node else {})}

    def ipolicy(self, group: NodeGroup) -> Params:
        """The instance policy of a group."""
        return {**self.cluster.facts["ipolicy"], **group.ipolicy}

    # -- who is where ------------------------------------------------------------------------------------------------

    def primaries(self, node: Node) -> list[Instance]:
        """The instances whose primary node this is."""
        return [one for one in self._on(node) if one.primary_node == node.uuid]

    def secondaries(self, node: Node) -> list[Instance]:
        """The instances that have this as a secondary node."""
        return [one for one in self._on(node) if one.primary_node != node.uuid]

    def _on(self, node: Node) -> list[Instance]:
        if self._on_nodes is None:
            self._on_nodes = {}
            for one in self.instances:
                for uuid in (one.primary_node, *one.secondary_nodes):
                    self._on_nodes.setdefault(uuid, []).append(one)
        return self._on_nodes.get(node.uuid, [])

    def free_memory(self, node: Node) -> int:
        """What neither the node itself nor a running instance uses."""
        used = sum(one.running_memory or 0 for one in self.primaries(node) if one.running)
        return node.memory - node.memory_of_its_own - used

    def free_disk(self, node: Node) -> int:
        """What the disks of the node's instances leave."""
        return node.disk - sum(disk.size for one in self._on(node) for disk in one.disks)


class Changes:
    """What an opcode is about to change: copies, so that nothing is seen before all of it counts."""

    def __init__(self) -> None:
        self.put: dict[str, AnyObject] = {}
        self.removed: list[AnyObject] = []

    def __bool__(self) -> bool:
        return bool(self.put or self.removed)

    def add(self, one: AnyObject) -> None:
        """A new object."""
        self.put[one.uuid] = one

    def edit(self, one: A) -> A:
        """A copy to change, with its serial number and its time moved on; the same one for a second call."""
        edited = self.edit_quietly(one)
        if edited.serial_no == one.serial_no:
            edited.serial_no += 1
            edited.mtime = time.time()
        return edited

    def edit_quietly(self, one: A) -> A:
        """A copy to change whose serial number and time stay: so Ganeti writes the primary node of an instance."""
        if one.uuid not in self.put:
            self.put[one.uuid] = copy.deepcopy(one)
        return self.put[one.uuid]  # type: ignore[return-value]

    def remove(self, one: AnyObject) -> None:
        """An object that goes."""
        self.removed.append(one)


_parts = re.compile(r"(\d+)|(\D+)").findall


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts names as people do: node2 before node10."""
    return [(0, int(digits), "") if digits else (1, 0, text) for digits, text in _parts(name)]
