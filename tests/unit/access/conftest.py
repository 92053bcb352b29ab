"""Apache's own htpasswd, the judge of what a users file is; installed where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from access_peers import Htpasswd, OpenDoor
from rapier.access.doorkeeper import Doorkeeper
from rapier.access.everyone import Everyone
from rapier.access.users import UsersFile


@pytest.fixture(scope="session")
def htpasswd() -> Htpasswd:
    """Runs Apache's `htpasswd` with the given arguments."""
    if shutil.which("htpasswd") is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            pytest.skip("needs Apache's htpasswd: as root on Debian, apt-get install apache2-utils")
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=True)
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "apache2-utils"]
        subprocess.run(install, env=quiet, check=True, stdout=subprocess.DEVNULL)

    def run(*arguments: str | Path, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = ["htpasswd", *map(str, arguments)]
        return subprocess.run(command, input=stdin, check=check, capture_output=True, text=True)

    return run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the users file is, or will be."""
    return tmp_path / "users"


@pytest_asyncio.fixture
async def door(path: Path) -> AsyncIterator[OpenDoor]:
    """Makes a doorkeeper for the users file at `path`."""
    opened: list[Doorkeeper] = []

    def open_door(**options: object) -> Doorkeeper:
        opened.append(Doorkeeper(Everyone([UsersFile(path)]), **options))  # type: ignore[arg-type]
        return opened[-1]

    yield open_door
    for doorkeeper in opened:
        doorkeeper.close()
