"""`rapier passwd FILE USER`."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from access_peers import Htpasswd
from rapier.access.htpasswd import parse_users

RAPIER = [sys.executable, "-c", "from rapier.cli import main; main()"]


def passwd(
    path: Path, user: str | bytes, *options: str, password: str | bytes = "secret\n"
) -> subprocess.CompletedProcess[str]:
    line = password.encode() if isinstance(password, str) else password
    done = subprocess.run([*RAPIER, "passwd", str(path), user, *options], input=line, capture_output=True)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_file_that_is_not_there_is_made_for_its_owner_alone_and_apache_agrees(path: Path, htpasswd: Htpasswd) -> None:
    made = passwd(path, "joe", password="pässwörd: ☃\nsecond line is not read\n")
    assert (made.returncode, made.stderr) == (0, "")
    assert path.stat().st_mode & 0o777 == 0o600
    assert htpasswd("-vb", path, "joe", "pässwörd: ☃").returncode == 0
    assert htpasswd("-vb", path, "joe", "other", check=False).returncode == 3


def test_a_users_password_is_changed_in_place_and_all_else_stays(path: Path, htpasswd: Htpasswd) -> None:
    htpasswd("-cbB", path, "anna", "annas")
    htpasswd("-bm", path, "joe", "old")
    htpasswd("-b5", path, "kim", "kims")
    path.write_text("# our users\n" + path.read_text())
    before = path.read_text().splitlines()
    assert passwd(path, "joe", password="new\n").returncode == 0
    after = path.read_text().splitlines()
    assert [line.partition(":")[0] for line in after] == ["# our users", "anna", "joe", "kim"]
    assert [line for line in after if line not in before] == [after[2]]
    for user, password in (("anna", "annas"), ("joe", "new"), ("kim", "kims")):
        assert htpasswd("-vb", path, user, password).returncode == 0


def test_the_last_line_may_lack_its_newline(path: Path) -> None:
    path.write_text("anna:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=")
    assert passwd(path, "joe").returncode == 0
    assert list(parse_users(path.read_bytes(), "users").hashes) == ["anna", "joe"]


def test_mode_and_link_are_kept_and_nothing_else_is_left_in_the_folder(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("")
    real.chmod(0o640)
    path.symlink_to("real")
    assert passwd(path, "joe").returncode == 0
    assert path.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["real", "users"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_is_kept(path: Path) -> None:
    path.write_text("")
    os.chown(path, 65534, 65533)
    assert passwd(path, "joe").returncode == 0
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65533)


def test_delete_removes_the_user_and_says_when_nobody_is_left(path: Path, htpasswd: Htpasswd) -> None:
    passwd(path, "anna")
    passwd(path, "joe")
    assert passwd(path, "joe", "--delete").stderr == ""
    assert list(parse_users(path.read_bytes(), "users").hashes) == ["anna"]
    again = passwd(path, "joe", "--delete")
    assert again.returncode == 1
    assert "there is no user 'joe'" in again.stderr
    assert "names no user any more" in passwd(path, "anna", "--delete").stderr


@pytest.mark.parametrize(
    ("user", "password", "message"),
    [
        ("", "secret\n", "a user's name cannot be empty"),
        (b"j\xf6rg", "secret\n", "a user's name has to be UTF-8"),
        ("jo:e", "secret\n", "cannot hold a colon"),
        ("jo\ne", "secret\n", "cannot hold control characters"),
        ("#joe", "secret\n", "cannot begin with '#'"),
        (" joe", "secret\n", "begin or end with a space"),
        ("joe", "x" * 73 + "\n", "the password has 73 bytes; bcrypt takes 72 at most"),
        ("joe", "é" * 37 + "\n", "the password has 74 bytes"),
        ("joe", "\n", "the password is empty"),
        ("joe", "", "no password on the standard input"),
        ("joe", "se\tcret\n", "control characters, which HTTP Basic cannot carry"),
        ("joe", b"\xff\xfe\n", "not UTF-8"),
    ],
)
def test_what_no_client_could_give_is_refused_and_the_file_is_as_before(
    path: Path, user: str | bytes, password: str | bytes, message: str
) -> None:
    refused = passwd(path, user, password=password)
    assert refused.returncode == 1
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not path.exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused = passwd(tmp_path / "none" / "users", "joe")
    assert refused.returncode == 1
    assert f"{tmp_path}/none: No such file or directory" in refused.stderr


def test_who_edits_a_file_that_the_daemon_refuses_is_told(path: Path) -> None:
    path.write_text("anna:in the clear\n")
    done = passwd(path, "joe")
    assert done.returncode == 0
    assert "line 1, user 'anna': the password is in plain text" in done.stderr


def test_changes_at_the_same_time_lose_nothing(path: Path) -> None:
    users = [f"user{number}" for number in range(6)]
    running = [subprocess.Popen([*RAPIER, "passwd", str(path), user], stdin=subprocess.PIPE) for user in users]
    for process in running:
        assert process.stdin is not None
        process.stdin.write(b"secret\n")
        process.stdin.close()
    assert [process.wait() for process in running] == [0] * 6
    assert sorted(parse_users(path.read_bytes(), "users").hashes) == users


def on_a_terminal(arguments: list[str], typed: list[bytes]) -> tuple[int, bytes]:
    """Exit status and all that a terminal showed, of a program whose questions are answered one by one."""
    process, terminal = pty.fork()
    if process == 0:
        os.execv(arguments[0], arguments)
    shown = b""
    answers = iter(typed)
    while True:
        try:
            shown += os.read(terminal, 1024)
        except OSError:  # the other end is closed
            break
        if shown.endswith(b": "):
            time.sleep(0.05)  # getpass drops what was typed before it asked
            os.write(terminal, next(answers) + b"\n")
            shown += b"\n"
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown


def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(path: Path, htpasswd: Htpasswd) -> None:
    status, shown = on_a_terminal([*RAPIER, "passwd", str(path), "joe"], [b"geheim", b"geheim"])
    assert status == 0, shown
    assert b"New password: " in shown
    assert b"Once more: " in shown
    assert b"geheim" not in shown
    assert htpasswd("-vb", path, "joe", "geheim").returncode == 0


def test_two_different_passwords_change_nothing(path: Path) -> None:
    status, shown = on_a_terminal([*RAPIER, "passwd", str(path), "joe"], [b"geheim", b"gehiem"])
    assert status == 1
    assert b"the two passwords differ" in shown
    assert not path.exists()
