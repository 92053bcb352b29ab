"""What an opcode's function is given: the opcode, the configuration, a log, and a place for its changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rapier.embedded.configuration import Changes, Configuration
from rapier.embedded.model import Instance, Node
from rapier.embedded.refusals import UNKNOWN, prereq


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


def no_lock(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """For opcodes that need none."""
    return ()


@dataclass(frozen=True)
class Execution:
    """How one opcode is carried out: `run` answers the opcode's result, or raises; `locks` are held meanwhile."""

    run: Callable[[Work], Awaitable[Any]]
    locks: Callable[[dict[str, Any], Configuration], Iterable[str]] = no_lock
