"""Calls of Debian's own client, in their order: its public methods, each at least once.

`~` is a word of the run; "<result>" stands for what the last call answered, "<job>" for the last job's id, and a list
that begins with "of" for the value of another method. Names with `#` are those of `kept_objects`: what stands there
before the first call, the same for both APIs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Call(NamedTuple):
    """One call. `may_be_held`: whether its job is left in the queue where others are."""

    method: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    may_be_held: bool = True


def call(method: str, *args: Any, **kwargs: Any) -> Call:
    """One call, as it would be written."""
    return Call(method, args, kwargs)


def call_and_wait(method: str, *args: Any, **kwargs: Any) -> Call:
    """One call, whose job is carried out in any run: it changes nothing."""
    return Call(method, args, kwargs, may_be_held=False)


_DISK = ({"size": 64},)
_SYSTEM = {"os": "dummy+default", "pnode": "node2", "ip_check": False, "name_check": False}
_NEW: tuple[Any, ...] = ("create", "w~", "sharedfile", [*_DISK], [{}])

CALLS = [
    call("GetVersion"),
    call("GetFeatures"),
    call("GetOperatingSystems"),
    call("GetInfo"),
    call("RedistributeConfig"),
    call("ModifyCluster", candidate_pool_size=1),
    call("AddClusterTags", ["a~", "b~"]),
    call("GetClusterTags"),
    call("DeleteClusterTags", ["a~", "b~"]),
    # filters
    call("AddFilter", 99, [["jobid", ["=", "id", 0]]], "PAUSE", [["client", "why", 1]]),
    call("GetFilter", "<result>"),
    call("AddFilter", 99, [["jobid", ["=", "id", 0]]], "PAUSE"),
    call("ReplaceFilter", "<result>", 98, [["jobid", ["=", "id", 0]]], "CONTINUE"),
    call("DeleteFilter", "<result>"),
    call("GetFilter", "#filter"),
    call("GetFilters"),
    call("GetFilters", bulk=True),
    # a job that has ended
    call("GetJobStatus", "#job"),
    call("WaitForJobCompletion", "#job", period=0.1, retries=2),
    call("WaitForJobChange", "#job", ["status", "summary", "opresult"], None, 0),
    call("CancelJob", "#job"),
    # an instance
    call("CreateInstance", *_NEW, start=False, **_SYSTEM),
    call("GetJobStatus", "<job>"),
    call("WaitForJobCompletion", "<job>", period=0.1, retries=2),
    call("WaitForJobChange", "<job>", ["summary"], None, 1000),
    call("CancelJob", "<job>"),
    call("GetJobs"),
    call("GetJobs", bulk=True),
    call("GetInstances"),
    call("GetInstances", bulk=True),
    call("GetInstance", "w~"),
    call("GetInstance", "i#"),
    call("GetInstanceInfo", "w~", static=True),
    call_and_wait("GetInstanceInfo", "i#"),
    call("AddInstanceTags", "w~", ["a", "b"]),
    call("DeleteInstanceTags", "w~", ["a"]),
    call("GetInstanceTags", "w~"),
    call("GetInstanceTags", "i#"),
    call("ModifyInstance", "w~", beparams={"vcpus": 2}),
    call("GrowInstanceDisk", "w~", 0, 64),
    call("ActivateInstanceDisks", "w~", ignore_size=True),
    call("DeactivateInstanceDisks", "w~"),
    call("RecreateInstanceDisks", "w~", disks=[9]),
    call("ReplaceInstanceDisks", "w~", disks=[0], mode="replace_on_primary"),
    call("PrepareExport", "w~", "local"),
    call("ExportInstance", "w~", "local", "node1", shutdown=False),
    call("RenameInstance", "w~", "v~", ip_check=False, name_check=False),
    call("RenameInstance", "v~", "w~", ip_check=False, name_check=False),
    call("ReinstallInstance", "w~", os="dummy+default", no_startup=True),
    call("StartupInstance", "w~"),
    call("GetInstanceConsole", "w~"),
    call("GetInstanceConsole", "i#"),
    call("RebootInstance", "w~", reboot_type="soft"),
    call("MigrateInstance", "w~", target_node="node3"),
    call("FailoverInstance", "w~", target_node="node2"),
    call("ShutdownInstance", "w~", timeout=5),
    call("DeleteInstance", "w~"),
    call("InstancesMultiAlloc", [["of", "InstanceAllocation", ["create", "x~", "diskless", [], []], _SYSTEM]]),
    call("DeleteInstance", "x~"),
    # nodes
    call("GetNodes"),
    call("GetNodes", bulk=True),
    call("GetNode", "node4"),
    call("GetNodeRole", "node4"),
    call("SetNodeRole", "node4", "drained", auto_promote=True),
    call("SetNodeRole", "node4", "regular", force=True),
    call("ModifyNode", "node4", ndparams={"spindle_count": "default"}),
    call("EvacuateNode", "node4", iallocator="hail", mode="secondary-only"),
    call("MigrateNode", "node4"),
    call("MigrateNode", "node4", mode="live"),
    call("GetNodeStorageUnits", "node4", "sharedfile", "name,node,type"),
    call("ModifyNodeStorageUnits", "node4", "lvm-pv", "x", allocatable=False),
    call("RepairNodeStorageUnits", "node4", "lvm-vg", "x"),
    call("PowercycleNode", "no-node"),  # where there is one, its daemon would restart the machine under the tests
    call("AddNodeTags", "node4", ["a~"]),
    call("GetNodeTags", "node4"),
    call("DeleteNodeTags", "node4", ["a~"]),
    # networks
    call("CreateNetwork", "n~", "203.0.113.0/28", gateway="203.0.113.1", tags="t"),
    call("GetNetworks"),
    call("GetNetworks", bulk=True),
    call("GetNetwork", "n~"),
    call("GetNetwork", "n#"),
    call("ModifyNetwork", "n~", gateway="203.0.113.2"),
    call("ConnectNetwork", "n~", "default", "bridged", "xen-br0"),
    call("DisconnectNetwork", "n~", "default"),
    call("AddNetworkTags", "n~", ["a"]),
    call("GetNetworkTags", "n~"),
    call("GetNetworkTags", "n#"),
    call("DeleteNetworkTags", "n~", ["a"]),
    call("DeleteNetwork", "n~"),
    # groups
    call("CreateGroup", "g~", alloc_policy="last_resort"),
    call("GetGroups"),
    call("GetGroups", bulk=True),
    call("GetGroup", "g~"),
    call("GetGroup", "g#"),
    call("ModifyGroup", "g~", alloc_policy="preferred"),
    call("AssignGroupNodes", "g~", ["node4"], dry_run=True),
    call("AddGroupTags", "g~", ["a"]),
    call("GetGroupTags", "g~"),
    call("GetGroupTags", "g#"),
    call("DeleteGroupTags", "g~", ["a"]),
    call("RenameGroup", "g~", "h~"),
    call("DeleteGroup", "h~"),
    # queries
    call("Query", "node", ["name", "pip"]),
    call("Query", "node", ["name"], qfilter=["=", "name", "node4"]),
    call("Query", "instance", ["name", "status", "disk.sizes", "nic.macs", "tags"], qfilter=["=", "name", "i#"]),
    call("QueryFields", "export"),
    call("QueryFields", "node", fields=["name", "role"]),
]
