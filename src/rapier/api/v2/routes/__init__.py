"""Every URI of version 2, with what each method does there. A new one is a row, in the module of what it is about.

The patterns of names and ids are stock's; a path that matches none is 404.
"""

from __future__ import annotations

from collections.abc import Mapping

from rapier.api.v2.reads import Handler
from rapier.api.v2.routes import cluster, groups, instances, jobs, networks, nodes

ROUTES: Mapping[str, Mapping[str, Handler]] = {
    **cluster.ROUTES,
    **instances.ROUTES,
    **nodes.ROUTES,
    **groups.ROUTES,
    **networks.ROUTES,
    **jobs.ROUTES,
}
