"""OP_INSTANCE_SET_PARAMS: answers what was changed, as `[name, value]` in Ganeti's words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rapier.embedded import addresses
from rapier.embedded.configuration import Configuration
from rapier.embedded.model import Disk, Instance, Nic
from rapier.embedded.opcodes import interfaces
from rapier.embedded.opcodes.instances import check_hypervisor_parameters, check_spindles, node_of
from rapier.embedded.opcodes.networks import locks_of_nics
from rapier.embedded.opcodes.policies import check_policy
from rapier.embedded.opcodes.systems import check_parameters
from rapier.embedded.parameters import BACKEND_PARAMETERS, DISK_SIZE, check_types, shown_size
from rapier.embedded.refusals import (
    ENVIRONMENT,
    NO_RESOURCES,
    NOT_UNIQUE,
    UNKNOWN,
    WRONG_INPUT,
    WRONG_STATE,
    failed,
    prereq,
)
from rapier.embedded.work import Work, instance_lock

_CHANGES = ("nics", "disks", "disk_template", "beparams", "hvparams", "osparams", "os_name", "runtime_mem", "pnode")
_ONE_AT_A_TIME = ("add", "remove", "attach", "detach")

Change = tuple[str, int | str, dict[str, Any]]  # what to do, with which one, and its new members
Changed = list[tuple[str, Any]]


def locks(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The instance, the networks that its interfaces are in and are to be in, and the MAC addresses that are named."""
    given = [change[-1] for change in params["nics"] if isinstance(change[-1], dict)]
    macs = [f"mac/{nic['mac'].lower()}" for nic in given if nic.get("mac")]
    instance = configuration.instances.find(params["instance_name"])
    now = [{"network": nic.network} for nic in (instance.nics if instance else ())]
    return {*instance_lock(params, configuration), *macs, *locks_of_nics([*given, *now], configuration)}


async def set_params(work: Work) -> Changed | None:
    """Everything is looked at, then all of it is changed."""
    params = work.params
    if not any(params.get(name) for name in _CHANGES) and "offline" not in params:
        raise prereq("No changes submitted", WRONG_INPUT)
    if params.get("hotplug"):
        raise prereq("Hotplug is not possible: Hotplug is not supported by this hypervisor", WRONG_STATE)
    nics, disks = _changes("NIC", params["nics"]), _changes("disk", params["disks"])
    instance = work.instance()
    _check_template(work, instance)
    edited = work.changes.edit(instance)
    changed: Changed = []
    changed += _runtime_memory(work, instance, edited)
    for change in disks:
        changed += _change_disk(work, edited, change)
    for change in nics:
        changed += _change_nic(work, edited, change)
    check_hypervisor_parameters(work, params["hvparams"])
    if params["hvparams"]:
        raise prereq(
            "The following hypervisor parameters are global and cannot be customized at instance level, please modify "
            f"them at cluster level: {', '.join(params['hvparams'])}",
            WRONG_INPUT,
        )
    changed += _change_parameters(work, instance, edited)
    changed += _change_state(work, instance, edited)
    _check_policy(work, instance, edited)
    if work.only_looks():
        work.changes.put.clear()
        return None
    for change in disks:
        if change[0] == "add":
            index = next(int(name.partition("/")[2]) for name, _ in changed if name.startswith("disk/"))
            await work.step(f"* disk {index}, size {shown_size(edited.disks[index].size)}")
            if params["wait_for_sync"]:
                work.info(f"Waiting for instance {instance.name} to sync disks")
                work.info(f"Instance {instance.name}'s disks are in sync")
    await work.pause()
    return changed


# -- parameters and state --------------------------------------------------------------------------------------------


def _change_parameters(work: Work, instance: Instance, edited: Instance) -> Changed:
    params, configuration = work.params, work.configuration
    given = dict(params["beparams"])
    changed: Changed = [(f"be/{name}", value) for name, value in given.items()]
    if "memory" in given:
        memory = given.pop("memory")
        given = {"maxmem": memory, "minmem": memory} | given
    values = {**instance.beparams, **given}
    values = {name: value for name, value in values.items() if value not in ("default", None)}
    edited.beparams = check_types(values, BACKEND_PARAMETERS)
    in_force = configuration.beparams(edited)
    if "maxmem" in given and not params["force"]:
        node = configuration.nodes[instance.primary_node]
        current = (instance.running_memory or 0) if instance.running else 0
        missing = in_force["maxmem"] - current - configuration.free_memory(node)
        if missing > 0:
            text = "This change will prevent the instance from starting, due to"
            raise prereq(f"{text} {missing} MB of memory missing on its primary node", NO_RESOURCES)
    if params.get("os_name"):
        edited.os = params["os_name"]
    set_here = {name: value for name, value in params["osparams"].items() if value not in ("default", None)}
    node = configuration.nodes[instance.primary_node]
    check_parameters(edited.os, node.name, set_here)
    edited.osparams = {name: value for name, value in instance.osparams.items() if name not in params["osparams"]}
    return [*changed, *((f"os/{name}", value) for name, value in params["osparams"].items())]


def _change_state(work: Work, instance: Instance, edited: Instance) -> Changed:
    params = work.params
    if params.get("pnode"):
        node = work.completed_node("pnode", "pnode_uuid")
        if instance.running:
            here = work.configuration.nodes[instance.primary_node].name
            raise prereq(f"Instance is still running on {here}", WRONG_STATE)
        edited.primary_node = node.uuid
    if "offline" not in params:
        return []
    wanted = "offline" if params["offline"] else "down"
    if params["offline"] and instance.admin_state == "up":
        text = f"Instance '{instance.name}' is marked to be up, can't change to offline without being down first"
        raise prereq(text, WRONG_STATE)
    if not params["offline"] and instance.admin_state != "offline":
        text = f"Instance '{instance.name}' is marked to be {instance.admin_state}, can't change to online"
        raise prereq(text, WRONG_STATE)
    edited.admin_state = wanted
    return [("admin_state", wanted)]


def _runtime_memory(work: Work, instance: Instance, edited: Instance) -> Changed:
    wanted = work.params.get("runtime_mem")
    if wanted is None:
        return []
    node_of(work, instance)
    if not instance.running:
        raise prereq(f"Instance {instance.name} is not running", WRONG_STATE)
    in_force = work.configuration.beparams(instance)
    if not work.params["force"] and not in_force["minmem"] <= wanted <= in_force["maxmem"]:
        raise prereq(
            f"Instance {instance.name} must have memory between {in_force['minmem']} and {in_force['maxmem']} MB of "
            "memory unless --force is given",
            WRONG_INPUT,
        )
    edited.running_memory = wanted
    return [("runtime_memory", wanted)]


def _check_template(work: Work, instance: Instance) -> None:
    wanted = work.params.get("disk_template")
    if not wanted:
        return
    enabled = work.configuration.cluster.facts["enabled_disk_templates"]
    if wanted not in enabled:
        text = f"Disk template '{wanted}' is not enabled for this cluster (enabled templates: {', '.join(enabled)})"
        raise prereq(text, WRONG_STATE)
    if wanted == instance.disk_template:
        raise prereq(f"Instance already has disk template {wanted}", WRONG_INPUT)
    raise failed("The embedded master cannot convert disks to another template")


def _check_policy(work: Work, before: Instance, edited: Instance) -> None:
    relevant = (edited.beparams, edited.disks, edited.nics) != (before.beparams, before.disks, before.nics)
    if relevant and not work.params["ignore_ipolicy"]:
        configuration = work.configuration
        group = configuration.groups[configuration.nodes[edited.primary_node].group]
        sizes = [disk.size for disk in edited.disks]
        in_force = configuration.beparams(edited) if work.params["beparams"] else {}
        nics, template = len(edited.nics), edited.disk_template
        check_policy(configuration, group, in_force, template, sizes, nics, least_memory_too=True)


# -- disks and network interfaces ------------------------------------------------------------------------------------


def _changes(kind: str, given: list[list[Any]]) -> list[Change]:
    """The changes of an opcode, in whichever of the two forms they came."""
    changes: list[Change] = []
    for one in given:
        if len(one) == 3:
            what, which, members = one
        else:
            what, which, members = ("modify", *one) if isinstance(one[0], int) else (one[0], -1, one[1])
        if what == "remove" and members:
            text = f"No settings should be passed when removing or detaching a {kind}"
            raise prereq(text, WRONG_INPUT)
        changes.append((what, which, members))
    if sum(what in _ONE_AT_A_TIME for what, _, _ in changes) > 1:
        raise prereq(f"Only one {kind} add/attach/remove/detach operation is supported at a time", WRONG_INPUT)
    return changes


def _place(kind: str, there: list[Any], what: str, which: int | str) -> int:
    """The index that a change is about: that of a number, a name or a uuid; -1 is the last one, or behind it."""
    if isinstance(which, str) and not which.lstrip("-").isdigit():
        for index, one in enumerate(there):
            if which in (one.name, one.uuid):
                return index
        raise prereq(f"Cannot find {kind} with identifier {which}", UNKNOWN)
    number, adds = int(which), what == "add"
    if number == -1:
        number = len(there) if adds else len(there) - 1
    if not 0 <= number < len(there) + adds:
        raise failed(f"Got {kind} index {which}, but there are only {len(there)}")
    return number


def _change_disk(work: Work, edited: Instance, change: Change) -> Changed:
    what, which, members = change
    if what in ("attach", "detach"):
        raise failed("The embedded master cannot attach or detach disks")
    if what == "add" and edited.disk_template == "diskless":
        raise prereq("Must specify disk type on diskless instance", WRONG_INPUT)
    index = _place("disk", edited.disks, what, which)
    if what == "remove":
        if edited.admin_state == "up":
            raise prereq(
                f"Instance '{edited.name}' is marked to be up, can't remove volume from a running instance without "
                "using hotplug",
                WRONG_STATE,
            )
        del edited.disks[index]
        return [(f"disk/{index}", "remove")]
    if what == "modify":
        if "size" in members:
            raise prereq("Disk size change not possible, use grow-disk", WRONG_INPUT)
        changed = {name: _or_none(value) for name, value in members.items() if name in ("mode", "name")}
        for name, value in changed.items():
            setattr(edited.disks[index], name, value)
        return [(f"disk.{name}/{index}", value) for name, value in changed.items()]
    if "size" not in members:
        raise prereq("Required disk parameter 'size' missing", WRONG_INPUT)
    size, mode = DISK_SIZE("size", members["size"]), members.get("mode", "rw")
    nodes = [work.configuration.nodes[uuid] for uuid in (edited.primary_node, *edited.secondary_nodes)]
    check_spindles(work.configuration, nodes, members.get("spindles"))
    edited.disks.insert(index, Disk(size=size, mode=mode, name=_or_none(members.get("name"))))
    return [(f"disk/{index}", f"add:size={size},mode={mode}")]


def _or_none(value: Any) -> Any:
    return None if value == "none" else value


def _change_nic(work: Work, edited: Instance, change: Change) -> Changed:
    what, which, members = change
    if what in ("attach", "detach"):
        raise prereq(f"{what.title()} operation is not supported for NICs", WRONG_INPUT)
    index = _place("NIC", edited.nics, what, which)
    if what == "remove":
        del edited.nics[index]
        return [(f"NIC/{index}", "remove")]
    if what == "modify":
        return _modify_nic(work, edited, index, members)
    nic = interfaces.new_nic(work, members, interfaces.taken_macs(work.configuration))
    nic.nicparams = work.configuration.nicparams(nic.nicparams)
    _fit_network(work, edited, nic, index, None)
    edited.nics.insert(index, nic)
    network = work.configuration.networks[nic.network].name if nic.network else None
    shown = f"mode={nic.nicparams['mode']},link={nic.nicparams['link']},network={network}"
    return [(f"nic.{index}", f"add:mac={nic.mac},ip={nic.ip},{shown}")]


def _modify_nic(work: Work, edited: Instance, index: int, members: dict[str, Any]) -> Changed:
    nic = edited.nics[index]
    before = (nic.ip, nic.network)
    if "network" in members:
        found = interfaces.network_of(work, members)
        nic.network = found.uuid if found else None
    network = work.configuration.networks[nic.network] if nic.network else None
    changed: Changed = []
    if "mac" in members:
        taken = interfaces.taken_macs(work.configuration) - {nic.mac}
        nic.mac = interfaces.mac_address(work.configuration, members["mac"], network, taken)
        changed.append((f"nic.mac/{index}", nic.mac))
    if "name" in members:
        nic.name = _or_none(members["name"])
        changed.append((f"nic.name/{index}", nic.name))
    if "ip" in members:
        nic.ip = interfaces.ip(work, members["ip"], network)
    own = interfaces.own_parameters(work, members, nic.nicparams)
    nic.nicparams = work.configuration.nicparams(own)
    if network is None and nic.nicparams["mode"] == "routed" and nic.ip is None:
        text = "Cannot set the NIC IP address to None on a routed NIC if not attached to a network"
        raise prereq(text, WRONG_INPUT)
    _fit_network(work, edited, nic, index, before)
    if "ip" in members:
        changed.append((f"nic.ip/{index}", nic.ip))
    return [*changed, *((f"nic.{name}/{index}", nic.nicparams[name]) for name in ("link", "mode", "vlan"))]


def _fit_network(
    work: Work, edited: Instance, nic: Nic, index: int, before: tuple[str | None, str | None] | None
) -> None:
    """Parameters and address as the interface's network has them; `before` are its address and network until now."""
    configuration = work.configuration
    node = configuration.nodes[edited.primary_node]
    group = configuration.groups[node.group]
    if nic.network is None:
        interfaces.check_no_networks_address(work, nic.ip, group)
        if nic.nicparams["mode"] == "bridged" and nic.nicparams["link"] not in node.bridges:
            text = f"Error checking bridges on node '{node.name}': Missing bridges {nic.nicparams['link']}"
            if not work.params["force"]:
                raise prereq(text, ENVIRONMENT)
            work.log(f"WARNING: {text}")
        return
    network = configuration.networks[nic.network]
    if network.uuid not in group.networks:
        text = f"No netparams found for the network {network.name}, probably not connected"
        raise prereq(text, WRONG_INPUT)
    nic.nicparams = {**group.networks[network.uuid]}
    if nic.ip == interfaces.POOL:
        nic.ip = interfaces.address_from_pool(work, index, network, ())
    elif nic.ip is not None and (nic.ip, nic.network) != before:
        if nic.ip not in addresses.free(configuration, network, ()):
            raise prereq(f"IP {nic.ip} not available in network {network.name}", NOT_UNIQUE)
        work.info(f"Reserving IP {nic.ip} in network {network.name}")
