"""Trouble on demand, for those who test what they write for Ganeti: tags that say what is to go wrong.

On the cluster, an instance, a node, a group or a network (`docs/embedded.md`):

- `trouble:fail:OP_X`: the opcode fails, and nothing has been done;
- `trouble:fail-late:OP_X`: it fails when everything has been done;
- `trouble:take:SECONDS:OP_X`: it takes so long, with its locks held;
- `trouble:lose-answer:METHOD`, on the cluster: a LUXI call is carried out, and the connection cut with no answer.

Without `:OP_X` an opcode of any kind is meant. OP_TAGS_DEL never meets with trouble, so that a tag can be taken away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rapier.embedded.configuration import Configuration
from rapier.embedded.model import Cluster, ConfigObject, Instance, Network, Node, NodeGroup
from rapier.embedded.refusals import failed
from rapier.errors import GanetiError

_SPARED = "OP_TAGS_DEL"


@dataclass
class Trouble:
    """What one opcode meets with: `at_once` and `late` are the errors that it is to fail with."""

    at_once: GanetiError | None = None
    late: GanetiError | None = None
    seconds: float = 0.0

    async def begin(self) -> None:
        """Takes its time, and raises where nothing is to be done."""
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.at_once:
            raise self.at_once


def demanded(params: dict[str, Any], configuration: Configuration) -> Trouble:
    """What the tags of everything that the opcode touches demand; the first that asks for a failure has it."""
    trouble = Trouble()
    op_id = params["OP_ID"]
    if op_id == _SPARED:
        return trouble
    for one in _touched(params, configuration):
        for tag in one.tags:
            match tag.split(":"):
                case ["trouble", "fail", *which] if which in ([], [op_id]):
                    trouble.at_once = trouble.at_once or _failure(tag, one)
                case ["trouble", "fail-late", *which] if which in ([], [op_id]):
                    trouble.late = trouble.late or _failure(tag, one)
                case ["trouble", "take", seconds, *which] if which in ([], [op_id]):
                    trouble.seconds = max(trouble.seconds, _number(seconds))
    return trouble


def loses_answer(method: str, configuration: Configuration) -> bool:
    """Whether the answer to this LUXI call is to be lost."""
    return f"trouble:lose-answer:{method}" in configuration.cluster.tags


def _failure(tag: str, one: ConfigObject) -> GanetiError:
    kinds = {Cluster: "cluster", Instance: "instance", Node: "node", NodeGroup: "group", Network: "network"}
    return failed(f"Trouble on demand: the {kinds[type(one)]} '{one.name}' has the tag '{tag}'")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0  # a tag like any other


def _touched(params: dict[str, Any], configuration: Configuration) -> Iterator[ConfigObject]:
    """The objects that an opcode names, the nodes of an instance among them, and last the cluster."""
    words = dict(params)
    if "kind" in words and words.get("name"):  # an opcode on tags
        words[{"instance": "instance_name", "node": "node_name", "nodegroup": "group_name"}.get(words["kind"], "")] = (
            words["name"]
        )
        if words["kind"] == "network":
            words["network_name"] = words["name"]
    nodes: list[Node | None] = []
    instance = configuration.instances.find(words["instance_name"]) if words.get("instance_name") else None
    if instance is not None:
        yield instance
        nodes += [configuration.nodes[uuid] for uuid in (instance.primary_node, *instance.secondary_nodes)]
    named = [words.get(name) for name in ("node_name", "target_node", "remote_node", "pnode", "snode")]
    nodes += [configuration.nodes.find(name) for name in (*named, *words.get("nodes", ())) if name]
    seen = set()
    for node in nodes:
        if node is not None and node.uuid not in seen:
            seen.add(node.uuid)
            yield node
    for name, objects in (("group_name", configuration.groups), ("network_name", configuration.networks)):
        found = objects.find(words[name]) if words.get(name) else None
        if found is not None:
            yield found
    yield configuration.cluster
