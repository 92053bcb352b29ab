"""All metrics of all workers, in the text that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from rapier.cluster.cluster import Cluster
from rapier.durations import BOUNDS
from rapier.observation.metrics import METRICS, Figures, Metric, Process, figures
from rapier.observation.siblings import Siblings

WORKER = "worker"


class Exposition:
    """`await exposition(accept)`: content type and text. One for a daemon, with a copy in each of its workers."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._siblings = Siblings(process.workers)

    async def start(self, cluster: Cluster) -> None:
        """This worker serves from now on."""
        self._process.cluster = cluster
        await self._siblings.start(lambda: msgspec.json.encode(figures(self._process)))

    async def __call__(self, accept: str) -> tuple[str, bytes]:
        """In the format that the `Accept` header prefers: Prometheus's own, or OpenMetrics."""
        told = {number: msgspec.json.decode(answer) for number, answer in (await self._siblings.ask()).items()}
        told[self._siblings.number] = figures(self._process)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Told(told))
        encode, content_type = choose_encoder(accept)
        return content_type, encode(registry)

    async def close(self) -> None:
        """This worker tells no more."""
        await self._siblings.close()


class _Told(Collector):
    """The figures of workers, by their numbers, as families of Prometheus's client library."""

    def __init__(self, told: Mapping[int, Figures]) -> None:
        self._told = dict(sorted(told.items()))

    def describe(self) -> Iterable[Family]:
        return []

    def collect(self) -> Iterator[Family]:
        for metric in METRICS:
            family = Family(metric.name.removesuffix("_total"), metric.sentence, metric.kind)
            for number, told in self._told.items():
                for values, figure in told[metric.name]:
                    labels = dict(zip(metric.labels, values, strict=True)) | {WORKER: str(number)}
                    _add(family, metric, labels, figure)
            yield family


def _add(family: Family, metric: Metric, labels: dict[str, str], figure: float | list[float]) -> None:
    if not isinstance(figure, list):
        family.add_sample(metric.name, labels, figure)
        return
    *counts, seconds = figure
    so_far = 0.0
    for bound, number in zip([*map(str, BOUNDS), "+Inf"], counts, strict=True):
        so_far += number
        family.add_sample(f"{metric.name}_bucket", labels | {"le": bound}, so_far)
    family.add_sample(f"{metric.name}_count", labels, so_far)
    family.add_sample(f"{metric.name}_sum", labels, seconds)
