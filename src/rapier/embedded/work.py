"""What an opcode's function is given: the opcode, the configuration, a log, and a place for its changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rapier.embedded.configuration import Changes, Configuration
from rapier.embedded.model import Instance, Network, Node, NodeGroup
from rapier.embedded.refusals import UNKNOWN, prereq
from rapier.embedded.submission import read_opcodes


@dataclass
class Work:
    """One opcode at work. Nothing that it changes is seen by anybody before it has ended well.

    `params` are the opcode's, and what is written into them shows in the queue. `pace_seconds` is how long a step
    takes.
    """

    params: dict[str, Any]
    configuration: Configuration
    changes: Changes
    log: Callable[[str], None]
    pace_seconds: float = 0.0
    children: list[list[dict[str, Any]]] | None = None

    def submit(self, jobs: Iterable[list[dict[str, Any]]]) -> None:
        """Jobs that come to be, all of them or none, in the moment in which this opcode ends well.

        The opcode's result names them. Each inherits the reason trail, but as in Ganeti no priority by itself.
        """
        trail = [list(entry) for entry in self.params["reason"]]
        inherited = {"reason": trail, "comment": f"Submitted by {self.params['OP_ID']}"}
        self.children = [read_opcodes([inherited | one for one in opcodes], "SubmitManyJobs") for opcodes in jobs]

    async def step(self, text: str) -> None:
        """Says in the log what is done, and takes its time over it."""
        self.log(text)
        await self.pause()

    async def pause(self) -> None:
        """Takes the time of one step."""
        if self.pace_seconds:
            await asyncio.sleep(self.pace_seconds)

    def info(self, text: str) -> None:
        """A remark in the log."""
        self.log(f" - INFO: {text}")

    def warn(self, text: str) -> None:
        """A warning in the log."""
        self.log(f" - WARNING: {text}")

    def only_looks(self) -> bool:
        """Whether this is a dry run: everything was looked at, and nothing is to be done."""
        if not self.params.get("dry_run"):
            return False
        self.info("dry-run mode requested, not actually executing the operation")
        return True

    # -- the objects that the opcode names ---------------------------------------------------------------------------

    def instance(self) -> Instance:
        """The instance that the opcode names; its name and uuid are completed in the queue."""
        found = self.known_instance(self.params["instance_name"])
        self.params["instance_name"], self.params["instance_uuid"] = found.name, found.uuid
        return found

    def known_instance(self, name: str) -> Instance:
        """The instance of that name. Raises Ganeti's error for one that is not there."""
        found = self.configuration.instances.find(name)
        if found is None:
            raise prereq(f"Instance '{name}' not known", UNKNOWN)
        return found

    def node(self) -> Node:
        """The node that the opcode names; its name and uuid are completed in the queue."""
        return self.completed_node("node_name", "node_uuid")

    def completed_node(self, name: str, uuid: str) -> Node:
        """The node that the parameter `name` holds; the parameters `name` and `uuid` are completed in the queue."""
        found = self.known_node(self.params[name])
        self.params[name], self.params[uuid] = found.name, found.uuid
        return found

    def known_group(self, name: str) -> NodeGroup:
        """The group of exactly that name, or of that uuid. Raises Ganeti's error for one that is not there."""
        groups = self.configuration.groups
        found = groups.named(name) or next((one for one in groups if one.uuid == name), None)
        if found is None:
            raise prereq(f"Node group '{name}' not found", UNKNOWN)
        return found

    def known_network(self, name: str) -> Network:
        """The network of exactly that name, or of that uuid. Raises Ganeti's error for one that is not there."""
        networks = self.configuration.networks
        found = networks.named(name) or next((one for one in networks if one.uuid == name), None)
        if found is None:
            raise prereq(f"Network '{name}' not found", UNKNOWN)
        return found

    def known_node(self, name: str) -> Node:
        """The node of that name. Raises Ganeti's error for one that is not there."""
        found = self.configuration.nodes.find(name)
        if found is None:
            raise prereq(f"Node '{name}' not known", UNKNOWN)
        return found


def instance_lock(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The lock of the instance that the opcode names, whether or not there is one."""
    found = configuration.instances.find(params["instance_name"])
    return (f"instance/{found.name if found else params['instance_name'].lower()}",)


def node_locks(configuration: Configuration, *nodes: Node | None) -> list[str]:
    """The locks of these nodes; of all, where it is not known yet which one it will be."""
    return [f"node/{node.name}" for node in (configuration.nodes if None in nodes else nodes) if node]


def no_lock(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """For opcodes that need none."""
    return ()


@dataclass(frozen=True)
class Execution:
    """How one opcode is carried out: `run` answers the opcode's result, or raises; `locks` are held meanwhile."""

    run: Callable[[Work], Awaitable[Any]]
    locks: Callable[[dict[str, Any], Configuration], Iterable[str]] = no_lock
