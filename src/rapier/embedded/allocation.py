"""Which node a new instance goes to where nobody says so: a stand-in for Ganeti's `hail`, by free memory alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from rapier.embedded.configuration import Configuration
from rapier.embedded.model import Node
from rapier.embedded.refusals import NO_RESOURCES, failed, prereq

ALLOCATOR = "hail"


def allocate(
    configuration: Configuration, allocator: str, memory: int, disk: int, without: Collection[str] = ()
) -> Node:
    """The usable node with the most free memory among those with room for so many MiB of each.

    Those whose uuids are in `without` are not looked at.

    Raises Ganeti's errors for another allocator's name, and where there is no such node.
    """
    if allocator != ALLOCATOR:
        text = f"iallocator module '{allocator}' not found in the search path"
        raise failed(f"Failure while running the iallocator script: {text}")
    fitting = []
    reasons: Counter[str] = Counter()
    for node in configuration.nodes:
        if node.offline or node.drained or not node.vm_capable or node.uuid in without:
            continue
        if configuration.free_memory(node) < memory:
            reasons["FailMem"] += 1
        elif configuration.free_disk(node) < disk:
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
    return max(fitting, key=configuration.free_memory)
