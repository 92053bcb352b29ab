"""How the daemon speaks: one readable line each, on standard error."""

from __future__ import annotations

import logging
import sys

log = logging.getLogger("rapier")


def set_up() -> None:
    """Sends what `rapier` logs to standard error. systemd's journal stamps the time by itself."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def announce(urls: list[str]) -> None:
    """Says where the daemon can be reached."""
    for url in urls:
        log.info("serving %s", url)
