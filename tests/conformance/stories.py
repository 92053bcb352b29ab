"""What is asked of an API, step by step, story by story; what comes of it stands in told.json, as stock told it.

A job is held in the queue by a job filter, looked at, and cancelled; only those of `run(...)` are carried out, to their
end. `~` is a word of this run, in the name of all that is made here; `<word>` stands for what an earlier answer gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

MARK = "~"
NOTHING = object()


class Step(NamedTuple):
    """One request. `difference` names why Rapier answers something else; `keeps` what its answer is called later.

    `held`: whether a job that it makes is not to be carried out; the request's reason is what it is held by.
    """

    method: str
    target: str
    body: Any = NOTHING
    difference: str = ""
    keeps: str = ""
    held: bool = True

    @property
    def takes_a_reason(self) -> bool:
        """Whether the query argument `reason` does nothing but give one."""
        by_job = self.method != "GET" or "/storage?" in self.target
        by_body = "/reinstall" in self.target or (self.target.endswith("/migrate") and "/nodes/" in self.target)
        return by_job and not by_body and not self.target.startswith(("/2/filters", "/2/query"))


def get(target: str, body: Any = NOTHING, **more: Any) -> Step:
    """GET."""
    return Step("GET", target, body, **more)


def put(target: str, body: Any = NOTHING, **more: Any) -> Step:
    """PUT."""
    return Step("PUT", target, body, **more)


def post(target: str, body: Any = NOTHING, **more: Any) -> Step:
    """POST."""
    return Step("POST", target, body, **more)


def delete(target: str, body: Any = NOTHING, **more: Any) -> Step:
    """DELETE."""
    return Step("DELETE", target, body, **more)


def run(step: Step) -> Step:
    """A step whose job is carried out."""
    return step._replace(held=False)


def creation(name: str, node: str = "node2", **more: Any) -> dict[str, Any]:
    """The body that creates an instance without disks that does not run."""
    unchecked = {"ip_check": False, "name_check": False}
    nothing: dict[str, Any] = {"disk_template": "diskless", "disks": [], "nics": [], "start": False}
    return {"__version__": 1, "mode": "create", "name": name, "os": "dummy+default", "pnode": node} | (
        unchecked | nothing | more
    )


WITH_A_DISK: dict[str, Any] = {"disk_template": "sharedfile", "disks": [{"size": 64}]}


def _tags(uri: str) -> list[Step]:
    """What can be done with the tags of an object, and with those of one that is not there."""
    return [
        run(put(f"{uri}/tags?tag=a~&tag=b:~&tag=a~")),
        get(f"{uri}/tags"),
        put(f"{uri}/tags?tag=no~&dry-run=1"),
        put(f"{uri}/tags?tag=not+fine~"),
        put(f"{uri}/tags?dry-run=x"),
        put(f"{uri}/tags", {"tags": ["a body is not looked at"]}),
        delete(f"{uri}/tags?tag=b:~&dry-run=1"),
        delete(f"{uri}/tags?tag=b:~", {"depends": [[-1, ["success"]]]}),
        run(delete(f"{uri}/tags?tag=a~&tag=b:~&reason=done~")),
        get(f"{uri}/tags"),
    ]


def _tags_of_none(uri: str) -> list[Step]:
    return [get(f"{uri}/tags"), put(f"{uri}/tags?tag=a~"), delete(f"{uri}/tags?tag=a~")]


GROUPS = [
    run(post("/2/groups", {"name": "g~", "alloc_policy": "last_resort", "ndparams": {"spindle_count": 3}})),
    post("/2/groups?dry-run=1", {"group_name": "trial~"}),
    post("/2/groups", {"name": "g~"}),
    post("/2/groups", {"name": "a~", "group_name": "b~"}),
    post("/2/groups", {"name": "a~", "alloc_policy": "nonsense"}),
    post("/2/groups", {"name": "a~", "nonsense": 1}),
    post("/2/groups", {"name": "a~", "dry_run": True}),
    post("/2/groups", {"name": "a~", "reason": []}),
    post("/2/groups", {}),
    post("/2/groups"),
    post("/2/groups", []),
    get("/2/groups"),
    get("/2/groups?bulk=1"),
    get("/2/groups?bulk=x"),
    get("/2/groups/g~"),
    get("/2/groups/g~?lock=1"),
    get("/2/groups/g~?lock=x"),
    get("/2/groups/none~"),
    run(put("/2/groups/g~/modify", {"custom_ndparams": {"spindle_count": 5}, "alloc_policy": "preferred"})),
    put("/2/groups/g~/modify", {"custom_ipolicy": {"spindle-ratio": 8.0}, "custom_diskparams": {}}),
    put("/2/groups/g~/modify", {"custom_ndparams": {}, "ndparams": {}}),
    put("/2/groups/g~/modify", {"custom_ipolicy": 5}),
    put("/2/groups/g~/modify", {"group_name": "x"}),
    put("/2/groups/g~/modify", {}),
    put("/2/groups/g~/modify"),
    put("/2/groups/none~/modify", {"alloc_policy": "preferred"}),
    get("/2/groups/g~"),
    run(put("/2/groups/g~/rename", {"new_name": "h~"})),
    put("/2/groups/h~/rename?dry-run=1", {"new_name": "i~"}),
    put("/2/groups/h~/rename", {"new_name": "default"}),
    put("/2/groups/h~/rename", {"new_name": 5}),
    put("/2/groups/h~/rename"),
    run(put("/2/groups/h~/assign-nodes?dry-run=1", {"nodes": ["node4"]})),
    put("/2/groups/h~/assign-nodes?dry-run=1&force=1", {"nodes": ["node4"]}),
    put("/2/groups/h~/assign-nodes", {"nodes": ["none~"]}),
    put("/2/groups/h~/assign-nodes", {"nodes": "node4"}),
    put("/2/groups/h~/assign-nodes", {"nodes": ["node4"], "force": True}),
    put("/2/groups/h~/assign-nodes?force=yes", {"nodes": ["node4"]}),
    put("/2/groups/h~/assign-nodes"),
    *_tags("/2/groups/h~"),
    *_tags_of_none("/2/groups/none~"),
    delete("/2/groups/h~?dry-run=1"),
    delete("/2/groups/none~"),
    run(delete("/2/groups/h~?reason=gone~", {"a body": "is not looked at"})),
    get("/2/groups/h~"),
]

NETWORKS = [
    run(post("/2/networks", {"name": "n~", "network": "203.0.113.0/24", "gateway": "203.0.113.1", "tags": ["x~"]})),
    post("/2/networks?dry-run=1", {"network_name": "trial~", "network": "203.0.113.0/28"}),
    post("/2/networks", {"name": "n~", "network": "203.0.113.0/24"}),
    post("/2/networks", {"name": "a~", "network_name": "b~", "network": "203.0.113.0/24"}),
    post("/2/networks", {"name": "a~", "network": "nonsense"}),
    post("/2/networks", {"name": "a~", "network": "203.0.113.0/28", "gateway": "nonsense"}),
    post("/2/networks", {"name": "a~", "network": "203.0.113.0/28", "nonsense": 1}),
    post("/2/networks", {"name": "a~"}),
    post("/2/networks"),
    get("/2/networks"),
    get("/2/networks?bulk=1"),
    get("/2/networks?bulk=x"),
    get("/2/networks/n~"),
    get("/2/networks/n~?lock=1"),
    get("/2/networks/none~"),
    run(put("/2/networks/n~/modify", {"add_reserved_ips": ["203.0.113.9"], "gateway": "203.0.113.2"})),
    put("/2/networks/n~/modify", {"add_reserved_ips": "203.0.113.9"}),
    put("/2/networks/n~/modify", {"network_name": "x"}),
    put("/2/networks/n~/modify", {"remove_reserved_ips": ["203.0.113.77"]}),
    put("/2/networks/n~/modify"),
    put("/2/networks/none~/modify", {"gateway": "203.0.113.2"}),
    put(
        "/2/networks/n~/connect?dry-run=1",
        {"group_name": "default", "network_mode": "bridged", "network_link": "xen-br0"},
    ),
    run(put("/2/networks/n~/connect", {"group_name": "default", "network_mode": "bridged", "network_link": "xen-br0"})),
    put("/2/networks/n~/connect", {"group_name": "default", "network_mode": "bridged", "network_link": "xen-br0"}),
    put("/2/networks/n~/connect", {"group_name": "default", "network_mode": "nonsense", "network_link": "xen-br0"}),
    put("/2/networks/n~/connect", {"group_name": "none~", "network_mode": "bridged", "network_link": "xen-br0"}),
    put("/2/networks/n~/connect", {"group_name": "default"}),
    put("/2/networks/n~/connect"),
    get("/2/networks/n~"),
    delete("/2/networks/n~"),
    put("/2/networks/n~/disconnect?dry-run=1", {"group_name": "default"}),
    run(put("/2/networks/n~/disconnect", {"group_name": "default"})),
    put("/2/networks/n~/disconnect", {"group_name": "default"}),
    put("/2/networks/n~/disconnect", {"group_name": 5}),
    put("/2/networks/n~/disconnect"),
    *_tags("/2/networks/n~"),
    *_tags_of_none("/2/networks/none~"),
    delete("/2/networks/n~?dry-run=1"),
    delete("/2/networks/n~", {"network_name": "x"}),
    delete("/2/networks/none~"),
    run(delete("/2/networks/n~", {"comment": "c~"})),
]

NODES = [
    get("/2/nodes/node4?lock=1"),
    get("/2/nodes/node4/role"),
    get("/2/nodes/node1/role"),
    get("/2/nodes/node4/role?lock=1"),
    get("/2/nodes/none~/role"),
    run(put("/2/nodes/node4/role?auto-promote=1", "drained")),
    get("/2/nodes/node4/role"),
    put("/2/nodes/node4/role?force=1", "master-candidate"),
    put("/2/nodes/node4/role?auto-promote=1&force=1", "offline"),
    run(put("/2/nodes/node4/role", "regular")),
    put("/2/nodes/node4/role", "master"),
    put("/2/nodes/node4/role", "nonsense"),
    put("/2/nodes/node4/role", {"role": "regular"}),
    put("/2/nodes/node4/role"),
    put("/2/nodes/node4/role?auto-promote=x", "regular"),
    put("/2/nodes/node1/role", "drained"),
    put("/2/nodes/none~/role", "drained"),
    run(post("/2/nodes/node4/modify", {"ndparams": {"spindle_count": 7}})),
    get("/2/nodes/node4"),
    run(post("/2/nodes/node4/modify", {"ndparams": {"spindle_count": "default"}})),
    post("/2/nodes/node4/modify", {"ndparams": {"nonsense": 1}}),
    post("/2/nodes/node4/modify", {"drained": "yes"}),
    post("/2/nodes/node4/modify", {"node_name": "x"}),
    post("/2/nodes/node4/modify", {"dry_run": True, "master_capable": False}),
    post("/2/nodes/node4/modify"),
    post("/2/nodes/none~/modify", {"drained": True}),
    # what would restart the machine under the tests is never carried out
    post("/2/nodes/node4/powercycle", {"dry_run": True}),
    post("/2/nodes/node4/powercycle?force=1", {"dry_run": True}),
    post("/2/nodes/node1/powercycle", {"dry_run": True}),
    post("/2/nodes/node4/powercycle?force=x", {"dry_run": True}),
    post("/2/nodes/node4/powercycle", {"force": True}),
    post("/2/nodes/none~/powercycle"),
    post("/2/nodes/node4/evacuate?dry-run=1", {"mode": "primary-only", "iallocator": "hail"}),
    run(post("/2/nodes/node4/evacuate", {"mode": "secondary-only", "iallocator": "hail"})),
    post("/2/nodes/node4/evacuate", {"mode": "nonsense"}),
    post("/2/nodes/node4/evacuate", {"mode": "primary-only", "remote_node": "node3"}),
    post("/2/nodes/node4/evacuate", {"dry_run": True}),
    post("/2/nodes/node4/evacuate"),
    post("/2/nodes/none~/evacuate", {"mode": "primary-only", "iallocator": "hail"}),
    run(post("/2/nodes/node4/migrate", {"mode": "live"})),
    run(post("/2/nodes/node4/migrate?mode=non-live")),
    post("/2/nodes/node4/migrate?live=0"),
    post("/2/nodes/node4/migrate?live=1", {"mode": "this is not looked at"}),
    post("/2/nodes/node4/migrate?live=x"),
    post("/2/nodes/node4/migrate?live=1&mode=live"),
    post("/2/nodes/node4/migrate?mode=nonsense"),
    run(post("/2/nodes/node4/migrate?reason=why~", {"nonsense": 1})),
    post("/2/nodes/node4/migrate", {"nonsense": 1}),
    post("/2/nodes/node4/migrate", {"node_name": "x"}),
    run(post("/2/nodes/node4/migrate")),
    run(post("/2/nodes/none~/migrate")),
    run(get("/2/nodes/node4/storage?output_fields=name,type,node,allocatable&storage_type=sharedfile")),
    get("/2/nodes/node4/storage?output_fields=name,size,used,free&storage_type=lvm-vg"),
    get("/2/nodes/node4/storage?output_fields=name"),
    get("/2/nodes/node4/storage?output_fields=nonsense&storage_type=sharedfile"),
    get("/2/nodes/node4/storage?output_fields=name&storage_type=nonsense"),
    get("/2/nodes/node4/storage?storage_type=sharedfile"),
    get("/2/nodes/none~/storage?output_fields=name&storage_type=sharedfile"),
    put("/2/nodes/node4/storage/modify?name=x&storage_type=lvm-pv&allocatable=0"),
    run(put("/2/nodes/node4/storage/modify?name=x&storage_type=sharedfile&allocatable=1")),
    put("/2/nodes/node4/storage/modify?name=x&storage_type=lvm-pv&allocatable=x"),
    put("/2/nodes/node4/storage/modify?name=x&storage_type=lvm-pv"),
    put("/2/nodes/node4/storage/modify?name=x"),
    put("/2/nodes/node4/storage/modify?storage_type=lvm-pv"),
    put("/2/nodes/none~/storage/modify?name=x&storage_type=lvm-pv&allocatable=0"),
    put("/2/nodes/node4/storage/repair?name=x&storage_type=lvm-vg"),
    run(put("/2/nodes/node4/storage/repair?name=x&storage_type=sharedfile")),
    put("/2/nodes/node4/storage/repair?name=x&storage_type=nonsense"),
    put("/2/nodes/node4/storage/repair?name=x"),
    put("/2/nodes/node4/storage/repair?storage_type=lvm-vg"),
    put("/2/nodes/none~/storage/repair?name=x&storage_type=lvm-vg"),
    *_tags("/2/nodes/node4"),
    *_tags_of_none("/2/nodes/none~"),
]

_I = "/2/instances/i~"
_D = "/2/instances/d~"
_C = "/2/instances/c~"
_NONE = "/2/instances/none~"

INSTANCE = [
    run(post("/2/instances", creation("i~", nics=[{}], **WITH_A_DISK))),
    get(f"{_I}?lock=1"),
    get("/2/instances?lock=1"),
    get(f"{_I}/console"),
    get(f"{_NONE}/console"),
    run(put(f"{_I}/modify", {"custom_beparams": {"vcpus": 2}, "nics": [["add", -1, {"mac": "aa:00:00:5a:5a:5a"}]]})),
    put(f"{_I}/modify", {"beparams": {"memory": "64m"}}),
    put(f"{_I}/modify", {"custom_beparams": {}, "beparams": {}}),
    put(f"{_I}/modify", {"custom_hvparams": {"nonsense": 1}}),
    put(f"{_I}/modify", {"hvparams": {"usb_devices": "a b"}, "dry_run": True}),
    put(f"{_I}/modify", {"hvparams": 5}, difference="hypervisor-parameters-that-are-no-object"),
    put(f"{_I}/modify", {"nonsense": 1}),
    put(f"{_I}/modify", {"instance_name": "x"}),
    put(f"{_I}/modify", {}),
    put(f"{_I}/modify", difference="body-that-is-no-object"),
    put(f"{_I}/modify", [], difference="body-that-is-no-object"),
    put(f"{_I}/modify", "text", difference="body-that-is-no-object"),
    put(f"{_NONE}/modify", {"beparams": {"vcpus": 1}}),
    get(_I),
    run(put(f"{_I}/rename", {"new_name": "j~", "ip_check": False, "name_check": False})),
    put(f"{_I}/rename", {"new_name": "k~", "ip_check": False, "name_check": False}),
    put("/2/instances/j~/rename", {"new_name": "i~", "ip_check": False, "name_check": False, "dry_run": True}),
    put("/2/instances/j~/rename", {}),
    put("/2/instances/j~/rename"),
    put("/2/instances/j~/rename", {"new_name": 5}),
    run(put("/2/instances/j~/rename", {"new_name": "i~", "ip_check": False, "name_check": False})),
    run(post(f"{_I}/disk/0/grow", {"amount": 64})),
    post(f"{_I}/disk/0/grow", {"amount": "64m"}),
    post(f"{_I}/disk/0/grow", {"amount": -1}),
    post(f"{_I}/disk/7/grow", {"amount": 64}),
    post(f"{_I}/disk/0/grow", {"amount": 64, "disk": 0}),
    post(f"{_I}/disk/0/grow", {}),
    post(f"{_I}/disk/0/grow"),
    post(f"{_I}/disk/x/grow", {"amount": 64}),
    post(f"{_NONE}/disk/0/grow", {"amount": 64}),
    *_tags(_I),
    *_tags_of_none(_NONE),
    run(delete(_I, {"shutdown_timeout": 5})),
    delete(_NONE),
]

DISKS = [
    run(post("/2/instances", creation("d~", **WITH_A_DISK))),
    run(put(f"{_D}/activate-disks")),
    put(f"{_D}/activate-disks?ignore_size=1"),
    put(f"{_D}/activate-disks?ignore_size=x"),
    put(f"{_NONE}/activate-disks"),
    run(put(f"{_D}/deactivate-disks")),
    put(f"{_D}/deactivate-disks?force=1", {"a body": "is not looked at"}),
    put(f"{_D}/deactivate-disks?force=x"),
    put(f"{_NONE}/deactivate-disks"),
    post(f"{_D}/recreate-disks", {}),
    post(f"{_D}/recreate-disks", {"disks": [0]}),
    post(f"{_D}/recreate-disks", {"disks": [[0, {"size": 32}]]}),
    post(f"{_D}/recreate-disks", {"disks": [[0, {"name": "x"}]]}),
    post(f"{_D}/recreate-disks", {"disks": [9]}),
    post(f"{_D}/recreate-disks", {"disks": [0, 0]}),
    post(f"{_D}/recreate-disks", {"disks": "0"}),
    post(f"{_D}/recreate-disks", {"nodes": ["node2", "node3"]}),
    post(f"{_D}/recreate-disks", {"dry_run": True}),
    post(f"{_D}/recreate-disks"),
    post(f"{_NONE}/recreate-disks"),
    run(post(f"{_D}/replace-disks", {"mode": "replace_auto"})),
    post(f"{_D}/replace-disks", {"mode": "replace_on_primary", "disks": "0, 1"}),
    post(f"{_D}/replace-disks", {"mode": "replace_on_primary", "disks": [0]}),
    post(f"{_D}/replace-disks", {"mode": "replace_on_primary", "disks": "0,x"}),
    post(f"{_D}/replace-disks", {"mode": "replace_on_primary", "disks": ["0"]}, difference="disks-that-are-no-text"),
    post(f"{_D}/replace-disks", {"mode": "nonsense"}),
    post(f"{_D}/replace-disks", {}),
    post(f"{_D}/replace-disks", ["mode"], difference="body-that-is-no-object"),
    post(f"{_D}/replace-disks?mode=replace_new_secondary&remote_node=node3"),
    post(f"{_D}/replace-disks?mode=replace_new_secondary&iallocator=hail&disks=0"),
    post(f"{_D}/replace-disks?mode=replace_auto&disks=x"),
    post(f"{_D}/replace-disks?disks=0"),
    post(f"{_D}/replace-disks"),
    post(f"{_NONE}/replace-disks", {"mode": "replace_auto"}),
    run(delete(_D)),
]

COPIES = [
    run(post("/2/instances", creation("c~", **WITH_A_DISK))),
    run(put(f"{_C}/prepare-export?mode=local")),
    run(put(f"{_C}/prepare-export?mode=remote")),
    put(f"{_C}/prepare-export?mode=nonsense"),
    put(f"{_C}/prepare-export", {"mode": "local"}),
    put(f"{_NONE}/prepare-export?mode=local"),
    run(put(f"{_C}/export", {"destination": "node1", "shutdown": False})),
    put(f"{_C}/export", {"destination": "node3", "target_node": "node3"}),
    put(f"{_C}/export", {"destination": "none~"}),
    put(f"{_C}/export", {"destination": "node3", "mode": "remote"}),
    put(f"{_C}/export", {"destination": "node3", "dry_run": True}),
    put(f"{_C}/export", {"destination": ""}),
    put(f"{_C}/export", {"destination": "node3", "compress": "nonsense"}),
    put(f"{_C}/export"),
    put(f"{_NONE}/export", {"destination": "node3"}),
    run(post(f"{_C}/reinstall", {"os": "dummy+default", "start": False})),
    run(post(f"{_C}/reinstall?os=dummy%2Bdefault&nostartup=1")),
    run(post(f"{_C}/reinstall")),
    get(f"{_C}/console"),
    run(post(f"{_C}/reinstall", {"os": "none~"})),
    post(f"{_C}/reinstall", {"start": "yes"}),
    post(f"{_C}/reinstall", ["os"]),
    post(f"{_C}/reinstall", "os"),
    post(f"{_C}/reinstall?os=dummy", {"os": "dummy"}),
    post(f"{_C}/reinstall?nostartup=x"),
    run(post(f"{_C}/reinstall", {"os": 5}, difference="reinstallation-of-another-type")),
    run(post(f"{_C}/reinstall", {"osparams": "x"}, difference="reinstallation-of-another-type")),
    run(post(f"{_NONE}/reinstall", {"start": False})),
    run(delete(_C)),
]

MOVING = [
    run(post("/2/instances", creation("m~", start=True, **WITH_A_DISK))),
    run(put("/2/instances/m~/migrate", {"target_node": "node3", "mode": "live"})),
    put("/2/instances/m~/migrate", {"mode": "nonsense"}),
    put("/2/instances/m~/migrate", {"target_node": "none~"}),
    put("/2/instances/m~/migrate", {"instance_name": "x"}),
    put("/2/instances/m~/migrate", {"cleanup": True, "dry_run": True, "target_node": "node2"}),
    put("/2/instances/m~/migrate"),
    put("/2/instances/none~/migrate", {"target_node": "node3"}),
    run(put("/2/instances/m~/failover", {"target_node": "node2", "ignore_consistency": True})),
    put("/2/instances/m~/failover", {"target_node": "node2"}),
    put("/2/instances/m~/failover", {"target_node": "node3", "dry_run": True}),
    put("/2/instances/m~/failover", {"ignore_consistency": "x"}),
    put("/2/instances/m~/failover", {"nonsense": 1}),
    put("/2/instances/m~/failover"),
    put("/2/instances/none~/failover", {"target_node": "node3"}),
    run(delete("/2/instances/m~")),
]


def _allocation(name: str, **more: Any) -> dict[str, Any]:
    """A creation as it stands in one of several."""
    body = creation(name, **more)
    del body["__version__"]
    return body


SEVERAL = [
    run(post("/2/instances-multi-alloc", {"instances": [_allocation("s1~"), _allocation("s2~")]})),
    run(post("/2/instances-multi-alloc?dry-run=1", {"instances": [_allocation("s3~")]})),
    post("/2/instances-multi-alloc", {"instances": [_allocation("s3~", node=None)], "iallocator": "hail"}),
    post("/2/instances-multi-alloc", {"instances": [_allocation("s4~"), _allocation("s4~")]}),
    post("/2/instances-multi-alloc", {"instances": [{"name": "s5~"}]}),
    post("/2/instances-multi-alloc", {"instances": [{"name": "s5~", "instance_name": "s5~"}]}),
    post("/2/instances-multi-alloc", {"instances": [_allocation("s5~", nonsense=1)]}),
    post("/2/instances-multi-alloc", {"instances": [5]}),
    post("/2/instances-multi-alloc", {"instances": []}),
    post("/2/instances-multi-alloc", {"instances": {}}),
    post("/2/instances-multi-alloc", {"instances": "ab"}),
    post("/2/instances-multi-alloc", {"instances": None}, difference="body-that-is-no-object"),
    post("/2/instances-multi-alloc", {"iallocator": "hail"}),
    post("/2/instances-multi-alloc", {"instances": [], "nonsense": 1}),
    post("/2/instances-multi-alloc", []),
    post("/2/instances-multi-alloc", difference="body-that-is-no-object"),
    run(delete("/2/instances/s1~")),
    run(delete("/2/instances/s2~")),
]

CLUSTER = [
    run(put("/2/modify", {"candidate_pool_size": 1})),
    put("/2/modify", {"candidate_pool_size": "x"}),
    put("/2/modify", {"vg_name": None, "dry_run": True}),
    put("/2/modify", {"nonsense": 1}),
    put("/2/modify", {"compression_tools": ["none"]}),
    put("/2/modify?compression_tools=x", {}),
    put("/2/modify", ["compression_tools"]),
    put("/2/modify", {"enabled_disk_templates": ["nonsense"]}),
    put("/2/modify", {}),
    put("/2/modify", difference="body-that-is-no-object"),
    put("/2/modify", 5, difference="body-that-is-no-object"),
    put("/2/modify", "text"),
    put("/2/modify", []),
    run(put("/2/redistribute-config")),
    put("/2/redistribute-config", {"comment": "c~"}),
    put("/2/redistribute-config", {"dry_run": True}),
    put("/2/redistribute-config", {"nonsense": 1}),
    put("/2/redistribute-config", []),
]

_JUST_ONE = ["=", "name", "node3"]

QUERIES = [
    get("/2/query/node?fields=name,pip"),
    get("/2/query/node?fields=+name+,nonsense"),
    get("/2/query/node"),
    get("/2/query/node?fields="),
    get("/2/query/nonsense?fields=name"),
    get("/2/query/os?fields=name"),
    put("/2/query/node", {"fields": ["name", "role"], "qfilter": _JUST_ONE}),
    put("/2/query/node", {"fields": ["name"], "filter": _JUST_ONE}),
    put("/2/query/node", {"fields": ["name"], "filter": ["nonsense"], "qfilter": _JUST_ONE}),
    put("/2/query/node?fields=name,pip", {"qfilter": _JUST_ONE}),
    put("/2/query/node", {"qfilter": _JUST_ONE}),
    put("/2/query/node", {"fields": ["name"], "qfilter": ["nonsense", 1]}),
    put("/2/query/node", {"fields": ["name"], "qfilter": ["=", "nonsense", 1]}),
    put("/2/query/node", {"fields": ["name"], "qfilter": ["=", "name", "none~"]}),
    put("/2/query/node", {"fields": "name"}),
    put("/2/query/node", {"fields": None}),
    put("/2/query/node", {"fields": [1]}),
    put("/2/query/node", []),
    put("/2/query/node"),
    put("/2/query/nonsense", {"fields": ["name"]}),
    put("/2/query/lock", {"fields": ["name"], "qfilter": ["=", "name", "nonsense"]}),
    put("/2/query/network", {"fields": ["name"], "qfilter": ["=", "network", "none~"]}),
    put("/2/query/export", {"fields": ["node"], "qfilter": ["=", "node", "nonsense"]}),
    get("/2/query/node/fields?fields=name,role"),
    get("/2/query/node/fields?fields=nonsense"),
    get("/2/query/export/fields"),
    get("/2/query/lock/fields"),
    get("/2/query/nonsense/fields"),
    get("/2/query/os/fields"),
]

FILTERS = [
    post(
        "/2/filters",
        {"priority": 77, "predicates": [["opcode", ["=", "OP_ID", "none~"]]], "action": "PAUSE", "reason": []},
        keeps="filter",
    ),
    get("/2/filters?bulk=x"),
    get("/2/filters?bulk=1"),
    get("/2/filters/<filter>"),
    get("/2/filters/none~"),
    put(
        "/2/filters/<filter>",
        {"action": ["RATE_LIMIT", 3], "predicates": [["jobid", ["=", "id", 0]], ["reason", ["=", "reason", "x~"]]]},
    ),
    get("/2/filters/<filter>"),
    put("/2/filters/<filter>", {"priority": "x"}),
    put("/2/filters/<filter>", {"priority": -1}),
    put("/2/filters/<filter>", {"predicates": {}}),
    put("/2/filters/<filter>", {"predicates": [["nonsense", []]]}),
    put("/2/filters/<filter>", {"action": "NONSENSE"}),
    put("/2/filters/<filter>", {"reason": "x"}),
    put("/2/filters/<filter>", {"nonsense": 1}),
    put("/2/filters/<filter>"),
    put("/2/filters/<filter>", []),
    put("/2/filters/none~", {"action": "ACCEPT", "predicates": [["jobid", ["=", "id", 0]]]}),
    post("/2/filters", {"action": ["RATE_LIMIT", -1]}),
    post("/2/filters", {"predicates": 5}),
    post("/2/filters", {"nonsense": 1}),
    post("/2/filters"),
    delete("/2/filters/none~"),
    delete("/2/filters/<filter>"),
    delete("/2/filters/<filter>"),
    get("/2/filters/<filter>"),
]

STORIES: Mapping[str, Sequence[Step]] = {
    "groups": GROUPS,
    "networks": NETWORKS,
    "nodes": NODES,
    "instance": INSTANCE,
    "disks": DISKS,
    "copies": COPIES,
    "moving": MOVING,
    "several": SEVERAL,
    "cluster": [*CLUSTER, *_tags("/2")],
    "queries": QUERIES,
    "filters": FILTERS,
}
