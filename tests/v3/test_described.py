"""The answers of all suites are held against the description: this is the one that is served, and it can say no."""

from __future__ import annotations

import httpx
import pytest
from lxml import etree

from described import usual
from v3.client import Api


def test_what_answers_are_held_against_is_what_is_served(api: Api) -> None:
    assert api.http.get("/3/openapi.json").json() == usual().document
    assert api.http.get("/3/schema.xsd").content == usual().schema


@pytest.mark.parametrize("format_name", ["json", "xml"])
def test_an_answer_that_is_not_as_described_is_found(api: Api, format_name: str) -> None:
    good = api.get(f"groups?format={format_name}")
    bad = httpx.Response(
        200, headers=good.headers, content=good.content.replace(b"alloc_policy", b"policy"), request=good.request
    )
    for client in (api.endpoint.client(), api.endpoint.async_client()):
        assert client.event_hooks["response"], "nothing is held against it"
    usual().check(good)
    with pytest.raises((AssertionError, etree.DocumentInvalid), match="policy"):
        usual().check(bad)


@pytest.mark.parametrize("path", ["/3/nothing/here", "/3/self", "/3"])
@pytest.mark.parametrize("status", [418, 302])
def test_a_status_that_is_not_described_is_found(path: str, status: int) -> None:
    answer = httpx.Response(status, json={}, request=httpx.Request("GET", f"https://rapier{path}"))
    with pytest.raises(AssertionError, match=str(status)):
        usual().check(answer)
