"""Every URI of version 3, with what each method does there. A new kind of object is a row of `KINDS`; a new action of a
kind is a row of its own table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rapier.api.v3 import jobs, reads, systems, writes
from rapier.api.v3.operations import Operation
from rapier.ganeti.kinds import CLUSTER, JOB, OS, Kind

SUMMARIES: Mapping[str, str] = {
    "OP_INSTANCE_STARTUP": "Start the instance",
    "OP_INSTANCE_SHUTDOWN": "Stop the instance",
    "OP_INSTANCE_REBOOT": "Restart the instance",
    "OP_INSTANCE_MIGRATE": "Move to another node while running",
    "OP_INSTANCE_FAILOVER": "Move to another node with a stop in between",
    "OP_INSTANCE_RENAME": "Give another name",
    "OP_NODE_EVACUATE": "Move instances off the node: a job that submits others",
    "OP_NODE_MIGRATE": "Move the instances whose primary node it is to others while running: a job that submits others",
}
RESERVED = frozenset({"-", "docs", "openapi.json", "problems", "schema.xsd", "self"})  # no cluster's name
_SPECIAL = (CLUSTER, JOB, OS)  # kinds whose resources are not like the others'


@dataclass(frozen=True, eq=False)
class Route:
    """One URI below `/3`; its variable parts stand in braces, `{cluster}` is the cluster's name."""

    uri: str
    methods: Mapping[str, Operation]

    @property
    def allow(self) -> list[str]:
        """The methods there are, HEAD and OPTIONS included."""
        heads = ["HEAD"] if "GET" in self.methods else []
        return sorted([*self.methods, *heads, "OPTIONS"])


def _of_kind(kind: Kind) -> list[Route]:
    """What is the same for every kind: collection, object, tags, actions."""
    collection = f"/3/{{cluster}}/{kind.collection}"
    object_uri = f"{collection}/{{{kind.name}}}"
    creating = {"POST": writes.create(kind)} if kind.create else {}
    changing = {"PUT": writes.put(kind)} if kind.create else {}
    removing = {"DELETE": writes.remove(kind)} if kind.remove else {}
    return [
        Route(collection, {"GET": reads.collection(kind), **creating}),
        Route(object_uri, {"GET": reads.one(kind), **changing, **removing}),
        *(
            Route(f"{object_uri}/{action}", {"POST": writes.act(kind, op_id, SUMMARIES.get(op_id, op_id))})
            for action, op_id in kind.actions.items()
        ),
        *([_tags(kind, object_uri)] if kind.tagged else []),
    ]


def _tags(kind: Kind, uri: str) -> Route:
    changes = {method: writes.change_tags(kind, method) for method in ("PUT", "POST", "DELETE")}
    return Route(f"{uri}/tag", {"GET": reads.tags(kind), **changes})


def routes_of(kinds: tuple[Kind, ...]) -> tuple[Route, ...]:
    """All of them, for these kinds of objects."""
    return (
        Route("/3", {"GET": reads.VERSION}),
        Route("/3/self", {"GET": reads.SELF}),
        Route("/3/{cluster}", {"GET": reads.one(CLUSTER)}),
        _tags(CLUSTER, "/3/{cluster}"),
        *(route for kind in kinds if kind not in _SPECIAL for route in _of_kind(kind)),
        Route("/3/{cluster}/instances/{instance}/disks/{disk}/grow", {"POST": writes.grow_disk()}),
        Route(f"/3/{{cluster}}/{OS.collection}", {"GET": systems.COLLECTION}),
        Route(f"/3/{{cluster}}/{JOB.collection}", {"GET": reads.collection(JOB), "POST": jobs.SUBMIT}),
        Route(f"/3/{{cluster}}/{JOB.collection}/{{job}}", {"GET": jobs.READ, "DELETE": jobs.CANCEL}),
    )
