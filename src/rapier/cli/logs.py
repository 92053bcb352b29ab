"""How the daemon speaks: one readable line each, on standard error; with the id of the request that it is about."""

from __future__ import annotations

import logging
import sys

from rapier.api.trace import RequestInLines

log = logging.getLogger("rapier")


def set_up(*, quiet: bool = False) -> None:
    """Sends what `rapier` logs to standard error; only what went wrong, where it shall be quiet."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s%(request)s"))
    handler.addFilter(RequestInLines())
    log.addHandler(handler)
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    log.propagate = False


def announce(urls: list[str]) -> None:
    """Says where the daemon can be reached."""
    for url in urls:
        log.info("serving %s", url)
