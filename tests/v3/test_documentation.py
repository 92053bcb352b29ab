"""What README.md and docs/ say of version 3 is so: commands are run, tables are compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from endpoints import USERS, Access, Endpoint, embedded_master, rapier
from rapier.api.v3.problems import TYPES
from rapier.api.v3.routes import routes_of
from rapier.ganeti.kinds import KINDS
from v3.sessions import Step, run_in_one_shell, steps_of

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "version-3.md"
METHODS = ("GET", "PUT", "POST", "DELETE")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, access: Access) -> Iterator[Endpoint]:
    """A cluster of its own, called demo as that of `rapier demo`."""
    with (
        embedded_master(tmp_path_factory.mktemp("documented")) as luxi_socket,
        rapier("rapier-documented", luxi_socket, access, "--cluster-alias", "demo") as endpoint,
    ):
        yield endpoint


@pytest.mark.parametrize(("page", "least"), [("README.md", 5), ("docs/version-3.md", 15)])
def test_the_commands_print_what_the_page_says(demo: Endpoint, page: str, least: int, tmp_path: Path) -> None:
    steps = steps_of(ROOT / page)
    assert len(steps) >= least
    curl = f"curl -s --cacert {demo.certificate} -u admin:{USERS['admin']}"
    variables = {"CURL": curl, "HOST": demo.url, "API": f"{demo.url}/3/demo"}
    printed = run_in_one_shell(steps, variables, tmp_path)
    for step, text in zip(steps, printed, strict=True):
        assert step.allows(text), f"{step.command}\nprinted\n{text}\nand not\n{step.shown}"


def test_what_a_page_leaves_out_stands_for_anything_and_the_rest_for_itself() -> None:
    step = Step("", '{"a":1,…,\n "b":2}')
    assert step.allows('{"a":1,"x":[],"b":2}')
    assert not step.allows('{"a":1,"x":[],"b":3}')
    assert not step.allows('{"a":1,"x":[],"b":2}}')


def rows(page: Path, header: str) -> list[list[str]]:
    """The cells of the table with that header."""
    text = page.read_text().split(header, 1)[1]
    lines = text.splitlines()[2:]
    table = lines[: next(place for place, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_the_table_of_uris_is_that_of_the_routes() -> None:
    documented = {
        uri: {method for method, meaning in zip(METHODS, meanings, strict=True) if meaning}
        for uris, *meanings in rows(GUIDE, "| URI | GET |")
        for uri in re.findall("`(/3[^`]*)`", uris)
    }
    assert documented == {route.uri: set(route.methods) for route in routes_of(KINDS)}


def test_the_table_of_problems_is_that_of_the_types() -> None:
    documented = [tuple(row) for row in rows(GUIDE, "| type | status |")]
    assert documented == [(f"`{one.slug}`", str(int(one.status)), one.title) for one in TYPES.values()]


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_links_to_other_pages_lead_somewhere(page: str) -> None:
    path = ROOT / "docs" / page
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / link).exists(), link
