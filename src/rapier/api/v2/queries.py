"""`/2/query/R`: any fields of any kind of object, as luxid answers them."""

from __future__ import annotations

from typing import Any

from rapier.api.v2.errors import bad_request
from rapier.api.v2.request import Request, check_type
from rapier.luxi.client import FieldDefinition, QueryResult


def _split(fields: str) -> list[str]:
    return [field.strip() for field in fields.split(",")]


def _fields(request: Request) -> list[str]:
    fields = request.text("fields")
    if fields is None:
        raise bad_request("Missing 'fields' query argument")
    return _split(fields)


async def by_fields(request: Request) -> QueryResult:
    """GET: all objects."""
    return await request.cluster.luxi.query(request.names["resource"], _fields(request))


async def by_filter(request: Request) -> QueryResult:
    """PUT, which changes nothing: those that a filter lets pass. Older programs call it `filter`."""
    check_type(request.body, dict, "Body contents")
    body: dict[str, Any] = request.body
    fields = body["fields"] if "fields" in body else _fields(request)
    wanted = body.get("qfilter")
    if wanted is None:
        wanted = body.get("filter")
    # luxid itself says what is wrong with fields or a filter of another type
    return await request.cluster.luxi.query(request.names["resource"], fields, wanted)


async def fields(request: Request) -> dict[str, list[FieldDefinition]]:
    """The fields that a kind of object has, or those that are named."""
    named = request.text("fields")
    return {
        "fields": await request.cluster.luxi.query_fields(
            request.names["resource"], None if named is None else _split(named)
        )
    }
