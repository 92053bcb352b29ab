"""How query arguments are read: numbers, absent values, repetition, what is unknown."""

from __future__ import annotations

import pytest

from conformance.client import Api


def is_bulk(api: Api, query: str) -> bool:
    """Whether the list of nodes came in bulk."""
    return "name" in api.get(f"/2/nodes?{query}").value()[0]


@pytest.mark.parametrize("value", ["1", "-1", "+1", "%201", "2", "007", "1_0", "%D9%A1", "1%0A"])
def test_a_number_other_than_zero_means_yes(api: Api, value: str) -> None:
    assert is_bulk(api, f"bulk={value}")


@pytest.mark.parametrize(
    "query", ["bulk=0", "bulk=-0", "bulk=", "bulk", "", "&&", "=1", "BULK=1", "bulk%3D1", "bulky=1"]
)
def test_zero_and_what_counts_as_absent_mean_no(api: Api, query: str) -> None:
    assert not is_bulk(api, query)


@pytest.mark.parametrize("value", ["x", "True", "1.0", "0x1", "1e1", "--1", "1%00", "%31%zz", "1;x=2", "%FF"])
def test_what_is_no_number_is_refused_by_name(api: Api, value: str) -> None:
    assert api.get(f"/2/nodes?bulk={value}").refusal() == (
        400,
        "Invalid value for the &#x27;bulk&#x27; parameter",
    )


def test_the_first_of_several_values_counts(api: Api) -> None:
    assert is_bulk(api, "bulk=1&bulk=0")
    assert not is_bulk(api, "bulk=0&bulk=1")
    assert not is_bulk(api, "bulk=0&bulk=nonsense")
    assert is_bulk(api, "bulk=&bulk=1")


def test_a_name_may_be_escaped(api: Api) -> None:
    assert is_bulk(api, "b%75lk=%31")


def test_unknown_arguments_are_ignored(api: Api) -> None:
    assert not is_bulk(api, "unknown=1&x=%zz&%FF=%FF&a=b=c")


def test_a_question_mark_without_arguments_is_none(api: Api) -> None:
    assert api.get("/version?").value() == 2


def test_arguments_are_not_read_where_none_is_known(api: Api) -> None:
    assert api.get("/version?bulk=x&lock=x&force=x").value() == 2


INSTANCE = "/2/instances/no-such-instance"


@pytest.mark.parametrize(
    ("method", "target", "name"),
    [
        ("GET", "/2/instances?lock=x", "lock"),
        ("GET", "/2/instances?bulk=x", "bulk"),
        ("GET", "/2/instances?bulk=x&lock=x", "lock"),
        ("GET", f"{INSTANCE}?lock=x", "lock"),
        ("GET", f"{INSTANCE}/info?static=True", "static"),
        ("GET", "/2/jobs?bulk=x", "bulk"),
        ("GET", "/2/nodes/node1?lock=x", "lock"),
        ("DELETE", f"{INSTANCE}?dry-run=x", "dry-run"),
        ("PUT", f"{INSTANCE}/startup?force=x", "force"),
        ("PUT", f"{INSTANCE}/startup?dry-run=x", "dry-run"),
        ("PUT", f"{INSTANCE}/startup?no_remember=x", "no_remember"),
        ("PUT", f"{INSTANCE}/shutdown?no_remember=x", "no_remember"),
        ("PUT", f"{INSTANCE}/shutdown?dry-run=x", "dry-run"),
        ("POST", f"{INSTANCE}/reboot?ignore_secondaries=x", "ignore_secondaries"),
        ("POST", f"{INSTANCE}/reboot?dry-run=x", "dry-run"),
        ("PUT", f"{INSTANCE}/tags?tag=a&dry-run=x", "dry-run"),
        ("DELETE", f"{INSTANCE}/tags?tag=a&dry-run=x", "dry-run"),
        ("PUT", "/2/tags?dry-run=x", "dry-run"),
        ("DELETE", "/2/tags?dry-run=x", "dry-run"),
    ],
)
def test_each_resource_refuses_what_is_no_number(api: Api, method: str, target: str, name: str) -> None:
    assert api.request(method, target).refusal() == (400, f"Invalid value for the &#x27;{name}&#x27; parameter")


def test_an_unknown_kind_of_reboot_is_refused(api: Api) -> None:
    assert api.post(f"{INSTANCE}/reboot?type=bad").refusal() == (
        400,
        "Invalid body parameters: (&quot;Parameter &#x27;OP_INSTANCE_REBOOT.reboot_type&#x27; fails validation&quot;, "
        "&#x27;wrong_input&#x27;)",
    )
