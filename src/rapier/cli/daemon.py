"""The daemon, put together: the application over one cluster, and the server that it is handed to.

A module of its own, imported when it is needed: it brings in all of Rapier, and `rapier passwd` need not wait for that.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from rapier.access.doorkeeper import Doorkeeper
from rapier.access.everyone import Everyone
from rapier.access.users import GANETI, UsersFile
from rapier.api import browsers
from rapier.api.app import Application, refusal_of_the_server
from rapier.api.v3 import settings as v3
from rapier.api.v3.routes import RESERVED
from rapier.cli.configuration import Configuration, address_and_port, level_of, metrics_address
from rapier.cluster.cluster import Cluster
from rapier.errors import ConfigurationError
from rapier.luxi.client import Luxi
from rapier.observation.exposition import Exposition
from rapier.observation.formats import Format
from rapier.observation.lines import Lines
from rapier.observation.metrics import Process
from rapier.observation.requests import Requests
from rapier.server import (
    Limits,
    Proxies,
    ServiceManager,
    Settings,
    Traffic,
    handed_over_sockets,
    run,
    table_of_limits,
)

DEFAULT_LISTEN = "0.0.0.0:5080"


def start(
    configuration: Configuration,
    lines: Lines,
    form: Format,
    announce: Callable[[list[str]], None],
    *,
    hangup_rereads: bool = True,
    nobody_is_enough: bool = False,
) -> int:
    """Serves until it is told to end; the exit code. Raises `ConfigurationError` before anything is served.

    `lines` and `form` are where the lines about requests go and how they look. `announce` is called with the URLs once
    they answer. `hangup_rereads` is false where SIGHUP shall end it. `nobody_is_enough` where users may come later: it
    serves although nobody can come in by stock's users file.
    """
    if configuration.htpasswd is None and configuration.ganeti_users is None:
        raise ConfigurationError(
            "nobody could come in without a users file: make one with `rapier passwd FILE USER`, "
            "and name it with --htpasswd FILE"
        )
    if configuration.tls_cert is None and not configuration.insecure_http:
        raise ConfigurationError(
            "there is no certificate: make one with `rapier cert DIR`, and name it with --tls-cert and --tls-key"
        )
    _users(configuration, nobody_is_enough)  # a file that is no good is said now, not by each worker

    origins = browsers.Origins(map(_origin, configuration.allowed_origins))
    version_3 = v3.Settings(_alias(configuration.cluster_alias), configuration.demand_preconditions)

    requests = Requests(
        (lambda seen: lines.write(form.request(seen))) if configuration.access_log else None, level_of(configuration)
    )
    certificate = Path(configuration.tls_cert) if configuration.tls_cert else None
    traffic = Traffic(requests)
    process = Process(requests, traffic, lines, configuration.workers, certificate)
    exposition = Exposition(process)
    handed_over = tuple(handed_over_sockets(os.environ))
    listen = configuration.listen or ([] if handed_over else [DEFAULT_LISTEN])

    def connect() -> Cluster:
        return Cluster(Luxi(Path(configuration.luxi_socket), configuration.luxi_deadline_seconds))

    def make_app() -> Application:
        process.doorkeeper = Doorkeeper(_users(configuration, nobody_is_enough))
        return Application(
            connect,
            process.doorkeeper,
            origins,
            version_3,
            exposition,
            anonymous_reads=configuration.anonymous_reads,
        )

    return run(
        make_app,
        Settings(
            listen=tuple(map(address_and_port, listen)),
            handed_over=handed_over,
            certificate=certificate,
            key=Path(configuration.tls_key) if configuration.tls_key else None,
            insecure_http=configuration.insecure_http,
            hangup_rereads=hangup_rereads,
            workers=configuration.workers,
            limits=_limits(configuration),
            error_body=refusal_of_the_server,
            traffic=traffic,
            proxies=_proxies(configuration),
            side=tuple(map(metrics_address, configuration.metrics_listen)),
            in_each_process=lines.by_a_thread,
        ),
        announce,
        ServiceManager(os.environ),
    )


def _proxies(configuration: Configuration) -> Proxies:
    try:
        return Proxies(configuration.trusted_proxy)
    except ValueError as problem:
        raise ConfigurationError(
            f"trusted-proxy: an address or a network, as 192.0.2.7 or 2001:db8:7::/64: {problem}"
        ) from None


def _users(configuration: Configuration, nobody_is_enough: bool) -> Everyone:
    """Who is in the users files; what is said first counts. Raises UsersFileError, a `ConfigurationError`."""
    files = []
    if configuration.htpasswd is not None:
        files.append(UsersFile(configuration.htpasswd))
    if configuration.ganeti_users is not None:
        may_lack_users = bool(files) or configuration.anonymous_reads or nobody_is_enough
        files.append(UsersFile(configuration.ganeti_users, GANETI, may_lack_users=may_lack_users))
    return Everyone(files)


def _alias(name: str | None) -> str | None:
    if name is not None and (name in RESERVED or "/" in name or not name):
        raise ConfigurationError(f"cluster-alias: {name!r} is a word of the API's own, or no name")
    return name


def _origin(text: str) -> str:
    found = browsers.origin(text)
    if found is None:
        raise ConfigurationError(
            f"allowed-origins: an origin is a scheme, a host and at most a port, as https://ops.example.com or "
            f"https://ops.example.com:8443, not {text!r}"
        )
    return found


def _limits(configuration: Configuration) -> Limits:
    known = [limit.name for limit in table_of_limits()]
    for name in configuration.limits:
        if name not in known:
            raise ConfigurationError(f"limits: there is no {name!r}; there are {', '.join(known)}")
    try:
        return msgspec.convert(configuration.limits, Limits)
    except msgspec.ValidationError as problem:
        raise ConfigurationError(f"limits: {problem}") from None
