"""What answers look like that are no objects of Ganeti's."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from rapier.ganeti.kinds import Kind
from rapier.ganeti.members import Tag

# Of one job. Each is checked by itself, and everybody else waits for that: so many take some tens of milliseconds
MOST_OPCODES = 500


class Shape(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A typed answer or body."""


class Link(Shape):
    """A cluster by name, and where it is."""

    name: str
    uri: Annotated[str, Meta(description="relative to this server")]


class VersionAnswer(Shape):
    """What this version of the API is, and whom it answers for."""

    kind: Literal["api"]
    version: int
    software: str
    features: Annotated[list[str], Meta(description="what this server can; a client looks for words, not for numbers")]
    clusters: list[Link]
    description: Annotated[str, Meta(description="the URI of the OpenAPI description")]
    documentation: Annotated[str, Meta(description="the URI of the reference pages")]


class SelfAnswer(Shape):
    """Who asks, as the server sees it."""

    kind: Literal["self"]
    user: str
    may_write: bool
    request_id: str


class TagSet(Shape, kw_only=True):
    """The tags of an object, or those that a request is about."""

    kind: Literal["tag"] | UnsetType = UNSET
    tags: list[Tag]


class Submission(Shape):
    """A job that is to be: its opcodes, each with `OP_ID` and its parameters."""

    opcodes: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=MOST_OPCODES)]


class ProblemShape(msgspec.Struct, kw_only=True):
    """Problem details by RFC 9457."""

    type: Annotated[str, Meta(description="the URI of a page that explains this type of problem")]
    title: str
    status: int
    detail: str
    request_id: str | UnsetType = UNSET
    ganeti_class: str | UnsetType = UNSET
    ganeti_code: str | UnsetType = UNSET
    opcode: str | UnsetType = UNSET
    parameter: str | UnsetType = UNSET
    pointer: Annotated[str | UnsetType, Meta(description="a JSON pointer into the body")] = UNSET
    job: Annotated[str | UnsetType, Meta(description="the URI of the job that failed")] = UNSET
    jobs: Annotated[list[str] | UnsetType, Meta(description="URIs of the jobs in the way")] = UNSET
    failed: Annotated[list[dict[str, Any]] | UnsetType, Meta(description="what failed in the job's family")] = UNSET
    mark: str | UnsetType = UNSET
    available: list[str] | UnsetType = UNSET
    allow: list[str] | UnsetType = UNSET


@cache
def collection_of(kind: Kind) -> type[msgspec.Struct]:
    """The shape of the kind's collection."""
    return msgspec.defstruct(
        f"{kind.shape.__name__}Collection",
        [("kind", Literal[f"{kind.collection}"]), ("items", list[kind.shape])],  # type: ignore[name-defined]
        bases=(Shape,),
        kw_only=True,
        namespace={"__doc__": f"All {kind.collection} of a cluster."},
    )
