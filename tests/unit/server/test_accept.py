"""Seats: how many connections there may be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rapier.server.accept import Seats, network_of, plain_address


def taken(seats: Seats, host: str) -> Callable[[], None]:
    leave = seats.take(host)
    assert not isinstance(leave, str)
    return leave


def test_an_address_has_so_many_seats_and_no_more() -> None:
    seats = Seats(in_all=10, per_address=2)
    leave = taken(seats, "192.0.2.1")
    taken(seats, "192.0.2.1")
    assert isinstance(seats.take("192.0.2.1"), str)
    taken(seats, "192.0.2.2")
    leave()
    taken(seats, "192.0.2.1")


def test_all_together_have_so_many_seats_and_no_more() -> None:
    seats = Seats(in_all=3, per_address=2)
    for host in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        taken(seats, host)
    assert "(connections)" in str(seats.take("192.0.2.4"))


def test_a_seat_is_given_back_once() -> None:
    seats = Seats(in_all=3, per_address=2)
    leave = taken(seats, "192.0.2.1")
    taken(seats, "192.0.2.1")
    leave()
    leave()
    assert seats.open == 1


def test_an_address_that_left_is_forgotten() -> None:
    seats = Seats(in_all=3, per_address=2)
    for number in range(100):
        taken(seats, f"192.0.2.{number}")()
    assert seats.open == 0
    assert not seats._taken


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_a_network_of_64_bits_counts_as_one_address(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


def test_an_ipv4_peer_of_a_socket_for_both_families_is_an_ipv4_peer() -> None:
    assert plain_address("::ffff:192.0.2.1") == "192.0.2.1"
    for other in ("192.0.2.1", "2001:db8::1", "::ffff:1", "fe80::1%eth0.5"):
        assert plain_address(other) == other
