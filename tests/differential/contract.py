"""What can be asked of version 2 of stock's API: each URI with its methods, as its documentation has them.

A table of its own, and not that of Rapier's routes: a row that Rapier lacks would not be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PARAMETERS = "parameters"  # the body holds the opcode's parameters


@dataclass(frozen=True)
class Row:
    """One method of one URI.

    `arguments` are those of the query string; without one of the `required` ones the request is refused. `body` is
    what the body holds: nothing that is looked at, the `opcode`'s parameters, or something with a name of its own.
    Parameters in `fixed` come from elsewhere and may not stand in the body, beside those of path and query string;
    `renamed` ones have an older name there.
    """

    arguments: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    opcode: str = ""
    body: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()


READ = Row()
BULK = Row(("bulk",))
LOCK = Row(("lock",))


def write(opcode: str, *arguments: str, required: tuple[str, ...] = ()) -> Row:
    """Submits the opcode; no body is looked at."""
    return Row((*arguments, "reason"), required, opcode)


def given(opcode: str, *arguments: str, body: str = PARAMETERS, **more: object) -> Row:
    """Submits the opcode with what the body says."""
    return Row((*arguments, "reason"), (), opcode, body, **more)  # type: ignore[arg-type]


TAGS = {
    "GET": READ,
    "PUT": write("OP_TAGS_SET", "tag", "dry-run", required=("tag",)),
    "DELETE": write("OP_TAGS_DEL", "tag", "dry-run", required=("tag",)),
}
INSTANCE, NODE = "/2/instances/{instance}", "/2/nodes/{node}"
GROUP, NETWORK = "/2/groups/{group}", "/2/networks/{network}"

CONTRACT: Mapping[str, Mapping[str, Row]] = {
    # -- the cluster
    "/": {"GET": READ},
    "/version": {"GET": READ},
    "/2": {"GET": READ},
    "/2/features": {"GET": READ},
    "/2/info": {"GET": READ},
    "/2/os": {"GET": READ},
    "/2/tags": TAGS,
    "/2/modify": {"PUT": given("OP_CLUSTER_SET_PARAMS", forbidden=("compression_tools",))},
    "/2/redistribute-config": {"PUT": given("OP_CLUSTER_REDIST_CONF")},
    "/2/query/{resource}": {
        "GET": Row(("fields",), ("fields",)),
        "PUT": Row(("fields",), body="query"),
    },
    "/2/query/{resource}/fields": {"GET": Row(("fields",))},
    # -- instances
    "/2/instances": {
        "GET": Row(("bulk", "lock")),
        "POST": given(
            "OP_INSTANCE_CREATE",
            "dry-run",
            body="creation",
            renamed={"name": "instance_name", "os": "os_type"},
        ),
    },
    "/2/instances-multi-alloc": {"POST": given("OP_INSTANCE_MULTI_ALLOC", "dry-run", body="creations")},
    INSTANCE: {"GET": LOCK, "DELETE": given("OP_INSTANCE_REMOVE", "dry-run", fixed=("ignore_failures",))},
    f"{INSTANCE}/info": {"GET": write("OP_INSTANCE_QUERY_DATA", "static")},
    f"{INSTANCE}/console": {"GET": READ},
    f"{INSTANCE}/tags": TAGS,
    f"{INSTANCE}/startup": {"PUT": write("OP_INSTANCE_STARTUP", "force", "dry-run", "no_remember")},
    f"{INSTANCE}/shutdown": {"PUT": given("OP_INSTANCE_SHUTDOWN", "no_remember", "dry-run")},
    f"{INSTANCE}/reboot": {
        "POST": given("OP_INSTANCE_REBOOT", "type", "ignore_secondaries", "dry-run", fixed=("reboot_type",)),
    },
    f"{INSTANCE}/migrate": {"PUT": given("OP_INSTANCE_MIGRATE")},
    f"{INSTANCE}/failover": {"PUT": given("OP_INSTANCE_FAILOVER")},
    f"{INSTANCE}/rename": {"PUT": given("OP_INSTANCE_RENAME")},
    f"{INSTANCE}/modify": {
        "PUT": given("OP_INSTANCE_SET_PARAMS", renamed={"custom_beparams": "beparams", "custom_hvparams": "hvparams"}),
    },
    f"{INSTANCE}/reinstall": {"POST": given("OP_INSTANCE_REINSTALL", "os", "nostartup", body="reinstallation")},
    f"{INSTANCE}/disk/{{disk}}/grow": {"POST": given("OP_INSTANCE_GROW_DISK", fixed=("disk",))},
    f"{INSTANCE}/replace-disks": {
        "POST": given(
            "OP_INSTANCE_REPLACE_DISKS", "remote_node", "mode", "disks", "iallocator", body="disk replacement"
        ),
    },
    f"{INSTANCE}/recreate-disks": {"POST": given("OP_INSTANCE_RECREATE_DISKS")},
    f"{INSTANCE}/activate-disks": {"PUT": write("OP_INSTANCE_ACTIVATE_DISKS", "ignore_size")},
    f"{INSTANCE}/deactivate-disks": {"PUT": write("OP_INSTANCE_DEACTIVATE_DISKS", "force")},
    f"{INSTANCE}/prepare-export": {"PUT": write("OP_BACKUP_PREPARE", "mode", required=("mode",))},
    f"{INSTANCE}/export": {"PUT": given("OP_BACKUP_EXPORT", renamed={"destination": "target_node"})},
    # -- nodes
    "/2/nodes": {"GET": BULK},
    NODE: {"GET": LOCK},
    f"{NODE}/powercycle": {"POST": given("OP_NODE_POWERCYCLE", "force")},
    f"{NODE}/role": {
        "GET": LOCK,
        "PUT": given("OP_NODE_SET_PARAMS", "force", "auto-promote", body="role"),
    },
    f"{NODE}/evacuate": {"POST": given("OP_NODE_EVACUATE", "dry-run")},
    f"{NODE}/migrate": {"POST": given("OP_NODE_MIGRATE", "mode", "live", body="node migration")},
    f"{NODE}/modify": {"POST": given("OP_NODE_SET_PARAMS")},
    f"{NODE}/storage": {
        "GET": write("OP_NODE_QUERY_STORAGE", "storage_type", "output_fields", required=("output_fields",)),
    },
    f"{NODE}/storage/modify": {
        "PUT": write(
            "OP_NODE_MODIFY_STORAGE", "storage_type", "name", "allocatable", required=("storage_type", "name")
        ),
    },
    f"{NODE}/storage/repair": {
        "PUT": write("OP_REPAIR_NODE_STORAGE", "storage_type", "name", required=("storage_type", "name")),
    },
    f"{NODE}/tags": TAGS,
    # -- groups
    "/2/groups": {"GET": BULK, "POST": given("OP_GROUP_ADD", "dry-run", renamed={"name": "group_name"})},
    GROUP: {"GET": LOCK, "DELETE": write("OP_GROUP_REMOVE", "dry-run")},
    f"{GROUP}/modify": {
        "PUT": given(
            "OP_GROUP_SET_PARAMS",
            renamed={
                "custom_ndparams": "ndparams",
                "custom_ipolicy": "ipolicy",
                "custom_diskparams": "diskparams",
            },
        ),
    },
    f"{GROUP}/rename": {"PUT": given("OP_GROUP_RENAME", "dry-run")},
    f"{GROUP}/assign-nodes": {"PUT": given("OP_GROUP_ASSIGN_NODES", "dry-run", "force")},
    f"{GROUP}/tags": TAGS,
    # -- networks
    "/2/networks": {"GET": BULK, "POST": given("OP_NETWORK_ADD", "dry-run", renamed={"name": "network_name"})},
    NETWORK: {"GET": LOCK, "DELETE": given("OP_NETWORK_REMOVE", "dry-run")},
    f"{NETWORK}/connect": {"PUT": given("OP_NETWORK_CONNECT", "dry-run")},
    f"{NETWORK}/disconnect": {"PUT": given("OP_NETWORK_DISCONNECT", "dry-run")},
    f"{NETWORK}/modify": {"PUT": given("OP_NETWORK_SET_PARAMS")},
    f"{NETWORK}/tags": TAGS,
    # -- jobs
    "/2/jobs": {"GET": BULK},
    "/2/jobs/{job}": {"GET": READ, "DELETE": READ},
    "/2/jobs/{job}/wait": {"GET": Row(body="wait")},
    "/2/filters": {"GET": BULK, "POST": Row(body="filter")},
    "/2/filters/{filter}": {"GET": READ, "PUT": Row(body="filter"), "DELETE": READ},
}

# Which parameter of an opcode the variable parts of a path and some query arguments give
OF_PATH = {
    "instance": "instance_name",
    "node": "node_name",
    "group": "group_name",
    "network": "network_name",
}
