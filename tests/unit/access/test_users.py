"""The users file while it changes under a daemon that runs."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rapier.access.everyone import Everyone
from rapier.access.files import replace_file
from rapier.access.users import UsersFile
from rapier.errors import UsersFileError

ANNA = "anna:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"
JOE = "joe:$apr1$TO/4A.A/$sjEHj3123/oqODcXLpGET0\n"
JOES_OTHER = "joe:$apr1$8E6bX1Tn$wpyCOqsV0Hw6WGCIZWDNv1\n"
LOOKED_AT_WITHIN_SECONDS = 0.006


def follow(users: UsersFile) -> None:
    """What the doorkeeper does for each request."""
    time.sleep(LOOKED_AT_WITHIN_SECONDS)
    if users.changed():
        users.reread()


@pytest.fixture
def users(path: Path) -> UsersFile:
    path.write_text(ANNA + JOE)
    return UsersFile(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        ("", "names no user"),
        ("# nobody\n\n", "names no user"),
        ("joe:secret\n", "line 1, user 'joe': the password is in plain text"),
    ],
)
def test_a_file_that_cannot_serve_at_the_start_is_refused_with_the_command_that_makes_one(
    path: Path, content: str | None, message: str
) -> None:
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsersFileError) as refusal:
        UsersFile(path)
    assert message in str(refusal.value)
    assert f"rapier passwd {path} USER" in str(refusal.value)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsersFileError, match="cannot be read: Is a directory"):
        UsersFile(tmp_path)


def test_a_file_that_did_not_change_is_not_read_again(users: UsersFile) -> None:
    time.sleep(2.1)  # until its stamps are trusted
    follow(users)
    follow(users)
    assert not users.changed()


def test_a_file_replaced_by_rename_counts_at_once(users: UsersFile, path: Path) -> None:
    replace_file(path, JOES_OTHER.encode())
    follow(users)
    assert users.hashes.get("anna") is None
    assert users.hashes.get("joe") == JOES_OTHER.strip().partition(":")[2]


def test_a_file_rewritten_in_place_counts_at_once(users: UsersFile, path: Path) -> None:
    path.write_text(JOES_OTHER)
    follow(users)
    assert users.hashes.get("anna") is None


def test_a_file_behind_a_link_that_is_turned_counts_at_once(tmp_path: Path) -> None:
    (tmp_path / "first").write_text(ANNA)
    (tmp_path / "second").write_text(JOE)
    link = tmp_path / "users"
    link.symlink_to("first")
    users = UsersFile(link)
    (tmp_path / "new-link").symlink_to("second")
    (tmp_path / "new-link").rename(link)
    follow(users)
    assert users.hashes.get("anna") is None
    assert users.hashes.get("joe")


def test_a_change_that_leaves_all_stamps_as_they_were_is_still_found(users: UsersFile, path: Path) -> None:
    """Within one tick of the file system's clock two writes of one size cannot be told apart by `stat`."""
    seen = os.stat(path)
    real_stat = os.stat
    path.write_text(ANNA + JOES_OTHER)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "stat", lambda name, **options: seen if name == str(path) else real_stat(name, **options))
        time.sleep(0.06)
        follow(users)
    assert users.hashes.get("joe") == JOES_OTHER.strip().partition(":")[2]


@pytest.mark.parametrize("broken", ["joe:secret\n", ANNA + JOE[:20], "\xff\xfe", "no colon"])
def test_a_broken_new_file_keeps_the_last_good_one_and_the_log_says_so_once(
    users: UsersFile, path: Path, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    path.write_text(broken, encoding="latin-1")
    for _ in range(3):
        follow(users)
        time.sleep(0.05)
    assert users.hashes.get("anna")
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert f"users file {path}: line" in record.message
    assert "Going on with the 2 users read before" in record.message
    path.write_text(JOE)
    follow(users)
    assert users.hashes.get("anna") is None


def test_a_file_that_is_gone_keeps_the_last_good_one_until_there_is_one_again(
    users: UsersFile, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.unlink()
    follow(users)
    assert users.hashes.get("anna")
    assert "cannot be read: No such file or directory" in caplog.text
    path.write_text(JOE)
    follow(users)
    assert users.hashes.get("anna") is None
    assert users.hashes.get("joe")


@contextlib.contextmanager
def without_roots_rights() -> Iterator[None]:
    """Meanwhile root, too, can read only what its mode allows."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


def test_a_file_that_may_no_longer_be_read_keeps_the_last_good_one_until_it_may_again(
    users: UsersFile, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.chmod(0o000)
    with without_roots_rights():
        follow(users)
    assert users.hashes.get("anna")
    assert "cannot be read: Permission denied. " in caplog.text
    caplog.set_level(logging.INFO)
    path.chmod(0o600)
    follow(users)
    assert "can be read again" in caplog.text


def test_a_writer_that_truncates_first_locks_nobody_out(users: UsersFile, path: Path) -> None:
    with path.open("w") as file:
        follow(users)
        assert users.hashes.get("anna")
        file.write(JOES_OTHER)
        file.flush()
        follow(users)
        assert users.hashes.get("anna") is None
        assert users.hashes.get("joe")


def test_a_file_that_stays_empty_means_that_the_last_user_was_removed(
    users: UsersFile, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("")
    follow(users)
    assert users.hashes.get("anna")
    time.sleep(1.1)
    follow(users)
    assert users.hashes.get("anna") is None
    assert "names no user any more" in caplog.text
    assert Everyone([users]).decoy_for("anna").startswith("$2y$10$")
    path.write_text(ANNA)
    follow(users)
    assert users.hashes.get("anna")


def test_an_empty_file_found_late_is_believed_at_once(users: UsersFile, path: Path) -> None:
    path.write_text("# nobody\n")
    time.sleep(1.1)
    follow(users)
    assert users.hashes.get("anna") is None


def test_reading_while_a_writer_goes_on_never_ends_in_an_empty_or_mixed_file(path: Path) -> None:
    """A writer replaces the file a few hundred times; whatever is seen is one of its files, and at last the last."""
    path.write_text(ANNA)
    users = UsersFile(path)

    def write() -> None:
        for number in range(300):
            replace_file(path, (ANNA if number % 2 == 0 else JOE).encode())

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        follow(users)
        assert (users.hashes.get("anna") is None) != (users.hashes.get("joe") is None)
    writer.join()
    follow(users)
    assert users.hashes.get("joe")
