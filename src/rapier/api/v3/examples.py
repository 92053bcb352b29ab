"""Examples that the description shows, by the name of what they show. A test holds each against its shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CREATIONS: Mapping[str, Any] = {
    "InstanceCreation": {
        "name": "web1",
        "os": "debian+bookworm",
        "disk_template": "drbd",
        "primary_node": "node1",
        "secondary_nodes": ["node2"],
        "disks": [{"size_mib": 10240}],
        "nics": [{"mac": "auto"}],
        "custom": {"beparams": {"maxmem": 2048, "minmem": 1024, "vcpus": 2}},
        "tags": ["web"],
        "create": {"name_check": False, "ip_check": False},
    },
    "NodeGroupCreation": {"name": "rack2", "alloc_policy": "preferred"},
    "NetworkCreation": {
        "name": "lan",
        "network": "192.0.2.0/24",
        "gateway": "192.0.2.1",
        "reserved_ips": ["192.0.2.2"],
    },
}
EXAMPLES: Mapping[str, Any] = {
    **_CREATIONS,
    **{
        f"{name}ByURI": {member: value for member, value in body.items() if member != "name"}
        for name, body in _CREATIONS.items()
    },
    "TagSet": {"tags": ["web", "customer:17"]},
    "Submission": {"opcodes": [{"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": ["maintenance"]}]},
    "InstanceReboot": {"reboot_type": "hard"},
    "InstanceStartup": {"beparams": {"vcpus": 4}},
    "InstanceShutdown": {"timeout": 60},
    "InstanceMigrate": {"mode": "live"},
    "InstanceFailover": {"ignore_consistency": False},
    "InstanceRename": {"new_name": "web2", "name_check": False, "ip_check": False},
    "InstanceGrowDisk": {"amount": 1024},
    "NodeEvacuate": {"mode": "primary-only", "iallocator": "hail"},
    "NodeMigrate": {"mode": "live"},
}
