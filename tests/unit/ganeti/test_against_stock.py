"""The tables and the reading of types, against Ganeti's own code."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab import with_ganetis_python
from rapier.ganeti.opcodes import OPCODES, InvalidParameter, Opcode, UnknownParameter

pytestmark = pytest.mark.real

# Stock makes an empty dictionary of whatever is empty there, null in a null's place too. Rapier refuses it.
PRIVATE = {"osparams_private", "osparams_secret", "osparams_private_cluster"}

ATOMS: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 7, 10, -10, 100, 2**31, 2**40, 0.0, 1.0, 1.5, -0.5, 1e300),
    *("", "a", "1", "-1", "01", "1\n", " ", "name.example.org", "default", "success", "error", "canceled"),
    *("192.0.2.1", "192.0.2.1/24", "192.0.2.0/24", "192.0.2.256", "2001:db8::1", "2001:db8::/32", "2001:db8::1/32"),
]
STRUCTURES: list[Any] = [
    *([], [[]], {}, [{}], {"": 1}, {"a": {}}, {"a": None}, {"a": "b"}, {"a": 1}, {"a": True}, {"a": {"b": "c"}}),
    *(["a", 1], ["a", "b"], [1, "a"], [1, ["success"]], [[1, ["success", "error"]]], [[-1, []]], [["1", ["other"]]]),
    *(
        [["add", {}]],
        [["add", 0, {}]],
        [["modify", "name", {"size": 1}]],
        [["remove", -1, {"a": 1}]],
        [[0, {"a": "b"}]],
    ),
    *([["a", "b"]], [["a", {}]], [{"size": 1024, "mode": "rw"}], [{"ip": None, "mode": "bridged"}], [["a", 1, 2]]),
]


def _words_of(schema: Any) -> set[Any]:
    """Every word that a type lists by name: a chance to hit types that take few values."""
    if isinstance(schema, dict):
        listed = set(schema.get("enum", ()))
        return listed.union(*(_words_of(inner) for inner in schema.values()))
    if isinstance(schema, list):
        return set().union(*(_words_of(inner) for inner in schema))
    return set()


def _values() -> list[Any]:
    chance = random.Random(3)
    listed = set().union(
        *(_words_of(parameter.type.schema) for opcode in OPCODES.values() for parameter in opcode.parameters.values())
    )
    atoms = [*ATOMS, *sorted(listed, key=str)]
    made: list[Any] = [*atoms, *STRUCTURES]
    for _ in range(250):
        inner = chance.choices(made, k=chance.randrange(4))
        if chance.random() < 0.6:
            made.append(inner)
        else:
            keys = ["a", "name", "size", "ip", "mode", "memory", *filter(lambda word: isinstance(word, str), listed)]
            made.append({chance.choice(keys): value for value in inner})
    return made


VALUES = _values()


def _accepts(opcode: Opcode, name: str, value: Any) -> bool | None:
    try:
        return opcode.parameters[name].type.accepts(value)
    except TypeError:
        return None


def _opcodes() -> list[tuple[str, dict[str, Any]]]:
    """Opcodes with parameters that fit for the most part, so that many are filled whole and others fail late."""
    chance = random.Random(4)
    made: list[tuple[str, dict[str, Any]]] = []
    for op_id, opcode in OPCODES.items():
        fitting = {name: [value for value in VALUES if _accepts(opcode, name, value)] for name in opcode.parameters}
        for _ in range(12):
            params = {
                name: chance.choice(fitting[name] or VALUES)
                for name, parameter in opcode.parameters.items()
                if parameter.required or chance.random() < 0.3
            }
            if chance.random() < 0.4:
                params[chance.choice(list(opcode.parameters))] = chance.choice(VALUES)
            if params and chance.random() < 0.1:
                del params[chance.choice(list(params))]
            if chance.random() < 0.05:
                params["no_such_parameter"] = 1
            made.append((op_id, params))
    return made


ASKED_OPCODES = _opcodes()


@pytest.fixture(scope="module")
def stock() -> dict[str, Any]:
    asked = json.dumps({"values": VALUES, "opcodes": ASKED_OPCODES})
    command = with_ganetis_python(Path(__file__).with_name("stock.py"))
    done = subprocess.run(command, input=asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def test_the_table_has_ganetis_opcodes_parameters_order_defaults_and_summary_fields(stock: dict[str, Any]) -> None:
    ours = {
        op_id: [(name, parameter.default) for name, parameter in opcode.parameters.items()]
        for op_id, opcode in OPCODES.items()
    }
    theirs = {
        op_id: [(name, facts["default"]) for name, facts in parameters.items()]
        for op_id, parameters in stock["parameters"].items()
    }
    assert ours == theirs
    assert {op_id: opcode.summary_field for op_id, opcode in OPCODES.items()} == stock["summary_fields"]


def test_each_type_takes_the_values_that_ganeti_takes_and_no_other(stock: dict[str, Any]) -> None:
    different = []
    for op_id, parameters in stock["parameters"].items():
        for name, facts in parameters.items():
            for value, theirs in zip(VALUES, facts["accepts"], strict=True):
                # where either cannot even compare, stock and Rapier both refuse
                ours = bool(_accepts(OPCODES[op_id], name, value))
                if ours != bool(theirs) and not (name in PRIVATE and not ours):
                    different.append((op_id, name, value, theirs))
    assert not different, different[:10]


def test_the_values_tell_types_apart(stock: dict[str, Any]) -> None:
    """Most types take some of these values and refuse others: otherwise the test above would say little."""
    rows = {
        OPCODES[op_id].parameters[name].type.words: facts["accepts"]
        for op_id, parameters in stock["parameters"].items()
        for name, facts in parameters.items()
    }
    undecided = [words for words, accepts in rows.items() if True not in accepts or not {False, None} & set(accepts)]
    assert undecided == ["Anything"]


def test_an_opcode_is_filled_or_refused_as_ganeti_does_it_with_the_same_text(stock: dict[str, Any]) -> None:
    different = []
    outcomes = set()
    for (op_id, params), theirs in zip(ASKED_OPCODES, stock["filled"], strict=True):
        ours: Any
        try:
            ours = OPCODES[op_id].fill(params)
        except (UnknownParameter, InvalidParameter) as refusal:
            ours = str(refusal)
        except TypeError:
            ours = None
        outcomes.add(type(ours))
        refused_without_words = None in (ours, theirs) and not isinstance(ours, dict) and not isinstance(theirs, dict)
        if ours != theirs and not refused_without_words:
            different.append((op_id, params, ours, theirs))
    assert not different, different[:5]
    assert outcomes >= {dict, str}
