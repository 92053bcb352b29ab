"""The description of version 3 is valid OpenAPI 3.1, says all that it should, and what it shows would be accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from rapier.api.v3.examples import EXAMPLES
from rapier.api.v3.openapi import description
from rapier.api.v3.problems import TYPES
from rapier.api.v3.routes import routes_of
from rapier.api.v3.settings import Settings

URN = "urn:description"


@cache
def described() -> Any:
    settings = Settings()
    return json.loads(json.dumps(description(routes_of(settings.kinds), settings.representations)))


class Described(NamedTuple):
    uri: str
    method: str
    parameters: list[Any]
    operation: dict[str, Any]


@cache
def operations() -> list[Described]:
    return [
        Described(uri, method, path["parameters"] + operation["parameters"], operation)
        for uri, path in described()["paths"].items()
        for method, operation in path.items()
        if method != "parameters"
    ]


def target(reference: str) -> Any:
    at = described()
    for word in reference.removeprefix("#/").split("/"):
        at = at[word]
    return at


def resolved(one: Any) -> Any:
    return target(one["$ref"]) if "$ref" in one else one


def below(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from below(one)


def test_it_is_openapi() -> None:
    assert described()["openapi"].startswith("3.1")
    problems = [problem.message for problem in OpenAPIV31SpecValidator(described()).iter_errors()]
    assert problems == []


def test_the_validator_finds_a_mistake() -> None:
    """Or the test above could not fail."""
    broken = json.loads(json.dumps(described()))
    broken["paths"] = {"/3/{cluster}/groups": broken["paths"]["/3/{cluster}/groups"] | {"parameters": []}}
    assert [*OpenAPIV31SpecValidator(broken).iter_errors()]


def test_every_reference_leads_somewhere_and_every_shape_is_referred_to() -> None:
    references = {one["$ref"] for one in below(described()) if isinstance(one.get("$ref"), str)}
    assert len(references) > 50
    for reference in references:
        assert reference.startswith("#/components/")
        assert target(reference)
    shapes = {f"#/components/schemas/{name}" for name in described()["components"]["schemas"]}
    assert shapes - references == set()


def test_operations_have_ids_of_their_own() -> None:
    ids = [one.operation["operationId"] for one in operations()]
    assert len(ids) > 50
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z-]+", one) for one in ids)


@pytest.mark.parametrize("one", operations(), ids=lambda one: one.operation["operationId"])
def test_an_operation_says_what_it_is_for_and_what_may_come(one: Described) -> None:
    assert one.operation["summary"]
    statuses = {int(status) for status in one.operation["responses"]}
    assert statuses & {200, 201, 202}
    assert statuses >= {400, 401, 406, 422, 500, 503}
    if "{cluster}" in one.uri:
        assert statuses >= {404, 502, 504}
    if one.method != "get":
        assert statuses >= {403, 412, 415, 428} or one.uri.endswith("/jobs/{job}")
    else:
        assert 304 in statuses
    for answer in map(resolved, one.operation["responses"].values()):
        assert answer["description"]


@pytest.mark.parametrize("one", operations(), ids=lambda one: one.operation["operationId"])
def test_every_parameter_is_explained_and_those_of_the_path_are_all_there(one: Described) -> None:
    parameters = [resolved(parameter) for parameter in one.parameters]
    assert all(parameter["description"] for parameter in parameters)
    names = [parameter["name"] for parameter in parameters if parameter["in"] == "path"]
    assert names == re.findall(r"\{(\w+)\}", one.uri)


def test_each_problem_has_an_answer_of_its_type() -> None:
    assert set(described()["components"]["responses"]) == set(TYPES)


@pytest.mark.parametrize("one", operations(), ids=lambda one: one.operation["operationId"])
def test_a_body_has_an_example_that_is_as_its_schema(one: Described) -> None:
    body = one.operation.get("requestBody")
    if body is None:
        assert one.method in ("get", "delete")
        return
    assert {"application/json", "application/xml"} <= set(body["content"])
    content = body["content"]["application/json"]
    registry: Any = Registry().with_resource(URN, DRAFT202012.create_resource(described()))
    validator = Draft202012Validator({"$ref": URN + content["schema"]["$ref"]}, registry=registry)
    assert [*validator.iter_errors(content["example"])] == []
    assert [*validator.iter_errors({**content["example"], "no-such-member": 1})]
    assert body["required"] is bool([*validator.iter_errors({})])


def test_every_example_is_shown() -> None:
    bodies = [one.operation["requestBody"] for one in operations() if "requestBody" in one.operation]
    shown = {body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2] for body in bodies}
    assert set(EXAMPLES) == shown
