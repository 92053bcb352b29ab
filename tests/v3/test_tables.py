"""Nothing of Ganeti is forgotten: its query fields are in the tables, and each parameter of an opcode can be given."""

from __future__ import annotations

import msgspec
import pytest

from rapier.api.v3.creations import NODE_UUIDS, creation_shape
from rapier.api.v3.routes import routes_of
from rapier.ganeti.kinds import GROW_DISK, INSTANCE, KINDS, Kind
from rapier.ganeti.members import Creates, Member, annotation, members_of, struct_in, struct_listed
from rapier.ganeti.opcodes import NOT_FOR_CLIENTS, OPCODES
from rapier.ganeti.query_fields import QUERY_FIELDS
from v3.client import Api

CREATED = [kind for kind in KINDS if kind.create]


@pytest.mark.parametrize("kind", ["instance", "node", "group", "network", "job"])
def test_the_table_of_query_fields_has_each_that_the_master_knows(api: Api, kind: str) -> None:
    known = {field["name"] for field in api.luxi("QueryFields", kind, None)["fields"]}
    assert known - QUERY_FIELDS[kind].keys() == set()


def given_by_members(shape: type[msgspec.Struct]) -> set[str]:
    """The parameters of the creating opcode that an object's members give."""
    given: set[str] = set()
    for hint in members_of(shape).values():
        if (member := annotation(hint, Member)) is not None:
            given |= {member.create} if member.create else set()
        elif (creates := annotation(hint, Creates)) is not None:
            given.add(creates.parameter)
        elif (group := struct_in(hint)) is not None and struct_listed(hint) is None:
            given |= given_by_members(group)
    return given


@pytest.mark.parametrize("kind", CREATED, ids=lambda kind: kind.name)
def test_each_parameter_of_a_creation_can_be_given_in_one_way(kind: Kind) -> None:
    by_members = given_by_members(kind.shape)
    further = struct_in(members_of(creation_shape(kind))["create"])
    assert further is not None
    below_create = set(further.__struct_fields__)
    assert not by_members & below_create
    left_out = NOT_FOR_CLIENTS | NODE_UUIDS.keys()
    assert set(OPCODES[kind.create].parameters) - by_members - below_create - left_out == set()
    assert by_members | below_create <= set(OPCODES[kind.create].parameters)


@pytest.mark.parametrize(
    ("kind", "op_id"),
    [(kind, op_id) for kind in KINDS for op_id in kind.actions.values()] + [(INSTANCE, GROW_DISK)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_parameter_of_an_action_is_in_its_body_or_in_its_uri(kind: Kind, op_id: str) -> None:
    by_uri = {kind.parameter, kind.uuid_parameter} | ({"disk"} if op_id == GROW_DISK else set())
    bodies = [operation.body for route in routes_of(KINDS) for operation in route.methods.values()]
    name = OPCODES[op_id].shape().__name__
    [body] = [shape for shape in bodies if shape is not None and shape.__name__ == name]
    assert set(OPCODES[op_id].parameters) - by_uri - NOT_FOR_CLIENTS == set(body.__struct_fields__)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.remove], ids=lambda kind: kind.name)
def test_each_parameter_of_a_removal_is_a_query_argument_or_in_its_uri(kind: Kind) -> None:
    [operation] = [
        route.methods["DELETE"]
        for route in routes_of(KINDS)
        if route.uri == f"/3/{{cluster}}/{kind.collection}/{{{kind.name}}}"
    ]
    left = set(OPCODES[kind.remove].parameters) - {kind.parameter, kind.uuid_parameter} - NOT_FOR_CLIENTS
    assert left - operation.arguments.keys() == {
        "depends"
    }  # a list: a job that waits for others goes through POST jobs
