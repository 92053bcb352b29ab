"""What a master's own files say of its ganeti-rapi, as our configuration: for `rapier serve --ganeti`.

`docs/taking-over.md` tells an administrator about it.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import psutil

from rapier.cli.configuration import DEFAULT_PORT
from rapier.errors import ConfigurationError, NotTheMaster
from rapier.ganeti.paths import HOST_VARIABLE, Paths

SERVICE = "ganeti-rapi"  # in the services database; its pid file and its process are called so, too
ANY_ADDRESS = {socket.AF_INET: ["0.0.0.0"], socket.AF_INET6: ["::", "0.0.0.0"]}  # noqa: S104
SHELL_SECONDS = 10

# Options of ganeti-rapi that mean nothing here, and what does. `--foreground` goes without saying.
_NOT_TAKEN = {
    "max_clients": "--max-clients is not taken over: see [limits] in docs/limits.md",
    "debug": "--debug is not taken over",
    "syslog": "--syslog is not taken over",
}


class Found(NamedTuple):
    """Members of `Configuration`, and what the administrator ought to know of how they came about."""

    values: dict[str, Any]
    remarks: list[str]


def found(paths: Paths, environment: Mapping[str, str]) -> Found:
    """What the files of this node say.

    Raises ConfigurationError for one that has to be read and cannot be, by name; NotTheMaster where there is no API to
    be served.
    """
    _check_master(paths.master_node, environment)
    remarks = []
    words = _rapi_arguments(paths.defaults)
    if words is None:
        remarks.append(
            f"there is no {paths.defaults}: taking ganeti-rapi's own defaults, but asking everybody for a password"
        )
    given, unknown = _parser(paths).parse_known_args(words or [])
    remarks += [text for name, text in _NOT_TAKEN.items() if getattr(given, name)]
    if unknown:
        remarks.append(f"not understood in RAPI_ARGS of {paths.defaults}, and ignored: {' '.join(unknown)}")
    if not paths.luxi_socket.exists():
        remarks.append(f"there is no {paths.luxi_socket}: until the master daemon makes it, answers are 504")
    port = _port() if given.port is None else given.port
    values = {
        "luxi_socket": str(paths.luxi_socket),
        "ganeti_users": str(paths.users),
        "listen": [f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address in _bind(given, paths)],
        "tls_cert": given.ssl_cert,
        "tls_key": None if given.ssl_key == given.ssl_cert else given.ssl_key,
        "insecure_http": given.no_ssl,
        "anonymous_reads": words is not None and not given.require_authentication,
    }
    return Found(values, remarks)


def _check_master(file: Path, environment: Mapping[str, str]) -> None:
    try:
        master = file.read_text().strip()
    except OSError as problem:
        raise ConfigurationError(f"{file}: {problem.strerror}; is this node in a cluster?") from None
    own_name = environment.get(HOST_VARIABLE) or socket.getfqdn()
    if own_name.lower() != master.lower():
        raise NotTheMaster(f"this node, {own_name}, is not the master: {master} is, by {file}")


def _rapi_arguments(defaults: Path) -> list[str] | None:
    """The words of RAPI_ARGS and EXTRA_RAPI_ARGS; `None` where there is no such file.

    It is a shell script, which Ganeti's daemon-util has bash read before it starts a daemon; so it is read here, or
    a variable in it would be taken for a word.
    """
    try:
        defaults.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise ConfigurationError(f"cannot read {defaults}: {problem.strerror}") from None
    script = 'set -e; . "$1" >/dev/null; printf "%s %s" "$RAPI_ARGS" "$EXTRA_RAPI_ARGS"'
    try:
        done = subprocess.run(
            ["bash", "-c", script, "bash", str(defaults.absolute())],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SHELL_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ConfigurationError(f"bash cannot read {defaults}: {problem}") from None
    if done.returncode:
        raise ConfigurationError(f"bash cannot read {defaults}: {done.stderr.strip() or done.returncode}")
    return done.stdout.split()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{self.prog}: {message}")


def _parser(paths: Paths) -> argparse.ArgumentParser:
    """The options of ganeti-rapi(8), with its defaults; like stock it takes a long one's beginning for the whole."""
    parser = _Parser(prog=f"RAPI_ARGS in {paths.defaults}", add_help=False)
    parser.add_argument("-b", "--bind")
    parser.add_argument("-i", "--interface")
    parser.add_argument("-p", "--port", type=int)
    parser.add_argument("--no-ssl", action="store_true")
    parser.add_argument("-C", "--ssl-cert", default=str(paths.certificate))
    parser.add_argument("-K", "--ssl-key", default=str(paths.certificate))
    parser.add_argument("--require-authentication", action="store_true")
    parser.add_argument("--max-clients")
    parser.add_argument("--syslog")
    parser.add_argument("-d", "--debug", action="store_true")
    parser.add_argument("-f", "--foreground", action="store_true")
    return parser


def _bind(given: argparse.Namespace, paths: Paths) -> list[str]:
    """The addresses to listen on."""
    family = _family(paths.address_family)
    if given.interface is not None and given.bind not in (None, ANY_ADDRESS[family][0]):
        raise ConfigurationError(
            f"RAPI_ARGS in {paths.defaults}: either -b or -i may say where to listen, not both"
            f" (-b {given.bind}, -i {given.interface})"
        )
    if given.bind is not None and given.interface is None:
        try:
            address = str(socket.getaddrinfo(given.bind, None, type=socket.SOCK_STREAM)[0][4][0])
            return ANY_ADDRESS[socket.AF_INET6] if address == "::" else [address]
        except OSError as problem:
            raise ConfigurationError(
                f"RAPI_ARGS in {paths.defaults}: -b {given.bind} is no address: {problem.strerror}"
            ) from None
    if given.interface is None:
        return ANY_ADDRESS[family]
    its_addresses = psutil.net_if_addrs().get(given.interface, [])
    addresses = [one.address for one in its_addresses if one.family == family]
    if not addresses:
        raise ConfigurationError(f"RAPI_ARGS in {paths.defaults}: -i {given.interface} has no address")
    return addresses[:1]


def _family(file: Path) -> socket.AddressFamily:
    """What the cluster's nodes talk by; IPv4 where the file does not say, as in stock."""
    try:
        return socket.AF_INET6 if int(file.read_text()) == socket.AF_INET6 else socket.AF_INET
    except (OSError, ValueError):
        return socket.AF_INET


def _port() -> int:
    try:
        return socket.getservbyname(SERVICE, "tcp")
    except OSError:
        return DEFAULT_PORT
