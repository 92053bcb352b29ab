"""The cluster as a whole: `/2/info`, its parameters and tags, operating systems, and queries of anything."""

from __future__ import annotations

from collections.abc import Mapping

from rapier.api.v2 import queries, reads
from rapier.api.v2.reads import ByJob, Handler, shared
from rapier.api.v2.routes.rows import tags
from rapier.api.v2.writes import Submit

ROUTES: Mapping[str, Mapping[str, Handler]] = {
    "/": {"GET": reads.nothing},
    "/version": {"GET": reads.version},
    "/2": {"GET": reads.nothing},
    "/2/info": {"GET": shared(reads.info)},
    "/2/features": {"GET": reads.features},
    "/2/os": {"GET": ByJob(shared(reads.operating_systems))},
    "/2/tags": tags("tags", "cluster"),
    "/2/modify": {
        "PUT": Submit(
            "OP_CLUSTER_SET_PARAMS",
            "cluster_modify",
            forbidden=("compression_tools",),
        ),
    },
    "/2/redistribute-config": {"PUT": Submit("OP_CLUSTER_REDIST_CONF", "redist_config")},
    "/2/query/{resource:name}": {"GET": shared(queries.by_fields), "PUT": queries.by_filter},
    "/2/query/{resource:name}/fields": {"GET": shared(queries.fields)},
}
