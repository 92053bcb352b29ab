"""Where Ganeti's own files are on a node. The one table of them; they are looked at elsewhere.

Debian's packages, and builds as Ganeti's installation guide has them, put them below `/var` and `/etc`. What has
another root says so in the environment, to Ganeti's own programs as well: a node of a virtual cluster, and a build with
the default prefix, `/usr/local`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT_VARIABLE = "GANETI_ROOTDIR"
HOST_VARIABLE = "GANETI_HOSTNAME"  # the node's name, where that of the machine is another


class Paths(NamedTuple):
    """The files of one node that concern its remote API."""

    defaults: Path  # RAPI_ARGS, with which ganeti-rapi is started: a shell script
    luxi_socket: Path
    users: Path
    certificate: Path  # and its key
    master_node: Path  # the master's name
    address_family: Path  # 2 or 10, as AF_INET and AF_INET6 are on Linux
    pid: Path
    log: Path


_DEFAULT = Paths(
    defaults=Path("etc/default/ganeti"),
    luxi_socket=Path("var/run/ganeti/socket/ganeti-query"),
    users=Path("var/lib/ganeti/rapi/users"),
    certificate=Path("var/lib/ganeti/rapi.pem"),
    master_node=Path("var/lib/ganeti/ssconf_master_node"),
    address_family=Path("var/lib/ganeti/ssconf_primary_ip_family"),
    pid=Path("var/run/ganeti/ganeti-rapi.pid"),
    log=Path("var/log/ganeti/rapi-daemon.log"),
)


def paths(environment: Mapping[str, str]) -> Paths:
    """The files of the node that this environment is of."""
    root = Path(environment.get(ROOT_VARIABLE) or "/")
    return Paths(*(root / path for path in _DEFAULT))
