"""`make bench`: prints one table. It is a benchmark, not a test: nothing fails by the clock.

Both daemons answer inside the cluster's network namespace, over TLS, on the same luxid with 1,000 instances, and `wrk`
asks from there too: stock and Rapier in turn, row by row, so that a slow moment of the machine hits both.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import bare
from bench.cluster import AT_LEAST, RAPIER_URL, Bench, bench_cluster
from bench.wrk import Measured
from rapier.ganeti.kinds import INSTANCE


@dataclass(frozen=True)
class Row:
    """One path, and the LUXI call that it owes."""

    path: str
    method: str
    args: list[Any]


ROWS = (
    Row("/2/info", "QueryClusterInfo", []),
    Row("/2/instances", "QueryInstances", [[], ["name"], False]),
    Row("/2/instances?bulk=1", "QueryInstances", [[], list(INSTANCE.shown), False]),
    Row("/2/jobs", "QueryJobs", [None, ["id"]]),
)


def measure(bench: Bench, rows: Iterable[Row], seconds: float, table: Table) -> None:
    """Fills the table, a row for each path, kind of connection and number of clients."""
    for row in rows:
        for clients in (1, 16):
            bare.settle(bench.luxi_socket)
            luxi = bare.run(
                bench.luxi_socket, row.method, row.args, clients=clients, seconds=seconds, at_least=AT_LEAST
            )
            for fresh in (False, True):
                bare.settle(bench.luxi_socket)
                stock = bench.ask(bench.stock_url + row.path, clients=clients, fresh=fresh, seconds=seconds)
                bare.settle(bench.luxi_socket)
                ours = bench.ask(RAPIER_URL + row.path, clients=clients, fresh=fresh, seconds=seconds)
                table.add_row(
                    row.path,
                    "fresh" if fresh else "kept alive",
                    str(clients),
                    *_figures(stock),
                    *_figures(ours),
                    *_figures(luxi),
                    f"{ours.per_second / stock.per_second:.0f}×",
                    f"{ours.p50_ms / luxi.p50_ms:.2f}×",
                )
            table.add_section()


def _figures(measured: Measured) -> tuple[str, str]:
    return f"{measured.per_second:,.0f}", f"{measured.p50_ms:.1f} / {measured.p99_ms:.1f}"


def main() -> None:
    """Makes the cluster, measures, prints."""
    words = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    words.add_argument("--seconds", type=float, default=4.0, help="for each figure (default: 4)")
    words.add_argument("--instances", type=int, default=1000, help="in the cluster (default: 1000)")
    words.add_argument("--path", action="append", help="measure this path only; may be repeated")
    words.add_argument("--workers", type=int, default=1, help="processes of Rapier (default: 1)")
    options = words.parse_args()
    table = Table(
        title=f"Requests a second, p50 / p99 in ms; {options.instances:,} instances; {options.seconds:g} s a figure"
    )
    for name in ("path", "connections", "clients", "stock /s", "ms", "Rapier /s", "ms", "bare LUXI /s", "ms"):
        table.add_column(name, justify="left" if name in ("path", "connections") else "right")
    table.add_column("Rapier : stock", justify="right")
    table.add_column("p50 : bare", justify="right")
    with bench_cluster(options.instances, options.workers) as bench:
        rows = [row for row in ROWS if not options.path or row.path in options.path]
        measure(bench, rows, options.seconds, table)
    Console(width=180 if not sys.stdout.isatty() else None).print(table)


if __name__ == "__main__":
    main()
