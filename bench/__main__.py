"""`make bench`: prints one table. It is a benchmark, not a test: nothing fails by the clock.

Both daemons answer inside the cluster's network namespace, over TLS, on the same luxid with 1,000 instances, and `wrk`
asks from there too: stock and Rapier in turn, row by row, so that a slow moment of the machine hits both.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import bare
from bench.cluster import AT_LEAST, PASSWORD, RAPIER_URL, USER, Bench, bench_cluster
from bench.wrk import Measured
from lab.luxi import ask
from rapier.cluster.objects import reading
from rapier.ganeti.kinds import INSTANCE


@dataclass(frozen=True)
class Row:
    """One path, and the LUXI call that it owes. `instead` is what stock is asked, which has no version 3."""

    path: str
    method: str
    args: list[Any]
    instead: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As the table has it."""
        return self.path + (" (304)" if self.headers else "")


ONE = "/3/cluster/instances/seed-00001?live=0"
ALL = "/3/cluster/instances?live=0"
QUERY_ONE = ["instance", list(reading(INSTANCE, live=False, alone=True).fields), ["=", "name", "seed-00001"]]
QUERY_ALL = ["instance", list(reading(INSTANCE, live=False, alone=False).fields), None]
UNCHANGED = {"If-None-Match": "*"}
ROWS = (
    Row("/2/info", "QueryClusterInfo", []),
    Row("/2/instances", "QueryInstances", [[], ["name"], False]),
    Row("/2/instances?bulk=1", "QueryInstances", [[], list(INSTANCE.shown), False]),
    Row("/2/jobs", "QueryJobs", [None, ["id"]]),
    Row(ONE, "Query", QUERY_ONE, "/2/instances/seed-00001"),
    Row(ONE, "Query", QUERY_ONE, "/2/instances/seed-00001", UNCHANGED),
    Row(ALL, "Query", QUERY_ALL, "/2/instances?bulk=1"),
    Row(ALL, "Query", QUERY_ALL, "/2/instances?bulk=1", UNCHANGED),
)
WRITES = 10
ENDS = ("success", "error", "canceled")
WAITED_FOR = 10  # jobs


def measure(bench: Bench, rows: Iterable[Row], seconds: float, table: Table) -> None:
    """Fills the table, a row for each path, kind of connection and number of clients.

    Where two rows compare themselves with the same path of stock's, that is asked once.
    """
    of_stock: dict[tuple[str, int, bool], Measured] = {}
    for row in rows:
        for clients in (1, 16):
            bare.settle(bench.luxi_socket)
            luxi = bare.run(
                bench.luxi_socket, row.method, row.args, clients=clients, seconds=seconds, at_least=AT_LEAST
            )
            for fresh in (False, True):
                bare.settle(bench.luxi_socket)
                theirs = (row.instead or row.path, clients, fresh)
                if theirs not in of_stock:
                    url = bench.stock_url + theirs[0]
                    of_stock[theirs] = bench.ask(url, clients=clients, fresh=fresh, seconds=seconds)
                stock = of_stock[theirs]
                bare.settle(bench.luxi_socket)
                ours = bench.ask(
                    RAPIER_URL + row.path, clients=clients, fresh=fresh, seconds=seconds, headers=row.headers
                )
                table.add_row(
                    row.name,
                    "fresh" if fresh else "kept alive",
                    str(clients),
                    *_figures(stock),
                    *_figures(ours),
                    *_figures(luxi),
                    f"{ours.per_second / stock.per_second:.0f}×",
                    f"{ours.p50_ms / luxi.p50_ms:.2f}×",
                )
                print(f"measured: {row.name}, {clients} clients, {fresh=}", file=sys.stderr)
            table.add_section()


def writes(bench: Bench) -> list[str]:
    """A tag for each of some instances, one after the other: without a guard, and guarded by an entity tag."""
    lab = bench.lab
    stock = bench.inside("writes", bench.stock_url, lab.rapi_user, lab.rapi_password, str(WRITES))
    jobs_ended(bench.luxi_socket)
    guarded = bench.inside("writes", f"{RAPIER_URL}/3/cluster/instances", USER, PASSWORD, str(WRITES))
    jobs_ended(bench.luxi_socket)
    return [
        f"p50 of {WRITES} writes until the job's id is known, ms: stock PUT /2/instances/X/tags "
        f"{statistics.median(stock):.0f}, Rapier's guarded POST /3/…/instances/X/tag {statistics.median(guarded):.0f}"
    ]


def jobs_ended(luxi_socket: Path) -> None:
    """Waits until no job is under way, and luxid has come to rest. Raises `TimeoutError`."""
    end = time.monotonic() + 300
    while any(status not in ENDS for [status] in ask(luxi_socket, "QueryJobs", [None, ["status"]])):
        if time.monotonic() > end:
            raise TimeoutError("jobs that were to be measured have not ended in five minutes")
        time.sleep(0.5)
    bare.settle(luxi_socket)


def waiting(bench: Bench) -> list[str]:
    """A thousand clients wait for ten jobs of the test delay, which are cancelled afterwards."""
    delay = {"OP_ID": "OP_TEST_DELAY", "duration": 5.0, "on_master": False, "no_locks": True, "reason": []}
    job_ids = [ask(bench.luxi_socket, "SubmitJob", [[delay] * 60]) for _ in range(WAITED_FOR)]
    bare.settle(bench.luxi_socket)
    found = bench.inside("waiting", RAPIER_URL, USER, PASSWORD, str(bench.pid), *map(str, job_ids))
    for job_id in job_ids:
        ask(bench.luxi_socket, "CancelJob", [job_id, False])
    return [
        f"1,000 clients wait for {WAITED_FOR} jobs, Rapier: {found['kib']:.0f} KiB of memory for each, "
        f"p50 of another's object {found['meanwhile']:.1f} ms, and without them {found['alone']:.1f} ms"
    ]


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
        console = Console(width=190 if not sys.stdout.isatty() else None)
        console.print(table)
        if not options.path:
            for line in (*writes(bench), *waiting(bench)):
                console.print(line, highlight=False)


if __name__ == "__main__":
    main()
