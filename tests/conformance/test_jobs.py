"""/2/jobs and /2/jobs/J: lists, what a job shows when it has ended, dependencies, cancelling."""

from __future__ import annotations

import time
from typing import Any

import pytest

from conformance import shapes
from conformance.client import Api
from conformance.history import Histories, Json
from lab.luxi import ask

UNKNOWN = 900_000_000
NOTHING = "/2/tags?tag="  # a PUT there makes a job that changes nothing


# -- lists -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("job_id", [2**63, int("1" * 20)])
def test_an_id_that_is_too_large_for_a_job_is_502(api: Api, method: str, job_id: int) -> None:
    status, text = api.request(method, f"/2/jobs/{job_id}").refusal()
    assert status == 502
    assert text.startswith("Failed to parse request: ")


def test_the_largest_id_that_a_job_could_have_is_unknown(api: Api) -> None:
    assert api.get(f"/2/jobs/{2**63 - 1}").value()["status"] is None


def test_a_drained_queue_takes_no_job(api: Api) -> None:
    ask(api.endpoint.luxi_socket, "SetDrainFlag", [True])
    try:
        assert api.put("/2/tags?tag=never").refusal() == (500, "Queue drained")
        assert api.get("/2/os").refusal() == (500, "Queue drained")
    finally:
        ask(api.endpoint.luxi_socket, "SetDrainFlag", [False])


def test_jobs_are_ids_with_uris_sorted_as_numbers(api: Api, histories: Histories) -> None:
    jobs = api.get("/2/jobs").value()
    ids = [job["id"] for job in jobs]
    assert jobs == [{"id": job_id, "uri": f"/2/jobs/{job_id}"} for job_id in ids]
    assert ids == sorted(ids)
    assert all(type(job_id) is int for job_id in ids)
    assert set(ids) >= {job["id"] for job in histories.every_job}


def test_jobs_in_bulk_lack_log_and_results(api: Api, histories: Histories) -> None:
    bulk = {job["id"]: job for job in api.get("/2/jobs?bulk=1").value()}
    assert list(bulk) == sorted(bulk)
    for job in histories.every_job:
        shapes.assert_fits(bulk[job["id"]], shapes.JOB_IN_BULK)
        assert bulk[job["id"]] == {name: job[name] for name in shapes.JOB_IN_BULK}


# -- one job ---------------------------------------------------------------------------------------------------------


def test_a_job_has_these_members_and_no_others(histories: Histories) -> None:
    for job in histories.every_job:
        shapes.assert_fits(job, shapes.JOB)


def test_a_job_of_one_opcode_has_one_of_everything(histories: Histories) -> None:
    for job in histories.every_job:
        assert [len(job[name]) for name in ("ops", "summary", "opstatus", "oplog", "opresult")] == [1] * 5
        assert job["opstatus"] == [job["status"]]


SUMMARIES = {
    "OP_INSTANCE_CREATE": "INSTANCE_CREATE({instance_name})",
    "OP_INSTANCE_REMOVE": "INSTANCE_REMOVE({instance_name})",
    "OP_INSTANCE_STARTUP": "INSTANCE_STARTUP({instance_name})",
    "OP_INSTANCE_SHUTDOWN": "INSTANCE_SHUTDOWN({instance_name})",
    "OP_INSTANCE_REBOOT": "INSTANCE_REBOOT({instance_name})",
    "OP_INSTANCE_QUERY_DATA": "INSTANCE_QUERY_DATA",
    "OP_TAGS_SET": "TAGS_SET",
    "OP_TAGS_DEL": "TAGS_DEL",
}


def test_a_summary_is_the_opcodes_name_with_the_instance(histories: Histories) -> None:
    for job in histories.every_job:
        (opcode,) = job["ops"]
        assert job["summary"] == [SUMMARIES[opcode["OP_ID"]].format(**opcode)]


def test_a_jobs_times_are_seconds_and_microseconds_in_their_order(histories: Histories) -> None:
    for job in histories.every_job:
        times = [job[name] for name in ("received_ts", "start_ts", "end_ts")]
        shapes.assert_fits(times, [[int]])
        assert times == sorted(times)
        assert all(len(one) == 2 and 0 <= one[1] < 1_000_000 for one in times)
        assert abs(time.time() - times[0][0]) < 3600


def test_log_entries_are_numbered_from_1_and_have_a_time_and_a_kind(histories: Histories) -> None:
    said_something = 0
    for job in histories.every_job:
        (log,) = job["oplog"]
        assert [serial for serial, _, _, _ in log] == list(range(1, len(log) + 1))
        for _, when, kind, text in log:
            assert kind == "message"
            assert type(text) is str
            shapes.assert_fits(when, [int])
            assert job["start_ts"] <= when <= job["end_ts"]
        said_something += bool(log)
    assert said_something >= 10


def test_the_reason_trail_has_nanoseconds_that_go_on(histories: Histories) -> None:
    for job in histories.every_job:
        (opcode,) = job["ops"]
        shapes.assert_fits(opcode["reason"], [[...]])
        moments = [moment for _, _, moment in opcode["reason"]]
        assert all(type(moment) is int for moment in moments)
        assert moments == sorted(moments)
        assert abs(moments[0] / 1e9 - job["received_ts"][0]) < 60


def test_a_jobs_number_may_begin_with_zeros(api: Api, histories: Histories) -> None:
    job = histories.diskless["create"].job
    assert api.get(f"/2/jobs/000{job['id']}").value() == job


@pytest.mark.parametrize("job_id", [0, UNKNOWN])
def test_an_unknown_job_is_null_in_each_member_but_its_id(api: Api, job_id: int) -> None:
    assert api.get(f"/2/jobs/{job_id}").value() == {**dict.fromkeys(shapes.JOB), "id": job_id}


@pytest.mark.parametrize("job_id", ["-1", "x", "1.0", "%31", "1/2", "1x"])
def test_what_is_no_number_is_no_job(api: Api, job_id: str) -> None:
    assert api.get(f"/2/jobs/{job_id}").refusal() == (404, "Not Found")


# -- dependencies ----------------------------------------------------------------------------------------------------


def after(api: Api, *depends: list[Any]) -> int:
    """A job that changes nothing, and waits for others."""
    return api.submit("PUT", NOTHING, {"depends": list(depends)})


def test_a_job_runs_after_one_that_ended_as_it_wants(api: Api, histories: Histories) -> None:
    failed, done = histories.failures["startup"]["id"], histories.cluster_tags["tag"].job["id"]
    wanted = [[failed, ["canceled", "error"]], [done, ["success"]]]
    job = api.finished(after(api, *wanted))
    assert (job["status"], job["opresult"]) == ("success", [None])
    assert job["ops"][0]["depends"] == wanted


def test_a_job_that_wants_nothing_particular_runs_after_any_end(api: Api, histories: Histories) -> None:
    failed = histories.failures["startup"]["id"]
    assert api.finished(after(api, [failed, []]))["status"] == "success"


def test_a_job_fails_when_the_one_before_it_ended_otherwise(api: Api, histories: Histories) -> None:
    failed = histories.failures["startup"]["id"]
    job = api.finished(after(api, [failed, ["success", "canceled"]]))
    text = f"Dependency job {failed} finished with status 'error', not one of 'success, canceled' as required"
    assert (job["status"], job["opresult"]) == ("error", [["OpExecError", [text]]])


def test_a_job_fails_when_the_one_before_it_is_unknown(api: Api) -> None:
    job = api.finished(after(api, [UNKNOWN, ["success"]]))
    text = f"Dependency error: Job {UNKNOWN} not found"
    assert (job["status"], job["opresult"]) == ("error", [["OpExecError", [text]]])


def test_without_dependencies_depends_is_null(api: Api) -> None:
    job = api.finished(api.submit("PUT", NOTHING, {"depends": []}))
    assert (job["status"], job["ops"][0]["depends"]) == ("success", None)


# -- jobs that have not ended ----------------------------------------------------------------------------------------


def until_running(api: Api, job_id: int) -> Json:
    """The job, once it runs."""
    while (job := api.get(f"/2/jobs/{job_id}").value())["status"] != "running":
        assert job["status"] in ("queued", "waiting")
        time.sleep(0.1)
    assert isinstance(job, dict)
    return job


def test_a_running_job_has_no_end_and_no_result_yet(api: Api, slow_job: int) -> None:
    job = until_running(api, slow_job)
    shapes.assert_fits(job, shapes.JOB)
    assert (job["opstatus"], job["end_ts"], job["oplog"], job["opresult"]) == (["running"], None, [[]], [None])
    assert job["received_ts"] <= job["start_ts"]
    assert job["summary"] == ["TEST_DELAY(25.0)"]


def test_a_queued_job_has_not_begun_and_can_be_cancelled(api: Api, slow_job: int) -> None:
    job_id = after(api, [slow_job, ["success"]])
    job = api.get(f"/2/jobs/{job_id}").value()
    shapes.assert_fits(job, shapes.JOB)
    assert (job["status"], job["start_ts"], job["end_ts"], job["oplog"]) == ("queued", None, None, [[]])
    assert job["ops"][0]["depends"] == [[slow_job, ["success"]]]
    assert api.delete(f"/2/jobs/{job_id}").value() == [True, f"Dequeued job {job_id}"]
    job = api.get(f"/2/jobs/{job_id}").value()
    shapes.assert_fits(job, shapes.JOB)
    assert (job["status"], job["opstatus"], job["opresult"]) == ("canceled", ["canceled"], [None])
    assert (job["start_ts"], job["oplog"]) == (None, [[]])
    assert job["end_ts"] >= job["received_ts"]
    assert api.delete(f"/2/jobs/{job_id}").value() == [False, f"Job {job_id} not found in queue"]


@pytest.mark.parametrize("wanted", [["success"], []])
def test_a_job_after_one_that_was_cancelled_is_cancelled_too(api: Api, slow_job: int, wanted: list[str]) -> None:
    cancelled = after(api, [slow_job, []])
    assert api.delete(f"/2/jobs/{cancelled}").value()[0] is True
    job = api.finished(after(api, [cancelled, wanted]))
    assert (job["status"], job["opstatus"], job["opresult"]) == ("canceled", ["canceled"], ["Job canceled by request"])
    assert job["start_ts"] <= job["end_ts"]


def test_a_job_that_wants_the_one_before_it_cancelled_runs_then(api: Api, slow_job: int) -> None:
    cancelled = after(api, [slow_job, []])
    assert api.delete(f"/2/jobs/{cancelled}").value()[0] is True
    assert api.finished(after(api, [cancelled, ["canceled"]]))["status"] == "success"


def test_a_running_job_goes_on_when_it_is_cancelled(api: Api, slow_job: int) -> None:
    until_running(api, slow_job)
    answer = [False, "Job no longer waiting, can't cancel (informed it anyway)"]
    assert api.delete(f"/2/jobs/{slow_job}").value() == answer
    time.sleep(0.5)
    assert api.get(f"/2/jobs/{slow_job}").value()["status"] == "running"


@pytest.mark.parametrize("body", [{}, [], "x"])
def test_a_job_that_has_ended_or_never_was_cannot_be_cancelled(api: Api, histories: Histories, body: Any) -> None:
    for job_id in (UNKNOWN, 0, histories.diskless["create"].job["id"], histories.failures["startup"]["id"]):
        assert api.delete(f"/2/jobs/{job_id}", body).value() == [False, f"Job {job_id} not found in queue"]
