"""`rapier serve --ganeti`: in the place of ganeti-rapi, also to Ganeti's own programs.

`daemon-util`, which the init script, the watcher and a master's failover use, knows a daemon by its pid file and its
process's name, and takes its start for done when the command that starts it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rapier.cli import logs
from rapier.cli.configuration import level_of, load
from rapier.cli.takeover import SERVICE, found
from rapier.errors import ConfigurationError
from rapier.ganeti.paths import Paths
from rapier.observation.lines import open_log

log = logging.getLogger(__name__)

_PR_SET_NAME = 15  # prctl(2)


def serve(paths: Paths, config: Path | None, options: dict[str, Any], *, background: bool) -> int:
    """Serves as this node's files say, with `config` and `options` over them; the exit code.

    Raises ConfigurationError before anything is served, NotTheMaster among them.
    """
    in_the_files = found(paths, os.environ)
    if "LISTEN_FDS" in os.environ:  # systemd listens in our place (sd_listen_fds(3)), and says where
        in_the_files.values.pop("listen")
    configuration = load(config, options, in_the_files.values)
    lines, form = logs.set_up(
        configuration.log_format, level=level_of(configuration), file=paths.log if background else None
    )
    for remark in in_the_files.remarks:
        log.warning("%s", remark)
    if configuration.anonymous_reads:
        log.warning(
            "reads of version 2 need no password; --require-authentication among RAPI_ARGS in %s, or "
            "--no-anonymous-reads, changes that",
            paths.defaults,
        )
    # the slow part; not before, so that what is wrong is said at once
    from rapier.cli.daemon import start

    served = in_the_background(paths.log) if background else None

    def announce(urls: list[str]) -> None:
        logs.announce(urls)
        if served is not None:
            served()

    with held(paths.pid):
        # Ganeti starts luxid behind this one, and does not where this one has not started
        return start(configuration, lines, form, announce, nobody_is_enough=True)


@contextlib.contextmanager
def held(pid_file: Path) -> Iterator[None]:
    """Meanwhile this process is the one that the pid file names, and is called as stock's is.

    Raises ConfigurationError where another process has it, stock or Rapier: each locks it for as long as it runs.
    """
    ctypes.CDLL(None).prctl(_PR_SET_NAME, SERVICE.encode())
    try:
        descriptor = os.open(pid_file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        raise ConfigurationError(f"cannot write {pid_file}: {problem.strerror}") from None
    with open(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError(
                f"{pid_file} is held by process {file.read().strip() or 'unknown'}: end that first "
                f"(/usr/lib/ganeti/daemon-util stop {SERVICE})"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            pid_file.unlink(missing_ok=True)


def in_the_background(log_file: Path) -> Callable[[], None]:
    """Goes on in a process of its own, whose output goes to `log_file`; answers what is to be called when it serves.

    The process that was started ends only then, with 0; or, when the new one ends before that, with its exit code.
    """
    try:
        log = open_log(log_file)
    except OSError as problem:
        raise ConfigurationError(f"cannot write {log_file}: {problem.strerror}") from None
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        served = os.read(reading, 1)
        code = 0 if served else os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code:
            print(f"rapier ended with {code} before it served: see {log_file}", file=sys.stderr, flush=True)
        os._exit(code if code >= 0 else 1)
    os.close(reading)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(log)

    def serving() -> None:
        os.write(writing, b".")
        os.close(writing)

    return serving
