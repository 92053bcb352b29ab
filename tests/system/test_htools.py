"""Ganeti's own htools collect a cluster's data with `-m`, from stock and from Rapier: they make the same of both.

All that they say has to be the same to the last digit, but for what is measured anew at each reading: the memory and
the space that are free, and what the tools make of them.
"""

from __future__ import annotations

import re
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from conformance.client import Api
from conformance.history import creation
from endpoints import USERS, Endpoint

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

# The instances that hspace thinks of are bound by processors, not by memory, so that it finds room for equally many
ROOM = "200g,256m,4"
TOOLS = {
    "hbal": ["hbal", "-l", "0", "-p", "--print-instances", "-m"],
    "hspace": ["hspace", "--machine-readable", "--standard-alloc", ROOM, "--tiered-alloc", ROOM, "-m"],
    "hinfo": ["hinfo", "-v", "-v", "-p", "--print-instances", "-m"],
    "hcheck": ["hcheck", "--no-simulation", "-m"],
    "hscan": ["hscan", "-p", "-d"],  # a folder
}
READINGS = 3  # before two figures that are too far apart are a difference

# How far apart live figures may be, of two readings within a second on a machine where others work. Memory and space
# are in MiB, or in GiB where a tool prints those.
NODE_MEMORY, FREE, FREE_GIB, SCORE = 64, 256, 1, 0.02
NODES = 4
# by the columns of a table
COLUMNS = {
    "n_mem": NODE_MEMORY,
    "x_mem": FREE,
    "f_mem": FREE,
    "u_mem": FREE,
    "p_fmem": 0.05,
    "f_dsk": FREE_GIB,
    "p_fdsk": 0.01,
    "Score": SCORE,
}
COLUMNS_OF_SUMS = {"f_mem": NODES * FREE, "f_disk": FREE_GIB, "Score": SCORE}  # where a row is a cluster
# by what stands before a figure elsewhere
NAMES = {
    r"is missing ": FREE,
    r"MB ram and ": FREE_GIB,
    r"score:? ": SCORE,
    r"\bfree_(?:mem|disk)_cv\w* +": SCORE / 2,
    r"^HTS_\w+_SCORE=": SCORE,
    r"^HTS_\w+_(?:MEM_(?:FREE|AVAIL|OVERHEAD)|DSK_(?:FREE|AVAIL|INST))=": NODES * FREE,
    r"^HTS_KM_(?:UNAV_MEM|USED_DSK|UNAV_DSK)=": NODES * FREE,
    r"^HTS_\w+_DSK_EFF=": 0.01,
}
# of a node's row in a data file (htools(1), --text-data)
NODE_ROW = {2: NODE_MEMORY, 3: FREE, 5: FREE}


class Figure(NamedTuple):
    """A live figure: the line it is in, and how far it may be from that of another reading."""

    line: str
    value: float
    tolerance: float


Reading = tuple[list[str], list[Figure]]  # lines, with … for their live figures; those


def url_of(endpoint: Endpoint) -> str:
    """As htools take it, with the user and the password."""
    return endpoint.url.replace("://", f"://admin:{USERS['admin']}@")


@pytest.fixture(scope="module")
def instance(rapier_real: Endpoint) -> Iterator[str]:
    """One that is there meanwhile."""
    name, api = f"htools-{secrets.token_hex(2)}", Api("rapier-real", rapier_real)
    wanted = creation(name, "node2", tags=["t"], disk_template="sharedfile", disks=[{"size": 64}])
    assert api.job("POST", "/2/instances", wanted)["status"] == "success"
    yield name
    api.job("DELETE", f"/2/instances/{name}")


def said(words: list[str | Path], endpoint: Endpoint) -> str:
    """What a tool made of the API's data, and what it found wrong with it."""
    done = subprocess.run([*words, url_of(endpoint)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return f"{done.stdout}\n{done.stderr}".replace(url_of(endpoint), "URL")


def read(text: str) -> Reading:
    """What a tool said: tables, whose columns have names, and lines in which names stand before figures."""
    lines: list[str] = []
    figures: list[Figure] = []
    columns: list[float | None] = []  # of the table that the line is in
    for line in text.splitlines():
        words = line.split()
        tolerances = COLUMNS_OF_SUMS if words[:1] == ["Name"] else COLUMNS
        if tolerances.keys() & words:
            columns = [tolerances.get(word) for word in words]
        elif columns and len(words) in (len(columns), len(columns) - 1):  # the first column is blank in most rows
            line = _without(figures, words, columns[-len(words) :])
        else:
            columns = []
            for name, tolerance in NAMES.items():
                figure = rf"({name})(-?\d+(?:\.\d+)?)"
                figures += [Figure(line, float(found[2]), tolerance) for found in re.finditer(figure, line)]
                line = re.sub(figure, r"\1…", line)
        lines.append(" ".join(line.split()))
    return lines, figures


def _without(figures: list[Figure], words: list[str], tolerances: list[float | None]) -> str:
    """A row with … for each figure that has a tolerance, which is added to `figures`."""
    line = " ".join(words)
    row = []
    for word, tolerance in zip(words, tolerances, strict=True):
        if tolerance is None:
            row.append(word)
        else:
            row.append("…")
            figures.append(Figure(line, float(word), tolerance))
    return " ".join(row)


def read_data(text: str) -> Reading:
    """What hscan wrote into a file: sections with an empty line between them, the second one has the nodes."""
    figures: list[Figure] = []
    sections = text.split("\n\n")
    rows = [line.split("|") for line in sections[1].splitlines()]
    assert len(rows) == NODES
    assert {len(row) for row in rows} == {15}
    nodes = [_without(figures, row, [NODE_ROW.get(number) for number in range(len(row))]) for row in rows]
    return [sections[0], *nodes, *sections[2:]], figures


def compare(read_from: Callable[[Endpoint], Reading], stock: Endpoint, rapier: Endpoint) -> None:
    """Asserts that two readings at the same time are the same, but for live figures that are a little apart."""
    far: list[tuple[Figure, Figure]] = []
    for _ in range(READINGS):
        with ThreadPoolExecutor(2) as pool:
            (theirs, their_figures), (ours, our_figures) = pool.map(read_from, (stock, rapier))
        assert len(theirs) > 2
        assert their_figures
        assert ours == theirs
        pairs = zip(their_figures, our_figures, strict=True)
        far = [(one, other) for one, other in pairs if abs(one.value - other.value) > one.tolerance]
        if not far:
            break
    assert not far


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_says_the_same_of_both(
    stock: Endpoint, rapier_real: Endpoint, instance: str, tool: str, tmp_path: Path
) -> None:
    def read_from(endpoint: Endpoint) -> Reading:
        words: list[str | Path] = [*TOOLS[tool]]
        return read(said([*words, tmp_path] if tool == "hscan" else words, endpoint))

    compare(read_from, stock, rapier_real)


def test_hscan_writes_the_same_data(stock: Endpoint, rapier_real: Endpoint, instance: str, tmp_path: Path) -> None:
    def read_from(endpoint: Endpoint) -> Reading:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        said(["hscan", "-d", folder], endpoint)
        [dump] = folder.glob("*.data")
        text = dump.read_text()
        assert instance in text
        return read_data(text)

    compare(read_from, stock, rapier_real)
