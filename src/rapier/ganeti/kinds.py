"""The kinds of objects a cluster has, and the query fields that show them.

`shown` are the fields that the stock API shows of an object, in the order in which it asks for them.
"""

from __future__ import annotations

from dataclasses import dataclass

_COMMON = ("ctime", "mtime", "uuid", "serial_no", "tags")


@dataclass(frozen=True)
class Kind:
    """One kind of object: its name in LUXI queries, what its collection is called, and what names one of it."""

    name: str
    collection: str
    key: str
    shown: tuple[str, ...]
    # what is left out where many are shown at once
    shown_alone: tuple[str, ...] = ()

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
