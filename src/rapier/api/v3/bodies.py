"""Bodies of requests: checked against their shape, and turned into the parameters of opcodes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from rapier.api.v3.problems import unprocessable
from rapier.api.v3.request import nearest
from rapier.ganeti.members import members_of, struct_in, struct_listed
from rapier.ganeti.opcodes import NOT_FOR_CLIENTS, OPCODES, InvalidParameter, Parameter, Params, UnknownParameter


def check(value: Any, shape: type[msgspec.Struct]) -> dict[str, Any]:
    """The value, which is of the shape. Raises a 422 with a pointer to what is unknown, missing or of another type."""
    if not isinstance(value, dict):
        raise unprocessable("The body has to be an object", pointer="")
    _check_names(value, shape, "")
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError as problem:
        text, _, place = str(problem).partition(" - at ")
        raise unprocessable(text, pointer=_pointer(place.strip("`"), text)) from None
    return value


def _check_names(value: Any, shape: type[msgspec.Struct], pointer: str) -> None:
    members = members_of(shape)
    for name, member in value.items():
        if name not in members:
            raise unprocessable(
                f"There is no member {name!r} here{nearest(name, members)}", pointer=below(pointer, name)
            )
        if isinstance(member, dict) and (group := struct_in(members[name])) is not None:
            _check_names(member, group, below(pointer, name))
        elif isinstance(member, list) and (listed := struct_listed(members[name])) is not None:
            for place, one in enumerate(member):
                if isinstance(one, dict):
                    _check_names(one, listed, f"{below(pointer, name)}/{place}")


def _pointer(place: str, text: str) -> str:
    """A JSON pointer from msgspec's `$.disks[0].size_mib`, and from the name of what is missing there."""
    pointer = "".join(f"/{name or index}" for name, index in re.findall(r"\.([\w/-]+)|\[(\d+|\.\.\.)\]", place))
    missing = re.search(r"missing required field `(.+?)`", text)
    return f"{pointer}/{missing[1]}" if missing else pointer


def fill(
    op_id: str, given: Mapping[str, Any], fixed: Params, pointer: str = "", members: Mapping[str, str] | None = None
) -> Params:
    """An opcode with the client's parameters and those that the path or other members give, wholly checked.

    `pointer` is where the given ones stand in the body, `members` where the fixed ones do. Raises a 422.
    """
    for name in given:
        if name in NOT_FOR_CLIENTS:
            raise unprocessable(f"{name} is not for clients to say", pointer=below(pointer, name), opcode=op_id)
        if name in fixed:
            raise unprocessable(f"{name} is given by the URI", pointer=below(pointer, name), opcode=op_id)
    known = OPCODES[op_id].parameters
    params = {**given, **fixed}
    try:
        return OPCODES[op_id].fill(params)
    except (InvalidParameter, UnknownParameter) as problem:
        name, said = problem.parameter, str(problem)
    except TypeError as problem:  # of a value that cannot even be compared with what is wanted
        name, said = next(name for name in params if not _comparable(known[name], params[name])), str(problem)
    hint = f"; it has to be {known[name].type.words}" if name in known else nearest(name, known)
    place = (members or {}).get(name, below(pointer, name))
    raise unprocessable(f"{said}{hint}", pointer=place, parameter=name, opcode=op_id)


def _comparable(parameter: Parameter, value: Any) -> bool:
    try:
        parameter.accepts(value)
    except TypeError:
        return False
    return True


def below(pointer: str, name: str) -> str:
    """The JSON pointer of a member (RFC 6901)."""
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


def new_name(name: Any, pointer: str) -> Any:
    """A name that an object may get: one that can stand in a URI, and be found again. Raises a 422."""
    if isinstance(name, str) and (name in ("", ".", "..") or not re.fullmatch(r"[!-.0-~]+", name)):
        raise unprocessable(
            f"{name!r} cannot be a name: it has to be ASCII without blanks and slashes", pointer=pointer
        )
    return name
