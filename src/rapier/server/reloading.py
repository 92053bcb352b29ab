"""SIGHUP: the certificate is read again, and what the application has told us to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from rapier.server.certificate import Certificate
from rapier.server.overseer import Overseer

log = logging.getLogger("rapier.server")

# In the lifespan's `state`: a list to which the application may add functions to be awaited after SIGHUP.
REREAD_ON_HANGUP = "reread_on_hangup"

Reread = Callable[[], Awaitable[None]]


async def reread_when_told(
    told: asyncio.Event, certificate: Certificate | None, others: list[Reread], overseer: Overseer
) -> None:
    """Reads again, for ever, each time that `told` is set. Nothing that goes wrong here ends the daemon."""
    while True:
        await told.wait()
        told.clear()
        overseer.rereading()
        ends = await asyncio.gather(
            _certificate(certificate, overseer), *(reread() for reread in others), return_exceptions=True
        )
        for end in ends:
            if isinstance(end, Exception):
                log.error("something could not be read again", exc_info=end)
        log.info("read again after SIGHUP: certificate and users")
        overseer.reread()


async def _certificate(certificate: Certificate | None, overseer: Overseer) -> None:
    if certificate is not None and await certificate.reread(said_anew=True):
        overseer.certificate_taken()
