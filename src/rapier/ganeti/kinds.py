"""The kinds of objects a cluster has: the query fields that show them, and the opcodes that change them.

`shown` are the fields that the stock API shows of an object, in the order in which it asks for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_COMMON = ("ctime", "mtime", "uuid", "serial_no", "tags")


@dataclass(frozen=True)
class Kind:
    """One kind of object: its name in LUXI queries, what its collection is called, and what names one of it.

    `parameter` is what opcodes on one object call it, `actions` are those opcodes by the action's name in URIs.
    """

    name: str
    collection: str
    key: str
    shown: tuple[str, ...]
    # what is left out where many are shown at once
    shown_alone: tuple[str, ...] = ()
    parameter: str = ""
    create: str = ""
    remove: str = ""
    actions: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown_in_bulk(self) -> tuple[str, ...]:
        """The fields that a collection shows of each object."""
        return tuple(field for field in self.shown if field not in self.shown_alone)


INSTANCE = Kind(
    "instance",
    "instances",
    "name",
    (
        *("name", "admin_state", "os", "pnode", "snodes", "disk_template"),
        *("nic.ips", "nic.macs", "nic.modes", "nic.uuids", "nic.names", "nic.links"),
        *("nic.networks", "nic.networks.names", "nic.bridges", "network_port"),
        *("disk.sizes", "disk.spindles", "disk_usage", "disk.uuids", "disk.names"),
        *("beparams", "hvparams", "oper_state", "oper_ram", "oper_vcpus", "status"),
        *("custom_hvparams", "custom_beparams", "custom_nicparams"),
        *_COMMON,
    ),
    parameter="instance_name",
    create="OP_INSTANCE_CREATE",
    remove="OP_INSTANCE_REMOVE",
    actions={
        "info": "OP_INSTANCE_QUERY_DATA",
        "startup": "OP_INSTANCE_STARTUP",
        "shutdown": "OP_INSTANCE_SHUTDOWN",
        "reboot": "OP_INSTANCE_REBOOT",
    },
)

NODE = Kind(
    "node",
    "nodes",
    "name",
    (
        *("name", "offline", "master_candidate", "drained"),
        *("dtotal", "dfree", "sptotal", "spfree", "mtotal", "mnode", "mfree", "pinst_cnt", "sinst_cnt"),
        *("ctotal", "cnos", "cnodes", "csockets", "pip", "sip", "role", "pinst_list", "sinst_list"),
        *("master_capable", "vm_capable", "ndparams", "group.uuid"),
        *_COMMON,
    ),
)

JOB = Kind(
    "job",
    "jobs",
    "id",
    (
        *("id", "ops", "status", "summary", "opstatus"),
        *("received_ts", "start_ts", "end_ts", "oplog", "opresult"),
    ),
    shown_alone=("oplog", "opresult"),
)

# What changes tags, whatever they hang on: `kind` and `name` say which object
TAGS_SET = "OP_TAGS_SET"
TAGS_DELETE = "OP_TAGS_DEL"
OS_DIAGNOSE = "OP_OS_DIAGNOSE"
