"""Opcodes on the storage of nodes: what there is, and what only volume groups can be asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rapier.embedded.configuration import Configuration, natural
from rapier.embedded.model import Node
from rapier.embedded.refusals import WRONG_INPUT, failed, prereq
from rapier.embedded.work import Work, node_locks
from rapier.errors import OpPrereqError

# Which disk templates make a storage type one of the cluster's; physical volumes are where volume groups are
_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "blockdev": ("blockdev",),
    "diskless": ("diskless",),
    "ext": ("ext",),
    "file": ("file",),
    "gluster": ("gluster",),
    "lvm-pv": ("drbd", "plain"),
    "lvm-vg": ("drbd", "plain"),
    "rados": ("rbd",),
    "sharedfile": ("sharedfile",),
}
_FOLDERS = {
    "file": "file_storage_dir",
    "sharedfile": "shared_file_storage_dir",
    "gluster": "gluster_storage_dir",
}
_REPORTED = ("file", "gluster", "lvm-pv", "lvm-vg", "sharedfile")
_MODIFIABLE: Mapping[str, frozenset[str]] = {"lvm-pv": frozenset({"allocatable"})}
_REPAIRABLE = frozenset({"lvm-vg"})


def _type_of(templates: list[str]) -> str:
    """The storage type of the cluster's first disk template."""
    return next(kind for kind, its in _TEMPLATES.items() if kind != "lvm-pv" and templates[0] in its)


def _check_enabled(configuration: Configuration, storage_type: str) -> None:
    enabled = configuration.cluster.facts["enabled_disk_templates"]
    if not {*_TEMPLATES[storage_type]} & {*enabled}:
        shown = "lvm-vg" if storage_type == "lvm-pv" else storage_type
        text = f"No disk template of storage type '{shown}' is enabled in this cluster. Enabled disk templates are: "
        raise OpPrereqError("OpPrereqError", [text + ",".join(enabled)])  # has no code


def _name(configuration: Configuration, kind: str) -> str:
    facts = configuration.cluster.facts
    return str(facts[_FOLDERS[kind]] if kind in _FOLDERS else facts["volume_group_name"])


_FIELDS: Mapping[str, Callable[[Configuration, Node, str], Any]] = {
    "name": lambda configuration, node, kind: _name(configuration, kind),
    "node": lambda configuration, node, kind: node.name,
    "type": lambda configuration, node, kind: kind,
    "size": lambda configuration, node, kind: node.disk,
    "used": lambda configuration, node, kind: node.disk - configuration.free_disk(node),
    "free": lambda configuration, node, kind: configuration.free_disk(node),
    "allocatable": lambda configuration, node, kind: True,
}


def locks(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """Those of the nodes that it names; of all, where it names none."""
    names = params["nodes"] if "nodes" in params else [params["node_name"]]
    found = [configuration.nodes.find(name) for name in names]
    return node_locks(configuration, *([node for node in found if node] if names else [None]))


async def query(work: Work) -> list[list[Any]]:
    """OP_NODE_QUERY_STORAGE: a row for each storage unit."""
    params, configuration = work.params, work.configuration
    fields = params["output_fields"]
    if unknown := sorted({*fields} - {*_FIELDS}):
        raise prereq(f"Unknown output fields selected: {', '.join(unknown)}", WRONG_INPUT)
    nodes = [work.known_node(name) for name in params["nodes"]] or list(configuration.nodes)
    nodes.sort(key=lambda node: natural(node.uuid))  # as Ganeti does, whatever it is good for
    kind = params.get("storage_type")
    if kind:
        _check_enabled(configuration, kind)
    else:
        kind = _type_of(configuration.cluster.facts["enabled_disk_templates"])
        if kind not in _REPORTED:
            text = (
                f"Storage reporting for storage type '{kind}' is not supported. Please use the --storage-type option "
                f"to specify one of the supported storage types ({', '.join(_REPORTED)}) or set the default disk "
                "template to one that supports storage reporting."
            )
            raise OpPrereqError("OpPrereqError", [text])  # has no code
    if work.only_looks():
        return None  # type: ignore[return-value]
    await work.pause()
    if params.get("name") not in (None, _name(configuration, kind)):
        return []
    return [[_FIELDS[field](configuration, node, kind) for field in fields] for node in nodes if not node.offline]


async def modify(work: Work) -> None:
    """OP_NODE_MODIFY_STORAGE: whether space may be taken from a physical volume. There is none here."""
    params = work.params
    node = work.node()
    kind, changes = params["storage_type"], params["changes"]
    if kind not in _MODIFIABLE:
        raise prereq(f"Storage units of type '{kind}' can not be modified", WRONG_INPUT)
    if unknown := [name for name in changes if name not in _MODIFIABLE[kind]]:
        text = f"The following fields can not be modified for storage units of type '{kind}': {unknown}"
        raise prereq(text, WRONG_INPUT)
    _check_enabled(work.configuration, kind)
    if work.only_looks():
        return
    await work.pause()
    raise failed(f"Failed to modify storage unit '{params['name']}' on {node.name}: no such physical volume")


async def repair(work: Work) -> None:
    """OP_REPAIR_NODE_STORAGE: a volume group, of which nothing can be missing here."""
    params = work.params
    node = work.node()
    kind = params["storage_type"]
    if kind not in _REPAIRABLE:
        raise prereq(f"Storage units of type '{kind}' can not be repaired", WRONG_INPUT)
    _check_enabled(work.configuration, kind)
    if work.only_looks():
        return
    await work.step(f"Repairing storage unit '{params['name']}' on {node.name} ...")
    if params["name"] != _name(work.configuration, kind):
        raise failed(f"Failed to repair storage unit '{params['name']}' on {node.name}: no such volume group")
