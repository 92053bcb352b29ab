"""Opcodes on node groups (gnt-group(8))."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rapier.embedded.configuration import Configuration
from rapier.embedded.model import Node, NodeGroup
from rapier.embedded.opcodes.policies import check_policy_words, updated_policy
from rapier.embedded.opcodes.states import keep, new_states
from rapier.embedded.parameters import NODE_PARAMETERS, check_types, readings_of_any, updated
from rapier.embedded.refusals import EXISTS, WRONG_INPUT, WRONG_STATE, failed, prereq
from rapier.embedded.work import Work, node_locks

_WORDS = ("ndparams", "diskparams", "alloc_policy", "hv_state", "disk_state", "ipolicy")


def group_lock(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The lock of the group that the opcode names, by its name or its uuid."""
    name = params["group_name"]
    found = configuration.groups.find(name)
    return (f"nodegroup/{found.name if found else name}",)


def name_lock(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """All groups': no two may get the same name, nor may the last of them go."""
    wanted = (params["group_name"], params.get("new_name", params["group_name"]))
    return {"nodegroup names", *(f"nodegroup/{name}" for name in wanted), *group_lock(params, configuration)}


def assignment_locks(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The nodes, and the groups that they come from and go to."""
    nodes = [configuration.nodes.find(name) for name in params["nodes"]] or list(configuration.nodes)
    found: list[Node] = [node for node in nodes if node]
    groups = {f"nodegroup/{configuration.groups[node.group].name}" for node in found}
    return {*group_lock(params, configuration), *groups, *node_locks(configuration, *found)}


async def add(work: Work) -> None:
    """OP_GROUP_ADD."""
    params, configuration = work.params, work.configuration
    there = configuration.groups.named(params["group_name"])
    if there is not None:
        text = f"Desired group name '{there.name}' already exists as a node group (UUID: {there.uuid})"
        raise prereq(text, EXISTS)
    if "ndparams" in params:
        params["ndparams"] = check_types(params["ndparams"], NODE_PARAMETERS)
    states = new_states(params, configuration)
    diskparams = disk_parameters(configuration, params.get("diskparams", {}))
    ipolicy = params.get("ipolicy", {})
    if ipolicy:
        check_policy_words(configuration, ipolicy)
    if work.only_looks():
        return
    await work.pause()
    work.changes.add(
        NodeGroup(
            name=params["group_name"],
            alloc_policy=params.get("alloc_policy", "preferred"),
            ndparams=params.get("ndparams", {}),
            diskparams=diskparams,
            ipolicy=ipolicy,
            **states,
        )
    )


async def remove(work: Work) -> None:
    """OP_GROUP_REMOVE: of an empty one that is not the only one."""
    configuration = work.configuration
    group = work.known_group(work.params["group_name"])
    members = sorted(node.uuid for node in configuration.nodes if node.group == group.uuid)
    if members:
        text = f"Group '{work.params['group_name']}' not empty, has the following nodes: {', '.join(members)}"
        raise prereq(text, WRONG_STATE)
    if len(configuration.groups) == 1:
        raise prereq(f"Group '{work.params['group_name']}' is the only group, cannot be removed", WRONG_STATE)
    if work.only_looks():
        return
    await work.pause()
    work.changes.remove(group)


async def rename(work: Work) -> str | None:
    """OP_GROUP_RENAME; answers the new name."""
    name = work.params["new_name"]
    group = work.known_group(work.params["group_name"])
    there = work.configuration.groups.named(name)
    if there is not None:
        text = f"Desired new name '{name}' clashes with existing node group (UUID: {there.uuid})"
        raise prereq(text, EXISTS)
    if work.only_looks():
        return None
    await work.pause()
    work.changes.edit(group).name = name
    return str(name)


async def set_params(work: Work) -> list[tuple[str, str]] | None:
    """OP_GROUP_SET_PARAMS; answers the new `ndparams` and `diskparams`, as Python shows them."""
    params, configuration = work.params, work.configuration
    if not any(name in params for name in _WORDS):
        raise prereq("Please pass at least one modification", WRONG_INPUT)
    group = work.known_group(params["group_name"])
    ndparams = updated(group.ndparams, params.get("ndparams") or {}, NODE_PARAMETERS)
    diskparams = {**group.diskparams}
    for template, values in (params.get("diskparams") or {}).items():
        both = {**diskparams.get(template, {}), **values}
        own = {name: value for name, value in both.items() if value != "default"}
        diskparams |= disk_parameters(configuration, {template: own})
    ipolicy = group.ipolicy
    if params.get("ipolicy"):
        ipolicy = updated_policy(configuration, group.ipolicy, params["ipolicy"], of_group=True)
    states = new_states(params, configuration, group)
    if work.only_looks():
        return None
    await work.pause()
    edited = work.changes.edit(group)
    keep(edited, states)
    edited.ndparams, edited.diskparams, edited.ipolicy = ndparams, diskparams, ipolicy
    edited.alloc_policy = params.get("alloc_policy", edited.alloc_policy)
    shown = (("ndparams", ndparams), ("diskparams", diskparams))
    return [(name, str(value)) for name, value in shown if params.get(name)]


async def assign_nodes(work: Work) -> None:
    """OP_GROUP_ASSIGN_NODES. As in Ganeti no nodes at all stand for all nodes."""
    params, configuration = work.params, work.configuration
    group = work.known_group(params["group_name"])
    names = params["nodes"] or [node.name for node in configuration.nodes]
    nodes = [work.known_node(name) for name in names]
    params["nodes"], params["node_uuids"] = [node.name for node in nodes], [node.uuid for node in nodes]
    goes = {node.uuid for node in nodes}
    split = _split(configuration, {})
    newly = [name for name in _split(configuration, dict.fromkeys(goes, group.uuid)) if name not in split]
    if newly and not params["force"]:
        text = "The following instances get split by this change and --force was not given"
        raise failed(f"{text}: {', '.join(newly)}")
    if newly:
        work.warn(f"This operation will split the following instances: {', '.join(newly)}")
    if work.only_looks():
        return
    await work.pause()
    moving = [node for node in nodes if node.group != group.uuid]
    for node in moving:
        work.changes.edit(configuration.groups[node.group])
        work.changes.edit(node).group = group.uuid
    if moving:
        work.changes.edit(group)


def _split(configuration: Configuration, moved: dict[str, str]) -> list[str]:
    """The mirrored instances whose nodes are in several groups, with these nodes in these groups."""

    def group(uuid: str) -> str:
        return moved.get(uuid) or configuration.nodes[uuid].group

    return [
        one.name
        for one in configuration.instances
        if one.secondary_nodes and len({group(uuid) for uuid in (one.primary_node, *one.secondary_nodes)}) > 1
    ]


def disk_parameters(configuration: Configuration, given: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters of disk templates, each of its type. Raises Ganeti's errors."""
    known = configuration.cluster.facts["diskparams"]
    of_any = readings_of_any(known)
    typed = {template: check_types(values, of_any) for template, values in given.items()}
    strange = [f"{template}/{name}" for template, values in typed.items() for name in values.keys() - known[template]]
    if strange:
        inner = (f"Provided option keys not supported: {', '.join(strange)}", WRONG_INPUT)
        raise prereq(f"While verify diskparams options: {inner}", WRONG_INPUT)  # as Ganeti shows its own error
    return typed
