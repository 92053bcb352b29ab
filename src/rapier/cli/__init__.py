"""The command `rapier`. A subcommand is a function in a module of its own; this is the list of them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from rapier import __version__
from rapier.cli.cert import cert
from rapier.cli.demo import demo
from rapier.cli.embedded import embedded
from rapier.cli.passwd import passwd
from rapier.cli.serve import serve
from rapier.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The Remote API for Ganeti clusters.")


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rapier {__version__}")
        raise typer.Exit


@app.callback()
def rapier(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version.")
    ] = False,
) -> None:
    """The Remote API for Ganeti clusters."""


for command in (serve, passwd, cert, embedded, demo):
    app.command()(command)


def main() -> None:
    """Entry point of the installed command."""
    try:
        app()
    except ConfigurationError as problem:
        typer.secho(f"rapier: {problem}", err=True, fg="red")
        sys.exit(1)
