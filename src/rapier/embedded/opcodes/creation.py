"""OP_INSTANCE_CREATE: what is asked for is checked in Ganeti's order, then an instance is made of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rapier.embedded.allocation import allocate
from rapier.embedded.configuration import Configuration
from rapier.embedded.model import Disk, Instance, Nic, Node
from rapier.embedded.opcodes import interfaces
from rapier.embedded.opcodes.files import check_folder
from rapier.embedded.opcodes.instances import (
    check_bridges,
    check_free_memory,
    check_hypervisor_parameters,
    check_spindles,
    run,
)
from rapier.embedded.opcodes.networks import locks_of_nics
from rapier.embedded.opcodes.policies import check_policy
from rapier.embedded.opcodes.systems import check_parameters, check_system
from rapier.embedded.opcodes.tags import check_tag
from rapier.embedded.parameters import DISK_SIZE, backend_parameters, shown_size
from rapier.embedded.refusals import EXISTS, NOT_UNIQUE, WRONG_INPUT, WRONG_STATE, generic, prereq
from rapier.embedded.work import Work
from rapier.errors import OpPrereqError

_host_name = re.compile(r"[a-z0-9._-]{1,255}").fullmatch
_DISK_PARAMETERS = frozenset(
    {"size", "mode", "name", "adopt", "vg", "metavg", "provider", "access", "spindles", "snapshot_name"}
)
_ADOPTING = frozenset({"plain", "blockdev"})
_MIRRORED = frozenset({"drbd"})
_IN_FILES = frozenset({"file", "sharedfile", "gluster"})


def locks(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The instance to be, its node (or all nodes, where one is to be chosen), and the MAC addresses that it names."""
    node = configuration.nodes.find(params["pnode"]) if params.get("pnode") else None
    secondary = configuration.nodes.find(params["snode"]) if params.get("snode") else node
    nodes = {one.name: one for one in (node, secondary) if one}.values() if node else configuration.nodes
    macs = [nic["mac"].lower() for nic in params["nics"] if nic.get("mac")]
    return [
        f"instance/{params['instance_name'].lower().rstrip('.')}",
        *(f"node/{one.name}" for one in nodes),
        *(f"mac/{mac}" for mac in macs if mac not in interfaces.CHOOSE_MAC),
        *locks_of_nics(params["nics"], configuration),
    ]


async def create(work: Work) -> list[str]:
    """Answers the names of the nodes it is on; of a dry run, their uuids."""
    params, configuration = work.params, work.configuration
    _check_words(work)
    node = _named_node(work)
    if params["disk_template"] in _IN_FILES:
        check_folder(configuration, params["disk_template"], params["instance_name"], params.get("file_storage_dir"))
    params.setdefault("hypervisor", configuration.cluster.facts["default_hypervisor"])
    _check_hypervisor(work)
    beparams = backend_parameters(params["beparams"])
    params["beparams"] = beparams
    nics = _nics(work)
    disks = _disks(work)
    for tag in params["tags"]:
        check_tag(tag)
    in_force = configuration.cluster.facts["beparams"]["default"] | beparams
    if node is None:
        needed = sum(disk.size for disk in disks)
        node = allocate(configuration, params["iallocator"], in_force["maxmem"], needed)
        work.info(
            f"Selected nodes for instance {params['instance_name']} via iallocator {params['iallocator']}: {node.name}"
        )
    params["pnode"], params["pnode_uuid"] = node.name, node.uuid
    params.setdefault("osparams_private", {})
    params.setdefault("osparams_secret", {})
    group = configuration.groups[node.group]
    also_taken: set[str] = set()
    for index, nic in enumerate(nics):
        interfaces.settle(work, index, nic, group, also_taken)
    _check_node(work, node, nics)
    secondary = _secondary(work, node)
    for disk in disks:
        check_spindles(configuration, [node, secondary] if secondary else [node], disk.spindles)
    if not params["ignore_ipolicy"]:
        check_policy(configuration, group, in_force, params["disk_template"], [disk.size for disk in disks], len(nics))
    check_system(params["os_type"], node.name, params["force_variant"])
    check_parameters(params["os_type"], node.name, params["osparams"])
    if params["start"]:
        check_free_memory(work, node, f"creating instance {params['instance_name']}", in_force["maxmem"])
    if work.only_looks():
        return [node.uuid]

    instance = Instance(
        name=params["instance_name"],
        primary_node=node.uuid,
        secondary_nodes=[secondary.uuid] if secondary else [],
        os=params["os_type"],
        hypervisor=params["hypervisor"],
        disk_template=params["disk_template"],
        beparams=beparams,
        hvparams=params["hvparams"],
        osparams=params["osparams"],
        disks=disks,
        file_storage_dir=params.get("file_storage_dir"),
        nics=nics,
        tags=sorted({*params["tags"]}),
    )
    await _say_how_it_is_made(work, instance)
    if params["start"]:
        await work.step("* starting instance...")
        instance.admin_state = "up"
        run(instance, in_force)
    work.changes.add(instance)
    return [node.name, secondary.name] if secondary else [node.name]


def _secondary(work: Work, primary: Node) -> Node | None:
    """Where the mirror of the disks is to be, with a template that has one."""
    params, configuration = work.params, work.configuration
    if params["disk_template"] not in _MIRRORED:
        return None
    if "iallocator" in params:
        size = sum(DISK_SIZE("size", disk["size"]) for disk in params["disks"])
        secondary = allocate(configuration, params["iallocator"], 0, size, {primary.uuid})
        params["snode"], params["snode_uuid"] = secondary.name, secondary.uuid
        return secondary
    if "snode" not in params:
        raise prereq("The networked disk templates need a mirror node", WRONG_INPUT)
    secondary = work.completed_node("snode", "snode_uuid")
    if secondary.uuid == primary.uuid:
        raise prereq("The secondary node cannot be the primary node", WRONG_INPUT)
    if secondary.offline or secondary.drained:
        word = "offline" if secondary.offline else "drained"
        raise prereq(f"Cannot use {word} secondary node '{secondary.name}'", WRONG_STATE)
    return secondary


async def _say_how_it_is_made(work: Work, instance: Instance) -> None:
    for index, disk in enumerate(instance.disks):
        work.log(f"* disk {index}, size {shown_size(disk.size)}")
    await work.step("* creating instance disks...")
    work.log(f"adding instance {instance.name} to cluster config")
    work.log("adding disks to cluster config")
    if instance.disks:
        if work.params["wait_for_sync"]:
            for _ in range(2):  # Ganeti looks twice
                work.info(f"Waiting for instance {instance.name} to sync disks")
                work.info(f"Instance {instance.name}'s disks are in sync")
        await work.step("* running the instance OS create scripts...")


# -- what can be said of the words alone -----------------------------------------------------------------------------


def _check_words(work: Work) -> None:
    params, facts = work.params, work.configuration.cluster.facts
    name = params["instance_name"].lower()
    if not _host_name(name) or ".." in name or name.startswith("."):
        raise prereq(f"Invalid hostname '{name}'", WRONG_INPUT)
    params["instance_name"] = name = name.rstrip(".")
    params.setdefault("helper_startup_timeout", 300)
    params.setdefault("helper_shutdown_timeout", 7200)
    if params["ip_check"] and not params["name_check"]:
        raise prereq("Cannot do IP address check without a name check", WRONG_INPUT)
    _check_names("disk", params["disks"])
    _check_names("NIC", params["nics"])
    template = params.setdefault("disk_template", facts["enabled_disk_templates"][0])
    if template not in facts["enabled_disk_templates"]:
        enabled = ",".join(facts["enabled_disk_templates"])
        text = f"Disk template '{template}' is not enabled in cluster. Enabled disk templates are: {enabled}"
        raise OpPrereqError("OpPrereqError", [text])  # a refusal without a code
    _check_adoption(template, params["disks"])
    if template in _IN_FILES:
        params.setdefault("file_driver", "loop")
    if "pnode" in params and "iallocator" in params:
        raise prereq("Do not specify both, iallocator and node", WRONG_INPUT)
    if "pnode" not in params:
        params.setdefault("iallocator", facts["default_iallocator"])
    if "snode" in params and template not in _MIRRORED:
        work.warn("Secondary node will be ignored on non-mirrored disk template")
        del params["snode"]
    check_opportunistic_locking(params)
    if params["mode"] == "import":
        raise prereq(f"No export found for relative path {params.get('src_path', name)}", WRONG_INPUT)
    if params["mode"] == "remote-import":
        raise prereq("Missing source handshake", WRONG_INPUT)
    if "os_type" not in params:
        raise prereq("No guest OS or OS image specified", WRONG_INPUT)
    if params["os_type"] in facts["blacklisted_os"]:
        raise prereq(f"Guest OS '{params['os_type']}' is not allowed for installation", WRONG_STATE)
    if work.configuration.instances.named(name):
        raise prereq(f"Instance '{name}' is already in the cluster", EXISTS)


def _check_adoption(template: str, disks: list[dict[str, Any]]) -> None:
    adopted = ["adopt" in disk for disk in disks]
    if any(adopted) and not all(adopted):
        raise prereq("Either all disks are adopted or none is", WRONG_INPUT)
    if any(adopted) and template not in _ADOPTING:
        raise prereq(f"Disk adoption is not supported for the '{template}' disk template", WRONG_INPUT)


def check_opportunistic_locking(params: dict[str, Any]) -> None:
    """Raises where nodes are named, and yet those whose locks happen to be free are to be taken."""
    if params["opportunistic_locking"] and not params.get("iallocator"):
        raise prereq("Opportunistic locking is only available in combination with an instance allocator", WRONG_INPUT)


def _check_names(what: str, given: list[dict[str, Any]]) -> None:
    seen = set()
    for one in given:
        name = one.get("name")
        if name is None or name == "none":
            continue
        if name in seen:
            raise prereq(f"{what} name '{name}' already used", NOT_UNIQUE)
        seen.add(name)


def _named_node(work: Work) -> Node | None:
    if "pnode" not in work.params:
        return None
    node = work.known_node(work.params["pnode"])
    work.params["pnode"], work.params["pnode_uuid"] = node.name, node.uuid
    return node


def _check_hypervisor(work: Work) -> None:
    enabled = work.configuration.cluster.facts["enabled_hypervisors"]
    hypervisor = work.params["hypervisor"]
    if hypervisor not in enabled:
        text = f"Selected hypervisor ({hypervisor}) not enabled in the cluster ({','.join(enabled)})"
        raise prereq(text, WRONG_STATE)
    given = work.params["hvparams"]
    check_hypervisor_parameters(work, given)
    if given:
        raise prereq(
            "The following hypervisor parameters are global and cannot be customized at instance level, please modify "
            f"them at cluster level: {', '.join(given)}",
            WRONG_INPUT,
        )


# -- disks and network interfaces ------------------------------------------------------------------------------------


def _disks(work: Work) -> list[Disk]:
    if work.params["disk_template"] == "diskless":
        return []
    disks = []
    for index, given in enumerate(work.params["disks"]):
        if "size" not in given:
            raise prereq("Missing disk size", WRONG_INPUT)
        for name in given:
            if name not in _DISK_PARAMETERS:
                raise generic("TypeEnforcementError", f"Unknown parameter '{name}'")
        size = DISK_SIZE("size", given["size"])
        work.params["disks"][index] = given | {"size": size}
        disks.append(
            Disk(
                size=size,
                name=None if given.get("name") == "none" else given.get("name"),
                mode=given.get("mode", "rw"),
                spindles=given.get("spindles"),
            )
        )
    return disks


def _nics(work: Work) -> list[Nic]:
    taken = interfaces.taken_macs(work.configuration)
    nics = []
    for given in work.params["nics"]:
        nic = interfaces.new_nic(work, given, taken)
        taken.add(nic.mac)
        nics.append(nic)
    return nics


# -- node and policy -------------------------------------------------------------------------------------------------


def _check_node(work: Work, node: Node, nics: list[Nic]) -> None:
    for word, wrong in (("offline", node.offline), ("drained", node.drained), ("non-vm_capable", not node.vm_capable)):
        if wrong:
            raise prereq(f"Cannot use {word} primary node '{node.name}'", WRONG_STATE)
    check_bridges(work, node, nics)
