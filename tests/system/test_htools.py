"""Ganeti's own htools collect a cluster's data with `-m`, from stock and from Rapier: they make the same of both."""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conformance.client import Api
from conformance.history import creation
from endpoints import USERS, Endpoint

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

# of the instances that fit, few are counted where each is large
TOOLS = {
    "hbal": ["hbal", "-l", "0", "-m"],
    "hspace": ["hspace", "--standard-alloc", "200g,8g,4", "--tiered-alloc", "200g,8g,4", "-m"],
    "hinfo": ["hinfo", "-m"],
    "hcheck": ["hcheck", "--no-simulation", "-m"],
}
MEASURED = slice(2, 6)  # a node's columns in a dump: memory and disk at that moment


def url_of(endpoint: Endpoint) -> str:
    """As htools take it, with the user and the password."""
    return endpoint.url.replace("://", f"://admin:{USERS['admin']}@")


@pytest.fixture(scope="module")
def instance(rapier_real: Endpoint) -> Iterator[str]:
    """One that is there meanwhile."""
    name, api = f"htools-{secrets.token_hex(2)}", Api("rapier-real", rapier_real)
    assert api.job("POST", "/2/instances", creation(name, "node2", tags=["t"]))["status"] == "success"
    yield name
    api.job("DELETE", f"/2/instances/{name}")


def said(words: list[str], endpoint: Endpoint) -> str:
    """What a tool made of the API's data; figures that differ from moment to moment are left out."""
    done = subprocess.run([*words, url_of(endpoint)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    text = done.stdout.partition("Warning: cluster has inconsistent data")[0].strip()
    return re.sub(r" +", " ", re.sub(r"\d+(\.\d+)?", "#", text))


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_makes_the_same_of_both(stock: Endpoint, rapier_real: Endpoint, instance: str, tool: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        theirs, ours = pool.map(lambda endpoint: said(TOOLS[tool], endpoint), (stock, rapier_real))
    assert ours == theirs
    assert len(ours.splitlines()) > 2


def dumped(endpoint: Endpoint, folder: Path) -> list[list[str]]:
    """The columns of what hscan wrote down of the cluster."""
    folder.mkdir()
    said(["hscan", "-d", str(folder)], endpoint)
    [dump] = folder.glob("*.data")
    rows = [line.split("|") for line in dump.read_text().splitlines()]
    for row in rows:
        if re.fullmatch(r"node\d", row[0]):
            row[MEASURED] = ["measured"]
    return rows


def test_hscan_writes_the_same_data(stock: Endpoint, rapier_real: Endpoint, instance: str, tmp_path: Path) -> None:
    theirs, ours = dumped(stock, tmp_path / "stock"), dumped(rapier_real, tmp_path / "rapier")
    assert ours == theirs
    assert any(row[0] == instance and row[-1] for row in ours)
