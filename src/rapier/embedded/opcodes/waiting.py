"""OP_TEST_DELAY: a job that takes its time, for tests of everything that waits for jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from rapier.embedded.configuration import Configuration
from rapier.embedded.work import Work
from rapier.errors import OpPrereqError


def locks(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """Those of the nodes that it names, where it asks for locks."""
    return () if params["no_locks"] else [f"node/{name}" for name in params["on_nodes"]]


async def delay(work: Work) -> None:
    """Waits for `duration` seconds, once, or as often as `repeat` says."""
    if work.params["duration"] <= 0:
        raise OpPrereqError("OpPrereqError", ["Duration must be greater than zero"])
    nodes = [work.known_node(name).uuid for name in work.params["on_nodes"]]
    master = [work.configuration.cluster.master_node] if work.params["on_master"] else []
    work.params["on_node_uuids"] = master + nodes
    if work.only_looks():
        return
    repeat = work.params["repeat"]
    for turn in range(max(1, repeat)):
        if repeat:
            work.info(f"Test delay iteration {turn}/{repeat - 1}")
        await asyncio.sleep(work.params["duration"])
