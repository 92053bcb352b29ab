"""The OpenAPI 3.1 description of version 3, made from what checks requests: routes, operations, shapes, problems."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from rapier import __version__
from rapier.api.v3.changes import OF_JOBS
from rapier.api.v3.examples import EXAMPLES
from rapier.api.v3.operations import Operation
from rapier.api.v3.problems import TYPES, ProblemType
from rapier.api.v3.request import FORMAT, Argument
from rapier.api.v3.routes import Route
from rapier.api.v3.shapes import ProblemShape, Submission
from rapier.ganeti.opcodes import CLOSED_TO_CLIENTS, OPCODES
from rapier.representation.registry import Registry, Representation
from rapier.representation.shapes import name_of

JSONObject = dict[str, Any]
Formats = Sequence[Representation]

# What any request may meet, before its operation has a say
ANYWHERE = (
    "malformed",
    "unauthorized",
    "forbidden",
    "not-acceptable",
    "too-many-requests",
    "too-busy",
    "internal-error",
    "too-slow",
    "uri-too-long",
    "head-too-large",
)
IN_A_CLUSTER = ("not-found", "unprocessable", "master-absent", "master-garbled", "master-silent")
WRITES = ("foreign-origin", "unsupported-media-type", "content-too-large")
SCHEMAS = "#/components/schemas/{name}"


def description(routes: Sequence[Route], representations: Registry) -> JSONObject:
    """The whole description."""
    formats = list(representations)
    opcodes = [OPCODES[op_id].shape(with_id=True) for op_id in OPCODES if op_id not in CLOSED_TO_CLIENTS]
    shapes = list(dict.fromkeys([*shapes_of(routes), ProblemShape, *opcodes]))
    schemas, components = msgspec.json.schema_components(shapes, ref_template=SCHEMAS)
    reference = dict(zip(shapes, schemas, strict=True))
    # any opcode but those that clients may not submit; each is a shape of its own
    components[Submission.__name__]["properties"]["opcodes"]["items"] = {
        "oneOf": [reference[opcode] for opcode in opcodes],
        "discriminator": {"propertyName": "OP_ID"},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rapier, the remote API for Ganeti",
            "version": __version__,
            "license": {"name": "BSD-2-Clause", "identifier": "BSD-2-Clause"},
            "description": "All of a Ganeti cluster as resources: see /3/docs.",
        },
        "security": [{"basic": []}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(route) for route in routes)],
        "paths": {route.uri: _path(route, reference, formats) for route in routes},
        "components": {
            "schemas": components,
            "responses": {slug: _problem(kind, reference[ProblemShape], formats) for slug, kind in TYPES.items()},
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
            "parameters": _headers(),
        },
    }


def shapes_of(routes: Iterable[Route]) -> Iterable[Any]:
    """Every shape of a body or an answer."""
    for route in routes:
        for operation in route.methods.values():
            yield from operation.answers.values()
            if operation.body is not None:
                yield operation.body


def documents_of(routes: Sequence[Route]) -> dict[str, Any]:
    """The shapes by the names of their XML documents.

    Where a body is called as an answer is, the name is the answer's, since a schema has one root of each name.
    """
    operations = [operation for route in routes for operation in route.methods.values()]
    answers = [shape for operation in operations for shape in operation.answers.values()]
    bodies = [operation.body for operation in operations if operation.body is not None]
    return {name_of(shape): shape for shape in [*reversed(bodies), *reversed(answers)]}


def _tag(route: Route) -> str:
    found = re.match(r"/3/\{cluster\}/([a-z-]+)", route.uri)
    return found[1] if found else "cluster" if "{" in route.uri else "api"


def _path(route: Route, reference: Mapping[Any, JSONObject], formats: Formats) -> JSONObject:
    names = re.findall(r"\{(\w+)\}", route.uri)
    return {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": _name(name)}
            for name in names
        ],
        **{method.lower(): _operation(method, route, one, reference, formats) for method, one in route.methods.items()},
    }


def _name(name: str) -> str:
    return _NAMES.get(name, f"the {name}'s name")


_NAMES = {
    "cluster": "the cluster's name, or its alias in the configuration",
    "instance": "name or uuid",
    "node": "name or uuid",
    "group": "name or uuid",
    "network": "name or uuid",
    "job": "the job's id",
    "disk": "the disk's uuid, or its place: 0 is the first one",
}


def _operation(
    method: str, route: Route, one: Operation, reference: Mapping[Any, JSONObject], formats: Formats
) -> JSONObject:
    words = re.sub(r"\W+", " ", route.uri.removeprefix("/3")).split()
    described: JSONObject = {
        "operationId": "-".join([method.lower(), *words]) if words else f"{method.lower()}-api",
        "summary": one.summary,
        "tags": [_tag(route)],
        "parameters": [*_arguments({**one.arguments, "format": FORMAT}), *_header_references(method, one)],
        "responses": _responses(method, route, one, reference, formats),
    }
    if one.body is not None:
        described["requestBody"] = {
            "content": _content(one.body, reference, formats),
            "required": _needs_body(one.body),
        }
    return described


def _needs_body(shape: type[msgspec.Struct]) -> bool:
    return any(field.required for field in msgspec.structs.fields(shape))


def _content(shape: Any, reference: Mapping[Any, JSONObject], formats: Formats) -> JSONObject:
    media: JSONObject = {"schema": reference[shape]}
    as_json: JSONObject = {**media, "example": EXAMPLES[shape.__name__]} if shape.__name__ in EXAMPLES else media
    return {kind.media_type: as_json if kind.name == "json" else media for kind in formats}


def _arguments(arguments: Mapping[str, Argument]) -> list[JSONObject]:
    types = {bool: "boolean", int: "integer", str: "string"}
    described = []
    for name, argument in arguments.items():
        if argument.type is list:
            schema: JSONObject = {"type": "array", "items": {"type": "string"}}
        else:
            schema = {"type": types[argument.type]}
            if argument.default is not None:
                schema["default"] = argument.default
        described.append({"name": name, "in": "query", "description": argument.meaning, "schema": schema})
    return described


def _headers() -> JSONObject:
    texts = {
        "If-Match": "entity tags: do it only if the object is still as one of them says",
        "If-None-Match": "entity tags: answer 304 if it is still so; * with PUT: only create",
        "Prefer": "wait=N: hold the answer until the job and those it submits have ended, at most N seconds",
        "X-Request-Id": "how the request is called in logs and in the reason trail of the job that it makes",
    }
    return {
        name: {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
        for name, text in texts.items()
    }


def _header_references(method: str, one: Operation) -> list[JSONObject]:
    names = ["X-Request-Id"]
    if one.writes:
        names.append("Prefer")
    names += ["If-Match", "If-None-Match"]
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


_GOOD = {
    200: "it is so",
    201: "it was made, within the time that the client preferred to wait",
    202: "a job is at work on it",
    304: "the client has it already",
}


def _responses(
    method: str, route: Route, one: Operation, reference: Mapping[Any, JSONObject], formats: Formats
) -> JSONObject:
    responses: JSONObject = {}
    for status, shape in one.answers.items():
        headers = _answer_headers(status, writes=one.writes)
        responses[str(status)] = {
            "description": _GOOD[status],
            "content": _content(shape, reference, formats),
            "headers": headers,
        }
    if method == "GET":
        responses["304"] = {"description": _GOOD[304], "headers": _described(["ETag"])}
    for status, slugs in _by_status(_problems(route, one)).items():
        if len(slugs) == 1:
            responses[str(status)] = {"$ref": f"#/components/responses/{slugs[0]}"}
        else:
            content = _problem(TYPES[slugs[0]], reference[ProblemShape], formats)["content"]
            titles = "; ".join(f"{slug}: {TYPES[slug].title}" for slug in slugs)
            headers = _problem_headers([TYPES[slug] for slug in slugs])
            responses[str(status)] = {"description": titles, "content": content, "headers": headers}
    return dict(sorted(responses.items()))


_HEADERS: Mapping[str, str] = {
    "Allow": "the methods that there are",
    "Content-Location": "the URI of the object that the answer shows",
    "ETag": "of what the answer shows; after a refusal, of what is there now",
    "Link": "the job of the request, with rel=job",
    "Location": "the URI of what was made: the object, or the job at work on it",
    "Preference-Applied": "how long the answer was held, at most",
    "Retry-After": "seconds after which to try again",
    "WWW-Authenticate": "how to say who asks",
}


def _described(always: Iterable[str], perhaps: Iterable[str] = ()) -> JSONObject:
    """Headers of an answer: those that it always has, and those that it may have."""
    there = dict.fromkeys(always, True) | dict.fromkeys(perhaps, False)
    return {
        name: {"description": _HEADERS[name], "required": required, "schema": {"type": "string"}}
        for name, required in there.items()
    }


def _answer_headers(status: int, *, writes: bool) -> JSONObject:
    match status:
        case 201:
            return _described(["Location", "ETag", "Link", "Preference-Applied"])
        case 202:
            return _described(["Location"], ["Link", "Preference-Applied"])
        case 200 if writes:
            return _described([], ["ETag", "Link", "Preference-Applied", "Content-Location"])
    return _described([], ["ETag"])


def _problem_headers(kinds: Iterable[ProblemType]) -> JSONObject:
    """What may come with problems of these types."""
    by_status = {401: "WWW-Authenticate", 405: "Allow", 412: "ETag"}
    names = {by_status[kind.status] for kind in kinds if kind.status in by_status}
    slugs = {kind.slug for kind in kinds}
    if slugs & {"unprocessable", *OF_JOBS}:  # of a job that was waited for
        names |= {"Link", "Preference-Applied"}
    if "outcome-unknown" in slugs:
        names.add("Location")
    if any(kind.retry_after_seconds is not None for kind in kinds):
        names.add("Retry-After")
    return _described([], sorted(names))


def _problems(route: Route, one: Operation) -> tuple[str, ...]:
    in_cluster = IN_A_CLUSTER if "{cluster}" in route.uri else ("unprocessable", *IN_A_CLUSTER[2:])
    conditional = ("precondition-failed",) if not one.writes else ()
    return (*ANYWHERE, *in_cluster, *conditional, *(WRITES if one.writes else ()), *one.problems)


def _by_status(slugs: Iterable[str]) -> dict[int, list[str]]:
    by_status: dict[int, list[str]] = {}
    for slug in dict.fromkeys(slugs):
        by_status.setdefault(int(TYPES[slug].status), []).append(slug)
    return by_status


def _problem(kind: ProblemType, schema: JSONObject, formats: Formats) -> JSONObject:
    return {
        "description": f"{kind.title}: /3/problems/{kind.slug}",
        "content": {one.problem_media_type: {"schema": schema} for one in formats if one.encode_problem},
        "headers": _problem_headers([kind]),
    }
