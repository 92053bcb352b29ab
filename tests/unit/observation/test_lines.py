"""Lines to a pipe that nobody reads, that is closed, that is slow."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rapier.observation import lines as module
from rapier.observation.lines import Lines
from rude.daemon import eventually

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


def lines_to(descriptor: int) -> Lines:
    return Lines(descriptor, lambda count: f"{count} dropped\n".encode())


def read_all(descriptor: int) -> bytes:
    data = b""
    while piece := os.read(descriptor, 65536):
        data += piece
    return data


@pytest.mark.parametrize("threaded", [False, True])
def test_every_line_arrives_once_and_in_order(tmp_path: Path, threaded: bool) -> None:
    file = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    lines = lines_to(file)
    wanted = [f"line {number}\n".encode() for number in range(3000)]
    if threaded:
        with lines.by_a_thread():
            for line in wanted:
                lines.write(line)
    else:
        for line in wanted:
            lines.write(line)
    os.close(file)
    assert (tmp_path / "log").read_bytes() == b"".join(wanted)
    assert lines.dropped == 0


def test_a_full_pipe_holds_nobody_up_and_the_lines_that_it_cost_are_counted(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING_AT_MOST", 100)
    reading, writing = pipe
    lines = lines_to(writing)
    line = b"x" * 999 + b"\n"
    with lines.by_a_thread():
        began = time.perf_counter()
        for _ in range(1000):
            lines.write(line)
        assert time.perf_counter() - began < 0.5
        # 64 KiB are in the pipe and 100 lines wait; what is still in the thread's hands are 4 KiB
        assert 700 < lines.dropped < 920
        got = b""
        while b"dropped\n" not in got:
            got += os.read(reading, 65536)
        told = int(got.split(b" dropped")[0].split(b"\n")[-1])
        assert told == lines.dropped
        assert got.count(line) == 1000 - told
        lines.write(b"afterwards\n")
        assert os.read(reading, 100) == b"afterwards\n"


def test_the_end_does_not_wait_for_a_reader_for_ever(pipe: Pipe) -> None:
    lines = lines_to(pipe[1])
    began = time.perf_counter()
    with lines.by_a_thread():
        for _ in range(200):
            lines.write(b"x" * 999 + b"\n")
    assert 0.9 < time.perf_counter() - began < 2
    os.set_blocking(pipe[0], False)
    os.read(pipe[0], 1 << 20)  # lets the thread end


def test_without_a_thread_a_full_pipe_costs_the_line_and_no_time(pipe: Pipe) -> None:
    reading, writing = pipe
    lines = lines_to(writing)
    for _ in range(100):
        lines.write(b"x" * 999 + b"\n")
    assert lines.dropped > 30
    assert len(os.read(reading, 1 << 20)) % 1000 == 0


@pytest.mark.parametrize("threaded", [False, True])
def test_a_reader_that_left_is_no_error(pipe: Pipe, threaded: bool) -> None:
    reading, writing = pipe
    os.close(reading)
    lines = lines_to(writing)
    if threaded:
        with lines.by_a_thread():
            lines.write(b"one\n")
            assert eventually(lambda: lines.dropped == 1)
    else:
        lines.write(b"one\n")
        assert lines.dropped == 1


def test_a_descriptor_that_does_not_block_is_waited_for_by_the_thread(pipe: Pipe) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    lines = lines_to(writing)
    wanted = b"".join(b"%d" % (number % 10) * 999 + b"\n" for number in range(300))
    got = b""
    with lines.by_a_thread():
        for start in range(0, len(wanted), 1000):
            lines.write(wanted[start : start + 1000])
        while len(got) < len(wanted):
            got += os.read(reading, 65536)
    assert got == wanted


def test_pieces_for_a_pipe_are_whole_lines_that_other_writers_cannot_cut(pipe: Pipe) -> None:
    reading, writing = pipe
    others = [lines_to(writing) for _ in range(3)]
    got = b""
    with others[0].by_a_thread(), others[1].by_a_thread(), others[2].by_a_thread():
        for _ in range(400):
            for number, lines in enumerate(others):
                lines.write(b"%d" % number * 300 + b"\n")
        while len(got) < 1200 * 301:
            got += os.read(reading, 65536)
    assert all(len(set(line)) == 1 and len(line) == 300 for line in got.splitlines())
