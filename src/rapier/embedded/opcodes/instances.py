"""Opcodes on instances that are there: start, stop, reboot, remove, and all that is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rapier.embedded.configuration import Configuration
from rapier.embedded.instance_fields import console_of, status
from rapier.embedded.model import Instance, Nic, Node
from rapier.embedded.opcodes.files import disk_path
from rapier.embedded.parameters import backend_parameters
from rapier.embedded.refusals import (
    ENVIRONMENT,
    EXISTS,
    NO_RESOURCES,
    WRONG_INPUT,
    WRONG_STATE,
    failed,
    generic,
    prereq,
)
from rapier.embedded.work import Work, instance_lock
from rapier.errors import OpPrereqError


def node_of(work: Work, instance: Instance) -> Node:
    """The instance's primary node, which has to answer."""
    node = work.configuration.nodes[instance.primary_node]
    if node.offline:
        raise prereq(f"Can't use offline node: {node.name}", WRONG_STATE)
    return node


def check_stopped(work: Work, instance: Instance, why: str, states: Sequence[str] = ("down",)) -> None:
    """Raises where the instance is not meant to be in one of the states, or runs all the same."""
    if instance.admin_state not in states:
        raise prereq(f"Instance '{instance.name}' is marked to be {instance.admin_state}, {why}", WRONG_STATE)
    if work.configuration.nodes[instance.primary_node].offline:
        work.warn("Primary node offline, ignoring check that instance is down")
    elif instance.running:
        raise prereq(f"Instance {instance.name} is running, {why}", WRONG_STATE)


def check_not_offline(instance: Instance) -> None:
    """Raises where the instance is marked offline: it is neither to run nor to be stopped."""
    if instance.admin_state == "offline":
        text = f"Instance '{instance.name}' is marked to be offline, can't use instance from outside down, up states"
        raise prereq(text, WRONG_STATE)


def check_disks(instance: Instance) -> None:
    """Raises where the instance has none."""
    if not instance.disks:
        raise prereq(f"Instance '{instance.name}' has no disks", WRONG_INPUT)


def check_spindles(configuration: Configuration, nodes: Iterable[Node], spindles: int | None) -> None:
    """Raises where a disk names spindles and its nodes share them, or names none and each disk has its own there."""
    own = any(configuration.ndparams(configuration.groups[node.group], node)["exclusive_storage"] for node in nodes)
    if spindles is not None and not own:
        text = "Spindles in instance disks cannot be specified when exclusive storage is not active"
        raise prereq(text, WRONG_INPUT)
    if spindles is None and own:
        raise prereq("You must specify spindles in instance disks when exclusive storage is active", WRONG_INPUT)


def check_free_memory(work: Work, node: Node, reason: str, needed: int) -> None:
    """Raises where the node has not so much memory."""
    free = work.configuration.free_memory(node)
    if needed > free:
        text = f"Not enough memory on node {node.name} for {reason}: needed {needed} MiB, available {free} MiB"
        raise prereq(text, NO_RESOURCES)


def check_bridges(work: Work, node: Node, nics: Iterable[Nic]) -> None:
    """Raises where the node lacks a bridge that one of the network interfaces needs."""
    params = [work.configuration.nicparams(nic.nicparams) for nic in nics]
    bridges = {one["link"] for one in params if one["mode"] == "bridged"}
    if missing := sorted(bridges - {*node.bridges}):
        text = f"Error checking bridges on destination node '{node.name}': Missing bridges {', '.join(missing)}"
        raise prereq(text, ENVIRONMENT)


def check_hypervisor_parameters(work: Work, given: dict[str, Any]) -> None:
    """The fake hypervisor has no parameter that an instance could have of its own."""
    of_any = {name for known in work.configuration.cluster.facts["hvparams"].values() for name in known}
    for name in given:
        if name not in of_any:
            raise generic("TypeEnforcementError", f"Unknown parameter '{name}'")
    for name in given:
        if name != "migration_mode":
            raise generic("HypervisorError", f"Parameter '{name}' is not supported")


async def startup(work: Work) -> None:
    """OP_INSTANCE_STARTUP."""
    instance = work.instance()
    check_hypervisor_parameters(work, work.params["hvparams"])
    for_now = backend_parameters(work.params["beparams"])
    check_not_offline(instance)
    node = work.configuration.nodes[instance.primary_node]
    if node.offline and work.params["ignore_offline_nodes"]:
        work.warn("Ignoring offline primary node")
        if not work.only_looks():
            work.changes.edit(instance).admin_state = "up"
            work.info("Primary node offline, marked instance as started")
        return
    node_of(work, instance)
    in_force = work.configuration.beparams(instance) | for_now
    if not instance.running:
        check_free_memory(work, node, f"starting instance {instance.name}", in_force["minmem"])
    if work.only_looks():
        return
    await work.pause()
    if instance.running and (instance.admin_state == "up" or work.params["no_remember"]):
        return
    edited = work.changes.edit(instance)
    if not work.params["no_remember"]:
        edited.admin_state = "up"
    run(edited, in_force)


def run(edited: Instance, in_force: dict[str, Any]) -> None:
    """The instance runs with these parameters from now on."""
    edited.running = edited.disks_active = True
    edited.running_memory, edited.running_vcpus = in_force["maxmem"], in_force["vcpus"]


async def shutdown(work: Work) -> None:
    """OP_INSTANCE_SHUTDOWN; with `force` also of one that is marked offline, which stays so."""
    if work.params["no_remember"] and "admin_state_source" in work.params:
        work.warn("Parameter 'admin_state_source' has no effect if used with parameter 'no_remember'")
    source = work.params.setdefault("admin_state_source", "admin")
    instance = work.instance()
    if work.params["force"]:
        work.warn("Ignoring offline instance check")
    else:
        check_not_offline(instance)
    node = work.configuration.nodes[instance.primary_node]
    offline = node.offline and work.params["ignore_offline_nodes"]
    if offline:
        work.warn("Ignoring offline primary node")
    else:
        node_of(work, instance)
    if source == "user":
        _check_stopped_by_its_user(instance, node)
    if work.only_looks():
        return
    await work.pause()
    if instance.admin_state == "down" and not instance.running:
        return
    edited = work.changes.edit(instance)
    if not work.params["no_remember"] and instance.admin_state != "offline":
        edited.admin_state = "down"
        edited.admin_state_source = source
    if offline:
        work.info("Primary node offline, marked instance as stopped")
    else:
        edited.running = edited.disks_active = False


def _check_stopped_by_its_user(instance: Instance, node: Node) -> None:
    """Raises always: an instance of the fake hypervisor has no user who could have stopped it from within."""
    if node.offline:
        raise OpPrereqError("OpPrereqError", [f"Error checking instance '{instance.name}': Node is marked offline"])
    raise OpPrereqError("OpPrereqError", [f"Instance '{instance.name}' was not shutdown by the user"])  # has no code


async def reboot(work: Work) -> None:
    """OP_INSTANCE_REBOOT. Only a full reboot takes parameters that were changed since the start."""
    instance = work.instance()
    check_not_offline(instance)
    node = node_of(work, instance)
    in_force = work.configuration.beparams(instance)
    if not instance.running:
        check_free_memory(work, node, f"starting instance {instance.name}", in_force["minmem"])
    if work.only_looks():
        return
    await work.pause()
    if instance.running and work.params["reboot_type"] != "full":
        return
    if not instance.running:
        work.info(f"Instance {instance.name} was already stopped, starting now")
    edited = work.changes.edit(instance)
    edited.admin_state = "up"
    run(edited, in_force)


async def remove(work: Work) -> None:
    """OP_INSTANCE_REMOVE."""
    instance = work.instance()
    if work.only_looks():
        return
    node = work.configuration.nodes[instance.primary_node]
    if node.offline and not work.params["ignore_failures"]:
        raise failed(f"Could not shutdown instance {instance.name} on node {node.name}: Node is marked offline")
    await work.pause()
    work.changes.remove(instance)


def rename_locks(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The instance under its old name and its new one."""
    return {*instance_lock(params, configuration), f"instance/{params['new_name']}"}


async def rename(work: Work) -> str | None:
    """OP_INSTANCE_RENAME: of one that does not run; answers the new name, which is taken as it is."""
    name = work.params["new_name"]
    if work.params["ip_check"] and not work.params["name_check"]:
        raise prereq("IP address check requires a name check", WRONG_INPUT)
    instance = work.instance()
    node_of(work, instance)
    if instance.admin_state == "up":
        raise prereq(f"Instance '{instance.name}' is marked to be up, cannot rename", WRONG_STATE)
    if name != instance.name and work.configuration.instances.named(name):
        raise prereq(f"Instance '{name}' is already in the cluster", EXISTS)
    if work.only_looks():
        return None
    await work.pause()
    work.changes.edit(instance).name = name
    return str(name)


async def console(work: Work) -> dict[str, str] | None:
    """OP_INSTANCE_CONSOLE: how to get at the console of an instance that runs."""
    instance = work.instance()
    node_of(work, instance)
    if work.only_looks():
        return None
    if not instance.running:
        raise failed(f"Instance {instance.name} is not running (state {status(work.configuration, instance)})")
    return console_of(instance)


async def query_data(work: Work) -> dict[str, Any]:
    """OP_INSTANCE_QUERY_DATA: all that is known, by name; with `static` nothing that the nodes would have to tell."""
    static = work.params["static"]
    if not static:
        work.params["use_locking"] = True
        work.warn("Non-static data requested, locks need to be acquired")
    names = work.params["instances"]
    found = [work.known_instance(name) for name in names] if names else list(work.configuration.instances)
    return {one.name: _all_of(work, one, static) for one in found}


def _all_of(work: Work, one: Instance, static: bool) -> dict[str, Any]:
    configuration = work.configuration
    node = configuration.nodes[one.primary_node]
    secondaries = [configuration.nodes[uuid] for uuid in one.secondary_nodes]
    group = configuration.groups[node.group]
    running = status(configuration, one) in ("running", "ERROR_up")
    return {
        "name": one.name,
        "config_state": one.admin_state,
        "run_state": None if static or node.offline else "up" if running else "down",
        "pnode": node.name,
        "pnode_group_uuid": group.uuid,
        "pnode_group_name": group.name,
        "snodes": [other.name for other in secondaries],
        "snodes_group_uuids": [other.group for other in secondaries],
        "snodes_group_names": [configuration.groups[other.group].name for other in secondaries],
        "os": one.os,
        "nics": [_nic(work, nic) for nic in one.nics],
        "disk_template": one.disk_template,
        "disks": [_disk(work, one, index, static or node.offline) for index in range(len(one.disks))],
        "hypervisor": one.hypervisor,
        "network_port": one.network_port,
        "hv_instance": one.hvparams,
        "hv_actual": one.hvparams,
        "be_instance": one.beparams,
        "be_actual": configuration.beparams(one),
        "os_instance": one.osparams,
        "os_actual": one.osparams,
        "serial_no": one.serial_no,
        "mtime": one.mtime,
        "ctime": one.ctime,
        "uuid": one.uuid,
    }


def _nic(work: Work, nic: Nic) -> list[Any]:
    params = work.configuration.nicparams(nic.nicparams)
    network = work.configuration.networks[nic.network].name if nic.network else None
    shown = [params[name] for name in ("mode", "link", "vlan")]
    return [nic.name, nic.uuid, nic.ip, nic.mac, *shown, nic.network, network and {"name": network}]


def _disk(work: Work, one: Instance, index: int, static: bool) -> dict[str, Any]:
    disk = one.disks[index]
    path = disk_path(work.configuration, one, index)
    return {
        "iv_name": f"disk/{index}",
        "dev_type": one.disk_template,
        "logical_id": ["loop", path],
        "drbd_info": None,
        "pstatus": None if static else [path, None, None, None, None, False, 1],
        "sstatus": None,
        "children": [],
        "mode": disk.mode,
        "size": disk.size,
        "spindles": disk.spindles,
        "name": disk.name,
        "uuid": disk.uuid,
    }
