"""The front: everything that can be wrong is found before the first connection, then one process or several serve."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import math
import resource
from collections.abc import Callable

import uvloop

from rapier.errors import ConfigurationError
from rapier.server import listeners
from rapier.server.certificate import Certificate
from rapier.server.overseer import Outside, Overseer
from rapier.server.seats import Tallies, Tally
from rapier.server.serving import serve
from rapier.server.settings import ASGIApplication, Settings
from rapier.server.systemd import NOBODY, ServiceManager
from rapier.server.tls import ADVICE
from rapier.server.workers import Workers

log = logging.getLogger("rapier.server")

WORKERS_GRACE_SECONDS = 2.0  # for workers whose own time is over; then they are killed

OTHER_FILES = 200  # file descriptors that are not a client's: LUXI connections, listening sockets, logs


def run(
    make_app: Callable[[], ASGIApplication],
    settings: Settings,
    announce: Callable[[list[str]], None],
    manager: ServiceManager = NOBODY,
) -> int:
    """Serves until SIGTERM or SIGINT; the exit code.

    `make_app` is called once in each process that serves; `announce` once, with the URLs, when all of them serve.
    Raises ConfigurationError (CertificateError) before anything is served.
    """
    if settings.workers < 1:
        raise ConfigurationError(f"there must be at least one worker, not {settings.workers}")
    if settings.certificate is None and not settings.insecure_http:
        raise ConfigurationError(f"there is no certificate; {ADVICE}")
    certificate = None
    if settings.certificate is not None and not settings.insecure_http:
        certificate = Certificate(settings.certificate, settings.key)
    _room_for(settings.limits.connections + OTHER_FILES)  # one worker may have them all
    tallies = Tallies(Tally(settings.workers), Tally(settings.workers))
    sockets = listeners.listening_sockets(settings)
    urls = listeners.urls(settings, sockets)
    outside = Outside(lambda: announce(urls), f"Serving {', '.join(urls)}", manager)
    # Half of the service manager's patience: a worker that hangs is replaced before all of us are ended for it.
    silence_seconds = min(settings.limits.silent_worker_seconds, (manager.watchdog_seconds or math.inf) / 2)
    alive_every_seconds = silence_seconds / 4
    # A process that a watchdog ends with SIGABRT says where it hung.
    faulthandler.enable()

    with contextlib.ExitStack() as opened:
        for sock in sockets:
            opened.enter_context(sock)
        side = [opened.enter_context(listeners.listening(*at, settings.limits)) for at in settings.side]

        def work(overseer: Overseer, parent: int | None) -> int:
            serving = serve(
                make_app, settings, sockets, side, certificate, tallies, overseer, alive_every_seconds, parent
            )
            with settings.in_each_process():
                return _in_a_loop(serving)

        for url in listeners.side_urls(side):
            log.info("metrics and health, without a password: %s", url)
        if settings.workers == 1:
            return work(outside, None)
        # One certificate for all: the ticket keys are then the same, and a client resumes its session with any of them.
        return Workers(
            settings.workers,
            work,
            outside,
            certificate.look if certificate else lambda: None,
            opened.close,
            silence_seconds=silence_seconds,
            patience_seconds=settings.limits.drain_seconds + settings.limits.shutdown_seconds + WORKERS_GRACE_SECONDS,
        ).run()


def _in_a_loop(serving: object) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serving)  # type: ignore[arg-type]


def _room_for(files: int) -> None:
    """Lets this process (and its workers) open that many files, or says that it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files if hard == resource.RLIM_INFINITY else min(files, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < files:
        log.warning("at most %d files may be open, so fewer connections than the limit are possible", wanted)
