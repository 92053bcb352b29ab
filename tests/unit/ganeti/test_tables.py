"""What Ganeti is, as data."""

from __future__ import annotations

from typing import Any

import pytest

from rapier.ganeti import jobs
from rapier.ganeti.kinds import INSTANCE, JOB, NODE, Kind
from rapier.ganeti.opcodes import OPCODES, InvalidParameter, UnknownParameter
from rapier.ganeti.query_fields import QUERY_FIELDS

CREATE: dict[str, Any] = {
    "instance_name": "web1.example.org",
    "mode": "create",
    "disk_template": "diskless",
    "disks": [],
    "nics": [{}],
    "os_type": "dummy+default",
}


def test_an_opcode_is_filled_with_its_defaults() -> None:
    filled = OPCODES["OP_INSTANCE_CREATE"].fill(CREATE)
    assert filled["OP_ID"] == "OP_INSTANCE_CREATE"
    assert {name: filled[name] for name in CREATE} == CREATE
    assert (filled["start"], filled["wait_for_sync"], filled["reason"]) == (True, True, [])
    assert set(filled) == {"OP_ID", *OPCODES["OP_INSTANCE_CREATE"].parameters}


def test_what_one_job_does_to_its_defaults_no_other_sees() -> None:
    OPCODES["OP_INSTANCE_CREATE"].fill(CREATE)["beparams"]["memory"] = 1
    assert OPCODES["OP_INSTANCE_CREATE"].fill(CREATE)["beparams"] == {}


def test_an_unknown_parameter_is_named_before_all_else() -> None:
    with pytest.raises(UnknownParameter, match=r"^Object OpInstanceCreate doesn't support the parameter 'memory'$"):
        OPCODES["OP_INSTANCE_CREATE"].fill({"memory": 128, "disks": "none"})


@pytest.mark.parametrize(("name", "value"), [("disks", None), ("disks", "none"), ("mode", "copy"), ("start", 1)])
def test_a_parameter_that_is_missing_or_wrong_is_named(name: str, value: Any) -> None:
    with pytest.raises(InvalidParameter, match=rf"^Parameter 'OP_INSTANCE_CREATE\.{name}' fails validation$"):
        OPCODES["OP_INSTANCE_CREATE"].fill({**CREATE, name: value})


def test_a_whole_number_will_do_where_a_fraction_is_wanted() -> None:
    assert OPCODES["OP_TEST_DELAY"].fill({"duration": 2})["duration"] == 2
    with pytest.raises(InvalidParameter):
        OPCODES["OP_TEST_DELAY"].fill({"duration": True})


def test_a_required_parameter_is_one_without_default_that_may_not_be_null() -> None:
    parameters = OPCODES["OP_INSTANCE_STARTUP"].parameters
    assert [name for name, parameter in parameters.items() if parameter.required] == ["instance_name"]


@pytest.mark.parametrize("kind", [INSTANCE, NODE, JOB], ids=lambda kind: kind.name)
def test_every_field_that_is_shown_is_one_that_luxid_knows(kind: Kind) -> None:
    assert kind.key in kind.shown
    assert set(kind.shown) <= set(QUERY_FIELDS[kind.name])
    assert len(set(kind.shown)) == len(kind.shown)
    assert set(kind.shown_in_bulk) | set(kind.shown_alone) == set(kind.shown)


def test_every_opcode_that_a_kind_names_is_one_that_takes_such_an_object() -> None:
    for op_id in (INSTANCE.create, INSTANCE.remove, *INSTANCE.actions.values()):
        assert {INSTANCE.parameter, "instances"} & set(OPCODES[op_id].parameters)


def test_live_fields_are_known_as_such() -> None:
    assert QUERY_FIELDS["node"]["mfree"].live
    assert not QUERY_FIELDS["node"]["name"].live


def test_a_job_is_pending_running_or_finished() -> None:
    assert len(jobs.STATUSES) == 7
    assert not jobs.PENDING & jobs.FINISHED
    assert jobs.RUNNING not in jobs.PENDING | jobs.FINISHED
