"""Every opcode of Ganeti, as one table: its parameters with type, default and whether they are required.

The facts are in `opcodes.json`, read off Ganeti 3.0.2; parameters stand in the order in which Ganeti checks them.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Any

import msgspec

from rapier.ganeti import words

Params = dict[str, Any]
# `reason` is Rapier's to write, `debug_level` is for who debugs Ganeti
NOT_FOR_CLIENTS = frozenset({"reason", "debug_level"})
# Opcodes that no client submits: some test Ganeti itself, others end a cluster, or need work on the nodes around them
CLOSED_TO_CLIENTS = frozenset(
    {
        "OP_CLUSTER_DESTROY",
        "OP_CLUSTER_POST_INIT",
        "OP_NODE_ADD",
        "OP_NODE_REMOVE",
        "OP_OOB_COMMAND",
        "OP_RESTRICTED_COMMAND",
        "OP_TEST_ALLOCATOR",
        "OP_TEST_DELAY",
        "OP_TEST_DUMMY",
        "OP_TEST_JQUEUE",
        "OP_TEST_OS_PARAMS",
    }
)


class UnknownParameter(ValueError):
    """A parameter that the opcode does not have. The text is Ganeti's own."""

    def __init__(self, op_id: str, parameter: str) -> None:
        class_name = "".join(part.capitalize() for part in op_id.split("_"))  # as Ganeti's programs call the opcode
        super().__init__(f"Object {class_name} doesn't support the parameter '{parameter}'")
        self.parameter = parameter


class InvalidParameter(ValueError):
    """A parameter that is missing or not of its type. The text is Ganeti's own."""

    def __init__(self, op_id: str, parameter: str) -> None:
        super().__init__(f"Parameter '{op_id}.{parameter}' fails validation")
        self.parameter = parameter


@dataclass(frozen=True)
class Parameter:
    """One parameter. It is required when its default is null and null is not of its type."""

    name: str
    type: words.Type
    default: Any

    @property
    def required(self) -> bool:
        """Whether a job without it is refused."""
        return self.default is None and not self.type.accepts(None)

    def accepts(self, value: Any) -> bool:
        """Whether Ganeti takes `value`; where it wants a fraction, a whole number will do."""
        if self.type.accepts(value):
            return True
        return isinstance(value, int) and not isinstance(value, bool) and self.type.accepts(float(value))


@dataclass(frozen=True)
class Opcode:
    """One opcode: `parameters` by name, those common to all opcodes last; `summary_field` names what it works on."""

    op_id: str
    parameters: Mapping[str, Parameter]
    summary_field: str | None

    def fill(self, params: Mapping[str, Any]) -> Params:
        """The opcode as a job holds it: `params` checked, and what is missing at its default.

        Raises `UnknownParameter` and `InvalidParameter`, with Ganeti's own words.
        """
        for name in params:
            if name not in self.parameters:
                raise UnknownParameter(self.op_id, name)
        opcode: Params = {"OP_ID": self.op_id}
        for name, parameter in self.parameters.items():
            value = params[name] if name in params else copy.copy(parameter.default)
            if not parameter.accepts(value):
                raise InvalidParameter(self.op_id, name)
            opcode[name] = value
        return opcode

    def shape(self, leaving_out: Collection[str] = (), *, optional: bool = False) -> type[msgspec.Struct]:
        """Its parameters as a struct, for what reads values that do not carry their types; none `optional` is left out.

        What Ganeti itself fills in is not among them.
        """
        members: list[Any] = []
        for name, parameter in self.parameters.items():
            if name in NOT_FOR_CLIENTS or name in leaving_out:
                continue
            schema: dict[str, Any] = {**parameter.type.schema}
            if parameter.default is not None:
                schema["default"] = parameter.default
            hint: Any = Annotated[parameter.type.hint, msgspec.Meta(extra_json_schema=schema)]
            required = parameter.required and not optional
            members.append((name, hint) if required else (name, hint | msgspec.UnsetType, msgspec.UNSET))
        class_name = "".join(part.capitalize() for part in self.op_id.removeprefix("OP_").split("_"))
        return msgspec.defstruct(class_name, members, kw_only=True, forbid_unknown_fields=True)


def _load() -> dict[str, Opcode]:
    table = msgspec.json.decode(resources.files(__package__).joinpath("opcodes.json").read_bytes())
    return {
        op_id: Opcode(
            op_id,
            {
                name: Parameter(name, words.read(facts["type"]), facts["default"])
                for name, facts in (row["params"] | table["common_params"]).items()
            },
            row["summary_field"],
        )
        for op_id, row in table["opcodes"].items()
    }


OPCODES: Mapping[str, Opcode] = _load()
