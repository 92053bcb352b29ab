"""What is taken from systemd's variables, and what is not."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from rapier.errors import ConfigurationError
from rapier.server import systemd
from rapier.server.systemd import ServiceManager, handed_over_sockets


def variables(count: int, process: int | None = None, names: str = "api") -> dict[str, str]:
    return {"LISTEN_PID": str(process or os.getpid()), "LISTEN_FDS": str(count), "LISTEN_FDNAMES": names}


def test_without_its_variables_there_is_nothing() -> None:
    assert handed_over_sockets({}) == []
    assert ServiceManager({}).watchdog_seconds is None


def test_sockets_for_another_process_are_left_alone_and_their_variables_go_no_further() -> None:
    environment = variables(1, os.getppid()) | {"LANG": "C"}
    assert handed_over_sockets(environment) == []
    assert environment == {"LANG": "C"}


@pytest.mark.parametrize("what", ["datagrams", "unix", "file", "closed"])
def test_what_is_no_listening_tcp_socket_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    if what == "datagrams":
        descriptor = socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach()
    elif what == "unix":
        with socket.socket(socket.AF_UNIX) as local:
            local.bind(str(tmp_path / "socket"))
            local.listen()
            descriptor = local.detach()
    else:
        descriptor = os.open(tmp_path, os.O_RDONLY)
    if what == "closed":
        os.close(descriptor)
    monkeypatch.setattr(systemd, "FIRST_DESCRIPTOR", descriptor)
    said = "it is no TCP socket that listens" if what in ("datagrams", "unix") else "it is no socket"
    with pytest.raises(ConfigurationError, match=rf"descriptor {descriptor} \(api\).*{said}"):
        handed_over_sockets(variables(1))


def test_a_watchdog_is_for_the_process_that_it_names() -> None:
    for process, seconds in ((str(os.getpid()), 1.5), ("", 1.5), (str(os.getppid()), None)):
        environment = {"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": process, "NOTIFY_SOCKET": "/nobody"}
        assert ServiceManager(environment).watchdog_seconds == seconds
        assert environment == {}


@pytest.mark.parametrize("microseconds", ["0", "-1", "soon", ""])
def test_a_watchdog_without_a_time_is_none(microseconds: str) -> None:
    assert ServiceManager({"WATCHDOG_USEC": microseconds}).watchdog_seconds is None
