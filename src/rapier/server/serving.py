"""One process that serves: the application's life, the accept loop, the signals that end it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace

from uvicorn.config import Config
from uvicorn.lifespan.on import LifespanOn
from uvicorn.server import ServerState

from rapier.server.accept import Acceptor, Seats
from rapier.server.drain import drain
from rapier.server.forwarded import Proxies
from rapier.server.protocol import Connection, Shared
from rapier.server.refusals import Refusals
from rapier.server.settings import LARGEST, SIDE, ASGIApplication, Settings

log = logging.getLogger("rapier.server")


async def serve(
    make_app: Callable[[], ASGIApplication],
    settings: Settings,
    sockets: list[socket.socket],
    side_sockets: list[socket.socket],
    context: ssl.SSLContext | None,
    ready: Callable[[], None],
    parent: int | None = None,
) -> int:
    """Serves on `sockets` until SIGTERM or SIGINT; a second one ends it at once. The exit code.

    `ready` is called when connections are accepted. `parent` is a pipe's end that closes when the parent process is
    gone: a worker then ends as after SIGTERM.
    """
    loop = asyncio.get_running_loop()
    stop, hurry, draining = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def told_to_end() -> None:
        (hurry if stop.is_set() else stop).set()

    def orphaned() -> None:
        loop.remove_reader(parent)  # type: ignore[arg-type]
        stop.set()

    # A worker leaves SIGINT to its parent: Ctrl-C reaches both, and would count twice here.
    loop.add_signal_handler(signal.SIGINT, told_to_end if parent is None else lambda: None)
    loop.add_signal_handler(signal.SIGTERM, told_to_end)
    if parent is not None:
        loop.add_reader(parent, orphaned)

    config = Config(
        app=make_app(),
        interface="asgi3",
        loop="none",
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
    )
    config.load()
    lifespan = LifespanOn(config)
    lifespan.logger = log.getChild("lifespan")
    lifespan.logger.setLevel(logging.WARNING)  # what uvicorn says when all is well is of no use here
    lifespan.state["draining"] = draining
    await lifespan.startup()
    if lifespan.should_exit:
        return 1
    shared = Shared(
        loop=loop,
        config=config,
        server_state=ServerState(),
        app_state=lifespan.state,
        limits=settings.limits,
        error_body=settings.error_body,
        refusals=Refusals(loop, counted=settings.traffic.refused),
        traffic=settings.traffic,
        proxies=settings.proxies,
        behind=Seats(LARGEST, -(-settings.limits.connections_per_address // settings.workers)),
    )
    beside = replace(shared, app_state={**lifespan.state, SIDE: True}, proxies=Proxies())

    def acceptor_on(sockets: list[socket.socket], context: ssl.SSLContext | None, shared: Shared) -> Acceptor:
        return Acceptor(
            loop,
            sockets,
            context,
            lambda left: Connection(shared, left),
            settings.limits,
            settings.workers,
            shared.refusals,
            shared.proxies,
        )

    acceptor, side_acceptor = acceptor_on(sockets, context, shared), acceptor_on(side_sockets, None, beside)
    settings.traffic.watch(shared.connections, lambda: acceptor.in_handshake)
    acceptor.start()
    side_acceptor.start()
    ready()
    await stop.wait()
    await side_acceptor.stop()
    await drain(acceptor, shared, draining, hurry)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(settings.limits.shutdown_seconds):
            await lifespan.shutdown()
            log.info("ended")
            return 0
    log.warning("the application did not end in %g seconds", settings.limits.shutdown_seconds)
    return 0
