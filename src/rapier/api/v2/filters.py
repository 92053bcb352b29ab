"""`/2/filters`: rules that pause, reject or slow down jobs (gnt-filter(8)). luxid itself checks what they say."""

from __future__ import annotations

from typing import Any

from rapier.api.v2.errors import bad_request
from rapier.api.v2.reads import row_of_one
from rapier.api.v2.request import Request, check_type

SHOWN = ("watermark", "priority", "predicates", "action", "reason_trail", "uuid")
# What a body may hold: the type, where this looks at it, and the default
_MEMBERS: dict[str, tuple[type, Any]] = {
    "priority": (int, 0),
    "predicates": (list, []),
    "action": (object, "CONTINUE"),
    "reason": (list, []),
}


async def collection(request: Request) -> list[dict[str, Any]]:
    """All of them: uuids with their URIs, or with `bulk` all that is known of each."""
    luxi = request.cluster.luxi
    if request.flag("bulk"):
        return [dict(zip(SHOWN, row, strict=True)) for row in await luxi.query_filters(None, SHOWN)]
    uuids = sorted(row[0] for row in await luxi.query_filters(None, ["uuid"]))
    return [{"uuid": uuid, "uri": f"/2/filters/{uuid}"} for uuid in uuids]


async def one(request: Request) -> dict[str, Any]:
    """One of them."""
    row = await row_of_one(request.cluster.luxi.query_filters([request.names["filter"]], SHOWN))
    return dict(zip(SHOWN, row, strict=True))


async def create(request: Request) -> str:
    """A new one; its uuid."""
    return await _write(request, None)


async def replace(request: Request) -> str:
    """One instead of the one that has this uuid, or a new one with it; the uuid."""
    return await _write(request, request.names["filter"])


async def delete(request: Request) -> None:
    """Removes one."""
    await request.cluster.luxi.delete_filter(request.names["filter"])


async def _write(request: Request, uuid: str | None) -> str:
    body = request.body
    if not isinstance(body, dict):
        raise bad_request("Invalid body contents, not a dictionary")
    for name in body:
        if name not in _MEMBERS:
            raise bad_request(f"Invalid body parameters: filter rule doesn't support the parameter '{name}'")
    values = []
    for name, (wanted, default) in _MEMBERS.items():
        value = body.get(name, default)
        check_type(value, wanted, f"'{name}' parameter")
        values.append(value)
    return await request.cluster.luxi.replace_filter(uuid, *values)
