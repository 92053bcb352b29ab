"""LUXI messages as bytes, for both ends of the socket. No I/O.

A message is UTF-8 JSON followed by one byte 0x03, both ways. A request is `{"method", "args", "version"}`, an answer
`{"success", "result"}`; an unsuccessful answer's result is `[error class, [arguments]]` or a bare text. A connection
carries one request at a time: a second one sent before the first answer is lost.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rapier.errors import MasterGarbled, ganeti_error

END_OF_MESSAGE = b"\x03"
LUXI_VERSION = 3_000_000


class Request(msgspec.Struct):
    """What a client sends: `args` by position. luxid does not check `version`."""

    method: str
    args: Any = []
    version: int | None = None


class Answer(msgspec.Struct):
    """What the master sends back."""

    success: bool
    result: Any


_encode = msgspec.json.Encoder().encode
_decode_request = msgspec.json.Decoder(Request).decode
_decode_answer = msgspec.json.Decoder(Answer).decode


def encode_request(method: str, args: list[Any] | tuple[Any, ...]) -> bytes:
    """One request, ready to send."""
    return _encode(Request(method, args, LUXI_VERSION)) + END_OF_MESSAGE


def encode_answer(success: bool, result: Any) -> bytes:
    """One answer, ready to send."""
    return _encode(Answer(success, result)) + END_OF_MESSAGE


def decode_request(message: bytes | bytearray | memoryview) -> Request:
    """The request in `message` (without its end byte). Raises `msgspec.DecodeError` for what is none."""
    return _decode_request(message)


def decode_answer(message: bytes | bytearray | memoryview) -> Any:
    """The result in `message` (without its end byte).

    Raises the `GanetiError` that an unsuccessful answer carries, and `MasterGarbled` for what is no answer.
    """
    try:
        answer = _decode_answer(message)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise MasterGarbled(f"the master's answer is no LUXI message: {problem}") from problem
    if not answer.success:
        raise ganeti_error(answer.result)
    return answer.result
