"""Tags of the cluster, and of an instance under a path of its own."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.client import Api
from conformance.history import Histories, log_of

DRY_RUN = " - INFO: dry-run mode requested, not actually executing the operation"


def test_tags_of_the_cluster_come_and_go(histories: Histories) -> None:
    mark = histories.mark
    assert {title: step.tags for title, step in histories.cluster_tags.items()} == {
        "tag on trial": [],
        "tag": [f"{mark}a", f"{mark}b"],
        "tag with nothing": [f"{mark}a", f"{mark}b"],
        "untag": [f"{mark}a"],
        "untag the last": [],
    }


def test_the_clusters_tags_stand_in_its_description_too(histories: Histories) -> None:
    for step in histories.cluster_tags.values():
        assert step.tags_in_info == step.tags


@pytest.mark.parametrize(
    ("title", "op_id", "tags", "dry_run"),
    [
        ("tag on trial", "OP_TAGS_SET", ["{}a"], True),
        ("tag", "OP_TAGS_SET", ["{}b", "{}a", "{}b"], False),
        ("tag with nothing", "OP_TAGS_SET", [], False),
        ("untag", "OP_TAGS_DEL", ["{}b"], False),
    ],
)
def test_the_clusters_tags_are_queued_without_a_name(
    histories: Histories, cause: list[list[Any]], title: str, op_id: str, tags: list[str], dry_run: bool
) -> None:
    job = histories.cluster_tags[title].job
    (opcode,) = job["ops"]
    trail = [[source, text] for source, text, _ in opcode["reason"]]
    assert {name: value for name, value in opcode.items() if name != "reason"} == {
        "OP_ID": op_id,
        "kind": "cluster",
        "tags": [tag.format(histories.mark) for tag in tags],
        "dry_run": dry_run,
        "debug_level": 0,
        "priority": 0,
        "depends": None,
        "comment": None,
    }
    assert trail == [
        *([["gnt:user", "for a&b"]] if title == "tag" else []),
        ["gnt:library:rlib2:tags", ""],
        *cause,
        [f"gnt:opcode:{op_id.lower().removeprefix('op_')}", f"job={job['id']};index=0"],
    ]


def test_jobs_on_tags_answer_null_and_say_nothing_unless_on_trial(histories: Histories) -> None:
    for title, step in histories.cluster_tags.items():
        job = step.job
        assert (job["status"], job["opresult"]) == ("success", [None])
        assert job["summary"] == ["TAGS_DEL" if title.startswith("untag") else "TAGS_SET"]
        assert log_of(job) == ([DRY_RUN] if title == "tag on trial" else [])


def test_an_instance_without_tags_has_an_empty_list(api: Api, histories: Histories) -> None:
    assert api.get(f"/2/instances/{histories.kept[0]}/tags").raw == b"[]\n"
    assert api.get(f"/2/instances/{histories.kept[0]}/tags?dry-run=x&bulk=x").value() == []


def test_tags_of_an_instance_that_is_not_there_are_an_error_of_the_master(api: Api) -> None:
    message = "(&#x27;Instance name no-such-instance not found&#x27;, &#x27;unknown_entity&#x27;)"
    assert api.get("/2/instances/no-such-instance/tags").refusal() == (500, message)
