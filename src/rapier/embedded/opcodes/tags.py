"""Opcodes on tags: of the cluster, and of its objects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rapier.embedded.configuration import Configuration, Objects
from rapier.embedded.model import Cluster, Instance, Network, Node, NodeGroup
from rapier.embedded.refusals import UNKNOWN, generic, prereq
from rapier.embedded.work import Work

LONGEST = 128
MOST = 4096
_allowed = re.compile(r"[\w.+*/:@-]+", re.ASCII).fullmatch

Tagged = Cluster | NodeGroup | Network | Node | Instance


def check_tag(tag: str) -> None:
    """Raises Ganeti's `TagError` for what cannot be a tag."""
    if len(tag) > LONGEST:
        raise generic("TagError", f"Tag too long (>{LONGEST} characters)")
    if not tag:
        raise generic("TagError", "Tags cannot be empty")
    if not _allowed(tag):
        raise generic("TagError", "Tag contains invalid characters")


def _tagged(work: Work) -> Tagged:
    name = work.params.get("name")
    match work.params["kind"]:
        case "cluster":
            return work.configuration.cluster
        case "instance":
            return work.known_instance(str(name))
        case "node":
            return work.known_node(str(name))
        case "nodegroup":
            return work.known_group(str(name))
    return work.known_network(str(name))


def lock(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The lock of the object whose tags they are, whether it is called by its name or its uuid."""
    kind, name = params["kind"], params.get("name") or "cluster"
    kinds: dict[str, Objects[Any]] = {
        "instance": configuration.instances,
        "node": configuration.nodes,
        "nodegroup": configuration.groups,
        "network": configuration.networks,
    }
    found = kinds[kind].find(name) if kind in kinds else None
    return (f"{kind}/{found.name if found else name}",)


async def set_tags(work: Work) -> None:
    """OP_TAGS_SET: adds tags."""
    tagged = _tagged(work)
    for tag in work.params["tags"]:
        check_tag(tag)
    if work.only_looks():
        return
    tags = {*tagged.tags, *work.params["tags"]}
    if len(tags) > MOST:
        raise generic("TagError", f"Too many tags, {len(tags)} (limit {MOST})")
    await work.pause()
    work.changes.edit(tagged).tags = sorted(tags)


async def delete_tags(work: Work) -> None:
    """OP_TAGS_DEL: removes tags, all of which must be there."""
    tagged = _tagged(work)
    for tag in work.params["tags"]:
        check_tag(tag)
    if absent := sorted({*work.params["tags"]} - {*tagged.tags}):
        shown = ", ".join(f"'{tag}'" for tag in absent)
        raise prereq(f"Tag(s) {shown} not found", UNKNOWN)
    if work.only_looks():
        return
    await work.pause()
    work.changes.edit(tagged).tags = sorted({*tagged.tags} - {*work.params["tags"]})


async def get_tags(work: Work) -> list[str]:
    """OP_TAGS_GET."""
    return list(_tagged(work).tags)


async def search_tags(work: Work) -> list[tuple[str, str]]:
    """OP_TAGS_SEARCH: `(path, tag)` for each tag that the pattern is found in."""
    pattern = work.params["pattern"]
    try:
        search = re.compile(pattern).search
    except re.error as problem:
        raise prereq(f"Invalid search pattern '{pattern}': {problem}", "wrong_input") from None
    configuration = work.configuration
    tagged: list[tuple[str, Tagged]] = [("/cluster", configuration.cluster)]
    tagged += [(f"/instances/{one.name}", one) for one in configuration.instances]
    tagged += [(f"/nodes/{node.name}", node) for node in configuration.nodes]
    tagged += [(f"/nodegroup/{group.name}", group) for group in configuration.groups]
    tagged += [(f"/network/{network.name}", network) for network in configuration.networks]
    return [(path, tag) for path, one in tagged for tag in one.tags if search(tag)]
