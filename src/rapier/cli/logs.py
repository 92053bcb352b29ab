"""How the daemon speaks: one readable line each, on standard error; with the id of the request that it is about."""

from __future__ import annotations

import logging
import logging.handlers
import sys
from pathlib import Path

from rapier.api.trace import RequestInLines
from rapier.errors import ConfigurationError

log = logging.getLogger("rapier")


def set_up(*, quiet: bool = False, file: Path | None = None) -> None:
    """Sends what `rapier` logs to standard error, or to `file`; only what went wrong, where it shall be quiet.

    A file that is renamed, as by logrotate, is made anew. Raises ConfigurationError where it cannot be written.
    """
    try:
        handler = logging.StreamHandler(sys.stderr) if file is None else logging.handlers.WatchedFileHandler(file)
    except OSError as problem:
        raise ConfigurationError(f"cannot write {file}: {problem.strerror}") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s%(request)s"))
    handler.addFilter(RequestInLines())
    log.addHandler(handler)
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    log.propagate = False


def announce(urls: list[str]) -> None:
    """Says where the daemon can be reached."""
    for url in urls:
        log.info("serving %s", url)
