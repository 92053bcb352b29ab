"""OP_INSTANCE_MULTI_ALLOC: several instances at once, each by a job of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rapier.embedded.allocation import Claims, allocate
from rapier.embedded.configuration import Configuration
from rapier.embedded.opcodes.creation import check_opportunistic_locking
from rapier.embedded.parameters import DISK_SIZE, backend_parameters
from rapier.embedded.refusals import WRONG_INPUT, prereq
from rapier.embedded.work import Work, node_locks
from rapier.errors import OpPrereqError
from rapier.ganeti.opcodes import OPCODES, InvalidParameter, UnknownParameter

_CREATE = "OP_INSTANCE_CREATE"
Params = dict[str, Any]


def locks(params: Params, configuration: Configuration) -> Iterable[str]:
    """The nodes that the instances name; all of them where they are to be chosen."""
    named = [one.get("pnode") for one in params["instances"] if isinstance(one, dict)]
    found = [configuration.nodes.find(name) for name in named if name]
    return node_locks(configuration, *(found or [None]))


async def allocate_several(work: Work) -> Params:
    """Answers who got a node, and who did not; the jobs of those who did are submitted with its end."""
    params = work.params
    instances = params["instances"] = [_read(one) for one in params["instances"]]
    _check_words(work, instances)
    failed: list[str] = []
    if params.get("iallocator"):
        failed = _choose_nodes(work, instances)
    else:
        for one in instances:
            node = work.known_node(one["pnode"])
            one["pnode"], one["pnode_uuid"] = node.name, node.uuid
    allocated = [one for one in instances if one["instance_name"] not in failed]
    result = {"allocatable": [one["instance_name"] for one in allocated], "failed": failed}
    if work.only_looks():
        return result | {"jobs": []}
    await work.pause()
    work.submit([[{name: value for name, value in one.items() if value is not None}] for one in allocated])
    for one in allocated:  # the queue shows what was submitted
        one |= {"comment": f"Submitted by {params['OP_ID']}", "reason": params["reason"], "debug_level": 0}
    return result


def _read(words: Any) -> Params:
    """One creation, whole."""
    given = {name: value for name, value in words.items() if name != "OP_ID"} if isinstance(words, dict) else {}
    try:
        filled = OPCODES[_CREATE].fill(given)
    except (InvalidParameter, UnknownParameter, TypeError) as problem:
        raise prereq(str(problem), WRONG_INPUT) from None
    return filled | {name: {} for name in ("osparams_private", "osparams_secret") if not filled[name]}


def _check_words(work: Work, instances: list[Params]) -> None:
    if any(one["iallocator"] is not None for one in instances):
        raise prereq("iallocator are not allowed to be set on instance objects", WRONG_INPUT)
    nodes = [bool(one["pnode"]) for one in instances]
    nodes += [bool(one["snode"]) for one in instances if one["disk_template"] == "drbd"]
    if any(nodes) != all(nodes):
        text = "There are instance objects providing pnode/snode while others do not"
        raise prereq(text, WRONG_INPUT)
    if not any(nodes) and not work.params.get("iallocator"):
        default = work.configuration.cluster.facts["default_iallocator"]
        if not default:
            raise prereq(
                "No iallocator or nodes on the instances given and no cluster-wide default iallocator found; please "
                "specify either an iallocator or nodes on the instances or set a cluster-wide default iallocator",
                WRONG_INPUT,
            )
        work.params["iallocator"] = default
    check_opportunistic_locking(work.params)
    names = [one["instance_name"] for one in instances]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise prereq(f"There are duplicate instance names: {', '.join(twice)}", WRONG_INPUT)


def _choose_nodes(work: Work, instances: list[Params]) -> list[str]:
    """Each gets a node, where there is one with room beside those before it; the names of those that got none."""
    configuration, allocator = work.configuration, work.params["iallocator"]
    claims = Claims()
    failed = []
    for one in instances:
        in_force = configuration.cluster.facts["beparams"]["default"] | backend_parameters(one["beparams"])
        memory = in_force["maxmem"]
        disk = sum(DISK_SIZE("size", disk.get("size", 0)) for disk in one["disks"])
        try:
            node = allocate(configuration, allocator, memory, disk, claims=claims)
            other = None
            if one["disk_template"] == "drbd":
                other = allocate(configuration, allocator, 0, disk, {node.uuid}, claims)
        except OpPrereqError:
            failed.append(one["instance_name"])
            continue
        claims.add(node, memory, disk)
        one["pnode"], one["pnode_uuid"] = node.name, node.uuid
        if other:
            claims.add(other, 0, disk)
            one["snode"], one["snode_uuid"] = other.name, other.uuid
    return failed
