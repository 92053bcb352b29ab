"""Ganeti's own Python LUXI client, as Debian ships it, works against the embedded master."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded.conftest import Start
from embedded.master import Master, creation, delay, on_instance, tagging
from lab import with_ganetis_python

pytestmark = pytest.mark.real


class GanetiError(Exception):
    """The client raised this: the name of the exception's class, and its arguments."""


class Client:
    """`ganeti.luxi.Client`, in a process of its own."""

    def __init__(self, luxi_socket: Path) -> None:
        command = with_ganetis_python(Path(__file__).with_name("ganeti_client.py"), luxi_socket)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, method: str, *arguments: Any) -> Any:
        """What the client's method answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([method, arguments]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise GanetiError(answer["error"], *answer["args"])
        return answer["result"]

    def end_of(self, job_id: int) -> Any:
        """Follows a job to its end, as `gnt-*` commands do: status, results, all log entries."""
        info, serial, log = None, None, []
        while info is None or info[0] not in ("success", "error", "canceled"):
            info, entries = self("WaitForJobChange", job_id, ["status", "opresult"], info, serial)
            log += entries
            serial = log[-1][0] if log else None
        return (*info, log)


@pytest.fixture(scope="module")
def socket_of_a_master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A master with three instances."""
    master = Master(tmp_path_factory.mktemp("master"), "--instances", "3")
    yield master.socket
    master.stop()


@pytest.fixture(scope="module")
def client(socket_of_a_master: Path) -> Iterator[Client]:
    """Connected to it."""
    client = Client(socket_of_a_master)
    yield client
    client.process.communicate(timeout=10)
    assert client.process.returncode == 0


def test_queries_of_each_kind_become_ganetis_objects(client: Client) -> None:
    for kind, name in (("instance", "www1"), ("node", "node1"), ("group", "default")):
        answer = client("Query", kind, ["name", "uuid", "bogus"], ["=", "name", name])
        assert answer["made"] == "QueryResponse"
        assert [field["kind"] for field in answer["fields"]] == ["text", "text", "unknown"]
        [[shown, uuid, unknown]] = answer["data"]
        assert (shown, uuid[0], unknown) == ([0, name], 0, [1, None])
    for kind in ("job", "lock", "network", "export"):
        assert client("Query", kind, ["name"], None)["made"] == "QueryResponse"


def test_the_definitions_of_fields_are_as_ganeti_checks_them(client: Client) -> None:
    """The client's own classes hold the answer; kinds are Ganeti's words."""
    kinds = {"text", "bool", "number", "float", "unit", "timestamp", "other"}
    for kind, count in (("instance", 292), ("node", 46), ("group", 25), ("job", 16), ("lock", 4)):
        answer = client("QueryFields", kind, None)
        assert answer["made"] == "QueryFieldsResponse"
        assert len(answer["fields"]) == count
        assert {field["kind"] for field in answer["fields"]} <= kinds


def test_the_older_queries(client: Client) -> None:
    assert client("QueryInstances", ["www1"], ["name", "pnode", "network_port"], False) == [["www1", "node1", None]]
    assert client("QueryInstances", [], ["name"], False) == [["db1"], ["mail1"], ["www1"]]
    assert client("QueryNodes", ["node2"], ["name", "role"], False) == [["node2", "R"]]
    assert client("QueryGroups", [], ["name", "node_cnt"], False) == [["default", 4]]
    assert client("QueryNetworks", [], ["name"], False) == []
    assert client("QueryExports", ["node1"], False) == [["node1", None]]
    assert client("QueryFilters", None, ["uuid"]) == []
    assert client("QueryTags", "instance", "www1") == ["role:www"]
    assert client("QueryTags", "cluster", "") == []
    assert client("QueryConfigValues", ["cluster_name", "master_node"]) == ["cluster", "node1"]
    info = client("QueryClusterInfo")
    assert (info["name"], info["master"], info["software_version"]) == ("cluster", "node1", "3.0.2")


def test_a_creation_is_followed_to_its_end_with_its_log(client: Client) -> None:
    job_id = client("SubmitJob", [creation("own1", start=True, tags=["a"])])
    status, results, log = client.end_of(job_id)
    assert (status, results) == ("success", [["node2"]])
    assert [entry[0] for entry in log] == list(range(1, len(log) + 1))
    assert client("QueryInstances", ["own1"], ["status", "tags"], False) == [["running", ["a"]]]
    [[fields, status]] = client("QueryJobs", [job_id], ["summary", "status"])
    assert (fields, status) == (["INSTANCE_CREATE(own1)"], "success")


def test_many_jobs_at_once_with_dependencies_between_them(client: Client) -> None:
    jobs = [[creation("own2")], [on_instance("OP_INSTANCE_STARTUP", "own2", depends=[[-1, ["success"]]])]]
    jobs += [[tagging("x", kind="instance", name="own2", depends=[[-1, []]]), delay(0.01)]]
    answers = client("SubmitManyJobs", jobs)
    assert [done for done, _ in answers] == [True] * 3
    assert [client.end_of(job_id)[0] for _, job_id in answers] == ["success"] * 3
    assert client("QueryInstances", ["own2"], ["status", "tags"], False) == [["running", ["x"]]]


def test_a_failed_opcodes_result_is_an_error_that_ganeti_can_decode(client: Client) -> None:
    status, results, _ = client.end_of(client("SubmitJob", [on_instance("OP_INSTANCE_STARTUP", "none")]))
    assert (status, results) == ("error", [["OpPrereqError", ["Instance 'none' not known", "unknown_entity"]]])


def test_errors_become_ganetis_exceptions(client: Client) -> None:
    for method, arguments, wanted in (
        ("QueryTags", ["instance", "none"], ("OpPrereqError", "Instance name none not found", "unknown_entity")),
        ("Query", ["node", ["name"], ["=", "name", "none"]], ("OpPrereqError", "Node name none not found")),
        ("Query", ["node", ["name"], ["=", "none", "x"]], ("ParameterError", "Can't find field named 'none'")),
        ("QueryNodes", [[], ["name"], True], ("OpPrereqError", "Sync queries are not allowed", "wrong_input")),
        ("QueryGroups", [[], ["none"], False], ("OpPrereqError", "Unknown output fields selected: none")),
        ("WaitForJobChangeOnce", [999_999, ["status"], None, None, 1], ("JobLost", "Can't load job file")),
    ):
        with pytest.raises(GanetiError) as raised:
            client(method, *arguments)
        assert raised.value.args[: len(wanted)] == wanted


def test_a_request_that_cannot_be_read_is_said_to_be_one_and_the_next_one_is_answered(client: Client) -> None:
    with pytest.raises(GanetiError, match="Failed to parse request") as raised:
        client("Query", "node", ["name"], ["no such operator"])
    assert raised.value.args[0] == "RequestError"
    assert client("QueryNodes", ["node1"], ["name"], False) == [["node1"]]


def test_a_job_at_work_is_waited_for_reprioritised_cancelled_and_archived(client: Client) -> None:
    job_id = client("SubmitJob", [delay(0.8), delay(0.1)])
    info = None
    while info != ["running"]:
        info, _ = client("WaitForJobChangeOnce", job_id, ["status"], info, None, 5)
    began = time.monotonic()
    assert client("WaitForJobChangeOnce", job_id, ["status"], ["running"], None, 0) == [["running"], []]
    assert time.monotonic() - began < 0.5
    assert client("ArchiveJob", job_id) is False
    assert client("ChangeJobPriority", job_id, -10)[0] is True
    assert client("CancelJob", job_id)[0] is False
    assert client.end_of(job_id)[0] == "canceled"
    assert client("QueryJobs", [job_id], ["opstatus", "oppriority"]) == [[["success", "canceled"], [0, -10]]]
    assert client("CancelJob", job_id) == [False, f"Job {job_id} not found in queue"]
    assert client("ArchiveJob", job_id) is True
    assert [job_id] not in client("QueryJobs", None, ["id"])


def test_the_queue_is_drained_and_opened_again(client: Client) -> None:
    client("SetQueueDrainFlag", True)
    try:
        assert client("QueryConfigValues", ["drain_flag"]) == [True]
        with pytest.raises(GanetiError, match="Queue drained"):
            client("SubmitJob", [delay(0.01)])
        with pytest.raises(GanetiError, match="Queue drained"):
            client("SubmitManyJobs", [[delay(0.01)]])
        assert client.end_of(client("SubmitJobToDrainedQueue", [delay(0.01)]))[0] == "success"
    finally:
        client("SetQueueDrainFlag", False)
    assert client.end_of(client("SubmitJob", [delay(0.01)]))[0] == "success"


def test_the_watcher_is_paused_and_goes_on(client: Client) -> None:
    until = 2_000_000_000
    client("SetWatcherPause", until)
    assert client("QueryConfigValues", ["watcher_pause"]) == [until]
    client("SetWatcherPause", None)
    assert client("QueryConfigValues", ["watcher_pause"]) == [None]


def test_old_jobs_are_archived(start: Start) -> None:
    client = Client(start().socket)
    ids = [client("SubmitJob", [delay(0.01)]) for _ in range(3)]
    running = client("SubmitJob", [delay(5)])
    assert {client.end_of(job_id)[0] for job_id in ids} == {"success"}
    assert client("AutoArchiveJobs", 3600) == [0, 3]
    assert client("AutoArchiveJobs", -1) == [3, 0]
    assert client("QueryJobs", None, ["id"]) == [[running]]
    client.process.communicate(timeout=10)
