"""Where what Rapier and its libraries say goes: one handler, to standard error, in the format that was chosen."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path

from rapier.errors import ConfigurationError
from rapier.observation.formats import Format, LogFormat, chosen
from rapier.observation.lines import Lines, open_log

log = logging.getLogger("rapier")


class _ToLines(logging.Handler):
    """Makes a line of each record."""

    def __init__(self, lines: Lines, form: Format) -> None:
        super().__init__()
        self._lines = lines
        self._form = form

    def createLock(self) -> None:
        self.lock = None  # `Lines` needs none, and a fork finds none held

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.write(self._form.record(record))
        except Exception:
            self.handleError(record)


def set_up(
    form: LogFormat = LogFormat.TEXT, *, level: int = logging.INFO, file: Path | None = None
) -> tuple[Lines, Format]:
    """Sends what Rapier says, and warnings of its libraries, to standard error, or to a file that may be renamed.

    For whom has lines of another kind: where they go, and how they look. Raises ConfigurationError where the file
    cannot be written.
    """
    _occupy_standard_streams()
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115 (as long as the process)
    format_ = chosen(LogFormat.JSON if form is LogFormat.AUTO and file is not None else form)

    def dropped(count: int) -> bytes:
        text = f"{count} lines of the log were dropped: they could not be written in time"
        return format_.record(logging.LogRecord("rapier", logging.WARNING, __file__, 0, text, (), None))

    try:
        lines = Lines(2, dropped) if file is None else Lines(open_log(file), dropped, file)
    except OSError as problem:
        raise ConfigurationError(f"cannot write {file}: {problem.strerror}") from None
    root = logging.getLogger()
    root.addHandler(_ToLines(lines, format_))
    root.setLevel(max(level, logging.WARNING))
    log.setLevel(level)
    logging.captureWarnings(True)
    return lines, format_


def _occupy_standard_streams() -> None:
    """Opens nothing where a standard stream is closed, or the next socket would get its number, and our lines."""
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            os.fstat(descriptor)
            continue
        os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
