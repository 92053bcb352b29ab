"""The reference pages in a real browser: they show the operations, ask nobody else for anything, break no policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from chromium import Tab, browser
from endpoints import USERS, Endpoint
from rapier.api.v3.problems import TYPES

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(rapier_embedded: Endpoint, tmp_path: Path) -> Iterator[Tab]:
    """A browser whose user is signed in, and which tells what its console says."""
    with browser(tmp_path / "profile") as tab:
        tab.call("Log.enable")
        tab.call("Runtime.enable")
        host, port = rapier_embedded.address
        tab.visit(f"https://admin:{USERS['admin']}@{host}:{port}/3/self")
        assert "<user>admin</user>" in tab.text()  # a browser prefers XML to "whatever there is"
        yield tab


def told(tab: Tab) -> list[Any]:
    """What the console says of the page: errors, warnings, and what its policy refused."""
    tab.call("Runtime.evaluate", expression="0")  # what came before has arrived then
    lines = [one["params"]["entry"] for one in tab.events if one["method"] == "Log.entryAdded"]
    calls = [
        one["params"] for one in tab.events if one["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    ]
    return [line for line in lines if "favicon" not in line.get("url", "")] + calls


def hosts(tab: Tab) -> set[str]:
    """Whom the page asked for anything."""
    urls = [one["params"]["request"]["url"] for one in tab.events if one["method"] == "Network.requestWillBeSent"]
    return {urlsplit(url).netloc.rpartition("@")[2] for url in urls}


def evaluated(tab: Tab, expression: str) -> Any:
    return tab.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"]["value"]


def test_the_reference_shows_every_operation_and_asks_nobody_else(tab: Tab, rapier_embedded: Endpoint) -> None:
    with rapier_embedded.client() as client:
        paths = client.get("/3/openapi.json").json()["paths"]
    wanted = {one["operationId"] for path in paths.values() for name, one in path.items() if name != "parameters"}
    tab.visit(f"{rapier_embedded.url}/3/docs")
    shown = tab.text()
    assert "/3/{cluster}/instances/{instance}/migrate" in shown
    assert "Start the instance" in shown
    assert set(evaluated(tab, "[...document.querySelectorAll('details')].map(one => one.id)")) == wanted
    assert hosts(tab) == {urlsplit(rapier_embedded.url).netloc}
    assert told(tab) == []
    # the page's own style is in force: the policy lets it through
    assert evaluated(tab, "getComputedStyle(document.querySelector('.method')).fontWeight") == "700"
    # every link within the page leads somewhere
    links = "[...document.querySelectorAll('a[href^=\"#\"]')].map(link => link.hash.slice(1))"
    assert evaluated(tab, f"{links}.length") > 100
    assert evaluated(tab, f"{links}.filter(id => !document.getElementById(id))") == []


def test_a_script_on_the_page_would_not_run(tab: Tab, rapier_embedded: Endpoint) -> None:
    """And the console would tell: `told` hears what it should."""
    tab.visit(f"{rapier_embedded.url}/3/docs")
    script = "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)"
    tab.call("Runtime.evaluate", expression=script)
    assert evaluated(tab, "typeof window.ran") == "undefined"
    assert any("Content Security Policy" in line["text"] for line in told(tab))


@pytest.mark.parametrize("slug", ["precondition-failed", "object-busy"])
def test_a_problem_page_explains_it(tab: Tab, rapier_embedded: Endpoint, slug: str) -> None:
    tab.visit(f"{rapier_embedded.url}/3/problems/{slug}")
    assert TYPES[slug].explanation in " ".join(tab.text().split())
    assert hosts(tab) == {urlsplit(rapier_embedded.url).netloc}
    assert told(tab) == []
    tab.events.clear()
    tab.call("Runtime.evaluate", expression="document.querySelector('a').click()")
    tab.event("Page.loadEventFired")
    assert evaluated(tab, "location.pathname + location.hash") == "/3/docs#problems"
