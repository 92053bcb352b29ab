"""Seats: how many connections there may be."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from rapier.errors import ConfigurationError
from rapier.server.accept import plain_address
from rapier.server.seats import Seats, Tally, network_of


def taken(seats: Seats, host: str) -> Callable[[], None]:
    leave = seats.take(host)
    assert not isinstance(leave, str)
    return leave


def test_an_address_has_so_many_seats_and_no_more() -> None:
    seats = Seats(in_all=10, per_address=2)
    leave = taken(seats, "192.0.2.1")
    taken(seats, "192.0.2.1")
    assert seats.take("192.0.2.1") == "connections_per_address"
    taken(seats, "192.0.2.2")
    leave()
    taken(seats, "192.0.2.1")


def test_all_together_have_so_many_seats_and_no_more() -> None:
    seats = Seats(in_all=3, per_address=2)
    for host in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        taken(seats, host)
    assert seats.take("192.0.2.4") == "connections"


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


def in_a_process_of_its_own(tally: Tally, connections: int) -> None:
    """Another worker, which takes that many seats and then holds them, until it is killed."""
    seats = Seats(100, 100, tally)
    for _ in range(connections):
        taken(seats, "192.0.2.1")


def test_seats_are_counted_over_processes_and_those_of_a_dead_one_when_its_place_is_taken() -> None:
    tally = Tally(2)
    ready, say_ready = os.pipe()
    worker = os.fork()
    if not worker:
        in_a_process_of_its_own(tally, 3)
        os.write(say_ready, b".")
        signal.pause()
    try:
        os.read(ready, 1)
        seats = Seats(in_all=5, per_address=4, tally=tally)
        leave = taken(seats, "192.0.2.1")
        assert seats.take("192.0.2.1") == "connections_per_address"
        taken(seats, "192.0.2.2")
        assert seats.take("192.0.2.3") == "connections"
        leave()
        taken(seats, "192.0.2.3")
    finally:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
    replacement = os.fork()
    if not replacement:
        in_a_process_of_its_own(tally, 1)
        os._exit(0)
    assert os.waitpid(replacement, 0)[1] == 0
    for _ in range(2):
        taken(seats, "192.0.2.1")
    assert seats.take("192.0.2.1") == "connections"


def test_there_is_no_place_for_one_worker_more() -> None:
    tally = Tally(1)
    tally.claim()
    other = os.fork()
    if not other:
        try:
            tally.claim()
        except ConfigurationError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(other, 0)[1] == 0


def test_an_ipv4_peer_of_a_socket_for_both_families_is_an_ipv4_peer() -> None:
    assert plain_address("::ffff:192.0.2.1") == "192.0.2.1"
    for other in ("192.0.2.1", "2001:db8::1", "::ffff:1", "fe80::1%eth0.5"):
        assert plain_address(other) == other
