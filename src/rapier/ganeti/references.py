"""Which objects an opcode's parameters name, beside the one that it is about: they have to be there.

Ganeti looks at them when the job runs; who knows them can say it before there is a job.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rapier.ganeti.kinds import GROUP, NETWORK, NODE, Kind
from rapier.ganeti.opcodes import OPCODES

_BY_PARAMETER: Mapping[str, Kind] = {
    "pnode": NODE,
    "snode": NODE,
    "src_node": NODE,
    "target_node": NODE,
    "remote_node": NODE,
    "group_name": GROUP,
    "target_groups": GROUP,
}


def references(opcode: Mapping[str, Any]) -> Iterator[tuple[str, Kind, str]]:
    """Parameter, kind, and the name that it gives."""
    about = OPCODES[opcode["OP_ID"]].summary_field
    for parameter, kind in _BY_PARAMETER.items():
        if parameter == about:
            continue
        given = opcode.get(parameter)
        for name in given if isinstance(given, list) else [given]:
            if isinstance(name, str):
                yield parameter, kind, name
    for nic in opcode.get("nics") or ():
        if isinstance(nic, dict) and isinstance(network := nic.get("network"), str) and network != "none":
            yield "nics", NETWORK, network
