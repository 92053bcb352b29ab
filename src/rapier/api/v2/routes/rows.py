"""Parts that rows of several kinds of objects share."""

from __future__ import annotations

from collections.abc import Mapping

from rapier.api.v2 import reads
from rapier.api.v2.reads import Handler, shared
from rapier.api.v2.writes import Source, Submit, always, flag, texts
from rapier.ganeti.kinds import TAGS_DELETE, TAGS_SET

DRY_RUN: Mapping[str, Source] = {"dry_run": flag("dry-run")}
FORCE: Mapping[str, Source] = {"force": flag("force")}


def tags(resource: str, kind: str, name: Source | None = None) -> Mapping[str, Handler]:
    """The three methods of a `tags` resource. `kind` is Ganeti's word; without `name` they are the cluster's."""
    fixed = {"kind": always(kind), "name": name or always(None), "tags": texts("tag"), **DRY_RUN}
    return {
        "GET": shared(reads.tags(kind, name or always(""))),
        "PUT": Submit(TAGS_SET, resource, fixed, body=False),
        "DELETE": Submit(TAGS_DELETE, resource, fixed, body=False),
    }
