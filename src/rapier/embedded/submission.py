"""Reading the opcodes of a job that is submitted, as luxid reads them: whole and of the right types, or not at all."""

from __future__ import annotations

from typing import Any

from rapier.embedded.parameters import size_in_mib
from rapier.embedded.refusals import unreadable
from rapier.ganeti.opcodes import OPCODES, InvalidParameter, UnknownParameter

Params = dict[str, Any]

# Null in the queue as well; any other parameter that is null is left out
_SHOWN_AS_NULL = frozenset({"depends", "comment"})
_HAVE_DISKS = frozenset({"OP_INSTANCE_CREATE", "OP_INSTANCE_SET_PARAMS"})
_DISK_MODES = ("ro", "rw")
_DISK_TYPES = {"spindles": int} | dict.fromkeys(("name", "adopt", "vg", "metavg", "provider"), str)


def read_opcodes(words: Any, call: str) -> list[Params]:
    """The opcodes of one job. Raises `RequestRefused` in luxid's way for one that cannot be read."""
    if not isinstance(words, list):
        raise unreadable(f"Cannot convert value '{words!r}', error: Unable to read list")
    return [_read_opcode(one, call) for one in words]


def _read_opcode(words: Any, call: str) -> Params:
    if not isinstance(words, dict):
        raise unreadable(f"{call}: Cannot convert value '{words!r}', error: Unable to read JSObject")
    given = dict(words)
    op_id = given.pop("OP_ID", None)
    if op_id is None:
        raise _missing(call, "OP_ID", words)
    if op_id not in OPCODES:
        raise unreadable(f"{call}: Unknown opcode {op_id}")
    if not isinstance(given.get("reason"), list):
        raise _missing(call, "reason", words)
    for entry in given["reason"]:
        if not isinstance(entry, list) or [type(one) for one in entry] != [str, str, int]:
            raise unreadable(f"{call}: Can't parse value for 'reason': {entry!r} is no [source, text, nanoseconds]")
    if isinstance(given.get("disks"), list) and op_id in _HAVE_DISKS:
        given["disks"] = [_read_disks(one, call) for one in given["disks"]]
    try:
        filled = OPCODES[op_id].fill(given)
    except UnknownParameter as problem:
        allowed = sorted(OPCODES[op_id].parameters)
        raise unreadable(
            f'{call}: Superfluous dictionary keys: ["{problem.parameter}"], but only {allowed} allowed.'
        ) from None
    except InvalidParameter as problem:
        if problem.parameter not in given:
            raise _missing(call, problem.parameter, words) from None
        raise unreadable(f"{call}: Can't parse value for '{problem.parameter}'") from None
    except TypeError as problem:
        raise unreadable(f"{call}: {problem}") from None
    return {name: value for name, value in filled.items() if value is not None or name in _SHOWN_AS_NULL}


def _missing(call: str, name: str, words: Params) -> Exception:
    return unreadable(f"{call}: key '{name}' not found, object contains only {sorted(words)}")


def _read_disks(words: Any, call: str) -> Any:
    """A disk's members with its size in MiB, also where they stand at the end of a change."""
    if isinstance(words, list) and words:
        return [*words[:-1], _read_disks(words[-1], call)]
    if not isinstance(words, dict):
        return words
    if words.get("mode", "rw") not in _DISK_MODES:
        raise unreadable(f"{call}: Can't parse value for 'disks': Invalid value {words['mode']!r} for a disk's mode")
    for name, value in words.items():
        if not isinstance(value, _DISK_TYPES.get(name, object)):
            raise unreadable(f"{call}: Can't parse value for 'disks': Can't parse value for '{name}'")
    if not isinstance(words.get("size"), str):
        return words
    try:
        return words | {"size": size_in_mib(words["size"])}
    except ValueError:
        raise unreadable(f"{call}: Can't parse value for 'disks': Can't parse string '{words['size']}'") from None
