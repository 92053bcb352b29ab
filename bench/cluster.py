"""What is measured: a real cluster with its stock daemon, and Rapier beside it, inside the same network namespace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import wrk
from bench.wrk import Measured
from lab.cluster import VirtualCluster
from lab.machine import run as run_command

RAPIER_URL = "https://127.0.0.1:5081"  # inside the namespace
USER = PASSWORD = "bench"
READY_SECONDS = 15
AT_LEAST = 8  # answers that a figure is made of


@dataclass(frozen=True)
class Bench:
    """Both daemons, and how to ask them."""

    lab: VirtualCluster
    pid: int  # of Rapier, with one worker the process that answers

    @property
    def stock_url(self) -> str:
        """Where the stock daemon answers."""
        host, port = self.lab.rapi_address
        return f"https://{host}:{port}"

    @property
    def luxi_socket(self) -> Path:
        """The luxid that both ask."""
        return self.lab.luxi_socket

    def ask(
        self, url: str, *, clients: int, fresh: bool, seconds: float, headers: Mapping[str, str] | None = None
    ) -> Measured:
        """One run of wrk from inside the namespace."""
        ours = url.startswith(RAPIER_URL)
        user, password = (USER, PASSWORD) if ours else (self.lab.rapi_user, self.lab.rapi_password)
        prefix = self.lab.namespace.command()
        how: dict[str, Any] = {"clients": clients, "fresh": fresh, "seconds": seconds, "headers": headers or {}}
        return wrk.run(url, user, password, **how, prefix=prefix, at_least=AT_LEAST)

    def inside(self, *words: str) -> Any:
        """What `python -m bench.inside` prints, run inside the namespace and told who asks."""
        command = self.lab.namespace.command(sys.executable, "-m", "bench.inside", *words)
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        if said.returncode:
            raise RuntimeError(f"{' '.join(words)}:\n{said.stderr}")
        return json.loads(said.stdout)


@contextmanager
def bench_cluster(instances: int, workers: int) -> Iterator[Bench]:
    """A cluster of four nodes with so many instances, and Rapier with so many workers; removed afterwards."""
    install_wrk()
    lab = VirtualCluster(f"bench-{os.getpid()}")
    lab.up(seed_instances=instances, owner=os.getpid())
    try:
        with tempfile.TemporaryDirectory() as folder, rapier(lab, Path(folder), workers) as pid:
            yield Bench(lab, pid)
    finally:
        lab.down()


@contextmanager
def rapier(lab: VirtualCluster, folder: Path, workers: int) -> Iterator[int]:
    """`rapier serve` inside the cluster's namespace; its process."""
    command = [sys.executable, "-m", "rapier"]
    subprocess.run([*command, "passwd", folder / "htpasswd", USER], input=PASSWORD, text=True, check=True)
    subprocess.run([*command, "cert", folder], check=True, capture_output=True)
    options = ["--luxi-socket", str(lab.luxi_socket), "--listen", RAPIER_URL.removeprefix("https://")]
    options += ["--htpasswd", str(folder / "htpasswd"), "--workers", str(workers)]
    options += ["--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem")]
    configuration = folder / "rapier.toml"
    configuration.write_text("[limits]\nconnections_per_address = 2000\n")  # a thousand clients come from one
    options += ["--config", str(configuration)]
    log = folder / "log"
    with log.open("w") as output:
        daemon = subprocess.Popen(lab.namespace.command(*command, "serve", *options), stderr=output)
    try:
        end = time.monotonic() + READY_SECONDS
        while "serving" not in log.read_text():
            if daemon.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"Rapier did not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield daemon.pid
    finally:
        daemon.terminate()
        daemon.wait(20)


def install_wrk() -> None:
    """Debian's wrk, where it is missing."""
    if not Path("/usr/bin/wrk").exists():
        run_command(["apt-get", "update", "-qq"])
        run_command(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "wrk"])
