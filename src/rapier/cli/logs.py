"""How the daemon speaks."""

from __future__ import annotations

import logging

from rapier.observation.logs import set_up

__all__ = ["announce", "set_up"]

log = logging.getLogger("rapier")


def announce(urls: list[str]) -> None:
    """Says where the daemon can be reached."""
    for url in urls:
        log.info("serving %s", url)
