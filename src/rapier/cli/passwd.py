"""`rapier passwd FILE USER`: a user's line in the users file."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from rapier.errors import RapierError, UsersFileError


def passwd(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The users file, as Apache's htpasswd writes it; made if it is not there."),
    ],
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's name.")],
    delete: Annotated[bool, typer.Option("--delete", help="Remove the user instead.")] = False,
) -> None:
    """Add a user to FILE, or change a user's password; a running daemon sees it at once.

    The password is asked for twice; without a terminal it is the first line of the standard input.
    """
    # Here, since libpass would cost every other command a tenth of a second.
    from rapier.access.users_edit import remove_user, set_password

    try:
        if delete:
            remove_user(file, user)
            typer.echo(f"{file}: user {user} removed")
        else:
            made = set_password(file, user, _password())
            typer.echo(f"{file}: {'made, with' if made else 'password set for'} user {user}")
        _warn_of_what_the_daemon_refuses(file)
    except RapierError as problem:
        typer.echo(f"rapier passwd: {problem}", err=True)
        raise typer.Exit(1) from problem


def _password() -> str:
    if not sys.stdin.isatty():
        line = sys.stdin.buffer.readline()  # UTF-8, whatever the locale says
        if not line:
            raise UsersFileError("no password on the standard input")
        try:
            return line.removesuffix(b"\n").removesuffix(b"\r").decode()
        except UnicodeDecodeError as problem:
            raise UsersFileError("the password on the standard input is not UTF-8") from problem
    password = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != password:
        raise UsersFileError("the two passwords differ; nothing is changed")
    return password


def _warn_of_what_the_daemon_refuses(file: Path) -> None:
    from rapier.access.htpasswd import parse_users

    try:
        users = parse_users(file.read_bytes(), str(file))
    except UsersFileError as problem:
        typer.echo(f"warning: `rapier serve` will refuse this file as it is. {problem}", err=True)
        return
    if not users.hashes:
        typer.echo(f"warning: {file} names no user any more: nobody is admitted", err=True)
