"""`rapier demo`: an embedded cluster and the API over it, in one command."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import secrets
import shlex
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from rapier.cli.configuration import address_and_port
from rapier.errors import ConfigurationError

USER = "demo"
ALIAS = "demo"  # what the cluster is called in URIs, beside its own name
READY_SECONDS = 15.0
PACE_SECONDS = 0.3  # so that a job can be watched: an embedded master alone is done at once


def default_state() -> Path:
    """Where a user's programs keep state (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "rapier" / "demo"


def demo(
    state: Annotated[Path | None, typer.Option(help="Where the cluster is kept.", show_default="in your home")] = None,
    listen: Annotated[str, typer.Option(metavar="ADDRESS:PORT")] = "127.0.0.1:5080",
    nodes: Annotated[int, typer.Option(min=1, help="How many nodes a new cluster gets.")] = 4,
    instances: Annotated[int, typer.Option(min=0, help="How many instances a new cluster gets.")] = 6,
) -> None:
    """Run an embedded cluster and the API over it, until Ctrl-C. Needs no Ganeti."""
    folder = (state or default_state()).absolute()
    check_free(listen)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as problem:
        raise ConfigurationError(f"the demo cannot keep its state in {folder}: {problem.strerror}") from None
    master_socket = folder / "luxi.socket"
    master = start_master(folder, master_socket, nodes, instances)
    try:
        code = serve_demo(folder, master_socket, listen, master)
    finally:
        master.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            master.wait(10)
        master.kill()
    raise typer.Exit(code)


def start_master(folder: Path, master_socket: Path, nodes: int, instances: int) -> subprocess.Popen[bytes]:
    """The embedded master, as a process that ends with this one, and that Ctrl-C does not reach before us."""
    command = [sys.executable, "-m", "rapier", "embedded", "--socket", str(master_socket), "--state", str(folder)]
    command += ["--nodes", str(nodes), "--instances", str(instances), "--pace", str(PACE_SECONDS), "--quiet"]
    return subprocess.Popen(command, start_new_session=True, preexec_fn=_end_with_parent)


def _end_with_parent() -> None:
    PR_SET_PDEATHSIG = 1  # prctl(2)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def serve_demo(folder: Path, master_socket: Path, listen: str, master: subprocess.Popen[bytes]) -> int:
    """Serves the cluster in `folder`; the exit code."""
    # imported while the master starts: it costs as much time as that does
    from rapier.access.certificates import CertificateFiles, make_certificate_files
    from rapier.access.users_edit import set_password
    from rapier.cli import logs
    from rapier.cli.configuration import Configuration
    from rapier.cli.daemon import start

    tls = CertificateFiles(folder / "cert.pem", folder / "key.pem")
    if not (tls.certificate.exists() and tls.key.exists()):
        make_certificate_files(folder, overwrite=True)
    wait_for(master_socket, master)
    # not before: where another demo has this state, its password must stay
    password = secrets.token_urlsafe(12)
    users = folder / "htpasswd"
    set_password(users, USER, password)
    lines, form = logs.set_up(level=logging.WARNING)
    configuration = Configuration(
        luxi_socket=str(master_socket),
        listen=[listen],
        htpasswd=str(users),
        tls_cert=str(tls.certificate),
        tls_key=str(tls.key),
        cluster_alias=ALIAS,
        log_level="warning",
    )
    # It ends with its terminal, which says so by SIGHUP.
    return start(
        configuration,
        lines,
        form,
        lambda urls: welcome(urls[0], password, tls.certificate, folder),
        hangup_rereads=False,
    )


def wait_for(master_socket: Path, master: subprocess.Popen[bytes]) -> None:
    """Returns when this master serves, and no other. Raises `ConfigurationError` when it ended or took too long."""
    end = time.monotonic() + READY_SECONDS
    while master.poll() is None and time.monotonic() < end:
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(master_socket))
            peer = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
            if peer[0] == master.pid:
                return
        time.sleep(0.02)
    raise ConfigurationError("the embedded master did not start; what it said is above")


def check_free(listen: str) -> None:
    """Raises `ConfigurationError` for an address that is taken: before anything of a demo that runs is touched."""
    host, port = address_and_port(listen)
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as problem:
        raise ConfigurationError(f"cannot listen on {listen}: {problem.strerror}") from None


def welcome(url: str, password: str, certificate: Path, folder: Path) -> None:
    """What a newcomer needs, to copy and paste."""
    from rapier.access.certificates import fingerprint

    # nobody can be asked at a wildcard, and the certificate names the loopback addresses
    url = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    curl = f"curl -s --cacert {shlex.quote(str(certificate))} -u {USER}:{password}"
    body = (
        '{"name": "web1", "os": "dummy+default", "disk_template": "sharedfile", "disks": [{"size_mib": 1024}], '
        '"nics": [{}], "create": {"iallocator": "hail", "ip_check": false, "name_check": false}}'
    )
    # plain tools, for a shell that has no other
    its_id = """$(echo "$job" | grep -o '"id":"[0-9]*' | head -1 | tr -dc 0-9)"""
    json = "-H 'Content-Type: application/json'"
    base = f"{url}/3/{ALIAS}"
    out = Console(soft_wrap=True, highlight=False, emoji=False)
    out.print(f"""
[bold]Rapier[/] answers for a cluster of its own at [bold]{escape(url)}[/]

  user         {USER}
  password     {password}
  certificate  {escape(str(certificate))}
  fingerprint  {fingerprint(certificate)}  (SHA-256)
  state        {escape(str(folder))}  (the next start finds it again; remove it to begin anew)

List the instances:
""")
    # as they are: a mark of rich's, a bracket, is JSON here
    print(f"{curl} '{base}/instances?live=0'\n")
    print(f"Create one:\n\njob=$({curl} {json} -d '{body}' '{base}/instances'); echo \"$job\"\n")
    print(f'Watch its job end:\n\n{curl} "{base}/jobs/{its_id}?wait=60"\n')
    print(f"All that it can do: {url}/3/docs\n")
    print("Ctrl-C ends it.", flush=True)
