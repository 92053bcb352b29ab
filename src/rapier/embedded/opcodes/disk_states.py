"""Opcodes that make an instance's disks usable without starting it, or make them anew (gnt-instance(8))."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from rapier.embedded.allocation import allocate
from rapier.embedded.configuration import Configuration
from rapier.embedded.model import Instance, Node
from rapier.embedded.opcodes.files import disk_path
from rapier.embedded.opcodes.instances import check_disks, check_stopped, node_of
from rapier.embedded.parameters import DISK_SIZE
from rapier.embedded.refusals import WRONG_INPUT, generic, prereq
from rapier.embedded.work import Work, instance_lock, node_locks

_CHANGEABLE = ("size", "mode", "spindles")
_OTHERS = frozenset({"name", "adopt", "vg", "metavg", "provider", "access", "type"})


async def activate(work: Work) -> list[tuple[str, str, str]] | None:
    """OP_INSTANCE_ACTIVATE_DISKS: for each disk its node, its name in the instance, and its path there."""
    instance = work.instance()
    node = node_of(work, instance)
    if work.only_looks():
        return None
    await work.pause()
    if not instance.disks_active:
        work.changes.edit(instance).disks_active = True
    paths = [disk_path(work.configuration, instance, index) for index in range(len(instance.disks))]
    return [(node.name, f"disk/{index}", path) for index, path in enumerate(paths)]


async def deactivate(work: Work) -> None:
    """OP_INSTANCE_DEACTIVATE_DISKS: with `force` also under an instance that runs."""
    instance = work.instance()
    if work.only_looks():
        return
    if not work.params["force"]:
        check_stopped(work, instance, "cannot shutdown disks")
    await work.pause()
    if instance.disks_active:
        work.changes.edit(instance).disks_active = False


# -- made anew -------------------------------------------------------------------------------------------------------


def recreation_locks(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The instance, and the nodes that its disks come to: any, where those are to be chosen."""
    named = [configuration.nodes.find(name) for name in params["nodes"]]
    chosen = [None] if params.get("iallocator") else [node for node in named if node]
    return [*instance_lock(params, configuration), *node_locks(configuration, *chosen)]


async def recreate(work: Work) -> None:
    """OP_INSTANCE_RECREATE_DISKS: some or all of them, there or on other nodes."""
    params, configuration = work.params, work.configuration
    wanted = _wanted(params)
    if params.get("iallocator") and params["nodes"]:
        raise prereq("Do not specify both, iallocator and node", WRONG_INPUT)
    instance = work.instance()
    nodes = [work.known_node(name) for name in params["nodes"]]
    before = [configuration.nodes[uuid] for uuid in (instance.primary_node, *instance.secondary_nodes)]
    if nodes and len(nodes) != len(before):
        raise prereq(
            f"Instance {instance.name} currently has {len(before)} nodes, but {len(nodes)} replacement nodes were "
            "specified",
            WRONG_INPUT,
        )
    if not params.get("iallocator"):
        node_of(work, instance if not nodes else _moved(instance, nodes))
    check_disks(instance)
    moves = bool(nodes or params.get("iallocator"))
    if not (moves and before[0].offline):
        check_stopped(work, instance, "cannot recreate disks", ("down", "offline"))
    _check_places(instance, wanted, moves)
    if params.get("iallocator"):
        nodes = _chosen(work, instance, len(before))
    params["node_uuids"] = [node.uuid for node in nodes] or None
    if work.only_looks():
        return
    edited = work.changes.edit(instance)
    for index, changes in wanted.items() or [(index, {}) for index in range(len(instance.disks))]:
        for name, value in changes.items():
            setattr(edited.disks[index], name, value)
    if nodes:
        work.warn("Changing the instance's nodes, you will have to remove any disks left on the older nodes manually")
        edited.primary_node, edited.secondary_nodes = nodes[0].uuid, [node.uuid for node in nodes[1:]]
    await work.pause()


def _wanted(params: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Which disks, and what is to be other than it was; empty for all of them as they were."""
    given = params["disks"]
    if given and isinstance(given[0], int):  # the older form, places alone
        given = [(index, {}) for index in sorted({*given})]
    params["disks"] = given
    if twice := [str(index) for index, count in Counter(index for index, _ in given).items() if count > 1]:
        raise prereq(f"Some disks have been specified more than once: {', '.join(twice)}", WRONG_INPUT)
    for index, changes in given:
        for name in changes:
            if name not in _CHANGEABLE and name not in _OTHERS:
                raise generic("TypeEnforcementError", f"Unknown parameter '{name}'")
        if unsupported := [name for name in changes if name not in _CHANGEABLE]:
            listed = ", ".join(unsupported)  # spelled as Ganeti spells it
            raise prereq(f"Parameters for disk {index} try to change unmodifyable parameter(s): {listed}", WRONG_INPUT)
        if "size" in changes:
            changes["size"] = DISK_SIZE("size", changes["size"])
    return dict(given)


def _moved(instance: Instance, nodes: Sequence[Node]) -> Instance:
    """The instance as it would be on the other nodes: whether its primary node answers is looked at there."""
    return replace(instance, primary_node=nodes[0].uuid)


def _check_places(instance: Instance, wanted: dict[int, dict[str, Any]], moves: bool) -> None:
    last = len(instance.disks) - 1
    if wanted and max(wanted) > last:
        raise prereq(f"Invalid disk index '{max(wanted)}'", WRONG_INPUT)
    if moves and wanted and len(wanted) != len(instance.disks):
        raise prereq("Can't recreate disks partially and change the nodes at the same time", WRONG_INPUT)


def _chosen(work: Work, instance: Instance, count: int) -> list[Node]:
    memory = work.configuration.beparams(instance)["maxmem"]
    disk = sum(disk.size for disk in instance.disks)
    nodes: list[Node] = []
    for _ in range(count):
        without = {node.uuid for node in nodes}
        nodes.append(allocate(work.configuration, work.params["iallocator"], 0 if nodes else memory, disk, without))
    work.params["nodes"] = [node.name for node in nodes]
    names = ", ".join(work.params["nodes"])
    work.info(f"Selected nodes for instance {instance.name} via iallocator {work.params['iallocator']}: {names}")
    return nodes
