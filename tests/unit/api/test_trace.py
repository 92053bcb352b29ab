"""Which id a request gets."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapier.api.trace import begin, current, request_id

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
Fields = list[tuple[bytes, bytes]]


def fields(*pairs: tuple[str, str]) -> Fields:
    """Headers as the server gives them."""
    return [(name.encode(), value.encode("latin-1")) for name, value in pairs]


@pytest.mark.parametrize("own", ["a", "2026-11-24T10:00:00+01:00/web1", "x" * 128, "A_b~c.d=e@f"])
def test_a_well_formed_one_is_taken(own: str) -> None:
    assert request_id(fields(("x-request-id", own), ("traceparent", PARENT))) == own


@pytest.mark.parametrize("own", ["", "x" * 129, "a b", 'a"b', "a\tb", "a<b>", "a,b", "é", "a[b]", "a\\b"])
def test_another_counts_as_none(own: str) -> None:
    assert request_id(fields(("x-request-id", own), ("traceparent", PARENT))) == TRACE
    assert re.fullmatch("[0-9a-f]{32}", request_id(fields(("x-request-id", own))))


def test_of_two_none_is_taken() -> None:
    assert request_id(fields(("x-request-id", "a"), ("x-request-id", "b"), ("traceparent", PARENT))) == TRACE
    assert request_id(fields(("traceparent", PARENT), ("traceparent", PARENT))) != TRACE


@pytest.mark.parametrize(
    "parent",
    [
        PARENT.replace("00-", "ff-", 1),
        PARENT.replace(TRACE, "0" * 32),
        PARENT.replace("b7ad6b7169203331", "0" * 16),
        PARENT.replace(TRACE, TRACE.upper()),
        PARENT + "-more",  # version 00 ends with its flags
        PARENT[:-1],
        PARENT + "0",
        "",
    ],
)
def test_what_is_no_traceparent_counts_as_none(parent: str) -> None:
    assert TRACE not in request_id(fields(("traceparent", parent))).lower()


@pytest.mark.parametrize("parent", [PARENT, PARENT.replace("00-", "01-", 1), "cc" + PARENT[2:] + "-what-will-be"])
def test_a_traceparent_of_this_or_a_later_version_gives_its_trace(parent: str) -> None:
    assert request_id(fields(("traceparent", parent))) == TRACE


def test_those_that_are_made_are_all_different() -> None:
    made = {request_id([]) for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in made)


@given(st.binary(max_size=200), st.binary(max_size=80))
def test_whatever_comes_the_id_is_safe_to_write_anywhere(own: bytes, parent: bytes) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._~:/+=@-]{1,128}", request_id([(b"x-request-id", own), (b"traceparent", parent)]))


async def test_the_id_is_known_to_the_task_that_began_it_and_to_those_that_it_starts() -> None:
    begin("abc")
    assert current() == "abc"
    assert await asyncio.create_task(_id_seen()) == "abc"


async def _id_seen() -> str:
    return current()


def test_outside_of_any_request_there_is_none() -> None:
    assert current() == ""
