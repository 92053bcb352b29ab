"""The comparison sees what it must, and overlooks only what may be another for each side."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.differences import DIFFERENCES
from differential import accepted, comparing
from differential.answer import Answer
from differential.contract import CONTRACT
from differential.generator import Case
from rapier.api.v2.routes import ROUTES
from rapier.ganeti.opcodes import OPCODES

READ = Case("GET", "/2/nodes/{node}", "/2/nodes/node1")
WRITE = Case("PUT", "/2/tags", "/2/tags", "tag=a")


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """As one side gave it."""
    raw = json.dumps(body).encode() + b"\n"
    return Answer(status, {"content-length": str(len(raw)), "server": "Rapier", **(headers or {})}, body, raw)


def of_answers(case: Case, stock: Answer, rapier: Answer) -> list[str]:
    return list(comparing.answers(case, stock, rapier, set()))


def of_bodies(stock: Any, rapier: Any, *made: dict[str, str]) -> list[str]:
    mine, other = made or ({}, {})
    return list(
        comparing.unequal(comparing.neutral(answer(stock), mine), comparing.neutral(answer(rapier), other), "body")
    )


def test_a_status_a_header_of_stocks_and_a_wrong_length_are_seen() -> None:
    assert of_answers(READ, answer(1), answer(1, 201)) == ["status: 200, and 201"]
    assert of_answers(READ, answer(1, headers={"www-authenticate": "Basic"}), answer(1)) == [
        "header www-authenticate: 'Basic', and None"
    ]
    assert of_answers(READ, answer(1), answer(1, headers={"content-length": "7"})) == [
        "the length of Rapier's body is not the one in its header"
    ]


def test_a_text_that_is_spaced_otherwise_is_seen() -> None:
    raw = b'{"a":1}\n'
    tight = Answer(200, {"content-length": str(len(raw)), "server": "Rapier"}, {"a": 1}, raw)
    assert of_answers(READ, answer({"a": 1}), tight) == ["the text of Rapier's body is another than Python writes"]


def test_headers_that_only_rapier_sends_do_not_count() -> None:
    assert of_answers(READ, answer(1), answer(1, headers={"x-request-id": "a"})) == []


def test_a_read_may_keep_its_connection_and_a_write_may_not() -> None:
    closing = answer(1, headers={"connection": "close"})
    assert of_answers(READ, closing, answer(1)) == []
    assert of_answers(WRITE, closing, answer(1)) == ["header connection: 'close', and None"]


@pytest.mark.parametrize(
    ("stock", "rapier"),
    [
        (1, 1.0),
        (1, True),
        (None, 0),
        ([], {}),
        ([1], [1, 1]),
        ([1, 2, 3], [1, 2, 4]),
        ({"a": 1}, {"a": 1, "b": None}),
        ({"a": {"b": [{"c": "x"}]}}, {"a": {"b": [{"c": "y"}]}}),
        ({"mfree": 1}, {"mfree": None}),
        ({"mfree": 1}, {"mfree": "1"}),
        ({"name": "node1"}, {"name": "node2"}),
        ("job 17 is gone", "job 18 is gone"),
    ],
)
def test_values_that_differ_are_seen(stock: Any, rapier: Any) -> None:
    assert len(of_bodies(stock, rapier)) == 1


def test_live_figures_are_compared_by_type() -> None:
    assert of_bodies({"mfree": 1, "name": "a"}, {"mfree": 2, "name": "a"}) == []
    fields = [{"name": "mfree"}, {"name": "name"}]
    query = {"fields": fields, "data": [[[0, 1], [0, "a"]]]}
    assert of_bodies(query, {"fields": fields, "data": [[[0, 2], [0, "a"]]]}) == []
    assert len(of_bodies(query, {"fields": fields, "data": [[[3, 2], [0, "a"]]]})) == 1
    assert len(of_bodies(query, {"fields": fields, "data": [[[0, 2], [0, "b"]]]})) == 1


def test_what_was_made_for_one_side_alone_goes_by_its_name() -> None:
    made = {"own-job": "17"}, {"own-job": "18"}
    assert of_bodies([True, "Dequeued job 17"], [True, "Dequeued job 18"], *made) == []
    assert len(of_bodies([True, "Dequeued job 117"], [True, "Dequeued job 118"], *made)) == 1


def test_the_members_of_a_set_come_in_any_order() -> None:
    assert of_bodies("parameters {'a', 'b'}", "parameters {'b', 'a'}") == []
    assert len(of_bodies("parameters {'a', 'b'}", "parameters {'a', 'c'}")) == 1


def opcode(*trail: tuple[str, str], **params: Any) -> dict[str, Any]:
    """As it stands in a job; each element of the trail at a time of its own."""
    return {"OP_ID": "OP_TAGS_SET", "reason": [[*element, at] for at, element in enumerate(trail)], **params}


STOCKS = [("gnt:library:rlib2:tags", ""), ("gnt:opcode:tags_set", "job=7;index=0")]
RAPIERS = [STOCKS[0], ("rapier:user", "admin"), ("rapier:request", "a"), ("gnt:opcode:tags_set", "job=8;index=0")]


def of_jobs(stock: list[Any], rapier: list[Any]) -> list[str]:
    return list(comparing.jobs(stock, rapier, set()))


def test_what_rapier_adds_to_the_trail_is_accepted_and_nothing_else_of_a_job() -> None:
    stock = opcode(*STOCKS, tags=["a"])
    assert of_jobs([stock], [opcode(*RAPIERS, tags=["a"])]) == []
    assert len(of_jobs([stock], [opcode(*RAPIERS, tags=["b"])])) == 1
    assert len(of_jobs([stock], [opcode(*RAPIERS, tags=["a"], dry_run=False)])) == 1
    assert len(of_jobs([stock], [opcode(*RAPIERS[1:], tags=["a"])])) == 1
    assert len(of_jobs([stock], [opcode(RAPIERS[0], RAPIERS[2], RAPIERS[3], tags=["a"])])) == 1
    assert len(of_jobs([stock, stock], [opcode(*RAPIERS, tags=["a"])])) == 1


def test_a_filter_that_one_side_did_not_make_is_seen() -> None:
    rule = {"priority": 1, "reason_trail": []}
    assert list(comparing.rules(rule, dict(rule), set())) == []
    assert len(list(comparing.rules(rule, None, set()))) == 1
    assert len(list(comparing.rules(rule, rule | {"priority": 2}, set()))) == 1


def test_each_difference_that_lets_off_is_one_of_those_that_users_are_told() -> None:
    assert set(DIFFERENCES) >= accepted.ALL


def test_the_contract_is_asked_for_as_a_whole() -> None:
    """Its rows are Rapier's; and it knows its opcodes."""
    ours = {_shape(uri): set(methods) for uri, methods in ROUTES.items()}
    assert ours == {_shape(uri): set(methods) for uri, methods in CONTRACT.items()}
    named = {row.opcode for rows in CONTRACT.values() for row in rows.values() if row.opcode}
    assert named <= set(OPCODES)


def _shape(uri: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in uri.split("/"))
