"""The end: requests in work are answered, everything else is let go, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import logging

from rapier.server.accept import Acceptor
from rapier.server.protocol import Shared

log = logging.getLogger("rapier.server")

LOOK_EVERY_SECONDS = 0.02


async def drain(acceptor: Acceptor, shared: Shared, draining: asyncio.Event, hurry: asyncio.Event) -> None:
    """Returns when every connection has ended and every request was answered, or was cut because time was up.

    `draining` tells the application, so that long polls end with what they know. `hurry` cuts the wait short.
    """
    await acceptor.stop()
    tasks = shared.server_state.tasks
    log.info("ending: %d connections, %d requests in work", len(shared.connections), len(tasks))
    draining.set()
    for connection in list(shared.connections):
        connection.drain()
    loop = asyncio.get_running_loop()
    until = loop.time() + shared.limits.drain_seconds
    # uvicorn's two sets tell nobody when they are empty, so they are looked at.
    while (shared.connections or tasks) and loop.time() < until and not hurry.is_set():  # noqa: ASYNC110
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    if tasks or shared.connections:
        log.warning("%d requests and %d connections were cut", len(tasks), len(shared.connections))
        for connection in list(shared.connections):
            connection.transport.abort()
        for task in list(tasks):
            task.cancel()
        if tasks:
            # not for ever: one of the application's may not take its cancellation as its end
            await asyncio.wait(list(tasks), timeout=shared.limits.shutdown_seconds)
