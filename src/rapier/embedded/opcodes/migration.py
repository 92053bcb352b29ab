"""OP_INSTANCE_MIGRATE and OP_INSTANCE_FAILOVER: an instance moves to another node that has its disks (gnt-instance(8)).

As in Ganeti the instance's serial number and time stay as they are, unless it is stopped and started on its way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rapier.embedded.allocation import allocate
from rapier.embedded.configuration import Configuration
from rapier.embedded.model import Instance, Node
from rapier.embedded.opcodes.instances import check_bridges, check_free_memory
from rapier.embedded.refusals import ENVIRONMENT, WRONG_INPUT, WRONG_STATE, prereq
from rapier.embedded.work import Work, instance_lock, node_locks

INTERNALLY_MIRRORED = frozenset({"drbd"})
EXTERNALLY_MIRRORED = frozenset({"diskless", "sharedfile", "gluster", "rbd", "ext", "blockdev"})


def locks(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The instance, the node that it is on, and the one that it goes to: any, where that is to be chosen."""
    instance = configuration.instances.find(params["instance_name"])
    if instance is None:
        return instance_lock(params, configuration)
    nodes = configuration.nodes
    source, target = nodes[instance.primary_node], nodes.find(params.get("target_node", ""))
    if instance.secondary_nodes:
        target = nodes[instance.secondary_nodes[0]]
    return [*instance_lock(params, configuration), *{*node_locks(configuration, source, target)}]


async def migrate(work: Work) -> None:
    """OP_INSTANCE_MIGRATE."""
    instance = work.instance()
    _complete_target(work)
    fallback = work.params["allow_failover"]
    stopped = instance.admin_state != "up"
    if stopped and fallback and not work.params["cleanup"]:
        work.info("Instance is marked down or offline, fallback allowed, switching to failover")
        await _fail_over(work, instance, _target(work, instance, "failovers"))
        return
    target = _target(work, instance, "migrations")
    in_force = work.configuration.beparams(instance)
    cleanup = work.params["cleanup"]
    _check_memory(work, instance, target, needed=not cleanup)
    if in_force["always_failover"] and not cleanup:
        work.info("Instance configured to always failover; fallback to failover")
        await _fail_over(work, instance, target, memory_checked=True)
        return
    check_bridges(work, target, instance.nics)
    if not cleanup:
        _check_not_drained(target)
        if problem := _why_not_live(work, instance):
            if not fallback:
                raise prereq(f"Can't migrate, please use failover: {problem}", WRONG_STATE)
            work.info("Can't migrate, instance offline, fallback to failover")
            await _fail_over(work, instance, target, memory_checked=True)
            return
    _choose_mode(work)
    if work.only_looks():
        return
    work.log(f"Migrating instance {instance.name}")
    source = work.configuration.nodes[instance.primary_node]
    if cleanup:
        await _clean_up(work, source, target)
        return
    for text in _steps(source, target, mirrored=instance.disk_template in INTERNALLY_MIRRORED):
        await work.step(text)
    _move(work.changes.edit_quietly(instance), target)


async def fail_over(work: Work) -> None:
    """OP_INSTANCE_FAILOVER."""
    instance = work.instance()
    _complete_target(work)
    await _fail_over(work, instance, _target(work, instance, "failovers"))


async def _fail_over(work: Work, instance: Instance, target: Node, *, memory_checked: bool = False) -> None:
    source = work.configuration.nodes[instance.primary_node]
    starts = instance.admin_state == "up"
    if not memory_checked:
        _check_memory(work, instance, target, needed=starts)
    check_bridges(work, target, instance.nics)
    _check_not_drained(target)
    if work.only_looks():
        return
    work.log(f"Failover instance {instance.name}")
    if instance.disks_active:
        work.log("* checking disk consistency between source and target")
    else:
        work.log("* not checking disk consistency as instance is not running")
    await work.step("* shutting down instance on source node")
    if source.offline:
        work.warn(
            f"Could not shutdown instance {instance.name} on node {source.name}, proceeding anyway; please make sure "
            f"node {source.name} is down; error details: Node is marked offline"
        )
    if instance.disk_template in EXTERNALLY_MIRRORED:
        work.log(f"* closing instance disks on node {source.name}")
        if source.offline:
            work.warn(f"Could not close instance disks on node {source.name}, proceeding anyway")
    work.log("* deactivating the instance's disks on source node")
    if source.offline:
        work.log(f" - WARNING: Could not shutdown block device on node {source.name}: Node is marked offline")
    if starts:
        work.log(f"* activating the instance's disks on target node {target.name}")
        await work.step(f"* starting the instance on the target node {target.name}")
        edited = work.changes.edit(instance)
        edited.running = edited.disks_active = True
        in_force = work.configuration.beparams(instance)
        edited.running_memory, edited.running_vcpus = in_force["maxmem"], in_force["vcpus"]
    else:
        edited = work.changes.edit_quietly(instance)
    _move(edited, target)


def _move(edited: Instance, target: Node) -> None:
    """The target becomes the primary node; a mirrored instance's primary node becomes the secondary one."""
    if edited.secondary_nodes:
        edited.secondary_nodes = [edited.primary_node]
    edited.primary_node = target.uuid


def _steps(source: Node, target: Node, *, mirrored: bool) -> list[str]:
    """What a migration says of its steps."""
    single = ["* changing into standalone mode", "* changing disks into single-master mode"]
    dual = ["* changing into standalone mode", "* changing disks into dual-master mode", "* wait until resync is done"]
    return [
        "* checking disk consistency between source and target",
        f"* closing instance disks on node {target.name}",
        *(dual if mirrored else []),
        f"* opening instance disks on node {source.name} in shared mode",
        f"* opening instance disks on node {target.name} in shared mode",
        f"* preparing {target.name} to accept the instance",
        f"* migrating instance to {target.name}",
        "* starting memory transfer",
        "* memory transfer complete",
        f"* closing instance disks on node {source.name}",
        *(
            ["* wait until resync is done", *single, "* wait until resync is done"]
            if mirrored
            else [f"* opening instance disks on node {target.name} in exclusive mode"]
        ),
        "* done",
    ]


async def _clean_up(work: Work, source: Node, target: Node) -> None:
    """After a migration that was interrupted: there is nothing to be mended, since none is half done here."""
    work.log(
        "* checking where the instance actually runs (if this hangs, the hypervisor might be in a bad state)",
    )
    work.log(f"* instance running on: {source.name}")
    work.log(f"* instance confirmed to be running on its primary node ({source.name})")
    work.log(f"* closing instance disks on node {target.name}")
    await work.step(f"* opening instance disks on node {source.name} in exclusive mode")
    work.log("* done")


# -- where it goes ---------------------------------------------------------------------------------------------------


def _complete_target(work: Work) -> None:
    if "target_node" in work.params:
        work.completed_node("target_node", "target_node_uuid")


def _target(work: Work, instance: Instance, what: str) -> Node:
    """The node that the instance goes to. Raises Ganeti's errors; `what` is migrations or failovers."""
    configuration, params = work.configuration, work.params
    template = instance.disk_template
    if template in INTERNALLY_MIRRORED:
        return _secondary(work, instance, {"migrations": "migrated", "failovers": "failed over"}[what])
    if template not in EXTERNALLY_MIRRORED:
        raise prereq(f"Instance's disk layout '{template}' does not allow {what}", WRONG_STATE)
    choose_by(params, configuration, "target_node")
    if "iallocator" in params:
        memory = configuration.beparams(instance)["maxmem"]
        without = frozenset({instance.primary_node})
        target = allocate(configuration, params["iallocator"], memory, 0, without)
        work.info(f"Selected nodes for instance {instance.name} via iallocator {params['iallocator']}: {target.name}")
    else:
        target = configuration.nodes[params["target_node_uuid"]]
    if target.uuid == instance.primary_node:
        raise prereq(f"Cannot migrate instance {instance.name} to its primary ({target.name})", WRONG_STATE)
    return target


def choose_by(params: dict[str, Any], configuration: Configuration, name: str) -> None:
    """Sees to it that either a node is given, as the parameter `name`, or who is to choose one."""
    if name in params and "iallocator" in params:
        raise prereq("Do not specify both, iallocator and node", WRONG_INPUT)
    if name not in params and "iallocator" not in params:
        default = configuration.cluster.facts["default_iallocator"]
        if not default:
            text = "No iallocator or node given and no cluster-wide default iallocator found; please specify either an "
            raise prereq(f"{text}iallocator or a node, or set a cluster-wide default iallocator", WRONG_INPUT)
        params["iallocator"] = default


def _secondary(work: Work, instance: Instance, how: str) -> Node:
    [secondary] = instance.secondary_nodes
    params = work.params
    if "iallocator" in params or params.get("target_node_uuid", secondary) != secondary:
        raise prereq(
            f"Instances with disk types {instance.disk_template} cannot be {how} to arbitrary nodes (neither an "
            "iallocator nor a target node can be passed)",
            WRONG_INPUT,
        )
    return work.configuration.nodes[secondary]


def _check_memory(work: Work, instance: Instance, target: Node, *, needed: bool) -> None:
    if needed:
        if target.offline:
            raise prereq(f"Can't get data from node {target.name}: Node is marked offline", ENVIRONMENT)
        minimum = work.configuration.beparams(instance)["minmem"]
        check_free_memory(work, target, f"migrating instance {instance.name}", minimum)
    else:
        work.info("Not checking memory on the secondary node as instance will not be started")


def _check_not_drained(target: Node) -> None:
    if target.drained:
        raise prereq(f"Can't use drained node {target.name}", WRONG_STATE)


def _why_not_live(work: Work, instance: Instance) -> str | None:
    """What keeps the instance from being migrated as it runs."""
    if work.configuration.nodes[instance.primary_node].offline:
        return "Node is marked offline"
    return None if instance.running else f"Instance {instance.name} is not running"


def _choose_mode(work: Work) -> None:
    """Completes `mode` in the queue."""
    params = work.params
    if "live" in params and "mode" in params:
        raise prereq("Only one of the 'live' and 'mode' parameters are accepted", WRONG_INPUT)
    if "live" in params:
        params["mode"] = "live" if params.pop("live") else "non-live"
    facts = work.configuration.cluster.facts
    params.setdefault("mode", facts["hvparams"][facts["default_hypervisor"]].get("migration_mode", "live"))
