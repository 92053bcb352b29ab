"""Each LUXI call as it goes over the wire, and its answer as it comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from luxi_peer import Asked, Peer
from rapier.errors import JobLost, MasterAbsent, MasterGarbled, MasterLost, MasterSilent, RequestRefused
from rapier.luxi.client import QUERY_CONNECTIONS, WAIT_CONNECTIONS, Luxi, read_job_id

OPCODE = {"OP_ID": "OP_TEST_DELAY", "reason": []}
ROWS = [["a"], ["b"]]

# method of ours, arguments, what goes over the wire, what comes back, what we make of it
NO_ROWS: dict[str, Any] = {"fields": [], "data": []}
READS: list[tuple[str, list[Any], list[Any], Any, Any]] = [
    ("query_cluster_info", [], ["QueryClusterInfo"], {"name": "c"}, {"name": "c"}),
    ("query", ["node", ["name"]], ["Query", "node", ["name"], None], NO_ROWS, NO_ROWS),
    ("query", ["os", ("name",), ["=", "name", "x"]], ["Query", "os", ["name"], ["=", "name", "x"]], NO_ROWS, NO_ROWS),
    ("query_fields", ["node"], ["QueryFields", "node", None], {"fields": [1]}, [1]),
    ("query_fields", ["node", ("name",)], ["QueryFields", "node", ["name"]], {"fields": []}, []),
    ("query_instances", [[], ["name"]], ["QueryInstances", [], ["name"], False], ROWS, ROWS),
    ("query_nodes", [("n1",), ("name",), True], ["QueryNodes", ["n1"], ["name"], True], ROWS, ROWS),
    ("query_groups", [[], ["name"]], ["QueryGroups", [], ["name"], False], ROWS, ROWS),
    ("query_networks", [[], ["name"]], ["QueryNetworks", [], ["name"], False], ROWS, ROWS),
    ("query_exports", [["n1"]], ["QueryExports", ["n1"], False], [["n1", None]], [["n1", None]]),
    ("query_jobs", [None, ["id"]], ["QueryJobs", None, ["id"]], ROWS, ROWS),
    ("query_jobs", [[7, 8], ["id"]], ["QueryJobs", [7, 8], ["id"]], [[7], [8]], [[7], [8]]),
    ("query_config_values", [["cluster_name"]], ["QueryConfigValues", ["cluster_name"]], ["c"], ["c"]),
    ("query_tags", ["cluster", None], ["QueryTags", "cluster", ""], ["t"], ["t"]),
    ("query_tags", ["instance", "i1"], ["QueryTags", "instance", "i1"], [], []),
    ("query_filters", [None, ["uuid"]], ["QueryFilters", None, ["uuid"]], ROWS, ROWS),
]
CHANGES: list[tuple[str, list[Any], list[Any], Any, Any]] = [
    ("submit_job", [[OPCODE]], ["SubmitJob", [OPCODE]], 12, 12),
    ("submit_job_to_drained_queue", [(OPCODE,)], ["SubmitJobToDrainedQueue", [OPCODE]], "12", 12),
    ("submit_many_jobs", [[[OPCODE], [OPCODE]]], ["SubmitManyJobs", [[OPCODE], [OPCODE]]], [[True, 1], [False, "no"]],
     [(True, 1), (False, "no")]),
    ("pickup_job", [3], ["PickupJob", 3], None, None),
    ("cancel_job", [3], ["CancelJob", 3, False], [False, "ended"], (False, "ended")),
    ("cancel_job", [3, True], ["CancelJob", 3, True], [True, "killed"], (True, "killed")),
    ("archive_job", [3], ["ArchiveJob", 3], True, True),
    ("auto_archive_jobs", [-1, 30], ["AutoArchiveJobs", -1, 30], [2, 0], (2, 0)),
    ("change_job_priority", [3, -10], ["ChangeJobPriority", 3, -10], [True, "done"], (True, "done")),
    ("set_drain_flag", [True], ["SetDrainFlag", True], True, None),
    ("replace_filter", [None, 0, [["jobid", [">", "id", 1]]], "PAUSE", []],
     ["ReplaceFilter", None, 0, [["jobid", [">", "id", 1]]], "PAUSE", []], "uuid", "uuid"),
    ("delete_filter", ["uuid"], ["DeleteFilter", "uuid"], None, None),
    ("set_watcher_pause", [None], ["SetWatcherPause", None], None, None),
]  # fmt: skip


@pytest_asyncio.fixture
async def luxi(path: Path) -> AsyncIterator[Luxi]:
    client = Luxi(path, deadline_seconds=5)
    yield client
    client.close()
    await asyncio.sleep(0)


def named(table: list[tuple[str, list[Any], list[Any], Any, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("method", "args", "wire", "result", "answer"), table, ids=[row[0] for row in table])


@named(READS + CHANGES)
async def test_each_call_has_its_arguments_by_position(
    peer: Peer, luxi: Luxi, method: str, args: list[Any], wire: list[Any], result: Any, answer: Any
) -> None:
    async def script(asked: Asked) -> None:
        asked.answer(result)

    peer.script = script
    assert await getattr(luxi, method)(*args) == answer
    [asked] = peer.asked
    assert [asked.method, *asked.args] == wire


@pytest.mark.parametrize("result", [5.5, None, "text", [[1, 2, 3]]])
@pytest.mark.parametrize(
    ("method", "args"),
    [("query_cluster_info", []), ("query_fields", ["node"]), ("submit_job", [[OPCODE]]), ("cancel_job", [3])],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_answer_of_another_shape_is_garbled(
    peer: Peer, luxi: Luxi, method: str, args: list[Any], result: Any
) -> None:
    async def script(asked: Asked) -> None:
        asked.answer(result)

    peer.script = script
    with pytest.raises(MasterGarbled, match="another shape"):
        await getattr(luxi, method)(*args)


@pytest.mark.parametrize("rows", [[[1, 2], [3]], [[]]])
@pytest.mark.parametrize("method", ["query_instances", "query_nodes", "query_groups", "query_networks"])
async def test_rows_of_another_length_than_asked_for_are_garbled(
    peer: Peer, luxi: Luxi, method: str, rows: list[list[int]]
) -> None:
    async def script(asked: Asked) -> None:
        asked.answer(rows)

    peer.script = script
    with pytest.raises(MasterGarbled, match="rows of other lengths"):
        await getattr(luxi, method)([], ["name", "uuid"])


@pytest.mark.parametrize(
    "data", [[[1]], [[[0]]], [[[0, "a", "b"]]], [[[0, "a"], [0, "b"]]], [[]], {"a": 1}, None], ids=repr
)
async def test_an_answer_to_a_query_without_a_status_and_a_value_for_each_field_is_garbled(
    peer: Peer, luxi: Luxi, data: Any
) -> None:
    async def script(asked: Asked) -> None:
        asked.answer({"fields": [], "data": data})

    peer.script = script
    with pytest.raises(MasterGarbled, match=r"another shape|rows of other lengths"):
        await luxi.query("node", ["name"])


async def test_another_number_of_jobs_than_asked_for_is_garbled(peer: Peer, luxi: Luxi) -> None:
    async def script(asked: Asked) -> None:
        asked.answer([])

    peer.script = script
    with pytest.raises(MasterGarbled, match="another number of rows"):
        await luxi.query_jobs([1], ["id"])


@pytest.mark.parametrize("digits", ["9223372036854775808", "1" * 20, "1" * 5000])
def test_a_job_id_of_more_than_63_bits_is_refused_as_luxid_does(digits: str) -> None:
    with pytest.raises(RequestRefused, match=r"^Failed to parse request: "):
        read_job_id(digits)


def test_a_job_id_may_have_leading_zeros() -> None:
    assert read_job_id("0" * 30 + "7") == 7
    assert read_job_id(str(2**63 - 1)) == 2**63 - 1


async def cut(asked: Asked) -> None:
    asked.cut()


@named(READS)
async def test_each_read_is_tried_twice(
    peer: Peer, luxi: Luxi, method: str, args: list[Any], wire: list[Any], result: Any, answer: Any
) -> None:
    peer.script = cut
    with pytest.raises(MasterLost):
        await getattr(luxi, method)(*args)
    assert len(peer.asked) == 2


@named(CHANGES)
async def test_no_change_is_ever_sent_twice(
    peer: Peer, luxi: Luxi, method: str, args: list[Any], wire: list[Any], result: Any, answer: Any
) -> None:
    peer.script = cut
    with pytest.raises(MasterLost, match=f"{wire[0]} may have been carried out"):
        await getattr(luxi, method)(*args)
    assert len(peer.asked) == 1


OTHERS = ("close", "probe", "wait_for_job_change")


def test_no_call_is_missing_from_the_tables_above() -> None:
    calls = {name for name in vars(Luxi) if not name.startswith("_") and name not in OTHERS}
    assert calls == {row[0] for row in READS + CHANGES}


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        ("nochange", "nochange"),
        (None, None),
        ([["running"], [[1, [2, 3], "message", "text"]]], (["running"], [[1, [2, 3], "message", "text"]])),
    ],
)
async def test_a_wait_answers_a_change_or_that_there_was_none(peer: Peer, luxi: Luxi, result: Any, answer: Any) -> None:
    async def script(asked: Asked) -> None:
        asked.answer(result)

    peer.script = script
    assert await luxi.wait_for_job_change(5, ["status"], ["queued"], 3, 10) == answer
    assert peer.asked[0].args == [5, ["status"], ["queued"], 3, 10]


async def test_a_wait_for_an_unknown_job_is_lost_not_the_master(peer: Peer, luxi: Luxi) -> None:
    async def script(asked: Asked) -> None:
        asked.fail(["JobLost", ["Can't load job file"]])

    peer.script = script
    with pytest.raises(JobLost, match="Can't load job file"):
        await luxi.wait_for_job_change(5, ["status"], None, None, 10)


async def test_waiters_hold_up_no_query(peer: Peer, luxi: Luxi) -> None:
    async def waits_hang(asked: Asked) -> None:
        if asked.method == "WaitForJobChange":
            await asyncio.sleep(3600)
        asked.answer({"name": "c"})

    peer.script = waits_hang
    waits = [
        asyncio.create_task(luxi.wait_for_job_change(job, ["status"], None, None, 10))
        for job in range(WAIT_CONNECTIONS + 5)
    ]
    await peer.until_asked(WAIT_CONNECTIONS)
    assert await luxi.query_cluster_info() == {"name": "c"}
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


async def test_no_more_connections_are_opened_than_said(peer: Peer, luxi: Luxi) -> None:
    async def slowly(asked: Asked) -> None:
        await asyncio.sleep(0.005)
        asked.answer({})

    peer.script = slowly
    await asyncio.gather(*(luxi.query_cluster_info() for _ in range(100)))
    assert peer.most_connections == QUERY_CONNECTIONS


async def test_a_wait_may_last_longer_than_the_deadline_of_other_calls(peer: Peer, path: Path) -> None:
    luxi = Luxi(path, deadline_seconds=0.1)

    async def slowly(asked: Asked) -> None:
        await asyncio.sleep(0.3)
        asked.answer("nochange")

    peer.script = slowly
    assert await luxi.wait_for_job_change(5, ["status"], None, None, 1) == "nochange"
    with pytest.raises(MasterSilent):
        await luxi.query_cluster_info()
    luxi.close()


async def test_after_the_master_returns_the_next_call_succeeds(peer: Peer, luxi: Luxi) -> None:
    await luxi.query_config_values([])
    await peer.stop()
    with pytest.raises(MasterAbsent):
        await luxi.query_config_values([])
    await peer.start()
    await luxi.query_config_values([])
