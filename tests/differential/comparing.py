"""What counts as equal: two JSON values, two answers, two jobs. Each function answers the differences, a line each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from differential.accepted import HEADERS, TRAIL, TRAIL_SOURCES
from differential.answer import Answer
from differential.generator import Case
from rapier.ganeti.query_fields import QUERY_FIELDS

OF_EACH_ITS_OWN = ("date", "content-length")
# What the nodes are asked for at each query
LIVE = frozenset(name for fields in QUERY_FIELDS.values() for name, field in fields.items() if field.live)


class Live:
    """Stands for a number that is another each time: equal to each of its type."""

    def __init__(self, value: Any) -> None:
        self.kind = type(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Live) and self.kind is other.kind

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<a live {self.kind.__name__}>"


def unequal(stock: Any, rapier: Any, where: str) -> Iterator[str]:
    """Where two JSON values differ. 1 and 1.0 do, and so do 1 and true."""
    if isinstance(stock, dict) and isinstance(rapier, dict):
        for name in {**stock, **rapier}:
            if name not in stock or name not in rapier:
                yield f"{where}: {name!r} is there in {'stock' if name in stock else 'Rapier'} only"
            else:
                yield from unequal(stock[name], rapier[name], f"{where}.{name}")
    elif isinstance(stock, list) and isinstance(rapier, list) and len(stock) == len(rapier):
        for place, (one, other) in enumerate(zip(stock, rapier, strict=True)):
            yield from unequal(one, other, f"{where}[{place}]")
    elif type(stock) is not type(rapier) or stock != rapier:
        yield f"{where}: {stock!r:.1000}, and {rapier!r:.1000}"


def answers(case: Case, stock: Answer, rapier: Answer, accepted: set[str]) -> Iterator[str]:
    """Status, headers that stock sends, and length; adds to `accepted` what is let off."""
    if stock.status != rapier.status:
        yield f"status: {stock.status}, and {rapier.status}"
    for header, value in stock.headers.items():
        if header in OF_EACH_ITS_OWN and header in rapier.headers:
            continue
        if rapier.headers.get(header) != value:
            name, rule = HEADERS.get(header, ("", _never))
            if rule(case, stock, rapier):
                accepted.add(name)
            else:
                yield f"header {header}: {value!r}, and {rapier.headers.get(header)!r}"
    for name, answer in (("stock", stock), ("Rapier", rapier)):
        if answer.raw != json.dumps(answer.body).encode() + b"\n":  # so that equal values are equal texts
            yield f"the text of {name}'s body is another than Python writes"
        if answer.headers.get("content-length") != str(len(answer.raw)):
            yield f"the length of {name}'s body is not the one in its header"


def _never(case: Case, stock: Answer, rapier: Answer) -> bool:
    return False


def neutral(answer: Answer, made: Mapping[str, str]) -> Any:
    """The body, with names for what was made for this side alone, and live figures by their type."""
    return _neutral(answer.body, {value: f"⟨{name}⟩" for name, value in made.items()})


def _neutral(value: Any, made: Mapping[str, str]) -> Any:
    match value:
        case {"fields": [*fields], "data": [*rows]}:  # the answer to a query
            names = [field["name"] for field in fields]
            return {
                "fields": fields,
                "data": [
                    [[status, _shown(name, one)] for name, [status, one] in zip(names, row, strict=True)]
                    for row in rows
                ],
            }
        case dict():
            return {name: _neutral(_shown(name, one), made) for name, one in value.items()}
        case list():
            return [_neutral(one, made) for one in value]
        case str():
            for mine, name in made.items():
                value = re.sub(rf"\b{re.escape(mine)}\b", name, value)
            value = re.sub(r"\bjob-[\d-]+", "job-N", value)  # files that luxid could not write
            # a set has no order, and Python prints it in any
            return re.sub(r"\{(.*)\}", lambda found: f"{{{', '.join(sorted(found[1].split(', ')))}}}", value)
    return value


def _shown(name: str, value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Live(value) if name in LIVE and is_number else value


def jobs(stock: list[Any], rapier: list[Any], accepted: set[str]) -> Iterator[str]:
    """The opcodes of two jobs, each with its reason trail."""
    yield from unequal([_without_trail(one) for one in stock], [_without_trail(one) for one in rapier], "job")
    for ours, theirs in zip(rapier, stock, strict=False):
        expected, found = _trail(theirs), _trail(ours)
        if added := [one for one in found if one[0] in TRAIL_SOURCES]:
            accepted.add(TRAIL)
            if [source for source, _ in added] != list(TRAIL_SOURCES):
                yield f"what Rapier adds to the trail: {added}"
        # luxid's own elements come behind all others
        if expected != [one for one in found if one not in added]:
            yield f"reason trail: {expected}, and {found}"


def _without_trail(opcode: Any) -> Any:
    return {name: value for name, value in opcode.items() if name != "reason"}


def _trail(opcode: Any) -> list[tuple[str, str]]:
    return [(source, re.sub(r"job=\d+", "job=N", text)) for source, text, _ in opcode.get("reason") or []]


def rules(stock: Any, rapier: Any, accepted: set[str]) -> Iterator[str]:
    """Two filters, each with its reason trail; null for one that is not there."""
    if stock is None or rapier is None:
        yield from unequal(stock, rapier, "filter")
    else:
        as_jobs = [
            {**{name: value for name, value in rule.items() if name != "reason_trail"}, "reason": rule["reason_trail"]}
            for rule in (stock, rapier)
        ]
        yield from jobs([as_jobs[0]], [as_jobs[1]], accepted)
