"""LUXI messages as bytes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapier import errors
from rapier.luxi.framing import (
    END_OF_MESSAGE,
    decode_answer,
    decode_request,
    encode_answer,
    encode_request,
)

_numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | _numbers | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.text(), st.lists(values, max_size=4))
def test_a_request_reads_as_it_was_written_and_ends_once(method: str, args: list[Any]) -> None:
    message = encode_request(method, args)
    assert message.count(END_OF_MESSAGE) == 1
    read = decode_request(message.removesuffix(END_OF_MESSAGE))
    assert (read.method, read.args, read.version) == (method, args, 3_000_000)


@given(values)
def test_an_answer_reads_as_it_was_written_and_ends_once(result: Any) -> None:
    message = encode_answer(True, result)
    assert message.count(END_OF_MESSAGE) == 1
    assert decode_answer(message.removesuffix(END_OF_MESSAGE)) == result


@given(st.binary())
def test_whatever_bytes_come_are_an_answer_or_garbled(message: bytes) -> None:
    with pytest.raises((errors.MasterGarbled, errors.GanetiError)):
        decode_answer(message + b"}")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"success"',
        b'{"success": true}',
        b'{"result": 1}',
        b'{"success": 1, "result": 2}',
        b'{"success": true, "result": 1} trailing',
        b'{"success": true, "result": "\xff"}',
        b'{"success": true, "result": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_no_answer_is_garbled(message: bytes) -> None:
    with pytest.raises(errors.MasterGarbled, match="no LUXI message"):
        decode_answer(message)


def test_an_answer_may_have_members_that_we_do_not_know() -> None:
    assert decode_answer(b'{"success": true, "result": 7, "version": 3000000}') == 7


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (errors.OpPrereqError, "OpPrereqError"),
        (errors.OpExecError, "OpExecError"),
        (errors.JobQueueError, "JobQueueError"),
        (errors.JobQueueFull, "JobQueueFull"),
        (errors.JobQueueDrainError, "JobQueueDrainError"),
        (errors.JobLost, "JobLost"),
        (errors.GanetiError, "HooksAbort"),
    ],
)
def test_an_error_keeps_its_class_and_arguments(kind: type[errors.GanetiError], name: str) -> None:
    args: list[Any] = ["Instance none not found", "unknown_entity"]
    with pytest.raises(errors.GanetiError) as raised:
        decode_answer(encode_answer(False, [name, args]).removesuffix(END_OF_MESSAGE))
    assert type(raised.value) is kind
    assert (raised.value.ganeti_class, raised.value.ganeti_args) == (name, args)
    assert (raised.value.text, raised.value.code, str(raised.value)) == (args[0], args[1], args[0])


@pytest.mark.parametrize(
    ("result", "text", "code"),
    [
        (["JobLost", ["Can't load job file"]], "Can't load job file", None),
        (["JobQueueFull", []], "JobQueueFull", None),
        (["OpPrereqError", "not a list"], "not a list", None),
        (["OpExecError", ["text", ["no", "code"]]], "text", None),
    ],
)
def test_an_error_with_few_or_odd_arguments_has_a_text(result: list[Any], text: str, code: str | None) -> None:
    with pytest.raises(errors.GanetiError) as raised:
        decode_answer(encode_answer(False, result).removesuffix(END_OF_MESSAGE))
    assert (raised.value.text, raised.value.code) == (text, code)


@pytest.mark.parametrize("result", ["Failed to parse request: no method", None, 7, [], {"a": 1}, [["no", "name"], []]])
def test_an_error_that_is_no_pair_means_that_the_request_was_refused(result: Any) -> None:
    with pytest.raises(errors.RequestRefused) as raised:
        decode_answer(encode_answer(False, result).removesuffix(END_OF_MESSAGE))
    assert raised.value.text == str(result)


@given(st.binary())
def test_whatever_bytes_come_are_a_request_or_a_decoding_error(message: bytes) -> None:
    try:
        decode_request(message)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    assert message
