"""Every URI of version 2, with what each method does there. A new one is a row.

Order is that of matching. The patterns of names and ids are stock's; a path that does not match is 404.
"""

from __future__ import annotations

from collections.abc import Mapping

from rapier.api.v2 import reads
from rapier.api.v2.reads import Handler, patient, shared
from rapier.api.v2.request import Request
from rapier.api.v2.writes import Submit, always, creation, flag, path, path_list, text, texts
from rapier.ganeti.kinds import INSTANCE, NODE, QUERY_DATA, TAGS_DELETE, TAGS_SET
from rapier.luxi.client import read_job_id

DRY_RUN = {"dry_run": flag("dry-run")}
INSTANCE_NAME = {INSTANCE.parameter: path("instance")}


async def cancel_job(request: Request) -> list[object]:
    """`DELETE /2/jobs/J`: whether it was cancelled, and what luxid says of it."""
    return list(await request.cluster.luxi.cancel_job(read_job_id(request.names["job"])))


def _tags(resource: str, kind: str) -> Mapping[str, Handler]:
    """The three methods of a `tags` resource."""
    name = {"name": always(None) if kind == "cluster" else path(kind)}
    fixed = {"kind": always(kind), **name, "tags": texts("tag"), **DRY_RUN}
    return {
        "GET": shared(reads.tags(kind)),
        "PUT": Submit(TAGS_SET, resource, fixed, body=False),
        "DELETE": Submit(TAGS_DELETE, resource, fixed, body=False),
    }


ROUTES: Mapping[str, Mapping[str, Handler]] = {
    "/": {"GET": reads.nothing},
    "/version": {"GET": reads.version},
    "/2": {"GET": reads.nothing},
    "/2/info": {"GET": shared(reads.info)},
    "/2/features": {"GET": reads.features},
    "/2/os": {"GET": patient(shared(reads.operating_systems))},
    "/2/tags": _tags("tags", "cluster"),
    "/2/nodes": {"GET": shared(reads.collection(NODE))},
    "/2/nodes/{node:name}": {"GET": shared(reads.one(NODE))},
    "/2/instances": {
        "GET": shared(reads.collection(INSTANCE, locking=True)),
        "POST": Submit(
            INSTANCE.create,
            "instances",
            DRY_RUN,
            renamed={"os": "os_type", "name": INSTANCE.parameter},
            prepare=creation,
        ),
    },
    "/2/instances/{instance:name}": {
        "GET": shared(reads.one(INSTANCE)),
        "DELETE": Submit(
            INSTANCE.remove,
            "instances_name",
            {**INSTANCE_NAME, "ignore_failures": always(False), **DRY_RUN},
        ),
    },
    "/2/instances/{instance:name}/info": {
        "GET": Submit(
            QUERY_DATA,
            "instances_name_info",
            {"instances": path_list("instance"), "static": flag("static")},
            body=False,
        ),
    },
    "/2/instances/{instance:name}/tags": _tags("instances_name_tags", "instance"),
    "/2/instances/{instance:name}/startup": {
        "PUT": Submit(
            INSTANCE.actions["startup"],
            "instances_name_startup",
            {**INSTANCE_NAME, "force": flag("force"), **DRY_RUN, "no_remember": flag("no_remember")},
            body=False,
        ),
    },
    "/2/instances/{instance:name}/shutdown": {
        "PUT": Submit(
            INSTANCE.actions["shutdown"],
            "instances_name_shutdown",
            {**INSTANCE_NAME, "no_remember": flag("no_remember"), **DRY_RUN},
        ),
    },
    "/2/instances/{instance:name}/reboot": {
        "POST": Submit(
            INSTANCE.actions["reboot"],
            "instances_name_reboot",
            {
                **INSTANCE_NAME,
                "reboot_type": text("type", "hard"),
                "ignore_secondaries": flag("ignore_secondaries"),
                **DRY_RUN,
            },
        ),
    },
    "/2/jobs": {"GET": shared(reads.jobs)},
    "/2/jobs/{job:number}": {"GET": shared(reads.job), "DELETE": cancel_job},
    "/2/jobs/{job:number}/wait": {"GET": reads.job_change},
}
