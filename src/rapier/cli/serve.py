"""`rapier serve`: the daemon."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from rapier.cli import logs, stand_in
from rapier.cli.configuration import level_of, load
from rapier.errors import ConfigurationError, NotTheMaster
from rapier.ganeti.paths import paths
from rapier.observation.formats import LogFormat

NOT_THE_MASTER = 11  # as Ganeti's own daemons end: its init script and its systemd units know it


def serve(
    config: Annotated[Path | None, typer.Option(help="A TOML file; options of the command line go over it.")] = None,
    ganeti: Annotated[
        bool, typer.Option("--ganeti", help="Stand in for this master's ganeti-rapi, with its files and its arguments.")
    ] = False,
    background: Annotated[
        bool, typer.Option("--background", help="With --ganeti: return when it serves, and log to ganeti-rapi's file.")
    ] = False,
    luxi_socket: Annotated[Path | None, typer.Option(help="The master daemon's socket.")] = None,
    luxi_deadline_seconds: Annotated[float | None, typer.Option(help="How long one LUXI call may take.")] = None,
    listen: Annotated[list[str] | None, typer.Option(metavar="ADDRESS:PORT", help="May be repeated.")] = None,
    htpasswd: Annotated[Path | None, typer.Option(help="The users, as `rapier passwd` writes them.")] = None,
    ganeti_users: Annotated[
        Path | None, typer.Option(help="Users too, in stock's file rapi/users: what their options say is theirs.")
    ] = None,
    anonymous_reads: Annotated[
        bool | None,
        typer.Option(help="Version 2's reads need no password, as in stock without --require-authentication."),
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="The certificate, PEM; may hold the key too.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The certificate's key, PEM.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="How many processes answer.")] = None,
    insecure_http: Annotated[bool, typer.Option("--insecure-http", help="No TLS; on loopback addresses only.")] = False,
    allowed_origins: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Whose web pages may use the API, as https://host:port. May be repeated."),
    ] = None,
    cluster_alias: Annotated[
        str | None, typer.Option(metavar="NAME", help="Another name for the cluster in URIs of version 3.")
    ] = None,
    demand_preconditions: Annotated[
        bool, typer.Option("--demand-preconditions", help="Refuse version 3's unguarded changes with 428.")
    ] = False,
    metrics_listen: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS:PORT", help="Metrics and health by plain HTTP, without a password. Repeatable."),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="A proxy, or a network of them, whose word on its clients counts."),
    ] = None,
    log_format: Annotated[
        LogFormat | None, typer.Option(help="auto is text on a terminal, else JSON.", show_default="auto")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="debug, info, warning or error.", show_default="info")
    ] = None,
    access_log: Annotated[
        bool | None, typer.Option("--access-log/--no-access-log", help="A line for each request.", show_default="on")
    ] = None,
) -> None:
    """Answer for the cluster behind a master daemon's socket, over HTTPS."""
    # Until the server takes it: what it asks for, reading the files, is about to happen anyway.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    options: dict[str, Any] = {
        "luxi_socket": luxi_socket and str(luxi_socket),
        "luxi_deadline_seconds": luxi_deadline_seconds,
        "listen": listen,
        "htpasswd": htpasswd and str(htpasswd),
        "ganeti_users": ganeti_users and str(ganeti_users),
        "anonymous_reads": anonymous_reads,
        "tls_cert": tls_cert and str(tls_cert),
        "tls_key": tls_key and str(tls_key),
        "workers": workers,
        "insecure_http": insecure_http or None,
        "allowed_origins": allowed_origins,
        "cluster_alias": cluster_alias,
        "demand_preconditions": demand_preconditions or None,
        "metrics_listen": metrics_listen,
        "trusted_proxy": trusted_proxy,
        "log_format": log_format and log_format.value,
        "log_level": log_level,
        "access_log": access_log,
    }
    if ganeti:
        try:
            raise typer.Exit(stand_in.serve(paths(os.environ), config, options, background=background))
        except NotTheMaster as problem:
            typer.echo(f"rapier serve: {problem}", err=True)
            raise typer.Exit(NOT_THE_MASTER) from None
    if background:
        raise ConfigurationError("--background goes with --ganeti alone, whose files say where the log is")
    configuration = load(config, options)
    lines, form = logs.set_up(configuration.log_format, level=level_of(configuration))
    from rapier.cli.daemon import start

    raise typer.Exit(start(configuration, lines, form, logs.announce))
