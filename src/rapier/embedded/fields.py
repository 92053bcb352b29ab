"""What the objects of each kind show of themselves in a query: a function for each field, by kind.

`tests/embedded` holds these tables against Ganeti's own list of fields.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rapier.embedded import instance_fields, network_fields
from rapier.embedded.configuration import Configuration
from rapier.embedded.filters import NO_DATA, OFFLINE, UNAVAILABLE
from rapier.embedded.job import Job
from rapier.embedded.model import ConfigObject, Instance, Node, NodeGroup

COMMON: dict[str, Callable[[Configuration, ConfigObject], Any]] = {
    "name": lambda configuration, one: one.name,
    "uuid": lambda configuration, one: one.uuid,
    "serial_no": lambda configuration, one: one.serial_no,
    "ctime": lambda configuration, one: one.ctime,
    "mtime": lambda configuration, one: one.mtime,
    "tags": lambda configuration, one: one.tags,
}

NODE_PARAMETERS = (
    *("cpu_speed", "exclusive_storage", "oob_program", "ovs"),
    *("ovs_link", "ovs_name", "spindle_count", "ssh_port"),
)


def role(configuration: Configuration, one: Node) -> str:
    """One letter: offline, drained, master, candidate, or regular."""
    if one.uuid == configuration.cluster.master_node:
        return "M"
    if one.offline:
        return "O"
    if one.drained:
        return "D"
    return "C" if one.master_candidate else "R"


def _live(show: Callable[[Configuration, Node], Any]) -> Callable[[Configuration, Node], Any]:
    """What only the node itself can tell."""
    return lambda configuration, one: OFFLINE if one.offline else show(configuration, one)


def _names(instances: list[Instance]) -> list[str]:
    return [one.name for one in instances]


NODE: dict[str, Callable[[Configuration, Node], Any]] = {
    **COMMON,
    "pip": lambda configuration, one: one.primary_ip,
    "sip": lambda configuration, one: one.secondary_ip,
    "group": lambda configuration, one: configuration.groups[one.group].name,
    "group.uuid": lambda configuration, one: one.group,
    "role": role,
    "master": lambda configuration, one: one.uuid == configuration.cluster.master_node,
    "offline": lambda configuration, one: one.offline,
    "drained": lambda configuration, one: one.drained,
    "master_candidate": lambda configuration, one: one.master_candidate,
    "master_capable": lambda configuration, one: one.master_capable,
    "vm_capable": lambda configuration, one: one.vm_capable,
    "powered": lambda configuration, one: UNAVAILABLE,
    "hv_state": lambda configuration, one: UNAVAILABLE,
    "disk_state": lambda configuration, one: UNAVAILABLE,
    "custom_ndparams": lambda configuration, one: one.ndparams,
    "ndparams": lambda configuration, one: configuration.ndparams(configuration.groups[one.group], one),
    "pinst_list": lambda configuration, one: _names(configuration.primaries(one)),
    "pinst_cnt": lambda configuration, one: len(configuration.primaries(one)),
    "sinst_list": lambda configuration, one: _names(configuration.secondaries(one)),
    "sinst_cnt": lambda configuration, one: len(configuration.secondaries(one)),
    # what the node itself tells
    "bootid": _live(lambda configuration, one: one.boot_id),
    "ctotal": _live(lambda configuration, one: one.cpus),
    "cnos": _live(lambda configuration, one: one.cpus),
    "cnodes": _live(lambda configuration, one: 1),
    "csockets": _live(lambda configuration, one: 1),
    "mtotal": _live(lambda configuration, one: one.memory),
    "mnode": _live(lambda configuration, one: one.memory_of_its_own),
    "mfree": _live(lambda configuration, one: configuration.free_memory(one)),
    "dtotal": _live(lambda configuration, one: one.disk),
    "dfree": _live(lambda configuration, one: configuration.free_disk(one)),
    "sptotal": _live(lambda configuration, one: NO_DATA),
    "spfree": _live(lambda configuration, one: NO_DATA),
}


def _nodes(configuration: Configuration, group: NodeGroup) -> list[Node]:
    return [one for one in configuration.nodes if one.group == group.uuid]


def _instances(configuration: Configuration, group: NodeGroup) -> list[str]:
    return sorted(name for node in _nodes(configuration, group) for name in _names(configuration.primaries(node)))


GROUP: dict[str, Callable[[Configuration, NodeGroup], Any]] = {
    **COMMON,
    "alloc_policy": lambda configuration, one: one.alloc_policy,
    "custom_ndparams": lambda configuration, one: one.ndparams,
    "custom_diskparams": lambda configuration, one: one.diskparams,
    "custom_ipolicy": lambda configuration, one: one.ipolicy,
    "ndparams": lambda configuration, one: configuration.ndparams(one),
    "diskparams": lambda configuration, one: configuration.cluster.facts["diskparams"] | one.diskparams,
    "ipolicy": lambda configuration, one: configuration.ipolicy(one),
    "node_cnt": lambda configuration, one: len(_nodes(configuration, one)),
    "node_list": lambda configuration, one: [node.name for node in _nodes(configuration, one)],
    "pinst_cnt": lambda configuration, one: len(_instances(configuration, one)),
    "pinst_list": _instances,
}

for _name in NODE_PARAMETERS:
    NODE[f"ndp/{_name}"] = lambda configuration, one, name=_name: NODE["ndparams"](configuration, one)[name]  # type: ignore[misc]
    GROUP[f"ndp/{_name}"] = lambda configuration, one, name=_name: GROUP["ndparams"](configuration, one)[name]  # type: ignore[misc]

JOB: dict[str, Callable[[Configuration, Job], Any]] = {
    "id": lambda configuration, job: job.id,
    "status": lambda configuration, job: job.status,
    "priority": lambda configuration, job: job.priority,
    "archived": lambda configuration, job: job.archived,
    "received_ts": lambda configuration, job: job.received,
    "start_ts": lambda configuration, job: job.started,
    "end_ts": lambda configuration, job: job.ended,
    "ops": lambda configuration, job: [one.params for one in job.opcodes],
    "summary": lambda configuration, job: [one.summary for one in job.opcodes],
    "opstatus": lambda configuration, job: [one.status for one in job.opcodes],
    "opresult": lambda configuration, job: [one.result for one in job.opcodes],
    "oplog": lambda configuration, job: [one.log for one in job.opcodes],
    "oppriority": lambda configuration, job: [one.priority for one in job.opcodes],
    "opstart": lambda configuration, job: [one.started for one in job.opcodes],
    "opexec": lambda configuration, job: [one.executed for one in job.opcodes],
    "opend": lambda configuration, job: [one.ended for one in job.opcodes],
}

FIELDS: dict[str, dict[str, Callable[[Configuration, Any], Any]]] = {
    "instance": instance_fields.FIELDS,
    "node": NODE,
    "group": GROUP,
    "network": {**COMMON, **network_fields.FIELDS},
    "job": JOB,
}
