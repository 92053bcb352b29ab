"""Every metric: its name, what it is, its labels, what it says, and where its figure comes from.

`docs/metrics.md` is held against this table. A label has few values, all of our own choosing: no path, no user, no
address. Each figure is one process's; `worker` is added to each when they are shown. So a counter that begins anew with
a worker that took a dead one's place is a reset of one series, as Prometheus knows it, and a dead worker's gauge is
gone.
"""

from __future__ import annotations

import functools
import platform
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import psutil

from rapier import __version__
from rapier.access.doorkeeper import Doorkeeper
from rapier.cluster.cluster import Cluster
from rapier.durations import Durations, count
from rapier.observation.lines import Lines
from rapier.observation.requests import Requests
from rapier.server import REASONS, Traffic

# A label's values in order, and the figure; for a histogram the cells of `Durations`.
Sample = tuple[tuple[str, ...], float | list[float]]


@dataclass
class Process:
    """The parts of this process that keep figures. The last two are there once it serves."""

    requests: Requests
    traffic: Traffic
    lines: Lines
    workers: int
    certificate: Path | None
    cluster: Cluster | None = None
    doorkeeper: Doorkeeper | None = None


class Metric(NamedTuple):
    """One row of the table. `labels` are those beside `worker`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    sentence: str
    read: Callable[[Process], Iterable[Sample]]


def _one(value: float) -> list[Sample]:
    return [((), value)]


def _requests(process: Process) -> Iterable[Sample]:
    for (route, method, status), cell in process.requests.durations.cells.items():
        yield (route, method, str(status)), count(cell)


def _request_seconds(process: Process) -> Iterable[Sample]:
    """By route and method: the statuses are added up."""
    found: dict[tuple[str, ...], list[float]] = {}
    for (route, method, _), cell in process.requests.durations.cells.items():
        earlier = found.get((route, method))
        found[route, method] = cell if earlier is None else [a + b for a, b in zip(earlier, cell, strict=True)]
    return found.items()


def _calls(process: Process) -> Durations[tuple[str, str]]:
    return Durations() if process.cluster is None else process.cluster.luxi.calls


def _calls_total(process: Process) -> Iterable[Sample]:
    return ((key, count(cell)) for key, cell in _calls(process).cells.items())


def _call_seconds(process: Process) -> Iterable[Sample]:
    found: dict[tuple[str, ...], list[float]] = {}
    for (method, _), cell in _calls(process).cells.items():
        earlier = found.get((method,))
        found[method,] = cell if earlier is None else [a + b for a, b in zip(earlier, cell, strict=True)]
    return found.items()


def _of_cluster(read: Callable[[Cluster], Iterable[Sample]]) -> Callable[[Process], Iterable[Sample]]:
    return lambda process: [] if process.cluster is None else read(process.cluster)


def _of_doorkeeper(read: Callable[[Doorkeeper], float]) -> Callable[[Process], Iterable[Sample]]:
    return lambda process: [] if process.doorkeeper is None else _one(read(process.doorkeeper))


def _connections(cluster: Cluster) -> Iterable[Sample]:
    for name, pool in cluster.luxi.pools.items():
        yield (name, "in_use"), pool.in_use
        yield (name, "free"), pool.size - pool.in_use


def _certificate_end(process: Process) -> Iterable[Sample]:
    """Of the file as it is: what is wrong with it is the server's to say."""
    if process.certificate is None:
        return []
    try:
        seen = process.certificate.stat()
        return _one(_not_after(process.certificate, (seen.st_ino, seen.st_mtime_ns)))
    except Exception:  # this library has many names for what it cannot read
        return []


@functools.lru_cache(maxsize=1)
def _not_after(certificate: Path, version: Sequence[int]) -> float:
    from cryptography import x509  # a fifth of a second, which a daemon that nobody watches need not spend

    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp()


METRICS: tuple[Metric, ...] = (
    Metric(
        "rapier_build_info",
        "gauge",
        ("version", "python", "openssl"),
        "1 for each worker that answers.",
        lambda _: [((__version__, platform.python_version(), ssl.OPENSSL_VERSION), 1)],
    ),
    Metric(
        "rapier_workers_configured",
        "gauge",
        (),
        "How many workers there should be; how many answer is the number of `rapier_build_info`.",
        lambda process: _one(process.workers),
    ),
    Metric(
        "rapier_requests_total",
        "counter",
        ("route", "method", "status"),
        "Requests that have ended. `route` is a URI's pattern, `other` for what reached none; status 499 is a client "
        "that left before its answer was out.",
        _requests,
    ),
    Metric(
        "rapier_request_seconds",
        "histogram",
        ("route", "method"),
        "From a request's head to its answer's end; long polls wait on purpose.",
        _request_seconds,
    ),
    Metric(
        "rapier_connections",
        "gauge",
        ("state",),
        "Open connections, by what they do.",
        lambda process: [((state,), number) for state, number in process.traffic.connections().items()],
    ),
    Metric(
        "rapier_refusals_total",
        "counter",
        ("reason",),
        "What the server refused by itself.",
        lambda process: [((reason,), process.traffic.refused[reason]) for reason in REASONS],
    ),
    Metric(
        "rapier_luxi_calls_total",
        "counter",
        ("method", "outcome"),
        "LUXI calls that have ended.",
        _calls_total,
    ),
    Metric(
        "rapier_luxi_call_seconds",
        "histogram",
        ("method",),
        "From a LUXI call's beginning, with the wait for a connection, to its end; WaitForJobChange waits on purpose.",
        _call_seconds,
    ),
    Metric(
        "rapier_luxi_connections",
        "gauge",
        ("pool", "state"),
        "Places for connections to the master daemon: `in_use` or `free`, for `calls`, `waits` and `probes`.",
        _of_cluster(_connections),
    ),
    Metric(
        "rapier_luxi_waiting",
        "gauge",
        ("pool",),
        "LUXI calls that wait for a connection, since all are in use.",
        _of_cluster(lambda cluster: [((name,), pool.waiting) for name, pool in cluster.luxi.pools.items()]),
    ),
    Metric(
        "rapier_reads_made_total",
        "counter",
        (),
        "Reads that went to the master daemon.",
        _of_cluster(lambda cluster: _one(cluster.reads[0])),
    ),
    Metric(
        "rapier_reads_shared_total",
        "counter",
        (),
        "Reads that were answered by a call that others had waited for as well.",
        _of_cluster(lambda cluster: _one(cluster.reads[1])),
    ),
    Metric(
        "rapier_waiters",
        "gauge",
        (),
        "Who waits for a job at the moment.",
        _of_cluster(lambda cluster: _one(cluster.waiting.waiters)),
    ),
    Metric(
        "rapier_waits_at_master",
        "gauge",
        (),
        "WaitForJobChange calls that luxid holds at the moment; many may share one.",
        _of_cluster(lambda cluster: _one(cluster.waiting.at_master)),
    ),
    Metric(
        "rapier_guarded_writes_total",
        "counter",
        ("outcome",),
        "What the guard of writes with `If-Match` met: `stale` and `busy` were refused, `waited_out` gave others' "
        "changes time to settle, `raced` could not be called back.",
        _of_cluster(
            lambda cluster: [
                (("stale",), cluster.guard.stale),
                (("busy",), cluster.guard.busy),
                (("waited_out",), cluster.guard.waited_out),
                (("raced",), cluster.guard.raced),
            ]
        ),
    ),
    Metric(
        "rapier_settle_seconds",
        "gauge",
        (),
        "How long after a job's end the guard does not trust luxid's answers yet; measured on this cluster.",
        _of_cluster(lambda cluster: _one(cluster.guard.settle_seconds)),
    ),
    Metric(
        "rapier_password_checks_total",
        "counter",
        (),
        "Passwords that were compared with a hash; remembered ones are not.",
        _of_doorkeeper(lambda doorkeeper: doorkeeper.compared),
    ),
    Metric(
        "rapier_password_refusals_total",
        "counter",
        (),
        "Tries with a password that was not good, or of a user that there is not.",
        _of_doorkeeper(lambda doorkeeper: doorkeeper.refused),
    ),
    Metric(
        "rapier_password_slowed_total",
        "counter",
        (),
        "Tries that had to wait, since too many had failed before them.",
        _of_doorkeeper(lambda doorkeeper: doorkeeper.slowed),
    ),
    Metric(
        "rapier_password_turned_away_total",
        "counter",
        (),
        "Tries that were not looked at (503), since too many were being compared.",
        _of_doorkeeper(lambda doorkeeper: doorkeeper.turned_away),
    ),
    Metric(
        "rapier_log_lines_dropped_total",
        "counter",
        (),
        "Lines of the log that could not be written in time.",
        lambda process: _one(process.lines.dropped),
    ),
    Metric(
        "rapier_certificate_not_after_seconds",
        "gauge",
        (),
        "When the certificate in the configured file ends, in seconds since 1970.",
        _certificate_end,
    ),
    Metric(
        "rapier_process_resident_memory_bytes",
        "gauge",
        (),
        "Memory of the worker.",
        lambda _: _one(psutil.Process().memory_info().rss),
    ),
    Metric(
        "rapier_process_cpu_seconds_total",
        "counter",
        (),
        "Processor time that the worker took.",
        lambda _: _one(sum(psutil.Process().cpu_times()[:2])),
    ),
    Metric(
        "rapier_process_start_time_seconds",
        "gauge",
        (),
        "When the worker was started, in seconds since 1970.",
        lambda _: _one(psutil.Process().create_time()),
    ),
)


Figures = dict[str, list[Sample]]


def figures(process: Process) -> Figures:
    """What this process's parts say now, by the metrics' names."""
    return {metric.name: list(metric.read(process)) for metric in METRICS}
