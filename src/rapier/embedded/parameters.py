"""Values that people write for parameters, read as Ganeti reads them: sizes, numbers, yes and no."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from rapier.embedded.refusals import generic

_MIB = {"": 1, "m": 1, "g": 1024, "t": 1024 * 1024}
_size = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([mgt]?)i?b?\s*", re.IGNORECASE).fullmatch


def size_in_mib(value: Any) -> int:
    """A size as people write it (`32m`, `1.5g`, 100), in MiB; a multiple of 4, as Ganeti rounds up.

    Raises `ValueError` for what is none.
    """
    found = _size(str(value))
    if found is None or isinstance(value, bool):
        raise ValueError("Invalid format")
    return math.ceil(float(found[1]) * _MIB[found[2].lower()] / 4) * 4


def shown_size(mib: int) -> str:
    """A size for people: 32M, 1.0G."""
    if mib < 1024:
        return f"{mib}M"
    return f"{mib / 1024:0.1f}G" if mib < 1024 * 1024 else f"{mib / 1024 / 1024:0.1f}T"


def _size_of(name: str, value: Any) -> int:
    try:
        return size_in_mib(value)
    except ValueError as problem:
        raise _ill_typed(f"'{name}' (value {value}) is not a valid size. error: {problem}") from None


def _integer(name: str, value: Any) -> int:
    try:
        return int(value)
    except (ValueError, TypeError):
        raise _ill_typed(f"'{name}' (value {value}) is not a valid integer") from None


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (ValueError, TypeError):
        raise _ill_typed(f"'{name}' (value {value}) is not a valid float") from None


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _ill_typed(f"'{name}' (value {value}) is not a valid string")


def _boolean(name: str, value: Any) -> bool:
    match value:
        case bool():
            return value
        case str() if value.lower() in ("true", "false"):
            return value.lower() == "true"
    raise _ill_typed(f"'{name}' (value {value}) is not a valid boolean")


def _ill_typed(text: str) -> Exception:
    return generic("TypeEnforcementError", text)


Reading = Callable[[str, Any], Any]

BACKEND_PARAMETERS: Mapping[str, Reading] = {
    "maxmem": _size_of,
    "minmem": _size_of,
    "vcpus": _integer,
    "spindle_use": _integer,
    "auto_balance": _boolean,
    "always_failover": _boolean,
}

NODE_PARAMETERS: Mapping[str, Reading] = {
    "oob_program": _text,
    "spindle_count": _integer,
    "exclusive_storage": _boolean,
    "ovs": _boolean,
    "ovs_name": _text,
    "ovs_link": _text,
    "ssh_port": _integer,
    "cpu_speed": _number,
}


_BY_TYPE: Mapping[type, Reading] = {bool: _boolean, int: _integer, float: _number, str: _text}


def readings_of_any(kinds: Mapping[str, Mapping[str, Any]]) -> dict[str, Reading]:
    """How values are read for the parameters of several kinds, by their defaults: Ganeti looks at types first."""
    return {name: _BY_TYPE[type(value)] for defaults in kinds.values() for name, value in defaults.items()}


def backend_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """The `beparams` of an opcode, each of its type; `memory`, an older name, stands for both bounds.

    Raises Ganeti's `TypeEnforcementError`.
    """
    values = dict(given)
    if "memory" in values:
        memory = values.pop("memory")
        values = {"maxmem": memory, "minmem": memory} | values
    # "default" takes the cluster's value, as if the parameter were not given
    values = {name: value for name, value in values.items() if value != "default"}
    return check_types(values, BACKEND_PARAMETERS)


def updated(own: Mapping[str, Any], given: Mapping[str, Any], readings: Mapping[str, Reading]) -> dict[str, Any]:
    """What an object has of its own when `given` is set on it: "default" goes back to what it inherits.

    Raises Ganeti's `TypeEnforcementError`.
    """
    values = {**own, **given}
    return check_types({name: value for name, value in values.items() if value != "default"}, readings)


def check_types(values: Mapping[str, Any], readings: Mapping[str, Reading]) -> dict[str, Any]:
    """Each value read as its name says. Raises Ganeti's `TypeEnforcementError`."""
    for name in values:
        if name not in readings:
            raise _ill_typed(f"Unknown parameter '{name}'")
    return {name: readings[name](name, value) for name, value in values.items()}


DISK_SIZE: Reading = _size_of
INTEGER: Reading = _integer
