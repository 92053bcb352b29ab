"""The front: everything that can be wrong is found before the first connection, then one process or several serve."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
from collections.abc import Callable

import uvloop

from rapier.errors import ConfigurationError
from rapier.server import listeners
from rapier.server.serving import serve
from rapier.server.settings import ASGIApplication, Settings
from rapier.server.tls import ADVICE, server_context
from rapier.server.workers import Workers

log = logging.getLogger("rapier.server")

WORKERS_GRACE_SECONDS = 1.0  # for workers whose own time is over; then they are killed

OTHER_FILES = 200  # file descriptors that are not a client's: LUXI connections, listening sockets, logs


def run(make_app: Callable[[], ASGIApplication], settings: Settings, announce: Callable[[list[str]], None]) -> int:
    """Serves until SIGTERM or SIGINT; the exit code.

    `make_app` is called once in each process that serves; `announce` once, with the URLs, when all of them serve.
    Raises ConfigurationError (CertificateError) before anything is served.
    """
    if settings.workers < 1:
        raise ConfigurationError(f"there must be at least one worker, not {settings.workers}")
    if settings.certificate is None and not settings.insecure_http:
        raise ConfigurationError(f"there is no certificate; {ADVICE}")
    context = None
    if settings.certificate is not None and not settings.insecure_http:
        context = server_context(settings.certificate, settings.key)
    _room_for(-(-settings.limits.connections // settings.workers) + OTHER_FILES)
    sockets = listeners.listening_sockets(settings)
    urls = listeners.urls(settings, sockets)
    with contextlib.ExitStack() as opened:
        for sock in sockets:
            opened.enter_context(sock)
        side = [opened.enter_context(listeners.listening(*at, settings.limits)) for at in settings.side]

        def work(ready: Callable[[], None], parent: int | None = None) -> int:
            with settings.in_each_process():
                return _in_a_loop(serve(make_app, settings, sockets, side, context, ready, parent))

        for url in listeners.side_urls(side):
            log.info("metrics and health, without a password: %s", url)
        if settings.workers == 1:
            return work(lambda: announce(urls))
        patience_seconds = settings.limits.drain_seconds + settings.limits.shutdown_seconds + WORKERS_GRACE_SECONDS
        # One context for all: its ticket keys are then the same, and a client resumes its session with any of them.
        return Workers(
            settings.workers,
            work,
            lambda: announce(urls),
            opened.close,
            patience_seconds,
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
