"""The machine under the lab: may a lab be made here, and Debian's packages for it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PACKAGES = ("ganeti", "iproute2", "socat")
PROGRAMS = ("/usr/sbin/gnt-cluster", "/usr/bin/socat", "/usr/lib/ganeti/tools/vcluster-setup")
# Where Ganeti's own Python code is, and the only Python that can import it
GANETI = Path("/usr/share/ganeti/3.0")
PYTHON = "/usr/bin/python3"

APT_LOCK = Path("/var/tmp/rapier-tests-apt.lock")


class LabError(Exception):
    """A lab could not be made, reached or removed. The text holds the command and what it said."""


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    timeout_seconds: float = 120,
    given: str | None = None,
) -> str:
    """What `command` printed. Raises `LabError` with all that it said when it fails or takes too long."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            text=True,
            input=given,
            stdin=None if given is not None else subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_seconds,
            env={**os.environ, **(environment or {})},
        )
    except subprocess.TimeoutExpired as late:
        raise LabError(f"{' '.join(words)}: not done after {timeout_seconds:g} s") from late
    if done.returncode:
        raise LabError(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def ganeti_is_installed() -> bool:
    """Whether every program that a lab needs is there."""
    return all(Path(program).exists() for program in PROGRAMS) and shutil.which("ip") is not None


def why_unavailable() -> str | None:
    """The reason why no lab can be made on this machine, with what would help; None where one can be made."""
    if os.geteuid() != 0:
        return "a real Ganeti cluster needs root: run `make test` as root on Debian"
    if not ganeti_is_installed() and (shutil.which("apt-get") is None or not Path("/etc/debian_version").exists()):
        return "a real Ganeti cluster needs Debian's ganeti package: run `make test` as root on Debian"
    try:
        run(["unshare", "--net", "--mount", "true"], timeout_seconds=10)
    except (LabError, FileNotFoundError):
        return "a real Ganeti cluster needs network namespaces: give the container CAP_SYS_ADMIN, or use a machine"
    return None


def with_ganetis_python(program: Path, *arguments: str | Path) -> list[str]:
    """The command that runs a program which imports Ganeti's own code. Its first argument is where that is."""
    return [PYTHON, str(program), str(GANETI), *map(str, arguments)]


def install_ganeti() -> None:
    """Installs Debian's packages where they are missing: a minute on a new machine, nothing on the next run."""
    install(ganeti_is_installed, PACKAGES)


def install(is_installed: Callable[[], bool], packages: Sequence[str]) -> None:
    """Installs Debian's packages unless they are there. Several processes may ask for it at the same time."""
    if is_installed():
        return
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with APT_LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_installed():
            return  # another process has done it meanwhile
        run(["apt-get", "update", "-qq"], environment=quiet, timeout_seconds=300)
        run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
            environment=quiet,
            timeout_seconds=900,
        )
