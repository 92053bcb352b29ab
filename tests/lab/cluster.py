"""The cluster itself: making it, its daemons, commands on its master node, removing it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from lab import seed
from lab.luxid import Luxid
from lab.machine import LabError, install_ganeti, run
from lab.namespace import Namespace

FOLDER = Path("/var/tmp/rapier-lab")  # short: a unix socket's path may have 107 bytes
MARK = "made-by-rapier-lab"  # holds the process whose end makes the lab a leftover; 0 for none
NETWORK = "198.51.100"  # TEST-NET-2, seen inside the namespace only
OS_FOLDER = Path("/srv/ganeti/os/dummy")  # operating systems are looked up outside any node's own root
DAEMON_UTIL = "/usr/lib/ganeti/daemon-util"
TEMPLATES = "sharedfile,diskless,file"
BOUNDS = (
    "min:disk-size=0,cpu-count=1,disk-count=0,memory-size=1,nic-count=0,spindle-use=0/"
    "max:disk-size=1048576,cpu-count=64,disk-count=16,memory-size=131072,nic-count=8,spindle-use=64"
)
# Every node is this machine, so what is meant for another one runs here.
SSH_STAND_IN = """#!/bin/bash
while [[ $# -gt 0 ]]; do case "$1" in -o|-i|-p|-l) shift 2;; -*) shift;; *) break;; esac; done
shift
exec /bin/sh -c "$*"
"""
# Where systemd runs, daemon-util would start the machine's own Ganeti instead of the node's.
SYSTEMCTL_STAND_IN = "#!/bin/sh\necho LoadState=not-found\n"


class VirtualCluster:
    """A cluster called NAME: `up` makes it, `down` removes it; the object itself holds nothing open."""

    rapi_address = (f"{NETWORK}.10", 5080)  # inside the namespace
    rapi_user, rapi_password = "admin", "secret"
    rapi_viewer, rapi_viewer_password = "viewer", "look"  # a user without any right
    rapi_reader, rapi_reader_password = "reader", "see"

    def __init__(self, name: str) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,23}", name):
            raise LabError(f"{name!r} is no name for a lab: up to 24 lower-case letters, digits and hyphens")
        self.name = name
        self.root = FOLDER / name
        self.master = self.root / "node1"
        self.namespace = Namespace(name)
        self.luxi_socket = self.master / "var/run/ganeti/socket/ganeti-query"
        self.rapi_log = self.master / "var/log/ganeti/rapi-daemon.log"
        self.luxid = Luxid(self)

    # -- the whole ---------------------------------------------------------------------------------------------------

    def up(
        self, *, nodes: int = 4, seed_instances: int = 0, require_authentication: bool = True, owner: int = 0
    ) -> None:
        """Makes the cluster anew, with `seed_instances` running diskless instances.

        `owner` is the process whose end makes the lab a leftover for `remove_leftovers`; 0 keeps it until `down`.
        """
        install_ganeti()
        self.down()
        if self.namespace.path.exists():
            raise LabError(f"there is a network namespace {self.name} that is none of ours")
        self.root.mkdir(parents=True)
        (self.root / MARK).write_text(f"{owner}\n")
        node_names = [f"node{number}" for number in range(1, nodes + 1)]
        addresses = {name: f"{NETWORK}.{9 + number}" for number, name in enumerate(node_names, 1)}
        self.namespace.make(
            {"cluster": f"{NETWORK}.1", **addresses}, on_loopback=list(addresses.values()), bridge="xen-br0"
        )
        self._write_files(node_names, require_authentication)
        self._init()
        self._add(node_names[1:])
        if seed_instances:
            self._daemons("stop-all")
            seed.write(self.master / "var/lib/ganeti/config.data", self.root, seed_instances)
            self._start_master()
        self.luxid.wait_until_ready()

    def down(self) -> None:
        """Ends the cluster's processes and removes all of it. Does nothing where there is none of ours."""
        if not (self.root / MARK).exists():
            return
        self.namespace.remove()
        shutil.rmtree(self.root)

    def is_up(self) -> bool:
        """Whether the cluster stands and its master answers."""
        return (self.root / MARK).exists() and self.luxid.answers()

    def restart_master(self) -> None:
        """Stops and starts the daemons of the master node."""
        self._daemons("stop-all")
        self._start_master()
        self.luxid.wait_until_ready()

    def restart_rapi(self, *, require_authentication: bool) -> None:
        """Stops ganeti-rapi and starts it again, asking all for a password or only those who need a right."""
        self._write_rapi_arguments(require_authentication)
        self._daemons("stop", "ganeti-rapi")
        self._daemons("start", "ganeti-rapi")

    # -- commands ----------------------------------------------------------------------------------------------------

    def environment(self, node: str = "node1") -> dict[str, str]:
        """What makes a Ganeti program run as that node."""
        return {
            "GANETI_ROOTDIR": str(self.root / node),
            "GANETI_HOSTNAME": node,
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}:/usr/sbin:/sbin",
        }

    def run(self, *words: str | Path, timeout_seconds: float = 120) -> str:
        """What a command says as the master node: `run("gnt-instance", "list")`."""
        return run(self.namespace.command(*words), environment=self.environment(), timeout_seconds=timeout_seconds)

    def __str__(self) -> str:
        """Shell assignments: where everything is."""
        address, port = self.rapi_address
        return "\n".join(
            [
                f"LAB_NAME={self.name}",
                f"LAB_NETNS={self.name}",
                f"LAB_ROOT={self.root}",
                f"LAB_LUXI_SOCKET={self.luxi_socket}",
                f"LAB_RAPI_URL=https://{address}:{port}",
                f"LAB_RAPI_USER={self.rapi_user}",
                f"LAB_RAPI_PASSWORD={self.rapi_password}",
            ]
        )

    # -- steps of making ---------------------------------------------------------------------------------------------

    def _write_files(self, node_names: list[str], require_authentication: bool) -> None:
        programs = self.root / "bin"
        programs.mkdir()
        for name, text in (("ssh", SSH_STAND_IN), ("systemctl", SYSTEMCTL_STAND_IN)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        # -E and -N: the hosts file and the addresses are the namespace's business
        self.run(
            "/usr/lib/ganeti/tools/vcluster-setup",
            *("-E", "-N", "-c", str(len(node_names)), "-p", NETWORK, "-n", "lo"),
            self.root,
        )
        self._write_rapi_arguments(require_authentication)
        # the nodes share the master's folders, so that an instance's files are found on each
        storage = [self.master / "srv/ganeti" / folder for folder in ("file-storage", "shared-file-storage")]
        for folder in storage:
            folder.mkdir(parents=True)
        for node in node_names:
            paths = self.root / node / "etc/ganeti/file-storage-paths"
            paths.write_text("".join(f"{folder}\n" for folder in storage))
        _make_operating_system()

    def _write_rapi_arguments(self, require_authentication: bool) -> None:
        """With `--require-authentication`, as Debian's own /etc/default/ganeti has it, or without."""
        defaults = self.master / "etc/default/ganeti"
        argument = "--require-authentication "
        text = defaults.read_text().replace(argument, "")
        if require_authentication:
            text = text.replace("RAPI_ARGS='", f"RAPI_ARGS='{argument}")
        defaults.write_text(text)

    def _init(self) -> None:
        self.run(
            *("gnt-cluster", "init", "--no-etc-hosts", "--no-ssh-init", "--master-netdev=lo"),
            *(f"--enabled-disk-templates={TEMPLATES}", f"--ipolicy-disk-templates={TEMPLATES}"),
            # each change of a job is copied to every master candidate, which takes three times as long as the job
            "--candidate-pool-size=1",
            *("--enabled-hypervisors=fake", f"--ipolicy-bounds-specs={BOUNDS}", "cluster"),
        )
        users = self.master / "var/lib/ganeti/rapi/users"
        users.write_text(
            f"{self.rapi_user} {self.rapi_password} write\n"
            f"{self.rapi_viewer} {self.rapi_viewer_password}\n"
            f"{self.rapi_reader} {self.rapi_reader_password} read\n"
        )
        users.chmod(0o644)

    def _add(self, node_names: list[str]) -> None:
        """Adds all nodes at once: preparing one takes longer than the job that adds it, and jobs queue up anyway."""
        if not node_names:
            return
        with self._listening_ssh(), ThreadPoolExecutor(len(node_names)) as pool:
            list(pool.map(lambda node: self.run("gnt-node", "add", "--no-ssh-key-check", node), node_names))

    @contextmanager
    def _listening_ssh(self) -> Iterator[None]:
        """`gnt-node add` wants an open port 22 on the new node."""
        listener = subprocess.Popen(
            self.namespace.command("socat", "TCP-LISTEN:22,fork,reuseaddr", "/dev/null"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            listener.kill()
            listener.wait()

    def _daemons(self, *words: str) -> None:
        self.run(DAEMON_UTIL, *words)

    def _start_master(self) -> None:
        for daemon in ("noded", "confd", "wconfd", "rapi", "luxid"):
            self._daemons("start", f"ganeti-{daemon}")


def remove_leftovers() -> list[str]:
    """Removes the labs whose owner has ended, as an interrupted run leaves them; answers their names."""
    removed = []
    for mark in FOLDER.glob(f"*/{MARK}"):
        owner = int(mark.read_text() or 0)
        if owner and not Path(f"/proc/{owner}").exists():
            with suppress(LabError):
                VirtualCluster(mark.parent.name).down()
                removed.append(mark.parent.name)
    return removed


def _make_operating_system() -> None:
    """An operating system `dummy` with a variant `default`, whose scripts all succeed at once."""
    OS_FOLDER.mkdir(parents=True, exist_ok=True)
    (OS_FOLDER / "ganeti_api_version").write_text("20\n")
    (OS_FOLDER / "variants.list").write_text("default\n")
    (OS_FOLDER / "parameters.list").write_text("")
    for script in ("create", "export", "import", "rename", "verify"):
        (OS_FOLDER / script).write_text("#!/bin/sh\nexit 0\n")
        (OS_FOLDER / script).chmod(0o755)
