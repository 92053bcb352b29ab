"""Guesses are slowed, and only guesses."""

from __future__ import annotations

import pytest

from rapier.access.slowing import Slowing


class Clock:
    """A clock that the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slowing(clock: Clock) -> Slowing:
    return Slowing(kept_at_most=50, clock=clock)


def test_ten_tries_in_a_minute_are_free_and_each_further_one_waits_longer_up_to_two_seconds(slowing: Slowing) -> None:
    waits = [slowing.begin("joe", "192.0.2.1") for _ in range(20)]
    assert waits == [0.0] * 10 + [0.25, 0.5, 1.0] + [2.0] * 7


def test_a_minute_later_tries_are_free_again(slowing: Slowing, clock: Clock) -> None:
    for _ in range(30):
        slowing.begin("joe", "192.0.2.1")
    clock.now += 60
    assert slowing.begin("joe", "192.0.2.1") == 0.0


def test_ten_a_minute_for_ever_never_wait(slowing: Slowing, clock: Clock) -> None:
    for _ in range(100):
        assert slowing.begin("joe", "192.0.2.1") == 0.0
        clock.now += 6.01


def test_good_tries_are_not_counted(slowing: Slowing) -> None:
    for _ in range(100):
        assert slowing.begin("joe", "192.0.2.1") == 0.0
        slowing.take_back("joe", "192.0.2.1")


def test_a_user_is_not_slowed_by_guesses_from_another_address_nor_an_address_by_those_at_one_user(
    slowing: Slowing,
) -> None:
    for _ in range(30):
        slowing.begin("joe", "192.0.2.1")
    assert slowing.begin("joe", "192.0.2.2") == 0.0
    assert slowing.begin("anna", "192.0.2.1") == 0.0


def test_an_address_that_tries_many_names_is_slowed_too(slowing: Slowing) -> None:
    waits = [slowing.begin(f"user{number}", "192.0.2.1") for number in range(105)]
    assert not any(waits[:100])
    assert waits[100:] == [0.25, 0.5, 1.0, 2.0, 2.0]


def test_all_addresses_of_one_ipv6_network_are_one(slowing: Slowing) -> None:
    for number in range(10):
        slowing.begin("joe", f"2001:db8::{number}")
    assert slowing.begin("joe", "2001:db8::ffff:1") > 0
    assert slowing.begin("joe", "2001:db8:0:1::1") == 0.0
    assert slowing.begin("joe", "fe80::1%eth0") == 0.0


def test_an_ipv4_address_written_as_ipv6_is_the_same_one(slowing: Slowing) -> None:
    for _ in range(10):
        slowing.begin("joe", "192.0.2.1")
    assert slowing.begin("joe", "::ffff:192.0.2.1") > 0


def test_what_is_no_address_is_counted_by_its_text(slowing: Slowing) -> None:
    for _ in range(10):
        slowing.begin("joe", "unix:/run/x")
    assert slowing.begin("joe", "unix:/run/x") > 0
    assert slowing.begin("joe", "") == 0.0


def test_however_many_guess_what_is_kept_is_bounded_and_who_goes_on_is_not_forgotten(slowing: Slowing) -> None:
    for number in range(1000):
        slowing.begin("joe", "192.0.2.1")
        slowing.begin("joe", f"198.51.100.{number}")
    assert len(slowing) <= 50
    assert slowing.begin("joe", "192.0.2.1") == 2.0
