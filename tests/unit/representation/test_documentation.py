"""docs/representations.md shows what is really written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from rapier.representation import xml
from rapier.representation.json import JSON

PAGE = (Path(__file__).parents[3] / "docs/representations.md").read_text()


class Instance(Struct):
    kind: Literal["instance"]
    name: str
    size_mib: int
    primary_node: str | None
    secondary_nodes: list[str]
    tags: list[str]
    hvparams: dict[str, Any]


def test_the_examples_are_one_value_in_two_formats_and_a_problem() -> None:
    (in_json,) = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
    in_xml, problem = re.findall(r"```xml\n(.*?)\n```", PAGE, re.DOTALL)
    value = xml.decode(in_xml.encode(), Instance)
    assert JSON.encode(value, Instance).decode() == in_json
    assert xml.encode(value, Instance).decode() == in_xml
    assert xml.encode_problem(xml.decode_problem(problem.encode())).decode() == problem
