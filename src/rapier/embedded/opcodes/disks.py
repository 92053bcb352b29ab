"""Opcodes on the disks of an instance: growing one, and giving a mirrored one another secondary node.

Those that make them usable or make them anew are in `disk_states`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rapier.embedded.allocation import allocate
from rapier.embedded.configuration import Configuration
from rapier.embedded.opcodes.instances import node_of
from rapier.embedded.opcodes.policies import violations
from rapier.embedded.parameters import shown_size
from rapier.embedded.refusals import NO_RESOURCES, WRONG_INPUT, WRONG_STATE, prereq
from rapier.embedded.work import Work, instance_lock, node_locks

_LOGICAL_VOLUMES = frozenset({"plain", "drbd"})


async def grow(work: Work) -> None:
    """OP_INSTANCE_GROW_DISK: by `amount` MiB, or up to it with `absolute`."""
    params, configuration = work.params, work.configuration
    instance = work.instance()
    number, amount = params["disk"], params["amount"]
    if number >= len(instance.disks):
        last = len(instance.disks) - 1
        raise prereq(f"Invalid disk index: {number} (instace has disks 0 to {last}", WRONG_INPUT)  # as Ganeti has it
    size = instance.disks[number].size
    target = amount if params["absolute"] else size + amount
    if target < size:
        raise prereq(
            f"Requested size ({shown_size(amount)}) is smaller than current disk size ({shown_size(size)})", WRONG_STATE
        )
    node = configuration.nodes[instance.primary_node]
    if not params["ignore_ipolicy"]:
        policy = configuration.ipolicy(configuration.groups[node.group])
        sizes = [target if index == number else disk.size for index, disk in enumerate(instance.disks)]
        if found := violations(policy, instance.disk_template, sizes):
            raise prereq(f"Growing disk {number} violates policy: {', '.join(found)}", WRONG_INPUT)
    node_of(work, instance)
    free = configuration.free_disk(node)
    if instance.disk_template in _LOGICAL_VOLUMES and target - size > free:
        needed = target - size
        text = f"Not enough disk space on target node {node.name}: required {needed} MiB, available {free} MiB"
        raise prereq(text, NO_RESOURCES)
    if work.only_looks():
        return
    await work.step(
        f"Growing disk {number} of instance '{instance.name}' by {shown_size(target - size)} to {shown_size(target)}"
    )
    edited = work.changes.edit(instance)
    edited.disks[number].size = target
    if params["wait_for_sync"]:
        work.info(f"Waiting for instance {instance.name} to sync disks")
        work.info(f"Instance {instance.name}'s disks are in sync")


def replacement_locks(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The instance, and the node that becomes its secondary: any, where that is to be chosen."""
    remote = configuration.nodes.find(params.get("remote_node", ""))
    return [*instance_lock(params, configuration), *node_locks(configuration, remote)]


async def replace(work: Work) -> None:
    """OP_INSTANCE_REPLACE_DISKS: on the same nodes, or with another secondary node."""
    params, configuration = work.params, work.configuration
    other_node = params["mode"] == "replace_new_secondary"
    if other_node and "remote_node" not in params and "iallocator" not in params:
        raise prereq(
            "When changing the secondary either an iallocator script must be used or the new node given", WRONG_INPUT
        )
    if not other_node and ("remote_node" in params or "iallocator" in params):
        text = "The iallocator and new node options can only be used when changing the secondary node"
        raise prereq(text, WRONG_INPUT)
    if "remote_node" in params and "iallocator" in params:
        raise prereq("Give either the iallocator or the new secondary, not both", WRONG_INPUT)
    instance = work.instance()
    if instance.disk_template != "drbd":
        text = f"The instance has a strange layout, expected one secondary but found {len(instance.secondary_nodes)}"
        raise prereq(text, "internal_error")
    if not other_node:
        if not work.only_looks():
            await work.step(f"Replacing disk(s) {', '.join(map(str, range(len(instance.disks))))} for {instance.name}")
        return
    [before] = instance.secondary_nodes
    if "iallocator" in params:
        size = sum(disk.size for disk in instance.disks)
        without = frozenset({instance.primary_node, before})
        target = allocate(configuration, params["iallocator"], 0, size, without)
        work.info(f"Selected new secondary for instance '{instance.name}': {target.name}")
    else:
        target = work.completed_node("remote_node", "remote_node_uuid")
    if target.uuid == instance.primary_node:
        raise prereq("The specified node is the primary node of the instance", WRONG_INPUT)
    if target.uuid == before:
        raise prereq("The specified node is already the secondary node of the instance", WRONG_INPUT)
    if target.offline or target.drained:
        what = "offline" if target.offline else "drained"
        raise prereq(f"Can't use {what} node{':' if target.offline else ''} {target.name}", WRONG_STATE)
    if work.only_looks():
        return
    await work.step(f"Replacing disk(s) {', '.join(map(str, range(len(instance.disks))))} for {instance.name}")
    work.changes.edit(instance).secondary_nodes = [target.uuid]
