"""The pool of connections, against a real socket whose other end may be rude."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luxi_peer import Asked, Peer, deaf_socket, running_peer
from rapier.errors import (
    JobQueueDrainError,
    MasterAbsent,
    MasterError,
    MasterGarbled,
    MasterLost,
    MasterSilent,
    OpPrereqError,
    RequestRefused,
)
from rapier.luxi.framing import encode_answer
from rapier.luxi.pool import Pool

SIZE = 4


@pytest_asyncio.fixture
async def pool(path: Path) -> AsyncIterator[Pool]:
    with_places = Pool(path, SIZE)
    yield with_places
    with_places.close()
    await asyncio.sleep(0)


async def read(pool: Pool, *args: Any, seconds: float = 5.0, method: str = "Query") -> Any:
    return await pool.call(method, args, seconds, repeatable=True)


async def submit(pool: Pool, *args: Any, seconds: float = 5.0) -> Any:
    return await pool.call("SubmitJob", args, seconds, repeatable=False)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def slowly(asked: Asked) -> None:
    await asyncio.sleep(0.005)
    asked.answer(asked.args)


async def never(asked: Asked) -> None:
    await asyncio.sleep(3600)


async def cut(asked: Asked) -> None:
    asked.cut()


# One request at a time, on a bounded number of connections


async def test_a_connection_is_used_again_and_carries_one_request_at_a_time(peer: Peer, pool: Pool) -> None:
    for number in range(10):
        assert await read(pool, number) == ["Query", [number]]
    assert peer.connections == 1


async def test_a_crowd_shares_the_places_and_each_gets_the_answer_to_its_own_request(peer: Peer, pool: Pool) -> None:
    peer.script = slowly
    assert await asyncio.gather(*(read(pool, number) for number in range(60))) == [[number] for number in range(60)]
    assert peer.most_connections == SIZE
    assert peer.most_on_a_connection == 1


async def test_who_waits_for_a_place_is_served_in_order(peer: Peer, path: Path) -> None:
    pool = Pool(path, 1)
    peer.script = slowly
    await asyncio.gather(*(read(pool, number) for number in range(10)))
    assert [asked.args for asked in peer.asked] == [[number] for number in range(10)]
    pool.close()


async def test_waiting_for_a_place_counts_against_the_deadline(peer: Peer, path: Path) -> None:
    pool = Pool(path, 1)
    peer.script = never
    holder = asyncio.create_task(read(pool))
    await peer.until_asked(1)
    with pytest.raises(MasterSilent):
        await read(pool, seconds=0.05)
    holder.cancel()
    pool.close()


# The bytes


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    results=st.lists(st.text() | st.integers(0, 2**40) | st.lists(st.text(max_size=30)), min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 40), max_size=12),
)
async def test_however_the_stream_is_chunked_the_answers_are_the_same(
    peer: Peer, pool: Pool, results: list[Any], cuts: list[int]
) -> None:
    async def in_pieces(asked: Asked) -> None:
        message = encode_answer(True, asked.args)
        at = 0
        for size in [*cuts, len(message)]:
            asked.send(message[at : at + size])
            at += size
            await asyncio.sleep(0)
            if at >= len(message):
                return

    peer.script = in_pieces
    for result in results:
        assert await read(pool, result) == [result]


async def test_an_answer_of_many_megabytes_comes_whole(peer: Peer, pool: Pool) -> None:
    rows = [[f"instance{number}.example.org", number] for number in range(200_000)]

    async def much(asked: Asked) -> None:
        asked.answer(rows)

    peer.script = much
    assert await read(pool, seconds=20) == rows


async def test_a_request_of_many_megabytes_arrives_whole(peer: Peer, pool: Pool) -> None:
    text = "x" * 5_000_000
    assert await submit(pool, text) == ["SubmitJob", [text]]


@pytest.mark.parametrize("garbage", [b"hello\x03", b"\x03", b"{}\x03", b'{"success": true}\x03', b"\xff\xfe\x03"])
async def test_garbage_is_called_so_and_its_connection_is_not_used_again(
    peer: Peer, pool: Pool, garbage: bytes
) -> None:
    async def garbled(asked: Asked) -> None:
        asked.send(garbage)

    usual, peer.script = peer.script, garbled
    with pytest.raises(MasterGarbled):
        await read(pool)
    peer.script = usual
    await read(pool)
    assert [asked.connection for asked in peer.asked] == [1, 2]
    await peer.until_connections(1)


@pytest.mark.parametrize("surplus", [encode_answer(True, "stale"), encode_answer(True, "stale")[:9], b"\x03", b" "])
@pytest.mark.parametrize("pause", [None, 0.0, 0.02])
async def test_what_follows_an_answer_is_never_taken_for_the_answer_to_the_next_request(
    peer: Peer, pool: Pool, surplus: bytes, pause: float | None
) -> None:
    sent = asyncio.Event()

    async def talkative(asked: Asked) -> None:
        if pause is None:
            asked.send(encode_answer(True, "first") + surplus)
        else:
            asked.answer("first")
            await asyncio.sleep(pause)
            asked.send(surplus)
        sent.set()

    usual, peer.script = peer.script, talkative
    with contextlib.suppress(MasterGarbled):
        assert await read(pool, seconds=1) == "first"
    await sent.wait()
    await asyncio.sleep(0.03)
    peer.script = usual
    for number in range(3):
        assert await read(pool, number) == ["Query", [number]]
    assert peer.asked[1].connection == 2
    await peer.until_connections(1)


async def test_half_an_answer_and_then_nothing_is_silence(peer: Peer, pool: Pool) -> None:
    async def half(asked: Asked) -> None:
        asked.send(encode_answer(True, "answer")[:-3])

    peer.script = half
    with pytest.raises(MasterSilent):
        await read(pool, seconds=0.1)
    await peer.until_connections(0)


# Errors of the master's


async def test_an_error_keeps_class_and_arguments_and_the_connection(peer: Peer, pool: Pool) -> None:
    async def failing(asked: Asked) -> None:
        asked.fail(["OpPrereqError", ["Instance none not found", "unknown_entity"]])

    peer.script = failing
    for _ in range(3):
        with pytest.raises(OpPrereqError) as raised:
            await submit(pool)
        assert raised.value.ganeti_args == ["Instance none not found", "unknown_entity"]
    assert peer.connections == 1


async def test_after_a_bare_text_the_master_closes_and_so_do_we_lest_a_job_be_sent_into_the_closing(
    peer: Peer, pool: Pool
) -> None:
    async def refusing(asked: Asked) -> None:
        asked.fail("Failed to parse request: no such method")
        await asyncio.sleep(0.01)
        asked.cut()

    usual, peer.script = peer.script, refusing
    with pytest.raises(RequestRefused, match="Failed to parse request"):
        await submit(pool, 1)
    peer.script = usual
    assert await submit(pool, 2) == ["SubmitJob", [2]]
    assert [asked.connection for asked in peer.asked] == [1, 2]


async def test_a_drained_queue_is_told_apart(peer: Peer, pool: Pool) -> None:
    async def drained(asked: Asked) -> None:
        asked.fail(["JobQueueDrainError", ["Job queue is drained, refusing job"]])

    peer.script = drained
    with pytest.raises(JobQueueDrainError):
        await submit(pool)


# Lost connections


async def test_a_read_whose_connection_is_lost_is_sent_once_more(peer: Peer, pool: Pool) -> None:
    async def cut_the_first(asked: Asked) -> None:
        if len(peer.asked) == 1:
            asked.cut()
        else:
            asked.answer("second time")

    peer.script = cut_the_first
    assert await read(pool) == "second time"
    assert [asked.connection for asked in peer.asked] == [1, 2]


async def test_a_read_that_is_lost_twice_is_given_up(peer: Peer, pool: Pool) -> None:
    peer.script = cut
    with pytest.raises(MasterLost):
        await read(pool)
    assert len(peer.asked) == 2


@pytest.mark.parametrize("pieces", [b"", b'{"success": tr'])
async def test_a_submission_is_never_sent_twice_wherever_its_connection_is_cut(
    peer: Peer, pool: Pool, pieces: bytes
) -> None:
    async def cut_in_the_answer(asked: Asked) -> None:
        asked.send(pieces)
        asked.cut()

    await read(pool)  # so that the submission finds a connection that was used before
    peer.script = cut_in_the_answer
    with pytest.raises(MasterLost):
        await submit(pool)
    await asyncio.sleep(0.05)
    assert peer.times_asked()["SubmitJob"] == 1


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["answer", "cut", "half", "garbage", "refuse", "silent"]), min_size=1, max_size=10))
async def test_whatever_the_master_does_each_submission_reaches_it_once_at_most(
    peer: Peer, pool: Pool, deeds: list[str]
) -> None:
    async def deed(asked: Asked) -> None:
        match deeds[asked.args[0]]:
            case "answer":
                asked.answer(asked.args[0])
            case "cut":
                asked.cut()
            case "half":
                asked.send(b'{"succ')
                asked.cut()
            case "garbage":
                asked.send(b"?\x03")
            case "refuse":
                asked.fail("Failed to parse request")
                asked.cut()

    peer.asked.clear()
    peer.script = deed
    results = await asyncio.gather(
        *(submit(pool, number, seconds=0.2) for number in range(len(deeds))), return_exceptions=True
    )
    expected = {
        "answer": None,
        "cut": MasterLost,
        "half": MasterLost,
        "garbage": MasterGarbled,
        "refuse": RequestRefused,
        "silent": MasterSilent,
    }
    for number, (name, result) in enumerate(zip(deeds, results, strict=True)):
        kind = expected[name]
        # behind two silent ones on each place a submission may never come to its turn
        waited_in_vain = isinstance(result, MasterSilent) and "silent" in deeds
        assert waited_in_vain or (result == number if kind is None else isinstance(result, kind))
    assert max(map([asked.args[0] for asked in peer.asked].count, range(len(deeds)))) <= 1


async def test_connections_that_the_master_closed_meanwhile_are_not_used(peer: Peer, pool: Pool, path: Path) -> None:
    peer.script = slowly
    await asyncio.gather(*(read(pool, number) for number in range(SIZE)))
    await peer.stop()
    await asyncio.sleep(0.02)
    await peer.start()
    assert await submit(pool, "first after the restart") == ["first after the restart"]


async def test_a_master_that_restarts_in_the_middle_fails_the_reads_under_way_and_no_later_one(
    peer: Peer, pool: Pool
) -> None:
    peer.script = never
    reads = [asyncio.create_task(read(pool, number)) for number in range(SIZE)]
    await peer.until_asked(SIZE)
    await peer.stop()
    answers = await asyncio.gather(*reads, return_exceptions=True)
    assert all(isinstance(answer, MasterError) for answer in answers)
    peer.script = slowly
    await peer.start()
    assert await read(pool, "after") == ["after"]


# Nobody there


async def test_without_a_socket_the_master_is_absent_at_once(path: Path, pool: Pool) -> None:
    began = time.monotonic()
    with pytest.raises(MasterAbsent, match="no socket"):
        await read(pool)
    assert time.monotonic() - began < 1


async def test_without_a_listener_the_master_is_absent_at_once(path: Path, pool: Pool) -> None:
    with deaf_socket(path):
        pass
    with pytest.raises(MasterAbsent, match="no master daemon listens"):
        await submit(pool)


async def test_a_path_that_no_socket_can_have_is_absent_too(tmp_path: Path) -> None:
    with pytest.raises(MasterAbsent, match="cannot reach"):
        await read(Pool(tmp_path / ("x" * 200), 1))
    (tmp_path / "file").write_text("")
    with pytest.raises(MasterAbsent):
        await read(Pool(tmp_path / "file", 1))


async def test_when_the_masters_queue_of_connections_is_full_callers_wait_for_it(path: Path) -> None:
    """luxid's has room for five: a burst of first requests fills it. Nothing may be lost by that."""
    pool = Pool(path, 20)
    with deaf_socket(path, queue=1) as listening:
        listening.setblocking(False)
        calls = [asyncio.create_task(submit(pool, number)) for number in range(20)]
        await asyncio.sleep(0.1)
        assert not any(call.done() for call in calls)
        loop = asyncio.get_running_loop()
        messages = []
        for _ in range(20):
            accepted, _ = await asyncio.wait_for(loop.sock_accept(listening), 5)
            with accepted:
                messages.append(await asyncio.wait_for(loop.sock_recv(accepted, 1000), 5))
                await loop.sock_sendall(accepted, encode_answer(True, "done"))
        assert await asyncio.gather(*calls) == ["done"] * 20
        assert len(set(messages)) == 20
    pool.close()


async def test_a_master_that_never_accepts_is_absent_or_silent_and_leaves_nothing_open(path: Path) -> None:
    pool = Pool(path, 20)
    with deaf_socket(path, queue=1):
        await asyncio.gather(read(pool, seconds=0.05), return_exceptions=True)
        before = open_files()
        answers = await asyncio.gather(*(read(pool, seconds=0.2) for _ in range(20)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {MasterSilent}
        pool.close()
        await asyncio.sleep(0.02)
        assert open_files() == before


# Deadlines, callers who leave, closing


async def test_after_the_deadline_the_master_is_silent_and_its_late_answer_reaches_nobody(
    peer: Peer, pool: Pool
) -> None:
    async def late(asked: Asked) -> None:
        await asyncio.sleep(0.15 if asked.args == ["late"] else 0)
        asked.answer(asked.args)

    peer.script = late
    with pytest.raises(MasterSilent, match=r"did not answer Query within 0\.1 s"):
        await read(pool, "late", seconds=0.1)
    for number in range(20):
        assert await read(pool, number) == [number]
        await asyncio.sleep(0.005)
    assert peer.times_asked()["Query"] == 21
    await peer.until_connections(1)


async def test_a_caller_who_leaves_frees_the_place_and_closes_the_connection(peer: Peer, pool: Pool) -> None:
    peer.script = never
    calls = [asyncio.create_task(read(pool, number)) for number in range(SIZE)]
    await peer.until_asked(SIZE)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await peer.until_connections(0)
    peer.script = slowly
    assert await asyncio.gather(*(read(pool, number) for number in range(SIZE))) == [[n] for n in range(SIZE)]


async def test_a_caller_who_leaves_while_waiting_for_a_place_takes_none(peer: Peer, path: Path) -> None:
    pool = Pool(path, 1)
    peer.script = slowly
    calls = [asyncio.create_task(read(pool, number)) for number in range(10)]
    await asyncio.sleep(0)
    for call in calls[1::2]:
        call.cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, list)] == [[0], [2], [4], [6], [8]]
    assert await read(pool, "after") == ["after"]
    pool.close()


async def test_callers_who_come_and_leave_at_any_moment_leave_nothing_open(peer: Peer, pool: Pool) -> None:
    peer.script = slowly
    await asyncio.gather(*(read(pool, number) for number in range(SIZE)))
    before = open_files()
    for round_of_calls in range(40):
        calls = [asyncio.create_task(read(pool, number)) for number in range(6)]
        await asyncio.sleep(0.0003 * round_of_calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    assert await asyncio.gather(*(read(pool, number) for number in range(SIZE))) == [[n] for n in range(SIZE)]
    await asyncio.sleep(0.05)
    assert open_files() <= before
    assert len(peer.lines) <= SIZE


async def test_failures_of_every_kind_leave_nothing_open(peer: Peer, pool: Pool) -> None:
    deeds = [cut, never, slowly]

    async def any_of_them(asked: Asked) -> None:
        await deeds[asked.args[0] % 3](asked)

    await read(pool)
    before = open_files()
    peer.script = any_of_them
    await asyncio.gather(*(read(pool, number, seconds=0.1) for number in range(30)), return_exceptions=True)
    pool.close()
    await peer.until_connections(0)
    await asyncio.sleep(0.1)
    assert open_files() < before


async def test_closing_ends_calls_under_way_without_a_second_try_and_leaves_nothing_open(
    peer: Peer, pool: Pool
) -> None:
    peer.script = never
    calls = [asyncio.create_task(read(pool, number)) for number in range(SIZE + 2)]
    await peer.until_asked(SIZE)
    pool.close()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [MasterLost] * SIZE + [MasterAbsent] * 2
    assert len(peer.asked) == SIZE
    await peer.until_connections(0)


async def test_a_closed_pool_opens_no_connection(peer: Peer, pool: Pool) -> None:
    pool.close()
    with pytest.raises(MasterAbsent, match="are closed"):
        await read(pool)
    assert peer.connections == 0


async def test_two_peers_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    async with running_peer(tmp_path / "one") as one, running_peer(tmp_path / "two") as two:
        first, second = Pool(one.path, 1), Pool(two.path, 1)
        await asyncio.gather(read(first, 1), read(second, 2))
        assert ([asked.args for asked in one.asked], [asked.args for asked in two.asked]) == ([[1]], [[2]])
        first.close()
        second.close()
