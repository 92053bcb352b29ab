"""Version 2's answers to GET. Each function takes a request and answers what becomes the body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from rapier.api.http import ClientLeft, first_of
from rapier.api.v2.errors import Refusal, bad_request, not_found
from rapier.api.v2.request import Request
from rapier.api.v2.text import text_of
from rapier.api.v2.writes import Source, fill
from rapier.errors import OpPrereqError
from rapier.ganeti import private
from rapier.ganeti.kinds import GROUP, INSTANCE, JOB, NETWORK, NODE, OS_DIAGNOSE, Kind
from rapier.luxi.client import Row, read_job_id

Handler = Callable[[Request], Awaitable[Any]]
# names, fields, use_locking
NamedQuery = Callable[[Sequence[str], Sequence[str], bool], Awaitable[list[Row]]]

FEATURES = ("instance-create-reqv1", "instance-reinstall-reqv1", "node-evac-res1", "node-migrate-reqv1")
RAPI_VERSION = 2
JOB_WAIT_SECONDS = 10
# Ganeti's letters, in the words of `/2/nodes/N/role`
ROLES = {"M": "master", "C": "master-candidate", "D": "drained", "O": "offline", "R": "regular"}


def shared(handler: Handler) -> Handler:
    """Equal requests share what `handler` answers, as the bytes of a body, under the rule of `cluster.sharing`."""

    async def answer(request: Request) -> bytes:
        async def make() -> bytes:
            return body_of(await handler(request))

        return await request.cluster.read(("v2", request.target), make)

    return answer


def body_of(value: Any) -> bytes:
    """The body of an answer: JSON with a line end. What is bytes is one already: a crowd of readers shares it."""
    return value if isinstance(value, bytes) else _encoded(value)


def _encoded(answer: Any) -> bytes:
    """An answer as JSON, with names of private parameters and none of their values."""
    text = text_of(answer)
    if private.MARK not in text:
        return text
    # In a copy: others may hold the answer too, and compare it with what luxid says next.
    shown = msgspec.json.decode(text)
    private.hide(shown)
    return text_of(shown)


class ByJob:
    """A read that makes a job. Who leaves before it is answered frees what they held. Outside of `shared`."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, request: Request) -> Any:
        async def answered() -> tuple[Any]:
            return (await self._handler(request),)

        found = await first_of(answered(), request.gone())
        if found is None:
            raise ClientLeft
        return found[0]


async def nothing(request: Request) -> None:
    """`/` and `/2`: there is nothing to see, and it is not an error."""


async def version(request: Request) -> int:
    """`/version`: of this API. Ganeti's watcher asks it, and is content with any answer that is a number."""
    return RAPI_VERSION


async def features(request: Request) -> Sequence[str]:
    """`/2/features`: what may differ between versions of the stock API."""
    return FEATURES


async def info(request: Request) -> dict[str, Any]:
    """`/2/info`: the cluster's configuration, two members of it under an older name too."""
    answer = await request.cluster.luxi.query_cluster_info()
    for name, older_name in (("volume_group_name", "vg_name"), ("drbd_usermode_helper", "drbd_helper")):
        if name in answer:
            answer[older_name] = answer[name]
    return answer


async def operating_systems(request: Request) -> list[str]:
    """`/2/os`: each operating system with each of its variants. Only a job can tell."""
    cause = request.cause.trail()
    opcode = fill(OS_DIAGNOSE, None, {"output_fields": ["name", "variants"], "names": [], "reason": cause})
    names = await request.cluster.read("os", lambda: request.cluster.run(opcode))
    return [f"{name}+{variant}" if variant else name for name, variants in names for variant in variants or [None]]


def _shown(kind: Kind, fields: Sequence[str], row: Row) -> dict[str, Any]:
    """One object, as version 2 shows it. Older programs know an instance's `maxmem` as `memory`."""
    answer = dict(zip(fields, row, strict=True))
    if kind is INSTANCE:
        answer["beparams"]["memory"] = answer["beparams"]["maxmem"]
    return answer


def _named_query(request: Request, kind: Kind) -> NamedQuery:
    luxi = request.cluster.luxi
    queries: Mapping[str, NamedQuery] = {
        INSTANCE.name: luxi.query_instances,
        NODE.name: luxi.query_nodes,
        GROUP.name: luxi.query_groups,
        NETWORK.name: luxi.query_networks,
    }
    return queries[kind.name]


def collection(kind: Kind, *, locking: bool = False, named: str = "id") -> Handler:
    """A list of all objects of a kind: names with their URIs, or with `bulk` all that is shown of each.

    `locking`: whether the collection takes `lock`, which luxid refuses. `named`: what the list calls a name.
    """

    async def answer(request: Request) -> list[dict[str, Any]]:
        query = _named_query(request, kind)
        use_locking = locking and request.flag("lock")
        if request.flag("bulk"):
            fields = kind.shown_in_bulk
            return [_shown(kind, fields, row) for row in await query([], fields, use_locking)]
        names = sorted(row[0] for row in await query([], [kind.key], use_locking))
        return [{named: name, "uri": f"/2/{kind.collection}/{name}"} for name in names]

    return answer


async def row_of_one(asking: Awaitable[list[Row]]) -> Row:
    """The row of the one thing that luxid is asked for. Raises a 404 where there is none."""
    try:
        rows = await asking
    except OpPrereqError as problem:
        if problem.code == "unknown_entity":
            raise not_found() from None
        raise
    if not rows:
        raise not_found()
    return rows[0]


def one(kind: Kind) -> Handler:
    """All that is shown of one object."""

    async def answer(request: Request) -> dict[str, Any]:
        asking = _named_query(request, kind)([request.names[kind.name]], kind.shown, request.flag("lock"))
        shown = _shown(kind, kind.shown, await row_of_one(asking))
        if kind is NODE:  # older programs know `sip` so
            shown["secondary_ip"] = shown["sip"]
        return shown

    return answer


async def jobs(request: Request) -> list[dict[str, Any]]:
    """`/2/jobs`: ids with their URIs, or with `bulk` all but log and results."""
    fields = JOB.shown_in_bulk if request.flag("bulk") else [JOB.key]
    rows = await request.cluster.luxi.query_jobs(None, fields)
    if request.flag("bulk"):
        return [_shown(JOB, fields, row) for row in rows]
    return [{"id": job_id, "uri": f"/2/jobs/{job_id}"} for job_id in sorted(row[0] for row in rows)]


async def job(request: Request) -> dict[str, Any]:
    """`/2/jobs/J`: an unknown one has null in every member but its id."""
    [row] = await request.cluster.luxi.query_jobs([read_job_id(request.names["job"])], JOB.shown)
    return _shown(JOB, JOB.shown, row)


async def job_change(request: Request) -> dict[str, Any] | None:
    """`/2/jobs/J/wait`: the next change of a job, or after 10 s without one what it is like.

    Ends early with null when the daemon drains, and frees what it held when the client leaves.
    """
    fields = request.member("fields")
    previous_info = request.member("previous_job_info", None)
    previous_serial = request.member("previous_log_serial", None)
    if not isinstance(fields, list):
        raise bad_request("The 'fields' parameter should be a list")
    if not (previous_info is None or isinstance(previous_info, list)):
        raise bad_request("The 'previous_job_info' parameter should be a list")
    if not (previous_serial is None or isinstance(previous_serial, int)):
        raise bad_request("The 'previous_log_serial' parameter should be a number")
    job_id = read_job_id(request.names["job"])
    change = request.cluster.waiting.change(job_id, fields, previous_info, previous_serial, JOB_WAIT_SECONDS)
    answer = await first_of(change, request.draining.wait(), request.gone())
    return None if answer is None else {"job_info": answer[0], "log_entries": answer[1]}


def _only_row(rows: list[Row]) -> Row:
    """The row of an object that has to be there. Stock takes the first of none, and says what its Python says."""
    if not rows:
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "list index out of range")
    return rows[0]


async def role(request: Request) -> str:
    """`/2/nodes/N/role`: in a word."""
    luxi = request.cluster.luxi
    [letter] = _only_row(await luxi.query_nodes([request.names["node"]], ["role"], request.flag("lock")))
    return ROLES[letter]


async def console(request: Request) -> dict[str, Any]:
    """`/2/instances/I/console`: how to get at the console of an instance that runs."""
    rows = await request.cluster.luxi.query_instances([request.names["instance"]], ["console", "oper_state"])
    found, running = _only_row(rows)
    if not running:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Instance console unavailable")
    return dict(found)


def tags(kind: str, name: Source) -> Handler:
    """The tags of the cluster, or of one object."""

    async def answer(request: Request) -> list[str]:
        return await request.cluster.luxi.query_tags(kind, name(request))

    return answer
