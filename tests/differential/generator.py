"""Requests, made from the contract: those that fit it, and those in which one thing is wrong.

The first that a strategy makes fits; so the share of those that are accepted does not depend on chance.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from differential.contract import CONTRACT, OF_PATH, Row
from differential.values import KEYS, anything, fitting, texts, unfitting
from endpoints import USERS
from rapier.ganeti.opcodes import OPCODES, Parameter
from rapier.ganeti.query_fields import QUERY_FIELDS

JSON = "application/json"
Params = dict[str, Any]
User = tuple[str, str]  # name and password


@dataclass(frozen=True)
class Case:
    """One request. What stands in ⟨angles⟩ in its path is another for each side, or in each run: see `world`."""

    method: str
    uri: str  # as the contract has it
    path: str
    query: str = ""
    body: bytes | None = None
    content_type: str | None = None
    user: User | None = ("admin", USERS["admin"])

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def headers(self) -> dict[str, str]:
        """Those that matter."""
        headers = {} if self.content_type is None else {"Content-Type": self.content_type}
        if self.user is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(self.user).encode()).decode()
        return headers

    def curl(self, url: str, target: str) -> str:
        """The same for a shell."""
        words = ["curl", "-sik", "-X", self.method]
        if self.user is not None:
            words += ["-u", ":".join(self.user)]
        words += ["-H", "Content-Type:" if self.content_type is None else f"Content-Type: {self.content_type}"]
        if self.body is not None:
            words += ["--data-binary", self.body.decode()]
        return shlex.join([*words, url + target])


# -- names in paths --------------------------------------------------------------------------------------------------

ODD_NAMES = ("no-such-thing", "a%20b", "a%2Fb", "%6eode1", "a:b", "a+b", "-", "_", ".", "..", "1", "x" * 300, "%00")
NAMES: Mapping[str, tuple[str, ...]] = {
    "instance": ("differential-up", "differential-down", "⟨uuid of instance⟩", "no-such-thing"),
    "node": ("node1", "node2", "node3", "⟨uuid of node⟩", "no-such-node"),
    "group": ("default", "differential", "⟨uuid of group⟩", "no-such-group"),
    "network": ("differential", "⟨uuid of network⟩", "no-such-network"),
    "disk": ("0", "1", "15", "00"),
    "job": ("⟨ended⟩", "⟨failed⟩", "⟨cancelled⟩", "⟨queued⟩"),
    "filter": ("⟨filter⟩",),
    "resource": (*QUERY_FIELDS, "cluster", "os", "extstorage"),
}
# What a request uses up, so that each side needs one of its own
OF_ITS_OWN = {
    ("DELETE", "/2/jobs/{job}"): ("⟨own-job⟩", "⟨ended⟩", "⟨cancelled⟩"),
    ("DELETE", "/2/filters/{filter}"): ("⟨own-filter⟩",),
    ("PUT", "/2/filters/{filter}"): ("⟨own-filter⟩", "⟨new-uuid⟩"),
}
ODD_IDS = ("0", "00", "99999999", "-1", "1.0", "x", "%31", "9" * 30)
# By filter, only what is not there: those that are keep the cluster quiet
ODD_FILTERS = ("no-such-filter", "a%20b", "00000000-0000-4000-8000-00000000dead")


def _names(method: str, uri: str, variable: str) -> tuple[str, ...]:
    return OF_ITS_OWN.get((method, uri), NAMES[variable])


def _odd_names(variable: str) -> tuple[str, ...]:
    if variable in ("job", "disk"):
        return ODD_IDS
    return ODD_FILTERS if variable == "filter" else ODD_NAMES


# -- query strings ---------------------------------------------------------------------------------------------------

MODES = {
    "OP_BACKUP_PREPARE": ("local", "remote"),
    "OP_NODE_MIGRATE": ("live", "non-live"),
    "OP_INSTANCE_REPLACE_DISKS": (
        "replace_on_primary",
        "replace_on_secondary",
        "replace_new_secondary",
        "replace_auto",
    ),
}
WORDS: Mapping[str, tuple[str, ...]] = {
    "reason": ("because", "a <b> & 'c'", "ü", ""),
    "tag": ("a", "b+c", "x:y", "not fine", "ü"),
    "type": ("hard", "soft", "full", ""),
    "storage_type": ("sharedfile", "file", "lvm-vg", "diskless"),
    "name": ("/srv", "xenvg", "a b"),
    "output_fields": ("name", "name,size,free", "name, used"),
    "os": ("dummy+default", "no-such-os"),
    "disks": ("0", "0,1", "1, 2", "15"),
    "iallocator": ("hail", "no-such-iallocator"),
    "remote_node": ("node3", "no-such-node"),
}
FLAGS = ("0", "1", "1", "2", "-1", "+1", " 1 ", "007")
BROKEN = ("x", "1.0", "True", "yes", "1 2", "0x1", "<b>", "٣", "1_0", "None", "[]")
MORE_WORDS = ("no-such-thing", "name,", ",", "a&b", "1", "<b>", "0;1")


def _values(row: Row, argument: str, resource: str) -> SearchStrategy[str]:
    if argument == "mode":
        return st.sampled_from(MODES[row.opcode])
    if argument == "fields":
        known = sorted(QUERY_FIELDS.get(resource, {"name": None}))
        return st.lists(st.sampled_from(known), min_size=1, max_size=4).map(",".join)
    return st.sampled_from(WORDS.get(argument, FLAGS))


def _is_flag(argument: str) -> bool:
    return argument not in {*WORDS, "mode", "fields"}


@st.composite
def _arguments(draw: DrawFn, row: Row, resource: str) -> list[tuple[str, str]]:
    """Those that are required and some others, with values that fit."""
    chosen = [one for one in row.arguments if one in row.required or draw(st.integers(0, 3)) == 3]
    if row.opcode == "OP_NODE_MIGRATE" and {"mode", "live"} <= set(chosen):
        chosen.remove("live")
    found = [(one, draw(_values(row, one, resource))) for one in chosen]
    if "tag" in chosen:
        found += [("tag", one) for one in draw(st.lists(st.sampled_from(WORDS["tag"]), max_size=2))]
    return found


@st.composite
def _broken_query(draw: DrawFn, row: Row, resource: str) -> str:
    """One in which a value is none, missing, twice there, or the whole is no proper query string."""
    fine = draw(_arguments(row, resource))
    kinds = ["unknown", "odd"]
    if row.arguments:
        kinds = ["broken", "broken", "missing", "twice", *kinds]
    match draw(st.sampled_from(kinds)):
        case "broken":
            name = draw(st.sampled_from(row.arguments))
            broken = draw(st.sampled_from(BROKEN if _is_flag(name) else MORE_WORDS))
            return _encoded([*(pair for pair in fine if pair[0] != name), (name, broken)])
        case "missing":
            return _encoded([pair for pair in fine if pair[0] not in row.required])
        case "twice":
            name = draw(st.sampled_from(row.arguments))
            values = [draw(_values(row, name, resource)), draw(st.sampled_from((*BROKEN, "")))]
            return _encoded([*fine, *((name, value) for value in draw(st.permutations(values)))])
        case "unknown":
            name = draw(st.sampled_from(("no-such-argument", "Bulk", "dry_run", "lock", "format")))
            return _encoded([*fine, (name, draw(st.sampled_from(BROKEN)))])
        case _:
            name = draw(st.sampled_from((*row.arguments, "x")))
            odd = draw(
                st.sampled_from((name, f"{name}=", "&&", "=1", f"{name}=%zz", f"%{name}=1", f"{name};{name}=1", "%"))
            )
            return "&".join([*([_encoded(fine)] if fine else []), odd])


def _encoded(pairs: list[tuple[str, str]]) -> str:
    return urllib.parse.urlencode(pairs)


# -- bodies ----------------------------------------------------------------------------------------------------------


def _parameters(uri: str, row: Row) -> dict[str, Parameter]:
    """Those that may stand in a body, under the names that they have there."""
    older = {new: old for old, new in row.renamed.items()}
    elsewhere = _elsewhere(uri, row)
    return {
        older.get(name, name): parameter
        for name, parameter in OPCODES[row.opcode].parameters.items()
        if name not in elsewhere and name not in row.forbidden
    }


def _elsewhere(uri: str, row: Row) -> set[str]:
    """Parameters that path and query string give."""
    of_path = {OF_PATH[variable] for variable in _variables(uri) if variable in OF_PATH}
    return {"reason", *of_path, *(argument.replace("-", "_") for argument in row.arguments), *row.fixed}


@st.composite
def _fitting_parameters(draw: DrawFn, parameters: Mapping[str, Parameter]) -> Params:
    """What is required, and up to four others."""
    optional = [name for name, one in parameters.items() if not one.required]
    chosen = set(draw(st.lists(st.sampled_from(optional), max_size=4, unique=True)))
    return {
        name: draw(fitting(parameter.type.words))
        for name, parameter in parameters.items()
        if parameter.required or name in chosen
    }


@st.composite
def _broken_parameters(draw: DrawFn, uri: str, row: Row, parameters: Mapping[str, Parameter], fine: Params) -> Params:
    """As `fine`, but for one of them."""
    elsewhere = sorted(_elsewhere(uri, row) - {"reason"}) or ["reason"]
    required = [name for name, parameter in parameters.items() if parameter.required and name in fine]
    kinds = ["type", "type", "type", "null", "unknown", "elsewhere"]
    kinds += ["missing"] if required else []
    kinds += ["renamed"] if row.renamed else []
    kinds += ["forbidden"] if row.forbidden else []
    match draw(st.sampled_from(kinds)):
        case "type":
            name = draw(st.sampled_from(sorted(parameters)))
            return fine | {name: draw(unfitting(parameters[name].type.words))}
        case "null":
            return fine | {draw(st.sampled_from(sorted(parameters))): None}
        case "unknown":
            return fine | {draw(st.sampled_from(("no_such_parameter", "OP_ID", "Name", "dry-run", "<b>", *KEYS))): 1}
        case "elsewhere":
            return fine | {draw(st.sampled_from(elsewhere)): draw(anything)}
        case "missing":
            name = draw(st.sampled_from(required))
            return {one: value for one, value in fine.items() if one != name}
        case "renamed":
            old, new = draw(st.sampled_from(sorted(row.renamed.items())))
            return fine | {old: draw(anything), new: draw(anything)}
        case _:
            return fine | {draw(st.sampled_from(row.forbidden)): draw(anything)}


def _creation(uri: str) -> SearchStrategy[Params]:
    """An instance's creation, as the collection takes it."""
    return _fitting_parameters(_parameters(uri, CONTRACT["/2/instances"]["POST"]))


def _fitting_body(uri: str, row: Row, resource: str) -> SearchStrategy[Any]:
    """What the body may say, as a JSON value."""
    match row.body:
        case "creation":
            return _creation(uri).map(lambda body: {"__version__": 1, **body})
        case "creations":
            parameters = {name: one for name, one in _parameters(uri, row).items() if name != "instances"}
            alone = _parameters("", CONTRACT["/2/instances"]["POST"])
            return st.tuples(_fitting_parameters(parameters), st.lists(_fitting_parameters(alone), max_size=2)).map(
                lambda pair: pair[0] | {"instances": pair[1]}
            )
        case "reinstallation":
            members = {"os": st.sampled_from(("dummy+default", None)), "start": st.booleans(), "osparams": _objects}
            return st.fixed_dictionaries({}, optional=members)
        case "role":
            return st.sampled_from(("regular", "master-candidate", "drained", "offline"))
        case "filter":
            return st.fixed_dictionaries(
                {},
                optional={"priority": _priorities, "predicates": _predicates, "action": _actions, "reason": _reasons},
            )
        case "wait":
            return _waits
        case "query":
            return _queries(resource)
        case "disk replacement":
            parameters = _parameters(uri, row)
            return _fitting_parameters({**_with_arguments(row), **parameters})
        case "node migration":
            return _fitting_parameters({**_with_arguments(row), **_parameters(uri, row)})
    return _fitting_parameters(_parameters(uri, row))


def _with_arguments(row: Row) -> dict[str, Parameter]:
    """Parameters that stand either in the query string or in the body."""
    return {
        name: OPCODES[row.opcode].parameters[name]
        for name in row.arguments
        if name in OPCODES[row.opcode].parameters and name != "reason"
    }


_objects = st.dictionaries(st.sampled_from(KEYS), texts, max_size=2)
_priorities = st.sampled_from((0, 1, 20, 10**6))
_actions = st.sampled_from(("CONTINUE", "ACCEPT", "PAUSE", "REJECT", ["RATE_LIMIT", 2]))
_predicates = st.lists(
    st.sampled_from(
        (
            ["jobid", [">", "id", "watermark"]],
            ["jobid", ["=", "id", 5]],
            ["opcode", ["=", "OP_ID", "OP_INSTANCE_CREATE"]],
            ["opcode", ["|", ["=", "OP_ID", "OP_TAGS_SET"], ["?", "force"]]],
            ["reason", ["=~", "reason", "because"]],
            ["reason", ["!", ["=", "source", "gnt:user"]]],
        )
    ),
    max_size=2,
)
_reasons = st.lists(st.just(["gnt:user", "because", 1]), max_size=2)
_waits = st.fixed_dictionaries(
    {"fields": st.lists(st.sampled_from(("status", "id", "ops", "summary", "opresult", "no_such_field")), max_size=3)},
    # a wait that nothing ends takes ten seconds; these see something new at once
    optional={"previous_job_info": st.sampled_from((None, ["no-such-state"])), "previous_log_serial": st.just(None)},
)


def _queries(resource: str) -> SearchStrategy[Params]:
    known = sorted(QUERY_FIELDS.get(resource, {"name": None}))
    key = "id" if resource == "job" else "uuid" if resource == "filter" else "name"
    filters = st.sampled_from(
        (
            None,
            ["=", key, "node1"],
            ["!", ["=", key, "differential"]],
            ["|", ["=", key, "differential-up"], ["=~", key, "^d"]],
            ["&", ["?", key]],
            ["=[]", "tags", "differential"],
        )
    )
    fields = st.lists(st.sampled_from([*known, "no_such_field"]), min_size=1, max_size=4)
    optional = {"qfilter": filters, "filter": filters}
    return st.fixed_dictionaries({"fields": fields}, optional=optional)


@st.composite
def _broken_body(draw: DrawFn, uri: str, row: Row, resource: str) -> Any:
    """A JSON value that is not what the body should be."""
    fine = draw(_fitting_body(uri, row, resource))
    if not isinstance(fine, dict) or draw(st.integers(0, 4)) == 4:
        return draw(anything)
    if row.opcode and row.body != "reinstallation":
        return draw(_broken_parameters(uri, row, _parameters(uri, row), fine))
    name = draw(st.sampled_from([*fine, *_MEMBERS.get(row.body, ()), "no_such_member"]))
    return fine | {name: draw(anything)}


_MEMBERS = {
    "filter": ("priority", "predicates", "action", "reason"),
    "wait": ("fields", "previous_log_serial"),
    "query": ("fields", "qfilter", "filter"),
    "reinstallation": ("os", "start", "osparams"),
}
NO_JSON = (b"{bad", b" ", b"{}{}", b'{"a": 1,}', b"nul", b"[1 2]", b"'a'")
# JSON that Python's writer would not write so, in a parameter's place
ODD_JSON = (
    *("1e400", "-0", "1E2", "0.10", "1e-400", "123456789012345678901234567890", "9007199254740993.0"),
    *('"\\ud800"', '"\\u0000"', '"\\/"', '{"a":1,"a":2}', "[ 1\n,\t2 ]"),
)
PLACE = "a place to put one"
NO_JSON_TYPE = (None, "text/plain", "application/x-www-form-urlencoded", "application/json,", "")


# -- requests --------------------------------------------------------------------------------------------------------

# What is wrong with a request, in what share of them; nothing first
WRONG = (*[""] * 4, *["query"] * 3, "user", *["name"] * 2, *["body"] * 4)
STRANGERS = (None, ("viewer", "wrong"), ("admin", ""), *((f"stranger{number}", "x") for number in range(10)))


def _variables(uri: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", uri)


@st.composite
def cases(draw: DrawFn, method: str, uri: str) -> Case:
    """Requests of that method for that URI: one of three or four fits, and each of the others has one thing wrong."""
    row = CONTRACT[uri][method]
    variables = _variables(uri)
    wrong = draw(st.sampled_from(WRONG))
    names = {one: draw(st.sampled_from(_names(method, uri, one))) for one in variables}
    if wrong == "name" and variables:
        odd = draw(st.sampled_from(variables))
        names[odd] = draw(st.sampled_from(_odd_names(odd)))
    resource = names.get("resource", "")
    path = re.sub(r"\{(\w+)\}", lambda found: names[found[1]], uri)
    content_type: str | None = JSON
    body = b""
    if wrong == "body":
        content_type, body = draw(_bodies_that_are_wrong(uri, row, resource))
    elif row.body:
        body = json.dumps(draw(_fitting_body(uri, row, resource))).encode()
    if wrong == "query":
        query = draw(_broken_query(row, resource))
    elif row.body in ("reinstallation", "disk replacement", "node migration", "query"):
        # what the body says may stand in the query string instead, but not both
        query = ""
        if draw(st.integers(0, 3)) == 3:
            query = _encoded(draw(_arguments(row, resource)))
            body = b"" if query else body
    else:
        query = _encoded(draw(_arguments(row, resource)))
    user: User | None = ("admin", USERS["admin"])
    if wrong == "user":
        user = draw(st.sampled_from((*((name, USERS[name]) for name in ("viewer", "reader")), *STRANGERS)))
    return Case(method, uri, path, query, body or None, content_type if body else None, user)


@st.composite
def _bodies_that_are_wrong(draw: DrawFn, uri: str, row: Row, resource: str) -> tuple[str | None, bytes]:
    """Content type and bytes."""
    if draw(st.integers(0, 3)) == 3:
        kind = draw(st.sampled_from(("none", "no JSON", "odd JSON", "content type")))
        if kind == "none":
            return JSON, b""
        if kind == "no JSON":
            return JSON, draw(st.sampled_from(NO_JSON))
        if kind == "odd JSON":
            fine = draw(_fitting_body(uri, row, resource)) if row.body else {}
            members = fine if isinstance(fine, dict) else {}
            name = draw(st.sampled_from([*members, *(_parameters(uri, row) if row.opcode else ()), "comment"]))
            text = json.dumps(members | {name: PLACE})
            return JSON, text.replace(json.dumps(PLACE), draw(st.sampled_from(ODD_JSON))).encode()
        return draw(st.sampled_from(NO_JSON_TYPE)), b"{}"
    value = draw(_broken_body(uri, row, resource) if row.body else anything)
    return JSON, json.dumps(value).encode()
