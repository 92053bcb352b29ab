"""The command `rapier`. A subcommand is a function in a module of its own; this is the list of them."""

from __future__ import annotations

import sys

import typer

from rapier.cli.cert import cert
from rapier.cli.demo import demo
from rapier.cli.embedded import embedded
from rapier.cli.passwd import passwd
from rapier.cli.serve import serve
from rapier.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The Remote API for Ganeti clusters.")


@app.callback()
def rapier() -> None:
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
