"""What a request's body must be, and what bad ones get. None of these requests makes a job."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from conformance.client import JSON, Api, parse
from conformance.history import creation

CREATE = "/2/instances"
ONE = "/2/instances/no-such-instance"


def fails_validation(opcode: str, parameter: str) -> tuple[int, str]:
    """The refusal of a parameter's value."""
    return (
        400,
        f"Invalid body parameters: (&quot;Parameter &#x27;{opcode}.{parameter}&#x27; fails validation&quot;, "
        "&#x27;wrong_input&#x27;)",
    )


def is_of_type(found: str) -> tuple[int, str]:
    """The refusal of a body that is no object."""
    return 400, f"Body contents: Type is &#x27;{found}&#x27;, but &#x27;dict&#x27; is expected"


# -- the body as such ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/octet-stream", "text/json", "application/json,", "application/x-json", ""],
)
def test_a_body_that_is_not_called_json_is_415(api: Api, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = api.request("POST", CREATE, content=b"{}", headers=headers)
    assert answer.refusal() == (415, "Unsupported Media Type")


def test_the_content_type_is_read_in_any_letters(api: Api) -> None:
    answer = api.request("POST", CREATE, content=b"[]", headers={"Content-Type": "Application/JSON"})
    assert answer.refusal() == is_of_type("list")


@pytest.mark.parametrize("charset", ["; charset=utf-8", ";charset=UTF-8"])
def test_a_charset_beside_the_content_type(api: Api, differs: Callable[[str], bool], charset: str) -> None:
    headers = {"Content-Type": f"application/json{charset}"}
    answer = api.request("POST", CREATE, content=b"[]", headers=headers)
    if differs("charset-of-utf-8"):
        assert answer.refusal() == is_of_type("list")
    else:
        assert answer.refusal() == (415, "Unsupported Media Type")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_the_content_type_is_checked_also_where_no_body_is_read(api: Api, method: str) -> None:
    target = "/version" if method == "GET" else "/2/jobs/1"
    assert api.request(method, target, content=b"x").refusal() == (415, "Unsupported Media Type")


def test_without_a_body_the_content_type_does_not_matter(api: Api) -> None:
    headers = {"Content-Type": "text/plain", "Content-Length": "0"}
    assert api.request("GET", "/version", content=b"", headers=headers).value() == 2
    assert api.request("POST", CREATE, content=b"", headers=headers).refusal() == is_of_type("NoneType")


@pytest.mark.parametrize(
    "content",
    [b"{bad", b" ", b"{}{}", b'{"a": 1,}', b"{'a': 1}", b"[", b"nul", b'"a', b"01", b"[1 2]", b'{"a" 1}', b'"\t"'],
)
def test_what_is_no_json_is_refused(api: Api, content: bytes) -> None:
    answer = api.request("POST", CREATE, content=content, headers=JSON)
    assert answer.refusal() == (400, "Unable to parse JSON data")


def test_what_is_no_json_is_refused_also_where_no_body_is_read(api: Api) -> None:
    answer = api.request("GET", "/version", content=b"{bad", headers=JSON)
    assert answer.refusal() == (400, "Unable to parse JSON data")


def test_json_where_no_body_is_read_is_ignored(api: Api) -> None:
    assert api.get("/version", {"any": ["thing"]}).value() == 2


@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_a_deep_nest_is_refused(api: Api, depth: int) -> None:
    answer = api.request("POST", CREATE, content=b"[" * depth + b"]" * depth, headers=JSON)
    assert answer.refusal() == (400, "Unable to parse JSON data")


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity"])
def test_numbers_that_json_has_not(api: Api, differs: Callable[[str], bool], constant: bytes) -> None:
    answer = api.request("POST", CREATE, content=constant, headers=JSON)
    if differs("numbers-that-json-has-not"):
        assert answer.refusal() == (400, "Unable to parse JSON data")
    else:
        assert answer.refusal() == is_of_type("float")


def test_of_a_member_given_twice_the_last_counts(api: Api) -> None:
    content = b'{"__version__": 1, "__version__": 7}'
    answer = api.request("POST", CREATE, content=content, headers=JSON)
    assert answer.refusal() == (400, "Unsupported request data version 7")


def test_letters_beyond_ascii_may_be_escaped(api: Api) -> None:
    answer = api.post(CREATE, {"__version__": 1, "näme<>": 1})
    assert answer.refusal()[1].endswith("doesn&#x27;t support the parameter &#x27;näme&lt;&gt;&#x27;")


def with_body(content: bytes) -> bytes:
    """A POST whose Content-Length counts bytes."""
    return b"POST /2/instances HTTP/1.1\r\nHost: x\r\n" + (
        b"Authorization: Basic YWRtaW46c2VjcmV0\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(content), content)
    )


def test_letters_beyond_ascii_as_they_are(api: Api, differs: Callable[[str], bool]) -> None:
    content = json.dumps({"__version__": 1, "näme": 1}, ensure_ascii=False).encode()
    received = api.exchange(with_body(content), timeout_seconds=1)
    if differs("body-length-in-letters"):
        assert received == b""
    else:
        assert received.startswith(b"HTTP/1.1 400 ")
        assert parse(received).refusal()[1].endswith("support the parameter &#x27;näme&#x27;")


def test_a_body_that_is_no_utf_8(api: Api, differs: Callable[[str], bool]) -> None:
    received = api.exchange(with_body(b'{"\xff": 1}'), timeout_seconds=1)
    if differs("body-that-is-no-utf-8"):
        assert received == b""
    else:
        assert parse(received).refusal() == (400, "Unable to parse JSON data")


# -- bodies that create ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "found"), [(None, "NoneType"), ([], "list"), ("x", "str"), (1, "int"), (1.5, "float"), (True, "bool")]
)
def test_a_creation_is_an_object(api: Api, body: Any, found: str) -> None:
    assert api.post(CREATE, body).refusal() == is_of_type(found)


def test_a_creation_without_a_body_is_refused(api: Api) -> None:
    assert api.post(CREATE).refusal() == is_of_type("NoneType")


@pytest.mark.parametrize("body", [{}, {"__version__": 0}, {"__version__": False}, {"__version__": 0.0}])
def test_the_first_version_of_creations_is_gone(api: Api, body: Any) -> None:
    message = "Instance creation request version 0 is no longer supported"
    assert api.post(CREATE, body).refusal() == (400, message)


@pytest.mark.parametrize(
    ("version", "shown"),
    [(2, "2"), ("1", "1"), (None, "None"), (-1, "-1"), ([1], "[1]"), ({}, "{}"), (1.5, "1.5"), ("<b>", "&lt;b&gt;")],
)
def test_other_versions_of_creations_are_unknown(api: Api, version: Any, shown: str) -> None:
    answer = api.post(CREATE, {"__version__": version})
    assert answer.refusal() == (400, f"Unsupported request data version {shown}")


@pytest.mark.parametrize("version", [1, 1.0, True])
def test_version_1_may_be_written_as_any_number_equal_to_it(api: Api, version: Any) -> None:
    answer = api.post(CREATE, {"__version__": version})
    assert answer.refusal() == fails_validation("OP_INSTANCE_CREATE", "instance_name")


@pytest.mark.parametrize(
    ("missing", "parameter"),
    [("name", "instance_name"), ("mode", "mode"), ("disks", "disks"), ("nics", "nics")],
)
def test_a_missing_parameter_is_named(api: Api, missing: str, parameter: str) -> None:
    body = {name: value for name, value in creation("never").items() if name != missing}
    assert api.post(CREATE, body).refusal() == fails_validation("OP_INSTANCE_CREATE", parameter)


@pytest.mark.parametrize("unknown", ["nope", "OP_ID", "dry-run", "Name", "", "näme", "<b>&'\"", "__class__"])
def test_an_unknown_parameter_is_named(api: Api, unknown: str) -> None:
    escaped = unknown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = escaped.replace('"', "&quot;").replace("'", "&#x27;")
    answer = api.post(CREATE, {**creation("never", "node1"), unknown: 1})
    message = f"Object OpInstanceCreate doesn&#x27;t support the parameter &#x27;{escaped}&#x27;"
    assert answer.refusal() == (400, f"Invalid body parameters: {message}")


def test_of_several_unknown_parameters_the_first_is_named(api: Api) -> None:
    answer = api.post(CREATE, {"__version__": 1, "zzz": 1, "aaa": 2})
    assert answer.refusal()[1].endswith("&#x27;zzz&#x27;")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", 5),
        ("mode", "nonsense"),
        ("mode", None),
        ("disk_template", "nonsense"),
        ("disks", "x"),
        ("disks", {}),
        ("disks", None),
        ("disks", [5]),
        ("disks", [{"size": []}]),
        ("nics", 5),
        ("nics", [[]]),
        ("nics", [{"no_such": "x"}]),
        ("nics", [{"ip": 5}]),
        ("pnode", 5),
        ("pnode", ""),
        ("os", 5),
        ("beparams", []),
        ("start", "yes"),
        ("start", 1),
        ("ip_check", None),
        ("name_check", 0),
        ("wait_for_sync", "x"),
        ("depends", "x"),
        ("depends", [1]),
        ("depends", [[1]]),
        ("depends", [[1, ["no-such-state"]]]),
        ("priority", "x"),
        ("priority", 1),
        ("tags", "x"),
        ("tags", [1]),
        ("comment", 5),
        ("debug_level", "x"),
        ("debug_level", -1),
        ("hypervisor", "nonsense"),
        ("file_driver", "nonsense"),
        ("source_shutdown_timeout", -1),
        ("source_shutdown_timeout", "x"),
        ("opportunistic_locking", None),
        ("osparams", []),
    ],
)
def test_an_ill_typed_parameter_is_named(api: Api, name: str, value: Any) -> None:
    parameter = {"name": "instance_name", "os": "os_type"}.get(name, name)
    answer = api.post(CREATE, {**creation("never", "node1"), name: value})
    assert answer.refusal() == fails_validation("OP_INSTANCE_CREATE", parameter)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, "&#x27;int&#x27; object is not subscriptable"),
        (None, "&#x27;NoneType&#x27; object is not subscriptable"),
        ([], "list indices must be integers or slices, not str"),
    ],
)
def test_hypervisor_parameters_that_are_no_object(
    api: Api, differs: Callable[[str], bool], value: Any, message: str
) -> None:
    answer = api.post(CREATE, creation("never", "node1", hvparams=value))
    if differs("hypervisor-parameters-that-are-no-object"):
        assert answer.refusal() == (500, message)
    else:
        assert answer.refusal() == fails_validation("OP_INSTANCE_CREATE", "hvparams")


@pytest.mark.parametrize(("value", "found"), [(["create"], "list"), ({}, "dict")])
def test_one_of_several_words_given_as_something_else_is_called_unhashable(api: Api, value: Any, found: str) -> None:
    answer = api.post(CREATE, {**creation("never", "node1"), "mode": value})
    assert answer.refusal() == (400, f"Invalid body parameters: unhashable type: &#x27;{found}&#x27;")


@pytest.mark.parametrize("value", [["preferred"], {}, "nonsense"])
def test_the_words_for_a_groups_policy_are_compared_with_anything(api: Api, value: Any) -> None:
    answer = api.post("/2/groups", {"name": "never", "alloc_policy": value})
    assert answer.refusal() == fails_validation("OP_GROUP_ADD", "alloc_policy")


@pytest.mark.parametrize(("name", "value"), [("dry_run", True), ("reason", [])])
def test_what_the_query_sets_may_not_stand_in_the_body(api: Api, name: str, value: Any) -> None:
    answer = api.post(CREATE, {**creation("never", "node1"), name: value})
    assert answer.refusal() == (400, f"Can&#x27;t overwrite static parameters {{&#x27;{name}&#x27;}}")


@pytest.mark.parametrize(("old", "new"), [("name", "instance_name"), ("os", "os_type")])
def test_a_parameter_may_not_stand_under_both_its_names(api: Api, old: str, new: str) -> None:
    answer = api.post(CREATE, {**creation("never", "node1"), new: "x"})
    message = f"Parameter &#x27;{old}&#x27; was renamed to &#x27;{new}&#x27;, but both are specified"
    assert answer.refusal() == (400, message)


def test_the_query_is_looked_at_before_the_parameters(api: Api) -> None:
    answer = api.post(f"{CREATE}?dry-run=x", creation("never", nonsense=1))
    assert answer.refusal() == (400, "Invalid value for the &#x27;dry-run&#x27; parameter")


# -- bodies of the other writes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "target"), [("DELETE", ONE), ("PUT", f"{ONE}/shutdown"), ("POST", f"{ONE}/reboot")])
@pytest.mark.parametrize(("body", "found"), [([], "list"), ("x", "str"), (0, "int"), (False, "bool")])
def test_the_body_of_a_write_is_an_object(api: Api, method: str, target: str, body: Any, found: str) -> None:
    assert api.request(method, target, body).refusal() == is_of_type(found)


OPCODES = {
    "OP_INSTANCE_REMOVE": ("DELETE", ONE),
    "OP_INSTANCE_SHUTDOWN": ("PUT", f"{ONE}/shutdown"),
    "OP_INSTANCE_REBOOT": ("POST", f"{ONE}/reboot"),
}
NAMES = {
    "OP_INSTANCE_REMOVE": "OpInstanceRemove",
    "OP_INSTANCE_SHUTDOWN": "OpInstanceShutdown",
    "OP_INSTANCE_REBOOT": "OpInstanceReboot",
}


@pytest.mark.parametrize("opcode", OPCODES)
def test_a_write_names_an_unknown_parameter(api: Api, opcode: str) -> None:
    message = f"Object {NAMES[opcode]} doesn&#x27;t support the parameter &#x27;nope&#x27;"
    assert api.request(*OPCODES[opcode], {"nope": 1}).refusal() == (400, f"Invalid body parameters: {message}")


@pytest.mark.parametrize(
    ("opcode", "name", "value"),
    [
        ("OP_INSTANCE_REMOVE", "shutdown_timeout", "x"),
        ("OP_INSTANCE_REMOVE", "shutdown_timeout", -1),
        ("OP_INSTANCE_REMOVE", "depends", "x"),
        ("OP_INSTANCE_SHUTDOWN", "timeout", "5"),
        ("OP_INSTANCE_SHUTDOWN", "timeout", -1),
        ("OP_INSTANCE_SHUTDOWN", "timeout", 1.5),
        ("OP_INSTANCE_SHUTDOWN", "timeout", None),
        ("OP_INSTANCE_SHUTDOWN", "ignore_offline_nodes", 1),
        ("OP_INSTANCE_REBOOT", "shutdown_timeout", None),
        ("OP_INSTANCE_REBOOT", "comment", 1),
    ],
)
def test_a_write_names_an_ill_typed_parameter(api: Api, opcode: str, name: str, value: Any) -> None:
    assert api.request(*OPCODES[opcode], {name: value}).refusal() == fails_validation(opcode, name)


@pytest.mark.parametrize(
    ("opcode", "name", "value"),
    [
        ("OP_INSTANCE_REMOVE", "instance_name", "x"),
        ("OP_INSTANCE_REMOVE", "ignore_failures", True),
        ("OP_INSTANCE_REMOVE", "dry_run", 1),
        ("OP_INSTANCE_SHUTDOWN", "no_remember", True),
        ("OP_INSTANCE_SHUTDOWN", "reason", []),
        ("OP_INSTANCE_REBOOT", "reboot_type", "soft"),
        ("OP_INSTANCE_REBOOT", "ignore_secondaries", True),
    ],
)
def test_a_write_may_not_set_what_path_and_query_set(api: Api, opcode: str, name: str, value: Any) -> None:
    answer = api.request(*OPCODES[opcode], {name: value})
    assert answer.refusal() == (400, f"Can&#x27;t overwrite static parameters {{&#x27;{name}&#x27;}}")


def test_several_overwritten_parameters_are_all_named(api: Api) -> None:
    answer = api.delete(ONE, {"instance_name": "x", "dry_run": True})
    status, message = answer.refusal()
    assert status == 400
    assert message.removeprefix("Can&#x27;t overwrite static parameters ") in (
        "{&#x27;instance_name&#x27;, &#x27;dry_run&#x27;}",
        "{&#x27;dry_run&#x27;, &#x27;instance_name&#x27;}",
    )


@pytest.mark.parametrize("target", [f"{ONE}/startup", f"{ONE}/tags?tag=a", "/2/tags?tag=a"])
def test_of_a_body_that_is_not_looked_at_depends_counts_all_the_same(api: Api, target: str) -> None:
    opcode = "OP_INSTANCE_STARTUP" if "startup" in target else "OP_TAGS_SET"
    assert api.put(target, {"depends": "x"}).refusal() == fails_validation(opcode, "depends")
