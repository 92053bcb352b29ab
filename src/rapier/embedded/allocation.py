"""Which node a new instance goes to where nobody says so: a stand-in for Ganeti's `hail`, by free memory alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from rapier.embedded.configuration import Configuration
from rapier.embedded.model import Node
from rapier.embedded.refusals import NO_RESOURCES, failed, prereq

ALLOCATOR = "hail"


class Claims:
    """What one opcode has given away already and no instance uses yet: MiB, by the node's uuid."""

    def __init__(self) -> None:
        self.memory: Counter[str] = Counter()
        self.disk: Counter[str] = Counter()

    def add(self, node: Node, memory: int, disk: int) -> None:
        """So much of the node is given away."""
        self.memory[node.uuid] += memory
        self.disk[node.uuid] += disk


def allocate(
    configuration: Configuration,
    allocator: str,
    memory: int,
    disk: int,
    without: Collection[str] = (),
    claims: Claims | None = None,
) -> Node:
    """The usable node with the most free memory among those with room for so many MiB of each.

    Those whose uuids are in `without` are not looked at; what `claims` holds is not free.

    Raises Ganeti's errors for another allocator's name, and where there is no such node.
    """
    taken = claims or Claims()

    def free_memory(node: Node) -> int:
        return configuration.free_memory(node) - taken.memory[node.uuid]

    if allocator != ALLOCATOR:
        text = f"iallocator module '{allocator}' not found in the search path"
        raise failed(f"Failure while running the iallocator script: {text}")
    fitting = []
    reasons: Counter[str] = Counter()
    for node in configuration.nodes:
        if node.offline or node.drained or not node.vm_capable or node.uuid in without:
            continue
        if free_memory(node) < memory:
            reasons["FailMem"] += 1
        elif configuration.free_disk(node) - taken.disk[node.uuid] < disk:
            reasons["FailDisk"] += 1
        else:
            fitting.append(node)
    if not fitting:
        # one word with its number for each reason, as hail has them
        said = ", ".join(f"{reason}: {count}" for reason, count in reasons.items())
        group = next(iter(configuration.groups))
        raise prereq(
            f"Can't compute nodes using iallocator '{allocator}': Request failed: Group {group.name} "
            f"({group.alloc_policy}): No valid allocation solutions, failure reasons: {said}",
            NO_RESOURCES,
        )
    return max(fitting, key=free_memory)
