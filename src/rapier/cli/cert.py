"""`rapier cert DIR`: a self-signed certificate and its key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rapier.errors import CertificateError


def cert(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where cert.pem and key.pem are written.")],
    name: Annotated[
        list[str] | None, typer.Option(help="One more name or address that clients use. May be given again.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="How long it is valid.")] = 825,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Make a self-signed certificate for this host's names and addresses, for `rapier serve`."""
    # Here, since the cryptography library would cost every other command a fifth of a second.
    from rapier.access.certificates import fingerprint, make_certificate_files

    try:
        files = make_certificate_files(folder, name or (), valid_days=days, overwrite=force)
        typer.echo(f"certificate: {files.certificate}")
        typer.echo(f"key:         {files.key}")
        typer.echo(f"SHA-256:     {fingerprint(files.certificate)}")
    except CertificateError as problem:
        typer.echo(f"rapier cert: {problem}", err=True)
        raise typer.Exit(1) from problem
