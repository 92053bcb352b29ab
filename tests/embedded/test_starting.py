"""Where the embedded master cannot begin, or cannot go on, it says why in a sentence and ends with 1."""

from __future__ import annotations

import resource
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from embedded.conftest import Start
from embedded.master import delay, tagging
from lab.luxi import Refused
from processes import RAPIER


def refusal(luxi: Path, state: Path) -> str:
    """What `rapier embedded` says where it does not begin."""
    command = [*RAPIER, "embedded", "--socket", str(luxi), "--state", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_second_one_on_the_same_state_is_refused(start: Start, tmp_path: Path) -> None:
    master = start()
    said = refusal(tmp_path / "other", master.state)
    assert "another embedded master" in said
    assert str(master.state) in said
    assert not (tmp_path / "other").exists()


def test_a_second_one_on_the_same_socket_is_refused_and_the_first_goes_on(start: Start, tmp_path: Path) -> None:
    master = start()
    assert f"somebody serves {master.socket} already" in refusal(master.socket, tmp_path / "other")
    assert master.ask("QueryConfigValues", ["cluster_name"]) == ["cluster"]


def test_a_socket_that_a_killed_one_left_is_replaced(start: Start) -> None:
    master = start()
    master.kill()
    assert master.socket.is_socket()
    master.start()
    assert master.ask("QueryConfigValues", ["cluster_name"]) == ["cluster"]


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "luxi").write_text("precious")
    assert "cannot listen at" in refusal(tmp_path / "luxi", tmp_path / "state")
    assert (tmp_path / "luxi").read_text() == "precious"


def test_a_folder_for_the_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "none" / "luxi") in refusal(tmp_path / "none" / "luxi", tmp_path / "state")


def test_a_broken_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.sqlite").write_bytes(b"no database at all" * 500)
    assert f"{tmp_path / 'state' / 'state.sqlite'} cannot be used" in refusal(tmp_path / "luxi", tmp_path / "state")


@pytest.mark.parametrize("table", ["object", "job"])
def test_a_state_that_cannot_be_read_is_named(start: Start, tmp_path: Path, table: str) -> None:
    master = start()
    master.run(tagging("x"))
    master.stop()
    with sqlite3.connect(master.state / "state.sqlite") as database:
        database.execute(f'UPDATE {table} SET body = \'{{"id": "none"}}\'')
    assert f"the state in {master.state} cannot be read" in refusal(tmp_path / "luxi", master.state)


def test_the_socket_is_for_its_user_alone(start: Start) -> None:
    master = start()
    assert master.socket.stat().st_mode & 0o777 == 0o600
    assert master.state.stat().st_mode & 0o777 == 0o700


def test_a_disk_that_is_full_fails_submissions_and_nothing_that_was_answered_is_lost(start: Start) -> None:
    master = start()
    master.run(tagging("before"))
    running = master.submit(delay(0.5), tagging("after"))
    _, hard = resource.prlimit(master.program.pid, resource.RLIMIT_FSIZE)
    full = (master.state / "state.sqlite-wal").stat().st_size  # what the program says still fits into its log
    resource.prlimit(master.program.pid, resource.RLIMIT_FSIZE, (full, hard))
    with pytest.raises(Refused, match="the state cannot be kept"):
        master.submit(tagging("never"))
    assert master.tags() == {"before"}
    # the end of the job cannot be kept either: rather than go on, the master ends
    assert master.program.process.wait(10) == 1
    said = master.program.log
    assert "rapier: the state cannot be kept in" in said
    assert "Traceback" not in said
    master.program.stop()
    master.start()
    assert master.end_of(running) == "success"
    assert master.tags() == {"before", "after"}


def test_requests_that_are_none_harm_nobody_else(start: Start) -> None:
    master = start()
    for message in (b"\x03", b"{\x03", b"[" * 100_000 + b"\x03", b'{"method": "\\ud800", "args": []}\x03', b"\xff\x03"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(master.socket))
            connection.sendall(message)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
            assert b"Failed to parse request" in answer
    assert master.ask("QueryConfigValues", ["cluster_name"]) == ["cluster"]
    assert "Traceback" not in master.program.log
