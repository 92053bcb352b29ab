"""Rapier in the place of stock ganeti-rapi on a real master: the same port, users and certificate, the same life.

The lab's daemons are started as on a machine without systemd: by Ganeti's own daemon-util, with start-stop-daemon.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from endpoints import Access, Endpoint
from lab import LabError, Relay, VirtualCluster
from lab.cluster import DAEMON_UTIL
from processes import RAPIER, Program
from rude.daemon import eventually
from system.test_debians_client import driven

NAMES_NO_HOST = "names-no-host"  # what stock's certificate does
STOCK = Path("/usr/sbin/ganeti-rapi")
PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.real


def in_the_lab(lab: VirtualCluster, *options: str | Path, node: str = "node1") -> list[str]:
    """`rapier serve --ganeti` as a command that runs as that node."""
    variables = [f"{name}={value}" for name, value in lab.environment(node).items()]
    return lab.namespace.command("env", *variables, *RAPIER, "serve", "--ganeti", *options)


@contextmanager
def in_stocks_place(lab: VirtualCluster, *options: str | Path) -> Iterator[Program]:
    """Rapier, and stock again afterwards."""
    lab.run(DAEMON_UTIL, "stop", "ganeti-rapi")
    try:
        with Program("rapier-ganeti", in_the_lab(lab, *options)) as program:
            program.wait_for(r"serving https://198\.51\.100\.10:5080\b")
            yield program
    finally:
        lab.run(DAEMON_UTIL, "check-and-start", "ganeti-rapi")


def pid_file(lab: VirtualCluster) -> Path:
    """Where Ganeti looks for the daemon."""
    return lab.master / "var/run/ganeti/ganeti-rapi.pid"


def watcher_says(lab: VirtualCluster) -> list[str]:
    """What Ganeti's watcher logs in one round of our daemon, and of anything that goes wrong; without the times."""
    log = lab.master / "var/log/ganeti/watcher.log"
    before = log.stat().st_size if log.exists() else 0
    lab.run("ganeti-watcher", "--rapi-ip", lab.rapi_address[0])
    lines = log.read_bytes()[before:].decode().splitlines()
    told = [re.sub(r"^.*? (?=[A-Z]+ )", "", line) for line in lines]
    return [line for line in told if not line.startswith(("INFO", "DEBUG")) or "rapi" in line]


def verified(lab: VirtualCluster) -> list[str]:
    """What `gnt-cluster verify` says, without the times and the jobs' numbers. In a container it finds faults."""
    said = lab.run("sh", "-c", "gnt-cluster verify 2>&1; true")
    return sorted(re.sub(r"^\w+ \w+ +\d+ [\d:]+ \d+ |\d+", "", line) for line in said.splitlines())


def server_of(url: str, certificate: Path) -> str:
    """Who answers there, over a connection that this certificate vouches for."""
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    with httpx.Client(verify=context) as client:
        return client.get(f"{url}/version").headers["server"]


def test_debians_client_does_its_work_at_stocks_port_with_stocks_certificate_and_users(
    lab: VirtualCluster, stock: Endpoint
) -> None:
    certificate = lab.master / "var/lib/ganeti/rapi.pem"
    with in_stocks_place(lab):
        assert server_of(stock.url, certificate) == "Rapier"
        sees = driven(stock, certificate, NAMES_NO_HOST)
        with stock.client(user="viewer") as viewer:
            assert viewer.post("/2/instances").status_code == 403
    wanted = {"version": 2, "cluster": "cluster", "node": "node1", "instance": "running", "tags": ["b"], "unknown": 404}
    assert sees.items() >= {**wanted, "created": True, "rebooted": True, "removed": True}.items()
    assert server_of(stock.url, certificate).startswith("Ganeti")


@pytest.mark.parametrize("required", [True, False], ids=["authentication required", "anonymous reads"])
def test_ganetis_watcher_and_its_other_programs_take_rapier_for_stock(lab: VirtualCluster, required: bool) -> None:
    lab.restart_rapi(require_authentication=required)
    try:
        before, faults = watcher_says(lab), verified(lab) if required else []
        with in_stocks_place(lab) as program:
            assert int(pid_file(lab).read_text()) == program.pid
            lab.run(DAEMON_UTIL, "check", "ganeti-rapi")
            said = watcher_says(lab)
            assert said == before
            assert not required or verified(lab) == faults
            assert program.process.poll() is None
            assert int(pid_file(lab).read_text()) == program.pid, "the one that was started"
            assert ("reads of version 2 need no password" in program.log) == (not required)
            ended = threading.Thread(target=program.process.wait)  # a child that nobody waits for seems to live on
            ended.start()
            lab.run(DAEMON_UTIL, "stop", "ganeti-rapi")
            ended.join()
            assert program.process.returncode == 0
            assert not pid_file(lab).exists()
    finally:
        lab.restart_rapi(require_authentication=True)


def test_neither_of_the_two_starts_beside_the_other(lab: VirtualCluster) -> None:
    lab.run(DAEMON_UTIL, "check-and-start", "ganeti-rapi")
    stocks_pid = pid_file(lab).read_text().strip()
    done = subprocess.run(in_the_lab(lab), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert f"{pid_file(lab)} is held by process {stocks_pid}: end that first" in done.stderr
    assert pid_file(lab).read_text().strip() == stocks_pid
    with in_stocks_place(lab), pytest.raises(LabError, match=r"already locked by another process|Permission denied"):
        lab.run("setpriv", "--reuid=gnt-rapi", "--regid=gnt-rapi", "--init-groups", STOCK, "-f")


def test_on_a_node_that_is_not_the_master_it_ends_as_ganetis_daemons_do(lab: VirtualCluster) -> None:
    done = subprocess.run(in_the_lab(lab, node="node2"), capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (11, "")
    assert "this node, node2, is not the master: node1 is, by " in done.stderr


def test_the_command_line_goes_over_what_is_found(lab: VirtualCluster, access: Access) -> None:
    lab.run(DAEMON_UTIL, "stop", "ganeti-rapi")
    try:
        options: list[str | Path] = ["--listen", "198.51.100.10:5081", "--htpasswd", access.users]
        with Program("rapier-ganeti", in_the_lab(lab, *options)) as program:
            program.wait_for(r"serving https://198\.51\.100\.10:5081\b")
            with Relay(lab.name, ("198.51.100.10", 5081)) as relay:
                url = f"https://127.0.0.1:{relay.port}/version"
                with httpx.Client(verify=False) as client:
                    assert client.get(url, auth=("operator", "work")).json() == 2
                    assert client.get(url, auth=("viewer", "look")).json() == 2
    finally:
        lab.run(DAEMON_UTIL, "check-and-start", "ganeti-rapi")


# -- with /usr/sbin/ganeti-rapi replaced -----------------------------------------------------------------------------


@pytest.fixture
def replaced(lab: VirtualCluster) -> Iterator[list[str]]:
    """A command's beginning: what it runs finds Rapier as /usr/sbin/ganeti-rapi. Elsewhere on the machine it is stock.

    The script is the one in docs/taking-over.md, with the interpreter of these tests, which stock's user need not be
    able to reach where it is. Rapier is not running yet, and stock no longer.
    """
    guide = (PROJECT / "docs/taking-over.md").read_text()
    [script] = re.findall(r"```sh\n(#!/bin/sh\n.*?)```", guide, re.DOTALL)
    assert "\n/opt/rapier/bin/rapier serve --ganeti" in script
    assert "\nexec /usr/share/ganeti/default/ganeti-rapi" in script
    with tempfile.TemporaryDirectory(dir="/run", prefix="rapier-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        places = {"python": sys.base_prefix, "packages": sysconfig.get_path("purelib"), "src": PROJECT / "src"}
        for place in places:
            (folder / place).mkdir()
        stand_in = folder / "ganeti-rapi"
        variables = f"PYTHONPATH={folder}/src:{folder}/packages LD_LIBRARY_PATH={folder}/python/lib"
        command = f"env {variables} {folder}/python/bin/python3 -m rapier"
        stock = folder / "stock" / STOCK.name  # the script's is what is replaced here
        stock.parent.mkdir()
        shutil.copy(STOCK, stock)
        script = script.replace("/opt/rapier/bin/rapier", command)
        stocks = f"env PYTHONPATH={STOCK.resolve().parent} {stock}"
        stand_in.write_text(script.replace("/usr/share/ganeti/default/ganeti-rapi", stocks))
        stand_in.chmod(0o755)
        mounts = [f"mount --bind {source} {folder / place}" for place, source in places.items()]
        mounts += [f"mount --bind {stand_in} {STOCK.resolve()}", 'exec "$@"']
        lab.run(DAEMON_UTIL, "stop", "ganeti-rapi")
        yield ["unshare", "--mount", "sh", "-c", " && ".join(mounts), "sh"]
        lab.run(DAEMON_UTIL, "stop", "ganeti-rapi")
        lab.run(DAEMON_UTIL, "check-and-start", "ganeti-rapi")


def test_ganetis_own_programs_start_rapier_and_start_it_again_when_it_has_ended(
    lab: VirtualCluster, replaced: list[str], stock: Endpoint
) -> None:
    certificate = lab.master / "var/lib/ganeti/rapi.pem"
    log = lab.master / "var/log/ganeti/rapi-daemon.log"
    lab.run(*replaced, DAEMON_UTIL, "start", "ganeti-rapi")
    first = int(pid_file(lab).read_text())
    assert Path(f"/proc/{first}/comm").read_text() == "ganeti-rapi\n"
    assert Path(f"/proc/{first}").owner() == "gnt-rapi"
    assert server_of(stock.url, certificate) == "Rapier", "it serves when the command has ended"
    assert eventually(lambda: "serving https://198.51.100.10:5080" in log.read_text())

    log.rename(log.with_suffix(".log.1"))  # as logrotate does, and then
    lab.run(DAEMON_UTIL, "rotate-logs", "ganeti-rapi")
    assert eventually(lambda: log.exists() and "users" in log.read_text()), "SIGHUP has the users read again"
    assert server_of(stock.url, certificate) == "Rapier"
    os.kill(first, signal.SIGTERM)
    assert eventually(lambda: not Path(f"/proc/{first}").exists())
    lab.run(*replaced, "ganeti-watcher", "--rapi-ip", lab.rapi_address[0])
    second = int(pid_file(lab).read_text())
    assert second != first
    assert server_of(stock.url, certificate) == "Rapier"
    assert eventually(lambda: "serving https://198.51.100.10:5080" in log.read_text())

    lab.run(DAEMON_UTIL, "stop", "ganeti-rapi")
    assert not pid_file(lab).exists()


def test_luxid_is_started_behind_it_also_where_nobody_can_come_in(
    lab: VirtualCluster, replaced: list[str], stock: Endpoint
) -> None:
    users = lab.master / "var/lib/ganeti/rapi/users"
    kept = users.with_name("kept")
    users.rename(kept)
    try:
        users.write_bytes(b"# caf\xe9\nadmin secret write\n")
        lab.run(*replaced, DAEMON_UTIL, "stop-master")
        lab.run(*replaced, DAEMON_UTIL, "start-master")
        assert lab.luxid.answers()
        with httpx.Client(verify=False) as client:
            answer = client.get(f"{stock.url}/version", auth=("admin", "secret"))
        assert (answer.status_code, answer.headers["Server"]) == (401, "Rapier")
    finally:
        kept.replace(users)


def test_luxid_is_started_behind_stock_where_rapier_cannot_start(
    lab: VirtualCluster, replaced: list[str], stock: Endpoint
) -> None:
    defaults = lab.master / "etc/default/ganeti"
    told = defaults.read_text()
    defaults.write_text(f'{told}\nRAPI_ARGS="$RAPI_ARGS --no-ssl"\n')  # which Rapier does on loopback alone
    try:
        lab.run(*replaced, DAEMON_UTIL, "stop-master")
        lab.run(*replaced, DAEMON_UTIL, "start-master")
        assert lab.luxid.answers()
        answer = httpx.get(f"{stock.url.replace('https', 'http')}/version", auth=("admin", "secret"))
        assert (answer.status_code, answer.headers["Server"][:6]) == (200, "Ganeti")
    finally:
        defaults.write_text(told)


def test_a_start_in_the_background_that_fails_says_so_with_its_exit_code(
    lab: VirtualCluster, replaced: list[str]
) -> None:
    done = subprocess.run(
        in_the_lab(lab, "--background", "--tls-cert", "/none.pem"), capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert "rapier ended with 1 before it served: see " in done.stderr
    assert "cannot read the certificate /none.pem" in (lab.master / "var/log/ganeti/rapi-daemon.log").read_text()
    assert not pid_file(lab).exists()
    with pytest.raises(LabError, match="exit code 11"):
        lab.run(*replaced, "env", *(f"{k}={v}" for k, v in lab.environment("node2").items()), STOCK)
