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

TOOLS = {
    "hbal": ["hbal", "-l", "0", "-p", "--print-instances", "-m"],
    "hspace": ["hspace", "--machine-readable", "--standard-alloc", "200g,8g,4", "--tiered-alloc", "200g,8g,4", "-m"],
    "hinfo": ["hinfo", "-p", "--print-instances", "-m"],
    "hcheck": ["hcheck", "--no-simulation", "-m"],
}


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
    """What a tool made of the API's data."""
    done = subprocess.run([*words, url_of(endpoint)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("Warning: cluster has inconsistent data")[0].strip()


def same(theirs: str, ours: str) -> None:
    """Asserts that words are the same, and numbers almost.

    Free memory and space are measured at each reading, and scores are made of them; what is counted is nowhere near
    another number.
    """
    (words, numbers), (our_words, our_numbers) = read(theirs), read(ours)
    assert our_words == words
    assert our_numbers == pytest.approx(numbers, rel=0.05, abs=0.02)


def read(text: str) -> tuple[list[str], list[float]]:
    """A text's words, and its numbers."""
    parts = re.split(r"(\d+(?:\.\d+)?)", re.sub(r"[ -]+", " ", text))
    return parts[::2], [float(number) for number in parts[1::2]]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_makes_the_same_of_both(stock: Endpoint, rapier_real: Endpoint, instance: str, tool: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        theirs, ours = pool.map(lambda endpoint: said(TOOLS[tool], endpoint), (stock, rapier_real))
    assert len(theirs.splitlines()) > 2
    same(theirs, ours)


def dumped(endpoint: Endpoint, folder: Path) -> str:
    """What hscan wrote down of the cluster."""
    folder.mkdir()
    said(["hscan", "-d", str(folder)], endpoint)
    [dump] = folder.glob("*.data")
    return dump.read_text()


def test_hscan_writes_the_same_data(stock: Endpoint, rapier_real: Endpoint, instance: str, tmp_path: Path) -> None:
    theirs, ours = dumped(stock, tmp_path / "stock"), dumped(rapier_real, tmp_path / "rapier")
    assert instance in ours
    same(theirs, ours)
