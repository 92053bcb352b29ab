"""The embedded master beside a real luxid: the same queries, the same answers. `differences.py` says where not."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedded.master import Master, on_instance
from embedded.pair import BARE_TEXT, Pair, Side
from lab import VirtualCluster
from rapier.ganeti.query_fields import QUERY_FIELDS

pytestmark = pytest.mark.real

OWN_TO_EACH = ("uuid", "ctime", "mtime", "serial_no", "bootid")  # differences: "times, uuids, ids" and "serial_no"


@pytest.fixture(scope="module")
def pair(lab: VirtualCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    master = Master(tmp_path_factory.mktemp("master"))
    pair = Pair(Side(lab.luxi_socket), Side(master.socket), f"e{os.getpid()}-")

    def create(side: Side) -> list[Any]:
        return [side.end_of(job_id) for job_id in [side.submit(opcode) for opcode in pair.creations()]]

    def remove(side: Side) -> list[Any]:
        removals = [on_instance("OP_INSTANCE_REMOVE", pair.name(which)) for which in "abc"]
        return [side.end_of(job_id)[0] for job_id in [side.submit(opcode) for opcode in removals]]

    try:
        real, embedded = pair.both(create)
        assert real == embedded
        yield pair
    finally:
        pair.both(remove)
        master.stop()


def assert_same(pair: Pair, method: str, *arguments: Any) -> None:
    """Both answer the same."""
    real, embedded = pair.both(lambda side: side(method, *arguments))
    assert embedded == real, (method, arguments)


def rows(outcome: Any) -> Any:
    """Of a query's outcome what is to be compared: not the fields' `doc` (difference "doc")."""
    if isinstance(outcome, str) or outcome[0] != "ok":
        return outcome
    fields = [{name: text for name, text in field.items() if name != "doc"} for field in outcome[1]["fields"]]
    return [fields, outcome[1].get("data")]


def assert_same_rows(pair: Pair, kind: Any, fields: Any, words: Any) -> None:
    """Both find the same, or refuse in the same way."""
    real, embedded = (rows(outcome) for outcome in pair.both(lambda side: side("Query", kind, fields, words)))
    assert embedded == real, words


# -- filters ---------------------------------------------------------------------------------------------------------

FIELDS = (
    *("name", "vcpus", "admin_up", "snodes", "tags", "network_port", "beparams", "nosuch", "nic.macs", "disk.sizes"),
    *("nic.ip/0", "nic.ip/1", "osparams"),
)
LIVE = ("oper_ram", "oper_state", "status")  # luxid asks the nodes: tenths of a second each
WANTED: tuple[Any, ...] = ("", "y", "192.0.2.7", 2, 0, -3, 64, 1.0, 1.5, True, None, [], ["y"], {})
PATTERNS: tuple[Any, ...] = ("", "y", "1[0-9]2|x", 2, 1.5, True, None, {})  # difference: "regular expressions"
OPERATORS = ("=", "==", "!=", "<", "<=", ">", ">=", "=[]", "=~")


@pytest.mark.parametrize("operator", ["=", "!=", "<", ">=", "=[]", "=~"])  # the others are met below
def test_each_operator_on_each_type_of_value(pair: Pair, operator: str) -> None:
    for field, word in itertools.product(FIELDS, PATTERNS if operator == "=~" else WANTED):
        assert_same_rows(pair, "instance", ["name"], ["&", pair.ours, [operator, field, word]])
    for field, word in zip(LIVE, (256, "y", "running"), strict=True):
        assert_same_rows(pair, "instance", ["name"], ["&", pair.ours, [operator, field, word]])


@pytest.mark.parametrize("field", [*FIELDS, *LIVE, "forthcoming", "disks_active"])
def test_what_is_asked_for_its_truth(pair: Pair, field: str) -> None:
    assert_same_rows(pair, "instance", ["name"], ["&", pair.ours, ["?", field]])


def _leaves(prefix: str) -> st.SearchStrategy[list[Any]]:
    return st.one_of(
        st.tuples(
            st.sampled_from(OPERATORS[:2]), st.just("name"), st.sampled_from([f"{prefix}{w}.test" for w in "abc"])
        ),
        st.tuples(st.sampled_from(OPERATORS[:7]), st.just("vcpus"), st.integers(0, 3)),
        st.tuples(st.just("=[]"), st.just("tags"), st.sampled_from(["x:1", "y", "z"])),
        st.tuples(st.just("=~"), st.just("name"), st.sampled_from(["[ab]", "c.test$", "^$"])),
        st.tuples(st.just("?"), st.sampled_from(["admin_up", "disks_active", "nosuch", "network_port"])),
        st.sampled_from([("?",), ("=", "name"), (), ("nosuch", "name", "x"), ("!",), ("&",), ("|",)]),
    ).map(list)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_filters_within_filters(pair: Pair, data: st.DataObject) -> None:
    words = data.draw(
        st.recursive(
            _leaves(pair.prefix),
            lambda inner: st.one_of(
                st.tuples(st.just("!"), inner).map(list),
                st.tuples(st.sampled_from("&|"), st.lists(inner, max_size=3)).map(lambda made: [made[0], *made[1]]),
            ),
            max_leaves=6,
        )
    )
    assert_same_rows(pair, "instance", ["name", "admin_state", "nosuch"], ["&", pair.ours, words])


@pytest.mark.parametrize("words", [[], {}, "x", 5, True, ["&", 5], ["=", 1, "x"], [["="]], ["!", ["?", "name"], []]])
def test_what_is_no_filter(pair: Pair, words: Any) -> None:
    for kind in ("instance", "node", "job", "lock", "os", "nosuch"):
        assert_same_rows(pair, kind, ["name"], words)


def test_names_in_the_order_in_which_they_were_asked_for(pair: Pair) -> None:
    a, b, c = ["=", "name", pair.name("a")], ["==", "name", pair.name("b")], ["=", "name", pair.name("c")[:-5]]
    for words in (a, c, ["|", b, a], ["|", b, ["|", c, b]], ["|", a, ["=", "name", "none"]], ["&", a, b]):
        assert_same_rows(pair, "instance", ["name"], words)
    for kind in ("node", "group", "network"):
        for name in ("node2", "default", "NODE2", "none", 5):
            assert_same_rows(pair, kind, ["name"], ["=", "name", name])
        assert_same_rows(pair, kind, ["name"], ["|", ["=", "name", "node2"], ["=", "name", "node1"]])
        assert_same_rows(pair, kind, ["name"], ["=~", "name", "[12]$"])


@pytest.mark.parametrize("kind", ["network", "export", "os", "extstorage", "nosuch", 5, None])
def test_kinds_of_which_there_is_nothing(pair: Pair, kind: Any) -> None:
    for words in (None, ["=~", "name", "x"], ["=", "nosuch", "x"], ["|"]):
        assert_same_rows(pair, kind, ["name", "nosuch"], words)


def test_jobs_that_are_not_there(pair: Pair) -> None:
    for wanted in (99_999_999, "99999999", "x", -5):
        assert_same_rows(pair, "job", ["id", "status", "nosuch"], ["=", "id", wanted])
        real, embedded = pair.both(lambda side, wanted=wanted: side("QueryJobs", [wanted], ["id", "ops"]))  # type: ignore[misc]
        assert embedded == real
    assert_same_rows(pair, "job", ["id"], ["|", ["=", "id", 99_999_999], ["=", "id", "x"]])
    assert_same_rows(pair, "job", ["id"], ["=", "status", "nosuch"])
    assert_same(pair, "QueryJobs", [99_999_999], ["id", "nosuch"])


# -- fields ----------------------------------------------------------------------------------------------------------


def type_of(value: Any) -> Any:
    """What a value is made of; of lists and objects what is within."""
    if isinstance(value, list):
        return [type_of(one) for one in value]
    if isinstance(value, dict):
        return {name: type_of(one) for name, one in value.items()}
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


@pytest.mark.parametrize("which", ["a", "b", "c"])
def test_every_field_of_an_instance(pair: Pair, which: str) -> None:
    names = list(QUERY_FIELDS["instance"])
    [real, embedded] = (
        rows(outcome)
        for outcome in pair.both(lambda side: side("Query", "instance", names, ["=", "name", pair.name(which)]))
    )
    assert embedded[0] == real[0]
    for name, theirs, ours in zip(names, *real[1], *embedded[1], strict=True):
        same_value = not any(word in name for word in OWN_TO_EACH) and not (which == "c" and "mac" in name)
        assert [ours[0], type_of(ours[1])] == [theirs[0], type_of(theirs[1])], name
        assert not same_value or ours == theirs, name


@pytest.mark.parametrize(("kind", "name"), [("node", "node1"), ("node", "node4"), ("group", "default")])
def test_every_field_of_a_node_and_of_a_group(pair: Pair, kind: str, name: str) -> None:
    names = list(QUERY_FIELDS[kind])
    [real, embedded] = (
        rows(outcome) for outcome in pair.both(lambda side: side("Query", kind, names, ["=", "name", name]))
    )
    assert embedded[0] == real[0]
    for field, theirs, ours in zip(names, *real[1], *embedded[1], strict=True):
        if not field.endswith("_list"):  # difference: "nodes of others"
            assert [ours[0], type_of(ours[1])] == [theirs[0], type_of(theirs[1])], field


def test_every_field_of_a_job(pair: Pair) -> None:
    names = [*QUERY_FIELDS["job"], "nosuch"]

    def job(side: Side) -> Any:
        job_id = side.submit(on_instance("OP_INSTANCE_STARTUP", pair.name("a")))
        side.end_of(job_id)
        return rows(side("Query", "job", names, ["=", "id", job_id]))

    real, embedded = pair.both(job)
    assert embedded[0] == real[0]
    for field, theirs, ours in zip(names, *real[1], *embedded[1], strict=True):
        if field != "oplog":
            assert [ours[0], type_of(ours[1])] == [theirs[0], type_of(theirs[1])], field


@pytest.mark.parametrize("kind", [*QUERY_FIELDS, "os", "extstorage", "nosuch", 5, None])
def test_the_definitions_of_fields(pair: Pair, kind: Any) -> None:
    for names in (None, [], ["name", "nosuch", "name"], "name", [5]):
        real, embedded = (rows(outcome) for outcome in pair.both(lambda side, n=names: side("QueryFields", kind, n)))  # type: ignore[misc]
        assert embedded == real, names


# -- the other reads -------------------------------------------------------------------------------------------------


def test_the_older_queries(pair: Pair) -> None:
    ours = [pair.name(which) for which in "abc"]
    for method, names in (
        ("Instances", ours),
        ("Nodes", ["node1", "node2"]),
        ("Groups", ["default"]),
        ("Networks", []),
    ):
        for arguments in (
            *([names, ["name"], False], [names[::-1], ["name"], False], [names[:1] * 2, ["name"], False]),
            *([names, ["name"], True], [names, ["name", "nosuch"], False], [names, [], False]),
            *([["nosuch"], ["name"], False], [[*names, "nosuch"], ["name"], False], [names, "name", False]),
            *([names, ["name"], "x"], [names, ["name"]], [names], [names, ["name"], False, 1], [names, ["name"], None]),
            *([[1], ["name"], False], [[name[:-5] for name in names] or ["x"], ["name"], False]),
        ):
            assert_same(pair, f"Query{method}", *arguments)


def test_single_values_and_tags(pair: Pair) -> None:
    for names in (["cluster_name", "master_node", "volume_group_name", "nosuch"], [], [5], "cluster_name", None):
        assert_same(pair, "QueryConfigValues", names)
    for kind in ("instance", "node", "nodegroup", "group", "network", "nosuch", None, 5):
        for name in (pair.name("b"), "node2", "nosuch", "", None, 5):
            assert_same(pair, "QueryTags", kind, name)
    assert_same(pair, "QueryTags", "cluster")
    assert_same(pair, "QueryExports", ["nosuch"], False)
    assert_same(pair, "QueryExports", [], True)


def test_the_clusters_members(pair: Pair) -> None:
    real, embedded = pair.both(lambda side: side.result("QueryClusterInfo"))
    own = {"tags", "osparams", "os_hvp", "uid_pool", "filters"}
    for name in real.keys() - own:
        assert name in embedded
        if not isinstance(real[name], str | float | list):
            assert type_of(embedded[name]) == type_of(real[name]), name
    assert embedded.keys() == real.keys()


# -- what is no request ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        *("", "x", "[]", "{}", '{"args": []}', '{"method": "Nosuch", "args": []}', '{"method": 5, "args": []}'),
        *('{"method": "QueryTags", "args": []}', '{"method": "QueryTags", "args": {}}', "[" * 3000),
        *(
            '{"method": "QueryTags", "args": ["cluster", ""], "more": 1}',
            '{"method": "queryTags", "args": ["cluster", ""]}',
        ),
    ],
)
def test_what_is_no_request(pair: Pair, message: str) -> None:
    real, embedded = pair.both(lambda side: side.request(message.encode()))
    assert embedded == real


@pytest.mark.parametrize("method", ["CancelJob", "ArchiveJob", "ChangeJobPriority", "WaitForJobChange", "SubmitJob"])
def test_arguments_that_are_none(pair: Pair, method: str) -> None:
    unknown = 99_999_999
    arguments: list[Any]
    for arguments in ([], ["x"], [None], [{}], ["99999999", False], [unknown], [unknown, True], [unknown, "x"], [-1]):
        assert_same(pair, method, *arguments)


def test_a_comparison_would_show_a_difference(pair: Pair) -> None:
    """What is compared above is not always the same."""
    assert pair.real("QueryTags", "instance", pair.name("b")) != pair.embedded("QueryTags", "instance", pair.name("a"))
    assert pair.real("Query", "instance", ["name"], []) == BARE_TEXT
    assert json.dumps(rows(pair.real("Query", "instance", ["name"], pair.ours))).count(pair.prefix) == 3
