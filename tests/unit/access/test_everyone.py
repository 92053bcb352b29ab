"""Two users files together: whose line counts, and who follows a change."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from rapier.access.everyone import Everyone
from rapier.access.rights import EVERY, NONE
from rapier.access.schemes import clear_text
from rapier.access.users import GANETI, UsersFile
from rapier.errors import UsersFileError

ANNA = "anna:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"
ANNAS_HASH = ANNA.strip().partition(":")[2]


def follow(users: Everyone) -> None:
    """What the doorkeeper does for each request."""
    time.sleep(0.006)
    if users.changed():
        users.reread()


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    """A stock users file."""
    stock = tmp_path / "stock"
    stock.write_text("joe secret read\n")
    return stock


@pytest.fixture
def users(path: Path, stock: Path) -> Everyone:
    path.write_text(ANNA)
    return Everyone([UsersFile(path), UsersFile(stock, GANETI)])


def test_each_user_has_what_the_users_own_file_gives(users: Everyone) -> None:
    assert (users.hash_of("anna"), users.rights_of("anna")) == (ANNAS_HASH, EVERY)
    assert (users.hash_of("joe"), users.rights_of("joe")) == (clear_text("secret"), frozenset({"read"}))
    assert (users.hash_of("kim"), users.rights_of("kim")) == (None, NONE)


def test_of_a_name_that_is_in_both_only_the_first_files_line_counts_and_the_log_says_so_once(
    users: Everyone, path: Path, stock: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stock.write_text("joe secret read\nanna clear\n")
    for _ in range(3):
        follow(users)
    assert (users.hash_of("anna"), users.rights_of("anna")) == (ANNAS_HASH, EVERY)
    said = [record.message for record in caplog.records if "'anna'" in record.message]
    assert said == [f"user 'anna' is in {path} and in {stock}: only the first counts"]


def test_a_right_that_is_taken_away_is_gone_at_once_though_the_password_stays(users: Everyone, stock: Path) -> None:
    stock.write_text("joe secret\n")
    follow(users)
    assert users.hash_of("joe")
    assert users.rights_of("joe") == NONE


def test_one_file_that_breaks_keeps_its_last_state_and_the_other_goes_on(
    users: Everyone, path: Path, stock: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stock.write_bytes(b"\xff")
    path.write_text(ANNA.replace("anna", "kim"))
    follow(users)
    assert users.hash_of("joe")
    assert users.hash_of("kim")
    assert users.hash_of("anna") is None
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.message == f"users file {stock} is not UTF-8. Going on with the 1 users read before"


def test_a_stock_file_that_is_not_there_is_refused_with_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(UsersFileError, match=r"cannot be read: No such file.* a line USER PASSWORD write in "):
        UsersFile(tmp_path / "none", GANETI)


def test_a_stock_file_that_may_lack_users_counts_as_soon_as_it_has_some(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text(ANNA)
    late = tmp_path / "late"
    users = Everyone([UsersFile(path), UsersFile(late, GANETI, may_lack_users=True)])
    follow(users)
    assert caplog.messages == [f"there is no users file {late}: nobody is admitted by it until there is"]
    late.write_text("joe secret write\n")
    follow(users)
    assert users.rights_of("joe") == {"write"}


@pytest.mark.parametrize("content", [b"", b"# caf\xe9\nkim secret write\n"], ids=["empty", "no UTF-8"])
def test_a_stock_file_that_may_lack_users_need_not_be_fit_to_be_read(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path.write_text(ANNA)
    unfit = tmp_path / "unfit"
    unfit.write_bytes(content)
    with pytest.raises(UsersFileError):
        UsersFile(unfit, GANETI)
    users = Everyone([UsersFile(path), UsersFile(unfit, GANETI, may_lack_users=True)])
    follow(users)
    assert users.hash_of("kim") is None
    assert len(caplog.messages) == (1 if content else 0)
    unfit.write_text("kim secret write\n")
    follow(users)
    assert users.rights_of("kim") == {"write"}


def test_a_name_nobody_has_is_always_compared_with_the_same_users_hash_of_any_file(users: Everyone) -> None:
    real = {users.hash_of("anna"), users.hash_of("joe")}
    decoys = {name: users.decoy_for(name) for name in map(str, range(50))}
    assert set(decoys.values()) == real
    assert all(users.decoy_for(name) == decoy for name, decoy in decoys.items())
