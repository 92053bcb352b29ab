"""Jobs: submitted, shown, waited for, cancelled; and a family of which one member fails."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from lab import VirtualCluster
from v3.client import Api
from v3.conftest import Make


def delay(api: Api, *seconds: float) -> int:
    """A job of opcodes that take that long. No request of the API can make one: it would be of no use to anybody."""
    opcodes = [
        {"OP_ID": "OP_TEST_DELAY", "duration": one, "on_master": False, "no_locks": True, "reason": []}
        for one in seconds
    ]
    return int(api.luxi("SubmitJob", opcodes))


def until(api: Api, job_id: int, status: str) -> None:
    end = time.monotonic() + 30
    while api.luxi("QueryJobs", [job_id], ["status"]) != [[status]]:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_job_of_typed_opcodes_is_submitted(api: Api) -> None:
    opcode = {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": ["v3:submitted"]}
    answer = api.ask("POST", "jobs", {"opcodes": [opcode, {**opcode, "OP_ID": "OP_TAGS_DEL"}]})
    assert answer.status_code == 202
    job = api.get(answer.headers["Location"] + "?wait=30").json()
    assert job["outcome"] == "success"
    assert [one["opcode"]["OP_ID"] for one in job["opcodes"]] == ["OP_TAGS_SET", "OP_TAGS_DEL"]
    assert job["opcodes"][0]["opcode"]["tags"] == ["v3:submitted"]
    done = api.ask("POST", "jobs", {"opcodes": [opcode, {**opcode, "OP_ID": "OP_TAGS_DEL"}]}, Prefer="wait=30")
    assert (done.status_code, done.json()["kind"]) == (200, "job")


def test_a_job_shows_the_names_of_private_parameters_and_none_of_their_values(api: Api) -> None:
    opcode = {"OP_ID": "OP_INSTANCE_REINSTALL", "instance_name": "no-such-instance", "reason": []}
    job_id = api.luxi("SubmitJob", [{**opcode, "osparams_private": {"password": "hush"}}])
    answer = api.get(f"jobs/{job_id}?wait=30")
    assert answer.json()["opcodes"][0]["opcode"]["osparams_private"] == {"password": None}
    for path in (f"jobs/{job_id}", "jobs"):
        assert "hush" not in api.get(path).text


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/opcodes"),
        ({"opcodes": []}, "/opcodes"),
        ({"opcodes": [7]}, "/opcodes/0"),
        ({"opcodes": [{}]}, "/opcodes/0/OP_ID"),
        ({"opcodes": [{"OP_ID": "OP_TEST_DELAY", "duration": 1}]}, "/opcodes/0/OP_ID"),
        ({"opcodes": [{"OP_ID": "OP_CLUSTER_DESTROY"}]}, "/opcodes/0/OP_ID"),
        ({"opcodes": [{"OP_ID": "OP_NODE_REMOVE", "node_name": "node2"}]}, "/opcodes/0/OP_ID"),
        ({"opcodes": [{"OP_ID": ["OP_TAGS_SET"]}]}, "/opcodes/0/OP_ID"),
        ({"opcodes": [{"OP_ID": "OP_TAGS_SET", "kind": "cluster"}]}, "/opcodes/0/tags"),
        ({"opcodes": [{"OP_ID": "OP_TAGS_SET", "kind": "house", "tags": ["x"]}]}, "/opcodes/0/kind"),
        ({"opcodes": [{"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": ["x"], "tag": 1}]}, "/opcodes/0/tag"),
    ],
)
def test_a_bad_opcode_is_pointed_at_and_makes_no_job(api: Api, body: Any, pointer: str) -> None:
    before = api.newest_job()
    assert api.refused(422, "unprocessable", "POST", "jobs", body)["pointer"] == pointer
    assert api.newest_job() == before


def test_jobs_come_with_the_newest_first(api: Api) -> None:
    api.done("POST", "tag", {"tags": ["v3:newest"]})
    api.done("DELETE", "tag?tag=v3:newest")
    ids = [int(job["id"]) for job in api.get("jobs").json()["items"]]
    assert ids == sorted(ids, reverse=True)
    assert ids[0] == api.newest_job()


def test_a_wait_ends_with_the_job_or_with_its_time(api: Api) -> None:
    job_id = delay(api, 1.0)
    began = time.monotonic()
    assert api.get(f"jobs/{job_id}?wait=30").json()["outcome"] == "success"
    assert time.monotonic() - began < 10
    job_id = delay(api, 4.0)
    began = time.monotonic()
    answer = api.get(f"jobs/{job_id}?wait=1")
    assert answer.json()["outcome"] is None
    assert answer.headers["Cache-Control"] == "no-store"
    assert 0.9 < time.monotonic() - began < 3.5
    until(api, job_id, "success")


def test_since_a_serial_the_next_change_is_the_answer(api: Api) -> None:
    job_id = delay(api, 1.0, 1.0)
    until(api, job_id, "running")
    job = api.get(f"jobs/{job_id}").json()
    seen = [job["serial"]]
    while job["outcome"] is None:
        job = api.get(f"jobs/{job_id}?wait=30&since={job['serial']}").json()
        assert job["serial"] != seen[-1]
        seen.append(job["serial"])
    assert job["outcome"] == "success"
    assert 2 <= len(seen) <= 12
    began = time.monotonic()
    assert api.get(f"jobs/{job_id}?wait=30&since={seen[-1]}").json()["outcome"] == "success"  # nothing will change
    assert api.get(f"jobs/{job_id}?wait=30&since=other").json()["outcome"] == "success"
    assert time.monotonic() - began < 2


def test_a_queued_job_is_cancelled_with_200(api: Api) -> None:
    first = delay(api, 3.0)
    waiting = api.luxi(
        "SubmitJob", [{"OP_ID": "OP_TAGS_SET", "kind": "cluster", "name": None, "tags": ["v3:never"], "reason": [],
                       "depends": [[first, ["success"]]]}]
    )  # fmt: skip
    tag = api.tag_of(f"jobs/{waiting}")
    answer = api.ask("DELETE", f"jobs/{waiting}", If_Match=tag)
    assert (answer.status_code, answer.json()["status"], answer.json()["outcome"]) == (200, "canceled", "canceled")
    assert "v3:never" not in api.luxi("QueryTags", "cluster", "")
    api.refused(409, "not-cancellable", "DELETE", f"jobs/{waiting}")
    until(api, first, "success")


def test_a_running_job_with_more_to_do_is_202_and_one_without_409(api: Api) -> None:
    more = delay(api, 2.0, 0.1)
    until(api, more, "running")
    answer = api.ask("DELETE", f"jobs/{more}")
    assert (answer.status_code, answer.headers["Location"]) == (202, f"{api.base}/jobs/{more}")
    assert api.get(f"jobs/{more}?wait=30").json()["outcome"] == "canceled"
    last = delay(api, 2.0)
    until(api, last, "running")
    problem = api.refused(409, "not-cancellable", "DELETE", f"jobs/{last}")
    assert problem["job"] == f"{api.base}/jobs/{last}"
    assert api.get(f"jobs/{last}?wait=30").json()["outcome"] in ("success", "canceled", "error")
    api.refused(404, "not-found", "DELETE", "jobs/99999999")


def test_an_archived_job_is_found(api: Api) -> None:
    job_id = delay(api, 0.01)
    until(api, job_id, "success")
    assert api.get(f"jobs/{job_id}").json()["archived"] is False
    assert api.luxi("ArchiveJob", job_id) is True
    assert api.get(f"jobs/{job_id}").json()["archived"] is True


def test_who_waits_for_a_job_that_is_cancelled_hears_it_as_a_problem(api: Api, instance: str) -> None:
    first = delay(api, 3.0)
    answers: list[Any] = []
    path, body = api.uri(f"instances/{instance}/startup"), {"depends": [[first, ["success"]]]}
    with api.endpoint.client() as other:
        waiter = threading.Thread(
            target=lambda: answers.append(other.post(path, json=body, headers={"Prefer": "wait=60"}))
        )
        waiter.start()
        end = time.monotonic() + 20
        while (job_id := api.newest_job()) == first and time.monotonic() < end:
            time.sleep(0.02)
        assert api.ask("DELETE", f"jobs/{job_id}").status_code == 200
        waiter.join(60)
    assert (answers[0].status_code, answers[0].json()["type"]) == (409, "/3/problems/job-canceled")
    until(api, first, "success")


def test_a_family_of_which_one_child_fails_is_a_problem_that_names_it(
    api: Api, make: Make, request: pytest.FixtureRequest
) -> None:
    """The embedded master fails it on demand; on a real one the file that its disk is has gone."""
    disk = {"disk_template": "sharedfile", "disks": [{"size_mib": 128}], "primary_node": "node4", "admin_state": "up"}
    trouble = ["trouble:fail:OP_INSTANCE_FAILOVER", "trouble:fail:OP_INSTANCE_MIGRATE"]
    good, bad = make(**disk), make(**disk, tags=trouble)
    if api.target == "real":
        lab: VirtualCluster = request.getfixturevalue("lab")
        [file] = lab.master.glob(f"srv/ganeti/shared-file-storage/{bad}/*")
        away = file.rename(file.with_suffix(".away"))
        request.addfinalizer(lambda: away.rename(file))
    body = {"mode": "primary-only", "iallocator": "hail"}
    problem = api.refused(500, "job-failed", "POST", "nodes/node4/evacuate", body, Prefer="wait=60")
    [failed] = problem["failed"]
    assert bad in failed["summary"]
    assert ("trouble" if api.target == "embedded" else "Can't find device") in failed["detail"]
    assert failed["job"] != problem["job"]
    parent = api.get(problem["job"]).json()
    assert (parent["status"], parent["outcome"]) == ("success", "error")
    assert sorted(child["status"] for child in parent["children"]) == ["error", "success"]
    assert api.get(f"instances/{good}").json()["primary_node"] != "node4"
    assert api.get(f"instances/{bad}").json()["primary_node"] == "node4"
    accepted = api.ask("POST", "nodes/node4/evacuate", body)
    assert accepted.status_code == 202
    assert api.get(f"{accepted.headers['Location']}?wait=60").json()["outcome"] == "error"


def test_the_reason_trail_tells_user_and_request(api: Api, instance: str) -> None:
    answer = api.ask("POST", f"instances/{instance}/tag", {"tags": ["v3:trail"]}, X_Request_Id="order-4711")
    [[[opcode]]] = api.luxi("QueryJobs", [int(answer.json()["id"])], ["ops"])
    trail = {source: text for source, text, _ in opcode["reason"]}
    assert trail["rapier:user"] == "admin"
    assert trail["rapier:request"] == "order-4711"
    assert answer.headers["X-Request-Id"] == "order-4711"
    api.get(answer.headers["Location"] + "?wait=30")
