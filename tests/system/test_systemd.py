"""What systemd hands over to the daemon and hears of it; played by the test, and by systemd's own programs."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from endpoints import Access, Endpoint
from processes import RAPIER, Program, children
from rapier.access import users
from rapier.cli.configuration import load
from rapier.server import certificate, table_of_limits
from rude.daemon import eventually, is_closed, read_answer, request

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "packaging" / "systemd"


def command(folder: Path, access: Access, *options: str | Path, tls: bool = True) -> list[str | Path]:
    """`rapier serve` before no master, without an address to listen on."""
    words: list[str | Path] = [*RAPIER, "serve", "--luxi-socket", folder / "luxi", "--htpasswd", access.users]
    if tls:
        words += ["--tls-cert", access.certificate, "--tls-key", access.key]
    return [*words, *options]


def handing_over(*given: socket.socket | int, names: str = "api") -> list[str | Path]:
    """What to begin a command with, so that it has these from descriptor 3 on, as sd_listen_fds(3) says."""
    files = [one if isinstance(one, int) else one.fileno() for one in given]
    # first out of the way, then in order: one of them may be 3 itself
    moves = [f"{50 + number}<&{file}" for number, file in enumerate(files)]
    moves += [f"{3 + number}<&{50 + number}" for number in range(len(files))]
    script = f'export LISTEN_PID=$$ LISTEN_FDS={len(files)} LISTEN_FDNAMES={names}; exec "$@" {" ".join(moves)}'
    return ["bash", "-c", script, "bash"]


@contextmanager
def served(
    folder: Path, access: Access, *given: socket.socket, options: tuple[str, ...] = ()
) -> Iterator[tuple[Program, Endpoint]]:
    """A daemon with the sockets handed over."""
    words = [*handing_over(*given), *command(folder, access, *options)]
    with Program("rapier-handed-over", words, [sock.fileno() for sock in given]) as program:
        url = program.wait_for(r'serving (https://[^"\s]+)')[1]
        yield program, Endpoint(url, folder / "luxi", access.certificate, program.pid)


def refused(words: list[str | Path], *given: int) -> str:
    """What it says that does not start."""
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=30, check=False, pass_fds=given
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """As a socket unit's."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


# -- sockets ---------------------------------------------------------------------------------------------------------


def test_a_socket_that_was_handed_over_is_served_as_our_own_are(
    tmp_path: Path, access: Access, listener: socket.socket
) -> None:
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as second,
        served(tmp_path, access, listener, second, options=("--workers", "2")) as (program, endpoint),
    ):
        assert endpoint.address == listener.getsockname()
        other = Endpoint(f"https://[::1]:{second.getsockname()[1]}", tmp_path, access.certificate)
        for one in (endpoint, other):
            with one.client() as client:
                assert client.get("/2/features").status_code == 200
        for sock in (listener, second):  # the kernel hands them on to what is accepted
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        flags = re.search(r"flags:\s*(\d+)", Path(f"/proc/{program.pid}/fdinfo/3").read_text())
        assert flags is not None
        assert int(flags[1], 8) & os.O_CLOEXEC, "no program that we start shall have it"
        assert program.stop() == 0


def test_who_comes_between_two_daemons_on_one_socket_is_answered_by_the_second(
    tmp_path: Path, access: Access, listener: socket.socket
) -> None:
    with served(tmp_path, access, listener) as (program, _):
        assert program.stop() == 0
    with (
        socket.create_connection(listener.getsockname(), 20) as early,
        served(tmp_path, access, listener) as (_, endpoint),
        endpoint.tls().wrap_socket(early, server_hostname="127.0.0.1") as sock,
    ):
        sock.sendall(request("GET", "/version"))
        assert read_answer(sock).status == 401


def test_ipv4_peers_of_a_socket_for_both_families_have_a_cap_each(tmp_path: Path, access: Access) -> None:
    config = tmp_path / "rapier.toml"
    config.write_text("[limits]\nconnections_per_address = 2\n")
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as both:
        port = both.getsockname()[1]
        with served(tmp_path, access, both, options=("--config", str(config))) as (program, _):
            first = [socket.create_connection(("127.0.0.1", port), 5, ("127.0.0.2", 0)) for _ in range(3)]
            assert eventually(lambda: "refused 127.0.0.2: 2 connections" in program.log)
            assert is_closed(first[-1])
            endpoint = Endpoint(f"https://127.0.0.1:{port}", tmp_path, access.certificate)
            with endpoint.client() as client:
                assert client.get("/2/features").status_code == 200
            for sock in first:
                sock.close()


def test_sockets_handed_over_and_an_address_to_listen_on_are_too_much(
    tmp_path: Path, access: Access, listener: socket.socket
) -> None:
    words = [*handing_over(listener), *command(tmp_path, access, "--listen", "127.0.0.1:0")]
    said = refused(words, listener.fileno())
    assert f"127.0.0.1:{listener.getsockname()[1]}" in said
    assert "leave one of them out" in said


def test_a_connection_in_place_of_a_listening_socket_is_refused(tmp_path: Path, access: Access) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as connected,
    ):
        words = [*handing_over(listening, connected, names="api:other"), *command(tmp_path, access)]
        said = refused(words, listening.fileno(), connected.fileno())
        assert "descriptor 4 (other), which systemd handed over, is of no use: it is no TCP socket that listens" in said
        assert "Accept= is no" in said


def test_plain_http_on_a_socket_that_was_handed_over_is_for_loopback_only(tmp_path: Path, access: Access) -> None:
    with socket.create_server(("0.0.0.0", 0)) as everywhere:
        words = [*handing_over(everywhere), *command(tmp_path, access, "--insecure-http", tls=False)]
        assert "no loopback address" in refused(words, everywhere.fileno())


def test_systemds_own_program_hands_over_what_we_understand(tmp_path: Path, access: Access) -> None:
    if (activate := shutil.which("systemd-socket-activate")) is None:
        pytest.skip("there is no systemd-socket-activate")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [activate, "-l", f"127.0.0.1:{port}", "--fdname=api", *command(tmp_path, access)]
    with Program("rapier-activated", words) as program:
        program.wait_for("Listening on")
        with Endpoint(f"https://127.0.0.1:{port}", tmp_path, access.certificate).client() as client:
            assert client.get("/2/features").status_code == 200  # its connection has started the daemon
        assert program.stop() == 0


# -- notifications ---------------------------------------------------------------------------------------------------


@dataclass
class Manager:
    """The service manager: what it was told, each message as its assignments, and when."""

    sock: socket.socket
    address: str

    def next(self, *, pings: bool = False, within_seconds: float = 20) -> dict[str, str]:
        """The next message; signs of life only where they are asked for."""
        end = time.monotonic() + within_seconds
        while True:
            self.sock.settimeout(max(0.01, end - time.monotonic()))
            told = dict(line.split("=", 1) for line in self.sock.recv(65536).decode().split("\n"))
            if pings or told != {"WATCHDOG": "1"}:
                return told

    def is_told_nothing(self, within_seconds: float) -> bool:
        try:
            self.next(pings=True, within_seconds=within_seconds)
        except TimeoutError:
            return True
        return False


@contextmanager
def notified(address: str) -> Iterator[Manager]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        yield Manager(sock, address)


@contextmanager
def started(
    folder: Path, access: Access, manager: Manager, *options: str, watchdog_seconds: float | None = None
) -> Iterator[Program]:
    """A daemon of that manager, which has not said yet that it is ready."""
    watchdog = f"export WATCHDOG_USEC={round(watchdog_seconds * 1e6)} WATCHDOG_PID=$$; " if watchdog_seconds else ""
    words: list[str | Path] = ["bash", "-c", f'export NOTIFY_SOCKET={manager.address}; {watchdog}exec "$@"', "bash"]
    with Program(
        "rapier-notifying", [*words, *command(folder, access, "--listen", "127.0.0.1:0", *options)]
    ) as program:
        yield program


@pytest.mark.parametrize(("workers", "address"), [("1", "{folder}/notify"), ("2", "@rapier{folder}")])
def test_the_manager_is_told_of_the_beginning_of_reading_again_and_of_the_end(
    tmp_path: Path, access: Access, workers: str, address: str
) -> None:
    with (
        notified(address.format(folder=tmp_path)) as manager,
        started(tmp_path, access, manager, "--workers", workers) as program,
    ):
        told = manager.next()
        url = program.wait_for(r'serving (https://[^"\s]+)')[1]
        assert told == {"READY": "1", "STATUS": f"Serving {url}"}
        with Endpoint(url, tmp_path, access.certificate).client() as client:
            assert client.get("/2/features").status_code == 200
        for _ in range(2):
            asked = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            program.process.send_signal(signal.SIGHUP)
            told = manager.next()
            assert told["RELOADING"] == "1"
            assert asked <= int(told["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            assert manager.next() == {"READY": "1", "STATUS": f"Serving {url}"}
        assert eventually(lambda: program.log.count("read again after SIGHUP") == 2 * int(workers))
        program.process.send_signal(signal.SIGTERM)
        assert manager.next()["STOPPING"] == "1"
        program.process.send_signal(signal.SIGHUP)
        assert program.process.wait(10) == 0
        assert manager.is_told_nothing(0.2)


def test_a_manager_that_is_gone_is_said_once_and_changes_nothing(tmp_path: Path, access: Access) -> None:
    with notified(str(tmp_path / "notify")) as manager:
        (tmp_path / "notify").unlink()
        with started(tmp_path, access, manager, watchdog_seconds=1.0) as program:
            url = program.wait_for(r'serving (https://[^"\s]+)')[1]
            time.sleep(1)
            with Endpoint(url, tmp_path, access.certificate).client() as client:
                assert client.get("/2/features").status_code == 200
            program.process.send_signal(signal.SIGTERM)
            assert program.process.wait(10) == 0
            assert eventually(lambda: program.log.count("the service manager could not be told") == 1)


# -- watchdog --------------------------------------------------------------------------------------------------------


def test_the_watchdog_hears_of_us_as_long_as_the_loop_turns(tmp_path: Path, access: Access) -> None:
    with (
        notified(str(tmp_path / "notify")) as manager,
        started(tmp_path, access, manager, watchdog_seconds=2.0) as program,
    ):
        while manager.next(pings=True).get("READY") != "1":
            pass
        times = []
        for _ in range(5):
            assert manager.next(pings=True, within_seconds=1) == {"WATCHDOG": "1"}
            times.append(time.monotonic())
        assert times[-1] - times[0] < 4 * 1.0
        os.kill(program.pid, signal.SIGSTOP)
        while not manager.is_told_nothing(0.01):
            pass
        assert manager.is_told_nothing(1.5)
        os.kill(program.pid, signal.SIGCONT)
        assert manager.next(pings=True, within_seconds=2) == {"WATCHDOG": "1"}


def test_a_worker_that_hangs_is_replaced_before_the_watchdog_ends_all(tmp_path: Path, access: Access) -> None:
    with (
        notified(str(tmp_path / "notify")) as manager,
        started(tmp_path, access, manager, "--workers", "2", watchdog_seconds=4.0) as program,
    ):
        while manager.next(pings=True).get("READY") != "1":
            pass
        workers = children(program.pid)
        victim = min(workers)
        os.kill(victim, signal.SIGSTOP)
        began = time.monotonic()
        while f"worker {victim} was killed by SIGABRT; another one takes its place" not in program.log:
            assert manager.next(pings=True, within_seconds=4) == {"WATCHDOG": "1"}
        assert time.monotonic() - began < 4
        assert f"worker {victim} hangs: no sign of life for 2 s" in program.log
        assert eventually(lambda: len(children(program.pid)) == 2)
        assert workers - children(program.pid) == {victim}
        assert program.stop() == 0


# -- units -----------------------------------------------------------------------------------------------------------


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    if (analyze := shutil.which("systemd-analyze")) is None:
        pytest.skip("there is no systemd-analyze")
    units = []
    for unit in sorted(UNITS.glob("rapier.*")):
        # it wants the programs to be there
        text = re.sub(r"^(ExecStart=)\S+/rapier ", rf"\1{shutil.which('true')} ", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text)
        units.append(tmp_path / unit.name)
    assert [unit.name for unit in units] == ["rapier.service", "rapier.socket"]
    done = subprocess.run(
        [analyze, "verify", *map(str, units)], capture_output=True, text=True, timeout=60, check=False
    )
    about_ours = [line for line in (done.stdout + done.stderr).splitlines() if "rapier" in line]
    assert about_ours == []
    assert done.returncode == 0, done.stderr


# -- the documentation -----------------------------------------------------------------------------------------------


def test_the_page_about_running_is_true_of_its_figures_and_of_the_configuration_that_it_shows(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "running.md").read_text()
    assert f"every {certificate.LOOK_EVERY_SECONDS:g} s |" in page
    assert f"after {certificate.SETTLED_AFTER_SECONDS:g} s" in page
    assert f"at most every {users.LOOKED_AT_EVERY_SECONDS:g} s" in page
    shown = re.search(r"```toml\n# /etc/rapier/rapier.toml\n(.*?)```", page, re.DOTALL)
    assert shown is not None
    (tmp_path / "rapier.toml").write_text(shown[1])
    assert load(tmp_path / "rapier.toml", {}).tls_key == "/etc/rapier/key.pem"
    for name in re.findall(r"`(\w+_seconds)`", page):
        assert name in {limit.name for limit in table_of_limits()}
