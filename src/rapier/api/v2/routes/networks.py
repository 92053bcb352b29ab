"""Networks."""

from __future__ import annotations

from collections.abc import Mapping

from rapier.api.v2 import reads
from rapier.api.v2.reads import Handler, shared
from rapier.api.v2.routes.rows import DRY_RUN, tags
from rapier.api.v2.writes import Submit, path
from rapier.ganeti.kinds import NETWORK

URI = "/2/networks/{network:name}"
NAME = {NETWORK.parameter: path("network")}

ROUTES: Mapping[str, Mapping[str, Handler]] = {
    "/2/networks": {
        "GET": shared(reads.collection(NETWORK, named="name")),
        "POST": Submit(NETWORK.create, "networks", DRY_RUN, renamed={"name": NETWORK.parameter}),
    },
    URI: {
        "GET": shared(reads.one(NETWORK)),
        "DELETE": Submit(NETWORK.remove, "networks_name", {**NAME, **DRY_RUN}),
    },
    f"{URI}/connect": {"PUT": Submit("OP_NETWORK_CONNECT", "networks_name_connect", {**NAME, **DRY_RUN})},
    f"{URI}/disconnect": {"PUT": Submit("OP_NETWORK_DISCONNECT", "networks_name_disconnect", {**NAME, **DRY_RUN})},
    f"{URI}/modify": {"PUT": Submit("OP_NETWORK_SET_PARAMS", "networks_name_modify", NAME)},
    f"{URI}/tags": tags("networks_name_tags", NETWORK.tagged, path("network")),
}
