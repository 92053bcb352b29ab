"""Jobs that fail: what they end with is Ganeti's error, as class, text, and code where it has one."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.client import Api
from conformance.history import Histories, creation, log_of

UNKNOWN_INSTANCE = ["OpPrereqError", ["Instance 'no-such-instance' not known", "unknown_entity"]]
BAD_TAG = ["TagError", ["Tag contains invalid characters"]]
UNKNOWN_PARAMETER = ["TypeEnforcementError", ["Unknown parameter 'no_such'"]]

ERRORS: dict[str, list[Any]] = {
    "startup": UNKNOWN_INSTANCE,
    "shutdown": UNKNOWN_INSTANCE,
    "reboot": UNKNOWN_INSTANCE,
    "remove": UNKNOWN_INSTANCE,
    "info": UNKNOWN_INSTANCE,
    "tag": UNKNOWN_INSTANCE,
    "untag": UNKNOWN_INSTANCE,
    "bad tag": BAD_TAG,
    "long tag": ["TagError", ["Tag too long (>128 characters)"]],
    "absent tag": ["OpPrereqError", ["Tag(s) 'absent' not found", "unknown_entity"]],
    "node": ["OpPrereqError", ["Node 'no-such-node' not known", "unknown_entity"]],
    "no os": ["OpPrereqError", ["No guest OS or OS image specified", "wrong_input"]],
    "disk without size": ["OpPrereqError", ["Missing disk size", "wrong_input"]],
    "hypervisor parameter": UNKNOWN_PARAMETER,
    "hypervisor": ["OpPrereqError", ["Selected hypervisor (kvm) not enabled in the cluster (fake)", "wrong_state"]],
    "backend parameter": UNKNOWN_PARAMETER,
    "mac": ["OpPrereqError", ["Invalid MAC address 'nonsense'", "wrong_input"]],
    "network": ["OpPrereqError", ["Network 'no-such-network' not found", "unknown_entity"]],
    "tag of a new instance": BAD_TAG,
    "node and iallocator": ["OpPrereqError", ["Do not specify both, iallocator and node", "wrong_input"]],
    "address check": ["OpPrereqError", ["Cannot do IP address check without a name check", "wrong_input"]],
    "iallocator": [
        "OpExecError",
        [
            "Failure while running the iallocator script: "
            "iallocator module 'no-such-iallocator' not found in the search path"
        ],
    ],
}
OS_ERRORS = {
    "os": "Directory for OS no-such-os not found in search path",
    "variant": "OS 'dummy' does not support variant 'no-such'",
    "no variant": "OS name 'dummy' must include a variant",
}


@pytest.mark.parametrize("title", ERRORS)
def test_a_failed_job_ends_with_the_error(histories: Histories, title: str) -> None:
    assert histories.failures[title]["opresult"] == [ERRORS[title]]


@pytest.mark.parametrize("title", OS_ERRORS)
def test_an_operating_system_that_is_none_is_found_out_on_the_node(histories: Histories, title: str) -> None:
    text = f"OS Parameters validation failed on node {histories.node}: {OS_ERRORS[title]}"
    assert histories.failures[title]["opresult"] == [["OpExecError", [text]]]


def test_a_disk_template_that_is_not_enabled_is_told_with_those_that_are(api: Api, histories: Histories) -> None:
    enabled = ",".join(api.get("/2/info").value()["enabled_disk_templates"])
    text = f"Disk template 'plain' is not enabled in cluster. Enabled disk templates are: {enabled}"
    assert histories.failures["disk template"]["opresult"] == [["OpPrereqError", [text]]]


def test_too_much_memory_is_told_rounded_and_with_the_range(api: Api, histories: Histories) -> None:
    (limits,) = api.get("/2/info").value()["ipolicy"]["minmax"]
    smallest, largest = (limits[end]["memory-size"] for end in ("min", "max"))
    group = api.get(f"/2/nodes/{histories.node}").value()["group.uuid"]
    text = (
        f"Instance allocation to group {group} (default) violates policy: "
        f"memory-size value 1000000000 is not in range [{smallest}, {largest}]"
    )
    assert histories.failures["much memory"]["opresult"] == [["OpPrereqError", [text, "wrong_input"]]]


def test_a_name_that_is_taken_is_told(histories: Histories) -> None:
    text = f"Instance '{histories.idle_name}' is already in the cluster"
    assert histories.idle["create again"].job["opresult"] == [["OpPrereqError", [text, "already_exists"]]]


def test_tags_that_are_not_there_are_told_sorted(histories: Histories) -> None:
    error = ["OpPrereqError", ["Tag(s) 'x', 'y' not found", "unknown_entity"]]
    assert histories.idle["untag what is not there"].job["opresult"] == [error]


def test_a_failed_job_has_a_beginning_and_an_end_and_nothing_to_say(histories: Histories) -> None:
    for title, job in histories.failures.items():
        assert (job["status"], job["opstatus"]) == ("error", ["error"])
        assert job["received_ts"] <= job["start_ts"] <= job["end_ts"]
        warning = [" - WARNING: Non-static data requested, locks need to be acquired"]
        assert log_of(job) == (warning if title == "info" else []), title


def test_what_failed_has_left_nothing_behind(api: Api, histories: Histories) -> None:
    assert api.get(f"/2/instances/never-{histories.mark}").status == 404
    assert f"{histories.mark}fine" not in api.get("/2/tags").value()


def test_a_size_that_is_none_is_not_even_queued(api: Api) -> None:
    body = creation("never", "node1", disk_template="sharedfile", disks=[{"size": "x"}])
    status, message = api.post("/2/instances", body).refusal()
    assert status == 502
    assert message.startswith("Failed to parse request: ")
