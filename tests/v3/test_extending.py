"""A kind of object and a representation from outside `src/` are in version 3, its description and its XML schema."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lxml import etree

from described import Description
from endpoints import Access, Endpoint
from processes import Program
from v3.client import Api

EXAMPLE = Path(__file__).with_name("extended.py")
PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
MESSAGE_PACK = "application/msgpack"
XSD = "{http://www.w3.org/2001/XMLSchema}"


@pytest.fixture(scope="module")
def extended(rapier_embedded: Endpoint, access: Access) -> Iterator[Api]:
    """The program of docs/extending.md before the embedded master."""
    luxi_socket = rapier_embedded.luxi_socket
    command: list[str | Path] = [sys.executable, EXAMPLE, luxi_socket, access.users, access.certificate, access.key]
    with Program("extended", command) as program:
        url = program.wait_for(r"serving (https://\S+)")[1]
        usual = Endpoint(url, luxi_socket, access.certificate, program.pid)
        with usual.client() as client:
            own = Description(client.get("/3/openapi.json").json(), client.get("/3/schema.xsd").content)
        api = Api("extended", replace(usual, description=own))
        yield api
        api.http.close()


@pytest.fixture
def locked(extended: Api) -> Iterator[list[int]]:
    """Two jobs: the second waits for the lock of node4 that the first one holds."""
    delay = {"OP_ID": "OP_TEST_DELAY", "duration": 2.0, "on_master": False, "on_nodes": ["node4"], "no_locks": False}
    jobs = [int(extended.luxi("SubmitJob", [{**delay, "reason": []}])) for _ in range(2)]
    end = time.monotonic() + 10
    while extended.luxi("QueryJobs", jobs, ["status"]) != [["running"], ["waiting"]]:
        assert time.monotonic() < end
        time.sleep(0.02)
    yield jobs
    extended.luxi("CancelJob", jobs[1], False)
    extended.get(f"jobs/{jobs[0]}?wait=30")


def test_locks_are_a_collection_and_objects(extended: Api, locked: list[int]) -> None:
    holder, waiter = map(str, locked)
    found = extended.get("locks").json()
    assert found["kind"] == "locks"
    [lock] = [one for one in found["items"] if one["name"] == "node/node4"]
    assert lock == {
        "kind": "lock",
        "cluster": extended.base.rpartition("/")[2],
        "name": "node/node4",
        "mode": "exclusive",
        "owner": [holder],
        "pending": [{"mode": "exclusive", "jobs": [waiter]}],
    }
    assert extended.get("locks/node%2Fnode4").json() == lock
    extended.refused(404, "not-found", "GET", "locks/node%2Fnode9")
    extended.refused(404, "not-found", "GET", "locks/00000000-0000-0000-0000-000000000000")
    assert extended.ask("POST", "locks", {}).headers["Allow"] == "GET, HEAD, OPTIONS"


def test_both_are_there_in_message_pack_too(extended: Api, locked: list[int]) -> None:
    for path in ("locks", "locks/node%2Fnode4", "groups/default"):
        answer = extended.get(path, Accept=MESSAGE_PACK)
        assert answer.headers["Content-Type"] == MESSAGE_PACK
        assert msgspec.msgpack.decode(answer.content) == extended.get(path).json()
        assert extended.ask("GET", path, Accept=MESSAGE_PACK, If_None_Match=answer.headers["ETag"]).status_code == 304


def send(api: Api, body: bytes) -> Any:
    return api.http.post(api.uri("tag"), content=body, headers={"Content-Type": MESSAGE_PACK, "Prefer": "wait=60"})


def test_bodies_may_be_message_pack(extended: Api) -> None:
    answer = send(extended, msgspec.msgpack.encode({"tags": ["by:msgpack"]}))
    assert answer.status_code == 200, answer.text
    assert "by:msgpack" in answer.json()["tags"]
    extended.done("DELETE", "tag?tag=by:msgpack")
    assert send(extended, b"\xc1").json()["type"] == "/3/problems/malformed"
    assert send(extended, b"\x91" * 70 + b"\x90").json()["type"] == "/3/problems/malformed"


def test_a_problem_comes_as_json_where_the_format_has_no_form_of_it(extended: Api) -> None:
    answer = extended.ask("GET", "locks/nobody", Accept=MESSAGE_PACK)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_the_description_has_them(extended: Api) -> None:
    described = extended.http.get("/3/openapi.json").json()
    paths = {uri.removeprefix("/3/{cluster}/"): path for uri, path in described["paths"].items()}
    for uri, shape in (("locks", "LockCollection"), ("locks/{lock}", "Lock")):
        content = paths[uri]["get"]["responses"]["200"]["content"]
        assert content[MESSAGE_PACK]["schema"] == {"$ref": f"#/components/schemas/{shape}"}
    assert set(described["components"]["schemas"]["Lock"]["properties"]) >= {"name", "mode", "owner", "pending"}
    assert MESSAGE_PACK in paths["instances"]["post"]["requestBody"]["content"]
    assert "/3/{cluster}/locks/{lock}" in extended.http.get("/3/docs").text


def test_the_xml_schema_has_them(extended: Api, locked: list[int]) -> None:
    schema = etree.fromstring(extended.http.get("/3/schema.xsd").content)
    assert {"lock", "locks"} <= {element.get("name") for element in schema.iterfind(f"{XSD}element")}
    for path in ("locks", "locks/node%2Fnode4"):
        document = extended.get(path, Accept="application/xml").content
        etree.XMLSchema(schema).assertValid(etree.fromstring(document))


def test_the_page_shows_the_program() -> None:
    program = EXAMPLE.read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        assert block in program
