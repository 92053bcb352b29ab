"""JSON and XML, both ways, by headers and by `?format=`."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from rapier.api.v3.creations import creation_shape
from rapier.ganeti.kinds import GROUP, INSTANCE, KINDS
from rapier.representation.formats import default_registry
from v3.client import Api

XML = default_registry().by_name("xml")
assert XML is not None
assert XML.decode is not None
SHAPES = {kind.name: kind.shape for kind in KINDS}


@pytest.fixture(scope="module")
def schema(api: Api) -> etree.XMLSchema:
    """As it is published."""
    answer = api.http.get("/3/schema.xsd")
    assert answer.headers["Content-Type"] == "application/xml"
    return etree.XMLSchema(etree.fromstring(answer.content))


@pytest.mark.parametrize("path", ["", "nodes/node1?live=0", "groups/default", "jobs/1", "instances/{instance}?live=0"])
def test_xml_says_what_json_says_and_is_as_its_schema(
    api: Api, instance: str, schema: etree.XMLSchema, path: str
) -> None:
    path = path.format(instance=instance)
    as_json = api.get(path).json()
    answer = api.get(path, Accept="application/xml")
    assert answer.headers["Content-Type"] == "application/xml"
    assert answer.headers["Vary"] == "Accept"
    schema.assertValid(etree.fromstring(answer.content))
    assert XML.decode(answer.content, SHAPES[as_json["kind"]]) == as_json  # type: ignore[union-attr,misc]


@pytest.mark.parametrize("collection", ["instances", "nodes", "groups", "networks", "jobs"])
def test_collections_too(api: Api, instance: str, schema: etree.XMLSchema, collection: str) -> None:
    query = "?live=0&format=xml" if collection in ("instances", "nodes") else "?format=xml"
    schema.assertValid(etree.fromstring(api.get(collection + query).content))


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/xml", "application/xml"),
        ("application/xml;q=0.5, application/json;q=0.4", "application/xml"),
        ("text/html, application/xml;q=0.9, */*;q=0.8", "application/xml"),
        ("application/json;q=0, */*", "application/xml"),
    ],
)
def test_the_accept_header_decides(api: Api, accept: str, media_type: str) -> None:
    assert api.get("groups", Accept=accept).headers["Content-Type"] == media_type


def test_what_there_is_not_is_406_with_what_there_is(api: Api) -> None:
    for answer in (api.ask("GET", "groups", Accept="image/png"), api.ask("GET", "groups?format=png")):
        assert answer.status_code == 406
        assert answer.json()["available"] == ["application/json", "application/xml"]


def test_the_query_string_counts_over_the_header(api: Api) -> None:
    assert api.get("groups?format=xml", Accept="application/json").headers["Content-Type"] == "application/xml"
    assert api.get("groups?format=json", Accept="application/xml").headers["Content-Type"] == "application/json"


def test_a_problem_comes_in_the_representation_that_was_asked_for(api: Api) -> None:
    answer = api.ask("GET", "instances/nobody", Accept="application/xml")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+xml")
    root = etree.fromstring(answer.content)
    assert root.tag == "{urn:ietf:rfc:7807}problem"
    assert root.findtext("{*}type") == "/3/problems/not-found"
    stranger = api.endpoint.client(user=None).get(api.uri("groups"), headers={"Accept": "application/xml"})
    assert (stranger.status_code, stranger.headers["Content-Type"]) == (401, "application/problem+xml")


def send(
    api: Api, method: str, path: str, content: bytes, content_type: str = "application/xml", **headers: str
) -> Any:
    named = {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return api.http.request(method, api.uri(path), content=content, headers=named)


def test_bodies_may_be_xml(api: Api, new_name: str) -> None:
    assert XML is not None
    body = XML.encode({"name": new_name, "alloc_policy": "last_resort"}, creation_shape(GROUP))
    answer = send(api, "POST", "groups", body, Prefer="wait=60", Accept="application/xml")
    assert answer.status_code == 201, answer.text
    made = XML.decode(answer.content, GROUP.shape)  # type: ignore[misc]
    assert (made["name"], made["alloc_policy"]) == (new_name, "last_resort")
    api.done("DELETE", f"groups/{made['uuid']}")


def test_an_instance_in_xml_is_checked_like_one_in_json(api: Api, new_name: str) -> None:
    assert XML is not None
    disks = "<disks><item><size_mb>1</size_mb></item></disks>"
    xml = f'<instance xmlns="urn:ganeti-rapier:3"><name>{new_name}</name>{disks}</instance>'
    answer = send(api, "POST", "instances", xml.encode())
    assert (answer.status_code, answer.json()["pointer"]) == (422, "/disks/0/size_mb")
    assert creation_shape(INSTANCE)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/yaml", ""])
def test_a_body_of_another_kind_is_415_with_what_can_be_read(api: Api, content_type: str) -> None:
    answer = send(api, "POST", "groups", b"name=x", content_type)
    assert answer.status_code == 415
    assert answer.json()["available"] == ["application/json", "application/xml"]
    assert answer.headers["Accept"] == "application/json, application/xml"


DEEP = 10_000
UNREADABLE = {
    "a nest of lists": ("application/json", b"[" * DEEP + b"]" * DEEP),
    "a nest of objects": ("application/json", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "a nest of 65": ("application/json", b'{"tags":' + b"[" * 65 + b"]" * 65 + b"}"),
    "half a text": ("application/json", b'{"name": "x'),
    "two values": ("application/json", b"{} {}"),
    "no UTF-8": ("application/json", b'{"name": "\xff"}'),
    "not a number": ("application/json", b'{"name": NaN}'),
    "a nest of elements": ("application/xml", b"<a>" * DEEP + b"</a>" * DEEP),
    "a document type": ("application/xml", b'<!DOCTYPE group SYSTEM "file:///etc/passwd"><group/>'),
    "laughs": (
        "application/xml",
        b'<!DOCTYPE g [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><g><name>&b;</name></g>',
    ),
    "an entity": ("application/xml", b"<group><name>&x;</name></group>"),
    "no document": ("application/xml", b"name"),
    "half a document": ("application/xml", b"<group><name>x"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_400(api: Api, what: str) -> None:
    before = api.newest_job()
    content_type, content = UNREADABLE[what]
    answer = send(api, "POST", "groups", content, content_type)
    assert (answer.status_code, answer.json()["type"]) == (400, "/3/problems/malformed")
    assert api.newest_job() == before


def test_a_bad_escape_in_the_path_or_query_is_400(api: Api) -> None:
    for target in ("/groups/%zz", "/groups/%ff", "/groups?format=%ff"):
        assert api.http.get(f"{api.base}{target}").status_code in (400, 404)
