"""Who comes in, from the header to the name."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from pathlib import Path

import pytest

from access_peers import SCHEMES, Htpasswd, OpenDoor, basic
from rapier.access import doorkeeper, following
from rapier.access.remembered import RememberedPasswords
from rapier.access.schemes import make_hash, matches
from rapier.access.users_edit import remove_user, set_password
from rapier.errors import AccessBusy, AccessDenied

HERE = "192.0.2.1"


@pytest.fixture(autouse=True)
def stamps_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of these tests are young, and no test changes one twice within a tick of the clock."""
    monkeypatch.setattr(following, "STAMPS_TRUSTED_AFTER_SECONDS", 0.0)


@pytest.fixture
def joe(path: Path) -> bytes:
    """The header of a user who is in the file."""
    set_password(path, "joe", "secret")
    return basic("joe", "secret")


class Comparisons:
    """Counts what is really compared, and can hold it up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[bytes] = []
        self.at_once = self.most_at_once = 0
        self.seconds = 0.0
        monkeypatch.setattr(doorkeeper, "matches", self)

    def __call__(self, stored: str, password: bytes) -> bool:
        self.made.append(password)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.seconds)
        self.at_once -= 1
        return matches(stored, password)


@pytest.fixture
def comparisons(monkeypatch: pytest.MonkeyPatch) -> Comparisons:
    return Comparisons(monkeypatch)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_who_is_in_the_file_comes_in_whatever_the_scheme(
    htpasswd: Htpasswd, path: Path, door: OpenDoor, scheme: str
) -> None:
    htpasswd("-cb", scheme, path, "jörg", "gehe:im ☃")
    assert await door().admit(basic("jörg", "gehe:im ☃"), HERE) == "jörg"
    for wrong in (basic("jörg", "geheim"), basic("jorg", "gehe:im ☃"), basic("jörg", "")):
        with pytest.raises(AccessDenied):
            await door().admit(wrong, HERE)


@pytest.mark.parametrize("header", [None, "", b"Basic", "Basic !", "Bearer abc", b"\xff", basic("", "secret")])
async def test_without_credentials_that_can_be_read_nobody_comes_in(
    joe: bytes, door: OpenDoor, header: bytes | str | None
) -> None:
    with pytest.raises(AccessDenied):
        await door().admit(header, HERE)
    assert door().recall(header, HERE) is None


@pytest.mark.parametrize("password", ["x" * 73, "x" * 60_000, b"\xff\xfe"])
async def test_a_password_that_bcrypt_cannot_take_is_no_match(
    joe: bytes, door: OpenDoor, password: str | bytes
) -> None:
    with pytest.raises(AccessDenied):
        await door().admit(basic("joe", password), HERE)


async def test_a_verified_password_is_remembered_and_not_compared_again(
    joe: bytes, door: OpenDoor, comparisons: Comparisons
) -> None:
    keeper = door()
    assert keeper.recall(joe, HERE) is None
    assert await keeper.admit(joe, HERE) == "joe"
    assert keeper.recall(joe, HERE) == keeper.recall(joe.decode(), HERE) == "joe"
    assert await keeper.admit(joe, HERE) == "joe"
    assert len(comparisons.made) == 1
    assert keeper.recall(basic("joe", "secrets"), HERE) is None
    assert keeper.recall(basic("anna", "secret"), HERE) is None


async def test_what_is_remembered_is_forgotten_after_its_time(
    joe: bytes, door: OpenDoor, comparisons: Comparisons
) -> None:
    now = [0.0]
    keeper = door(remembered=RememberedPasswords(seconds=60, clock=lambda: now[0]))
    await keeper.admit(joe, HERE)
    now[0] = 59.9
    assert keeper.recall(joe, HERE) == "joe"
    now[0] = 60.0
    assert keeper.recall(joe, HERE) is None
    assert await keeper.admit(joe, HERE) == "joe"
    assert len(comparisons.made) == 2


async def test_no_more_users_are_remembered_than_the_bound(path: Path, door: OpenDoor) -> None:
    for user in ("anna", "joe", "kim"):
        set_password(path, user, "secret")
    keeper = door(remembered=RememberedPasswords(users_at_most=2))
    for user in ("anna", "joe", "kim"):
        await keeper.admit(basic(user, "secret"), HERE)
    assert [keeper.recall(basic(user, "secret"), HERE) for user in ("anna", "joe", "kim")] == [None, "joe", "kim"]


async def test_a_changed_password_takes_effect_at_once_though_the_old_one_was_remembered(
    joe: bytes, path: Path, door: OpenDoor
) -> None:
    keeper = door()
    await keeper.admit(joe, HERE)
    set_password(path, "joe", "changed")
    assert keeper.recall(joe, HERE) is None
    with pytest.raises(AccessDenied):
        await keeper.admit(joe, HERE)
    assert await keeper.admit(basic("joe", "changed"), HERE) == "joe"


async def test_a_removed_user_is_out_at_once_and_a_new_one_in(joe: bytes, path: Path, door: OpenDoor) -> None:
    keeper = door()
    await keeper.admit(joe, HERE)
    set_password(path, "anna", "secret")
    remove_user(path, "joe")
    with pytest.raises(AccessDenied):
        await keeper.admit(joe, HERE)
    assert await keeper.admit(basic("anna", "secret"), HERE) == "anna"


async def test_a_broken_new_file_locks_nobody_out(joe: bytes, path: Path, door: OpenDoor) -> None:
    keeper = door()
    path.write_text("joe:in the clear\n")
    assert await keeper.admit(joe, HERE) == "joe"


async def test_a_user_who_is_removed_while_the_password_is_compared_does_not_come_in(
    joe: bytes, path: Path, door: OpenDoor, comparisons: Comparisons
) -> None:
    set_password(path, "anna", "secret")
    keeper = door()
    comparisons.seconds = 0.3
    trying = asyncio.create_task(keeper.admit(joe, HERE))
    await asyncio.sleep(0.1)
    remove_user(path, "joe")
    with pytest.raises(AccessDenied):
        await keeper.admit(basic("joe", "meanwhile"), HERE)
    with pytest.raises(AccessDenied):
        await trying
    assert keeper.recall(joe, HERE) is None


async def test_equal_tries_at_once_are_compared_once_and_none_is_slowed(
    joe: bytes, door: OpenDoor, comparisons: Comparisons
) -> None:
    keeper = door()
    began = time.monotonic()
    names = await asyncio.gather(*(keeper.admit(joe, f"192.0.2.{number % 4}") for number in range(200)))
    assert names == ["joe"] * 200
    assert len(comparisons.made) == 1
    assert time.monotonic() - began < 2


async def test_no_more_are_compared_at_once_than_there_are_workers(
    joe: bytes, door: OpenDoor, comparisons: Comparisons
) -> None:
    keeper = door(workers=2)
    comparisons.seconds = 0.02
    tries = (keeper.admit(basic("joe", f"wrong{number}"), f"192.0.2.{number}") for number in range(10))
    await asyncio.gather(*tries, return_exceptions=True)
    assert len(comparisons.made) == 10
    assert comparisons.most_at_once <= 2


async def test_a_flood_of_wrong_passwords_is_refused_unseen_beyond_the_bound_and_others_come_in(
    joe: bytes, door: OpenDoor, comparisons: Comparisons
) -> None:
    keeper = door(compared_at_most=16)
    comparisons.seconds = 0.05
    flood = [asyncio.create_task(keeper.admit(basic(f"user{number}", "wrong"), "198.51.100.9")) for number in range(90)]
    await asyncio.sleep(0.01)
    assert await keeper.admit(joe, HERE) == "joe"
    answers = await asyncio.gather(*flood, return_exceptions=True)
    assert {type(answer) for answer in answers} == {AccessDenied, AccessBusy}
    assert sum(type(answer) is AccessDenied for answer in answers) == 4
    assert len(comparisons.made) == 5


async def test_a_flood_from_many_addresses_of_one_ipv6_network_counts_as_one(
    joe: bytes, door: OpenDoor, comparisons: Comparisons
) -> None:
    keeper = door(compared_at_most=16)
    comparisons.seconds = 0.05
    flood = [
        asyncio.create_task(keeper.admit(basic(f"user{number}", "wrong"), f"2001:db8::{number:x}"))
        for number in range(90)
    ]
    await asyncio.sleep(0.01)
    assert await keeper.admit(joe, HERE) == "joe"
    answers = await asyncio.gather(*flood, return_exceptions=True)
    assert sum(type(answer) is AccessDenied for answer in answers) == 4


async def test_no_more_tries_wait_than_the_bound(joe: bytes, door: OpenDoor, comparisons: Comparisons) -> None:
    keeper = door(tries_at_most=5)
    comparisons.seconds = 0.02
    tries = (keeper.admit(basic("joe", f"wrong{number}"), f"192.0.2.{number}") for number in range(8))
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(answer) for answer in answers] == [AccessDenied] * 5 + [AccessBusy] * 3
    assert await keeper.admit(joe, HERE) == "joe"


async def test_the_event_loop_goes_on_while_passwords_are_compared(
    joe: bytes, door: OpenDoor, comparisons: Comparisons
) -> None:
    comparisons.seconds = 0.3
    trying = asyncio.create_task(door().admit(joe, HERE))
    turns = 0
    while not trying.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 20


async def test_after_ten_wrong_tries_the_next_wait_but_not_the_holder_of_a_remembered_password(
    joe: bytes, door: OpenDoor
) -> None:
    keeper = door()
    await keeper.admit(joe, HERE)
    for number in range(10):
        with pytest.raises(AccessDenied):
            await keeper.admit(basic("joe", f"wrong{number}"), HERE)
    began = time.monotonic()
    with pytest.raises(AccessDenied):
        await keeper.admit(basic("joe", "wrong"), HERE)
    assert time.monotonic() - began >= 0.25
    began = time.monotonic()
    assert keeper.recall(joe, HERE) == await keeper.admit(joe, HERE) == "joe"
    assert time.monotonic() - began < 0.2


async def test_tries_made_at_once_are_slowed_like_tries_one_after_the_other(
    joe: bytes, door: OpenDoor, comparisons: Comparisons
) -> None:
    keeper = door()
    comparisons.seconds = 0.0
    tries = [asyncio.create_task(keeper.admit(basic("joe", f"wrong{number}"), HERE)) for number in range(40)]
    await asyncio.sleep(0.9)
    assert len(comparisons.made) <= 13  # ten at once, and those that waited 0.25, 0.5 and 1 s
    for task in tries:
        task.cancel()
    await asyncio.gather(*tries, return_exceptions=True)
    assert await keeper.admit(joe, "192.0.2.77") == "joe"


@pytest.mark.alone
async def test_an_unknown_name_takes_as_long_as_a_wrong_password(path: Path, door: OpenDoor) -> None:
    set_password(path, "joe", "secret")
    keeper = door()
    seconds: dict[str, list[float]] = {"joe": [], "nobody": []}
    for number in range(7):
        for user, taken in seconds.items():
            began = time.perf_counter()
            with pytest.raises(AccessDenied):
                await keeper.admit(basic(user, f"wrong{number}"), HERE)
            taken.append(time.perf_counter() - began)
    ratio = statistics.median(seconds["nobody"]) / statistics.median(seconds["joe"])
    assert 0.5 < ratio < 2


async def test_a_name_that_nobody_has_does_not_come_in_with_the_password_of_the_user_it_is_compared_with(
    joe: bytes, door: OpenDoor
) -> None:
    keeper = door()
    with pytest.raises(AccessDenied):
        await keeper.admit(basic("nobody", "secret"), HERE)
    assert keeper.recall(basic("nobody", "secret"), HERE) is None


async def test_one_waiter_who_leaves_does_not_end_the_try_of_another(
    joe: bytes, door: OpenDoor, comparisons: Comparisons
) -> None:
    keeper = door()
    comparisons.seconds = 0.1
    leaving, staying = (asyncio.create_task(keeper.admit(joe, HERE)) for _ in range(2))
    await asyncio.sleep(0.02)
    leaving.cancel()
    assert await staying == "joe"
    assert leaving.cancelled()
    assert len(comparisons.made) == 1


async def test_tries_whose_clients_have_left_are_not_compared(
    joe: bytes, door: OpenDoor, comparisons: Comparisons
) -> None:
    keeper = door(workers=1)
    comparisons.seconds = 0.1
    tries = [
        asyncio.create_task(keeper.admit(basic("joe", f"wrong{number}"), f"192.0.2.{number}")) for number in range(8)
    ]
    await asyncio.sleep(0.05)
    for task in tries:
        task.cancel()
    await asyncio.gather(*tries, return_exceptions=True)
    assert await keeper.admit(joe, HERE) == "joe"
    assert comparisons.made == [b"wrong0", b"secret"]


async def test_a_refused_password_is_in_the_log_with_user_and_address_but_not_with_the_password(
    joe: bytes, door: OpenDoor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(AccessDenied):
        await door().admit(basic("jo'e\u202e" + "x" * 5000, "hunter2"), HERE)
    [message] = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert "from 192.0.2.1" in message
    assert "\u202e" not in message
    assert len(message) < 150
    assert "hunter2" not in caplog.text


async def test_after_closing_no_thread_is_left(joe: bytes, door: OpenDoor) -> None:
    keeper = door(workers=1)
    await keeper.admit(joe, HERE)
    [thread] = keeper._threads._threads
    keeper.close()
    thread.join(timeout=5)
    assert not thread.is_alive()


async def test_one_file_may_hold_all_schemes(htpasswd: Htpasswd, path: Path, door: OpenDoor) -> None:
    path.touch()
    for number, scheme in enumerate(SCHEMES):
        htpasswd("-b", scheme, path, f"user{number}", f"secret{number}")
    path.write_text(path.read_text() + f"user9:{make_hash(b'secret9')}\n")
    keeper = door()
    for number in (0, 1, 2, 3, 4, 5, 9):
        assert await keeper.admit(basic(f"user{number}", f"secret{number}"), HERE) == f"user{number}"
