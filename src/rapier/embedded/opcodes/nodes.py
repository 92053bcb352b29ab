"""Opcodes on nodes: their roles and parameters, and moving all instances off one (gnt-node(8))."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from rapier.embedded.allocation import Claims, allocate
from rapier.embedded.configuration import Configuration
from rapier.embedded.model import Instance, Node, new_uuid
from rapier.embedded.opcodes.migration import EXTERNALLY_MIRRORED, INTERNALLY_MIRRORED, choose_by
from rapier.embedded.opcodes.states import keep, new_states
from rapier.embedded.parameters import NODE_PARAMETERS, updated
from rapier.embedded.refusals import WRONG_INPUT, WRONG_STATE, failed, prereq
from rapier.embedded.work import Work, node_locks

FLAGS = ("master_candidate", "drained", "offline")
_GLOBAL = "exclusive_storage"  # a node has it from its group


def lock(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The node's lock; all nodes', where others may be promoted in its place."""
    node = configuration.nodes.find(params["node_name"])
    return node_locks(configuration, None if params.get("auto_promote") else node)


async def powercycle(work: Work) -> str | None:
    """OP_NODE_POWERCYCLE: the node is another boot's afterwards, and nothing runs on it."""
    node = work.node()
    if node.uuid == work.configuration.cluster.master_node and not work.params["force"]:
        raise prereq("The node is the master and the force parameter was not set", WRONG_INPUT)
    if work.only_looks():
        return None
    await work.pause()
    work.changes.edit_quietly(node).boot_id = new_uuid()
    for one in work.configuration.primaries(node):
        if one.running:
            work.changes.edit_quietly(one).running = False
    return "Reboot scheduled in 5 seconds"


# -- moving instances off --------------------------------------------------------------------------------------------


async def migrate(work: Work) -> None:
    """OP_NODE_MIGRATE: a job for each primary instance."""
    node = work.node()
    if work.only_looks():
        return
    inherited = ("mode", "live", "iallocator", "target_node", "allow_runtime_changes", "ignore_ipolicy")
    params = {name: work.params[name] for name in inherited if name in work.params}
    await work.pause()
    work.submit(
        [{"OP_ID": "OP_INSTANCE_MIGRATE", "instance_name": one.name, **params}]
        for one in work.configuration.primaries(node)
    )


async def evacuate(work: Work) -> None:
    """OP_NODE_EVACUATE: a job for each instance that has the node as its primary, or as its secondary."""
    params, configuration = work.params, work.configuration
    choose_by(params, configuration, "remote_node")
    node = work.node()
    if "remote_node" in params:
        remote = work.completed_node("remote_node", "remote_node_uuid")
        if remote.uuid == node.uuid:
            raise prereq("Can not use evacuated node as a new secondary node", WRONG_INPUT)
        if params["mode"] != "secondary-only":
            text = "Without the use of an iallocator only secondary instances can be evacuated"
            raise prereq(text, WRONG_INPUT)
    if params["mode"] == "all":
        raise prereq(
            "Due to an issue with the iallocator interface it is not possible to evacuate all instances at once; "
            "specify explicitly whether to evacuate primary or secondary instances",
            WRONG_INPUT,
        )
    primary = params["mode"] == "primary-only"
    instances = configuration.primaries(node) if primary else configuration.secondaries(node)
    if instances:
        work.info(f"Evacuating instances from node '{node.name}': {', '.join(one.name for one in instances)}")
    else:
        work.info(f"No instances to evacuate from node '{node.name}'")
    if work.only_looks():
        return
    await work.pause()
    jobs = []
    moves = []
    claims = Claims()
    for one in instances:
        opcode, target = _evacuation(work, node, one, primary, claims)
        jobs.append([opcode])
        if "iallocator" in params:
            opcode["priority"] = params["priority"]  # what an allocator has worded gets the parent's
        moves.append(f"{one.name} (to {target})")
    if moves and "iallocator" in params:
        work.info(f"Instances to be moved: {', '.join(moves)}")
    work.submit(jobs)


def _evacuation(work: Work, node: Node, one: Instance, primary: bool, claims: Claims) -> tuple[dict[str, Any], str]:
    """The opcode that takes one instance off the node, and where to; that is claimed for those that follow."""
    configuration, params = work.configuration, work.params
    if not primary:
        target = params.get("remote_node")
        if target is None:
            without = frozenset({one.primary_node, *one.secondary_nodes})
            disk = sum(disk.size for disk in one.disks)
            chosen = allocate(configuration, params["iallocator"], 0, disk, without, claims)
            claims.add(chosen, 0, disk)
            target = chosen.name
        return {
            "OP_ID": "OP_INSTANCE_REPLACE_DISKS",
            "instance_name": one.name,
            "mode": "replace_new_secondary",
            "remote_node": target,
            "early_release": params["early_release"],
        }, target
    opcode = {
        "OP_ID": "OP_INSTANCE_MIGRATE",
        "instance_name": one.name,
        "allow_failover": True,
        "allow_runtime_changes": False,
        "ignore_hvversions": True,
    }
    if one.disk_template in INTERNALLY_MIRRORED:
        target = configuration.nodes[one.secondary_nodes[0]].name
    elif one.disk_template in EXTERNALLY_MIRRORED:
        memory = configuration.beparams(one)["maxmem"]
        chosen = allocate(configuration, params["iallocator"], memory, 0, frozenset({node.uuid}), claims)
        claims.add(chosen, memory, 0)
        target = opcode["target_node"] = chosen.name
    else:
        text = f"Unable to evacuate instances {one.name} (Instances of type {one.disk_template} cannot be relocated)"
        work.warn(text)
        raise failed(text)
    return opcode, target


# -- what a node is --------------------------------------------------------------------------------------------------


async def set_params(work: Work) -> list[tuple[str, Any]]:
    """OP_NODE_SET_PARAMS; answers what was changed. A node is one of candidate, drained, offline, or regular."""
    params, configuration = work.params, work.configuration
    node = work.node()
    _check_words(params)
    master = node.uuid == configuration.cluster.master_node
    if master and any(name in params for name in FLAGS):
        raise prereq("The master role can be changed only via master-failover", WRONG_INPUT)
    if params.get("master_candidate") and not node.master_capable:
        raise prereq(f"Node {node.name} is not master capable, cannot make it a master candidate", WRONG_STATE)
    if params.get("vm_capable") is False and (configuration.primaries(node) or configuration.secondaries(node)):
        raise prereq(f"Node {node.name} hosts instances, cannot unset the vm_capable flag", WRONG_STATE)
    if node.master_candidate and _demotes(params) and not params["auto_promote"] and _too_few(configuration, node):
        raise prereq(
            "Not enough master candidates, please pass auto promote option to allow promotion (--auto-promote or RAPI "
            "auto_promote=True)",
            WRONG_STATE,
        )
    _complete_flags(work, node, master=master)
    wanted = next((name for name in FLAGS if params.get(name)), None)
    role = {name: getattr(node, name) for name in FLAGS}
    if wanted or any(params.get(name) is False for name in FLAGS):
        role = {name: name == wanted for name in FLAGS}
    if node.offline and not role["offline"]:
        work.warn(
            "Transitioning node from offline to online state without using re-add. Please make sure the node is "
            "healthy!"
        )
    ndparams = _own_parameters(node, params.get("ndparams") or {})
    states = new_states(params, configuration, node)
    if work.only_looks():
        return None  # type: ignore[return-value]
    await work.pause()
    keep(work.changes.edit(node), states)
    return _apply(work, node, role, ndparams)


def _check_words(params: dict[str, Any]) -> None:
    states = (*FLAGS, "master_capable", "vm_capable")
    others = ("secondary_ip", "ndparams", "hv_state", "disk_state")
    if not any(name in params for name in (*states, *others)):
        raise prereq("Please pass at least one modification", WRONG_INPUT)
    if sum(params.get(name) is True for name in states) > 1:
        raise prereq("Can't set the node into more than one state at the same time", WRONG_INPUT)
    if "secondary_ip" in params:
        try:
            ipaddress.IPv4Address(params["secondary_ip"])
        except ValueError:
            text = f"Secondary IP ({params['secondary_ip']}) needs to be a valid IPv4 address"
            raise prereq(text, WRONG_INPUT) from None
        raise prereq(
            "Changing the secondary ip on a single-homed cluster requires the --force option to be passed, and the "
            "target node to be the master",
            WRONG_INPUT,
        )


def _demotes(params: dict[str, Any]) -> bool:
    return (
        params.get("master_candidate") is False
        or params.get("offline") is True
        or params.get("drained") is True
        or params.get("master_capable") is False
    )


def _candidates(configuration: Configuration, without: Node) -> tuple[int, int]:
    """How many master candidates there are without this node, and how many there should be."""
    others = [one for one in configuration.nodes if one.uuid != without.uuid]
    possible = sum(not (one.offline or one.drained) and one.master_capable for one in others)
    now = sum(one.master_candidate for one in others)
    return now, min(possible, configuration.cluster.facts["candidate_pool_size"])


def _too_few(configuration: Configuration, node: Node) -> bool:
    now, wanted = _candidates(configuration, node)
    return now < wanted


def _complete_flags(work: Work, node: Node, *, master: bool) -> None:
    """Drops what changes nothing, and adds what a change brings with it; both show in the queue."""
    params = work.params
    for name in FLAGS:
        if params.get(name) is False and not getattr(node, name):
            work.info(f"Ignoring request to unset flag {name}, already unset")
            del params[name]
    if "powered" in params:
        text = f"Unable to change powered state for node {node.name} as it does not support out-of-band handling"
        raise prereq(text, WRONG_STATE)
    comes_back = params.get("drained") is False or params.get("offline") is False
    if comes_back or (params.get("master_capable") and not node.master_capable):
        now, _ = _candidates(work.configuration, node)
        if now < work.configuration.cluster.facts["candidate_pool_size"]:
            params["master_candidate"] = True
            work.info("Auto-promoting node to master candidate")
    if params.get("master_capable") is False and node.master_candidate:
        if master:
            raise prereq("Master must remain master capable", WRONG_STATE)
        work.info("Demoting from master candidate")
        params["master_candidate"] = False


def _own_parameters(node: Node, given: dict[str, Any]) -> dict[str, Any]:
    ndparams = updated(node.ndparams, given, NODE_PARAMETERS)
    if _GLOBAL in given:
        raise prereq(
            "The following node parameters are global and cannot be customized at node level, please modify them at "
            f"cluster or group level: {_GLOBAL}",
            WRONG_INPUT,
        )
    return ndparams


def _apply(work: Work, node: Node, role: dict[str, bool], ndparams: dict[str, Any]) -> list[tuple[str, Any]]:
    params = work.params
    edited = work.changes.edit(node)
    edited.ndparams = ndparams
    changed: list[tuple[str, Any]] = []
    for name in ("master_capable", "vm_capable"):
        if name in params:
            setattr(edited, name, params[name])
            changed.append((name, str(params[name])))
    for name in FLAGS:
        if getattr(node, name) != role[name]:
            setattr(edited, name, role[name])
            changed.append((name, str(role[name])))
    if params["auto_promote"] and node.master_candidate and not role["master_candidate"]:
        _promote(work, node)
    return changed


def _promote(work: Work, demoted: Node) -> None:
    """As many other nodes become master candidates as are missing."""
    now, wanted = _candidates(work.configuration, demoted)
    for one in work.configuration.nodes:
        fit = one.master_capable and not (one.master_candidate or one.offline or one.drained)
        if now < wanted and fit and one.uuid != demoted.uuid:
            work.info(f"Promoted nodes to master candidate role: {one.name}")
            work.changes.edit(one).master_candidate = True
            now += 1
