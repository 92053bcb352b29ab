"""Nodes, and the storage on them."""

from __future__ import annotations

from collections.abc import Mapping

from rapier.api.v2 import bodies, reads
from rapier.api.v2.reads import Handler, shared
from rapier.api.v2.routes.rows import DRY_RUN, FORCE, tags
from rapier.api.v2.writes import Submit, flag, path, path_list, required_text, text
from rapier.ganeti.kinds import NODE

URI = "/2/nodes/{node:name}"
NAME = {NODE.parameter: path("node")}
SET_PARAMS = "OP_NODE_SET_PARAMS"
STORAGE_TYPE = {"storage_type": text("storage_type")}

ROUTES: Mapping[str, Mapping[str, Handler]] = {
    "/2/nodes": {"GET": shared(reads.collection(NODE))},
    URI: {"GET": shared(reads.one(NODE))},
    f"{URI}/powercycle": {"POST": Submit("OP_NODE_POWERCYCLE", "nodes_name_powercycle", {**NAME, **FORCE})},
    f"{URI}/role": {
        "GET": shared(reads.role),
        "PUT": Submit(
            SET_PARAMS,
            "nodes_name_role",
            {**NAME, **FORCE, "auto_promote": flag("auto-promote")},
            prepare=bodies.role,
        ),
    },
    f"{URI}/evacuate": {
        "POST": Submit(NODE.actions["evacuate"], "nodes_name_evacuate", {**NAME, **DRY_RUN}),
    },
    f"{URI}/migrate": {
        "POST": Submit(NODE.actions["migrate"], "nodes_name_migrate", NAME, prepare=bodies.node_migration),
    },
    f"{URI}/modify": {"POST": Submit(SET_PARAMS, "nodes_name_modify", NAME)},
    f"{URI}/storage": {
        "GET": Submit(
            "OP_NODE_QUERY_STORAGE",
            "nodes_name_storage",
            {"nodes": path_list("node"), **STORAGE_TYPE, "output_fields": required_text("output_fields", split=True)},
            body=False,
        ),
    },
    f"{URI}/storage/modify": {
        "PUT": Submit(
            "OP_NODE_MODIFY_STORAGE",
            "nodes_name_storage_modify",
            {**NAME, **STORAGE_TYPE, "name": required_text("name"), "changes": bodies.storage_changes},
            body=False,
        ),
    },
    f"{URI}/storage/repair": {
        "PUT": Submit(
            "OP_REPAIR_NODE_STORAGE",
            "nodes_name_storage_repair",
            {**NAME, **STORAGE_TYPE, "name": required_text("name")},
            body=False,
        ),
    },
    f"{URI}/tags": tags("nodes_name_tags", NODE.tagged, path("node")),
}
