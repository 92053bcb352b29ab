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

from rapier.server.accept import Acceptor
from rapier.server.certificate import Certificate
from rapier.server.drain import drain
from rapier.server.forwarded import Proxies
from rapier.server.overseer import Overseer
from rapier.server.protocol import Connection, Shared
from rapier.server.refusals import Refusals
from rapier.server.reloading import REREAD_ON_HANGUP, Reread, reread_when_told
from rapier.server.seats import Seats, Tallies, Tally
from rapier.server.settings import LARGEST, SIDE, ASGIApplication, Settings

log = logging.getLogger("rapier.server")

# A worker is born with these blocked, until it can take them: none is lost, and none ends it without a word.
HURRY = signal.SIGUSR1  # from the parent: end at once
HELD_BACK = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, HURRY})


async def serve(
    make_app: Callable[[], ASGIApplication],
    settings: Settings,
    sockets: list[socket.socket],
    side_sockets: list[socket.socket],
    certificate: Certificate | None,
    tallies: Tallies,
    overseer: Overseer,
    alive_every_seconds: float,
    parent: int | None = None,
) -> int:
    """Serves on `sockets` until SIGTERM or SIGINT; a second one ends it at once. The exit code.

    `certificate` is None for plain HTTP, `tallies` count over all workers. `parent` is a pipe's end that
    closes when the parent process is gone: a worker then ends as after SIGTERM.
    """
    loop = asyncio.get_running_loop()
    stop, hurry, draining, hangup = asyncio.Event(), asyncio.Event(), asyncio.Event(), asyncio.Event()

    def told_to_end() -> None:
        (hurry if stop.is_set() else stop).set()

    def told_to_hurry() -> None:
        stop.set()
        hurry.set()

    def orphaned() -> None:
        loop.remove_reader(parent)  # type: ignore[arg-type]
        stop.set()

    def hung_up(*_: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(hangup.set)

    if parent is None:
        loop.add_signal_handler(signal.SIGINT, told_to_end)
        loop.add_signal_handler(signal.SIGTERM, told_to_end)
    else:
        # Ctrl-C, and a service manager's SIGTERM to all of a group, reach the parent too: here they would count twice.
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.add_signal_handler(HURRY, told_to_hurry)
    if settings.hangup_rereads:
        # Not the loop's own handler: when the loop is closed it would have SIGHUP end us, in the middle of our end.
        signal.signal(signal.SIGHUP, hung_up)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)  # what a worker was sent since it was born arrives now
    if parent is not None:
        loop.add_reader(parent, orphaned)
    _say_alive(loop, overseer, alive_every_seconds)

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
    others: list[Reread] = []
    lifespan.state[REREAD_ON_HANGUP] = others
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
        behind=Seats(LARGEST, settings.limits.connections_per_address, tallies.requests),
    )
    beside = replace(shared, app_state={**lifespan.state, SIDE: True}, proxies=Proxies())
    if certificate is not None:
        certificate.look()  # it may have changed since the parent loaded it

    def acceptor_on(
        sockets: list[socket.socket], context: Callable[[], ssl.SSLContext | None], shared: Shared, tally: Tally | None
    ) -> Acceptor:
        limits = settings.limits
        return Acceptor(
            loop,
            sockets,
            context,
            lambda left: Connection(shared, left),
            limits,
            settings.workers,
            Seats(limits.connections, limits.connections_per_address, tally),
            shared.refusals,
            shared.proxies,
        )

    acceptor = acceptor_on(sockets, lambda: certificate.context if certificate else None, shared, tallies.connections)
    side_acceptor = acceptor_on(side_sockets, lambda: None, beside, None)
    settings.traffic.watch(shared.connections, lambda: acceptor.in_handshake)
    acceptor.start()
    side_acceptor.start()
    overseer.ready()
    async with asyncio.TaskGroup() as meanwhile:
        following = [meanwhile.create_task(reread_when_told(hangup, certificate, others, overseer))]
        if certificate is not None:
            following.append(meanwhile.create_task(certificate.follow(overseer.certificate_taken)))
        await stop.wait()
        for task in following:
            task.cancel()
    overseer.ending()
    await side_acceptor.stop()
    await drain(acceptor, shared, draining, hurry)
    if settings.hangup_rereads:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(settings.limits.shutdown_seconds):
            await lifespan.shutdown()
            log.info("ended")
            return 0
    log.warning("the application did not end in %g seconds", settings.limits.shutdown_seconds)
    return 0


def _say_alive(loop: asyncio.AbstractEventLoop, overseer: Overseer, every_seconds: float) -> None:
    """Tells the overseer that the loop turns, as long as it does."""
    overseer.alive()
    loop.call_later(every_seconds, _say_alive, loop, overseer, every_seconds)
