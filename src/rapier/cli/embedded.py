"""`rapier embedded`: a cluster of its own behind a LUXI socket."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from rapier.cli import logs


def embedded(
    socket: Annotated[Path, typer.Option(metavar="PATH", help="Where it speaks LUXI.")],
    state: Annotated[Path, typer.Option(metavar="DIR", help="Where its cluster and its jobs are kept.")],
    nodes: Annotated[int, typer.Option(min=1, help="How many nodes a new cluster gets.")] = 4,
    instances: Annotated[int, typer.Option(min=0, help="How many instances a new cluster gets.")] = 0,
    candidates: Annotated[
        int,
        typer.Option(min=1, help="How many nodes of a new cluster may be master candidates, its master among them."),
    ] = 10,
    pace: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long each step of a job takes.")] = 0.0,
    lag: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long queries do not show a change yet; jobs do.")
    ] = 0.0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only what went wrong.")] = False,
) -> None:
    """Serve an embedded master: all that speaks LUXI sees a cluster, and no machine is behind it."""
    logs.set_up(level=logging.WARNING if quiet else logging.INFO)
    from rapier.embedded.server import serve

    asyncio.run(
        serve(
            socket,
            state,
            nodes=nodes,
            instances=instances,
            candidates=candidates,
            pace_seconds=pace,
            lag_seconds=lag,
        )
    )
