"""/2/jobs/J/wait, which takes its parameters from the body of a GET."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from conformance.client import ABOVE_ANY_SERIAL, ENDS, Api
from conformance.history import Histories, Json, creation

ALL = ["id", "ops", "status", "summary", "opstatus", "received_ts", "start_ts", "end_ts", "oplog", "opresult"]


def body(fields: Any, known: Any = None, serial: Any = None) -> Json:
    """What the resource's clients send."""
    return {"fields": fields, "previous_job_info": known, "previous_log_serial": serial}


@pytest.fixture
def ended(histories: Histories) -> Json:
    """A job that has ended, with four entries in its log."""
    return histories.diskless["create"].job


def wait(api: Api, job_id: int, wanted: Json) -> Any:
    """What the wait answers."""
    return api.get(f"/2/jobs/{job_id}/wait", wanted).value()


# -- jobs that have ended --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [None, [], ["running"], ["success"], ["success", "more"], [{"any": ["thing"]}]])
def test_a_job_that_has_ended_answers_at_once_whatever_is_known_of_it(api: Api, ended: Json, known: Any) -> None:
    start = time.monotonic()
    answer = wait(api, ended["id"], body(["status"], known, ABOVE_ANY_SERIAL))
    assert answer == {"job_info": ["success"], "log_entries": []}
    assert time.monotonic() - start < 2


def test_the_fields_come_in_the_order_in_which_they_were_asked(api: Api, ended: Json) -> None:
    assert wait(api, ended["id"], body(ALL))["job_info"] == [ended[name] for name in ALL]
    backwards = ALL[::-1]
    assert wait(api, ended["id"], body(backwards))["job_info"] == [ended[name] for name in backwards]


def test_a_job_that_failed_answers_with_its_error(api: Api, histories: Histories) -> None:
    job = histories.failures["startup"]
    answer = wait(api, job["id"], body(["status", "opresult"]))
    assert answer == {"job_info": ["error", job["opresult"]], "log_entries": []}


@pytest.mark.parametrize("serial", [None, -1, 0, 1, 3, 4, ABOVE_ANY_SERIAL])
def test_log_entries_are_those_after_the_serial(api: Api, ended: Json, serial: int | None) -> None:
    (log,) = ended["oplog"]
    assert len(log) == 4
    after = [entry for entry in log if entry[0] > (-1 if serial is None else serial)]
    assert wait(api, ended["id"], body(["status"], ["success"], serial))["log_entries"] == after


def test_no_fields_are_as_good_as_any(api: Api, ended: Json) -> None:
    assert wait(api, ended["id"], body([], None, ABOVE_ANY_SERIAL)) == {"job_info": [], "log_entries": []}


def test_one_unknown_field_makes_all_of_them_null(api: Api, ended: Json) -> None:
    answer = wait(api, ended["id"], body(["status", "no_such", "id"], None, ABOVE_ANY_SERIAL))
    assert answer == {"job_info": [None, None, None], "log_entries": []}


@pytest.mark.parametrize("left_out", ["previous_job_info", "previous_log_serial"])
def test_what_is_known_may_be_left_out(api: Api, ended: Json, left_out: str) -> None:
    wanted = body(["status"])
    del wanted[left_out]
    assert wait(api, ended["id"], wanted) == {"job_info": ["success"], "log_entries": ended["oplog"][0]}


def test_members_that_nobody_knows_are_ignored(api: Api, ended: Json) -> None:
    assert wait(api, ended["id"], {**body(["id"]), "timeout": "x"})["job_info"] == [ended["id"]]


@pytest.mark.parametrize("job_id", [0, 900_000_000])
def test_an_unknown_job_is_an_error_of_the_master(api: Api, job_id: int) -> None:
    answer = api.get(f"/2/jobs/{job_id}/wait", body(["status"]))
    assert answer.refusal() == (500, "Can&#x27;t load job file")


# -- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [{}, {"previous_job_info": None, "previous_log_serial": None}, {"Fields": []}])
def test_fields_must_be_asked_for(api: Api, ended: Json, wanted: Json) -> None:
    message = "Required parameter &#x27;fields&#x27; is missing"
    assert api.get(f"/2/jobs/{ended['id']}/wait", wanted).refusal() == (400, message)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("fields", None, "list"),
        ("fields", "status", "list"),
        ("fields", {"status": 1}, "list"),
        ("previous_job_info", "running", "list"),
        ("previous_job_info", {}, "list"),
        ("previous_job_info", 0, "list"),
        ("previous_log_serial", "1", "number"),
        ("previous_log_serial", 1.5, "number"),
        ("previous_log_serial", [], "number"),
    ],
)
def test_a_member_of_another_type_is_named(api: Api, ended: Json, name: str, value: Any, kind: str) -> None:
    answer = api.get(f"/2/jobs/{ended['id']}/wait", {**body(["status"]), name: value})
    assert answer.refusal() == (400, f"The &#x27;{name}&#x27; parameter should be a {kind}")


def test_the_body_is_looked_at_before_the_job(api: Api) -> None:
    answer = api.get("/2/jobs/900000000/wait", body("status"))
    assert answer.refusal() == (400, "The &#x27;fields&#x27; parameter should be a list")


def test_a_field_that_is_no_text_is_not_even_understood_by_the_master(api: Api, ended: Json) -> None:
    status, message = api.get(f"/2/jobs/{ended['id']}/wait", body([1])).refusal()
    assert status == 502
    assert message.startswith("Failed to parse request: ")


NO_OBJECTS = {
    "none": ((), "&#x27;NoneType&#x27; object is not subscriptable"),
    "null": ((None,), "&#x27;NoneType&#x27; object is not subscriptable"),
    "a list": ((["fields"],), "list indices must be integers or slices, not str"),
    "a number": ((5,), "&#x27;int&#x27; object is not subscriptable"),
}


@pytest.mark.parametrize("sent", NO_OBJECTS)
def test_a_body_that_is_no_object(api: Api, ended: Json, differs: Callable[[str], bool], sent: str) -> None:
    arguments, message = NO_OBJECTS[sent]
    answer = api.get(f"/2/jobs/{ended['id']}/wait", *arguments)
    if differs("wait-without-an-object"):
        assert answer.refusal() == (500, message)
    else:
        assert answer.refusal() == (400, "Required parameter &#x27;fields&#x27; is missing")


# -- jobs that have not ended ----------------------------------------------------------------------------------------


def test_after_10_seconds_without_a_change_a_running_job_answers_what_is_known(api: Api, slow_job: int) -> None:
    known: Any = None
    while known != ["running"]:
        known = wait(api, slow_job, body(["status"], known))["job_info"]
        assert known[0] not in ENDS
    start = time.monotonic()
    assert wait(api, slow_job, body(["status"], ["running"], -1)) == {"job_info": ["running"], "log_entries": []}
    assert 9 < time.monotonic() - start < 14


@pytest.mark.parametrize("known", [None, [], ["waiting"], ["running", "more"]])
def test_a_running_job_answers_at_once_when_something_else_was_known(api: Api, slow_job: int, known: Any) -> None:
    start = time.monotonic()
    assert wait(api, slow_job, body(["summary"], known)) == {"job_info": [["TEST_DELAY(25.0)"]], "log_entries": []}
    assert time.monotonic() - start < 2


def test_a_wait_ends_with_the_change(api: Api, slow_job: int) -> None:
    job_id = api.submit("PUT", "/2/tags?tag=", {"depends": [[slow_job, []]]})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait, api, job_id, body(["status", "id"], ["queued", job_id]))
        time.sleep(1)
        assert not waiting.done()
        assert api.delete(f"/2/jobs/{job_id}").value()[0] is True
        assert waiting.result(timeout=3) == {"job_info": ["canceled", job_id], "log_entries": []}


def test_who_follows_a_job_sees_each_log_entry_once(api: Api, histories: Histories) -> None:
    wanted = creation(f"followed-{histories.mark}", iallocator="hail")
    job_id = api.submit("POST", "/2/instances?dry-run=1", wanted)
    statuses: list[str] = []
    log: list[Any] = []
    while not statuses or statuses[-1] not in ENDS:
        change = wait(api, job_id, body(["status"], statuses[-1:] or None, log[-1][0] if log else None))
        statuses += change["job_info"]
        log += change["log_entries"]
    assert statuses == sorted(statuses, key=["queued", "waiting", "running", "success"].index)
    job = api.get(f"/2/jobs/{job_id}").value()
    assert log == job["oplog"][0]
    assert len(log) == 2
