"""Node groups."""

from __future__ import annotations

from collections.abc import Mapping

from rapier.api.v2 import reads
from rapier.api.v2.reads import Handler, shared
from rapier.api.v2.routes.rows import DRY_RUN, FORCE, tags
from rapier.api.v2.writes import Submit, path
from rapier.ganeti.kinds import GROUP

URI = "/2/groups/{group:name}"
NAME = {GROUP.parameter: path("group")}

ROUTES: Mapping[str, Mapping[str, Handler]] = {
    "/2/groups": {
        "GET": shared(reads.collection(GROUP, named="name")),
        "POST": Submit(GROUP.create, "groups", DRY_RUN, renamed={"name": GROUP.parameter}),
    },
    URI: {
        "GET": shared(reads.one(GROUP)),
        "DELETE": Submit(GROUP.remove, "groups_name", {**NAME, **DRY_RUN}, body=False),
    },
    f"{URI}/modify": {
        "PUT": Submit(
            "OP_GROUP_SET_PARAMS",
            "groups_name_modify",
            NAME,
            renamed={
                "custom_ndparams": "ndparams",
                "custom_ipolicy": "ipolicy",
                "custom_diskparams": "diskparams",
            },
        ),
    },
    f"{URI}/rename": {"PUT": Submit("OP_GROUP_RENAME", "groups_name_rename", {**NAME, **DRY_RUN})},
    f"{URI}/assign-nodes": {
        "PUT": Submit("OP_GROUP_ASSIGN_NODES", "groups_name_assign_nodes", {**NAME, **DRY_RUN, **FORCE}),
    },
    f"{URI}/tags": tags("groups_name_tags", GROUP.tagged, path("group")),
}
