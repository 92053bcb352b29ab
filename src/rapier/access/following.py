"""Files that a running daemon follows: whether they have changed since they were read.

Renames, writing in place and swapped symbolic links (Kubernetes, certbot) are seen alike, since each leads the name to
other stamps. Nothing has to tell us: no inotify, which some network mounts do not have.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path
from typing import NamedTuple

# A file that changes twice within one tick of the clock that stamps it looks the same after both. So a file that was
# young when it was read is read again, until it is old enough for its stamps to be trusted; some file systems stamp
# whole seconds.
STAMPS_TRUSTED_AFTER_SECONDS = 2.0
_UNTRUSTED_AGAIN_AFTER_SECONDS = 0.05


class Stamps(NamedTuple):
    """What `stat` says of a file; another file under the same name, or another content, has others."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class Followed:
    """Some files. Whoever reads them says `begin_reading` before, and reads them again when they have `changed`."""

    def __init__(self, *paths: str | Path) -> None:
        self._paths = [os.fspath(path) for path in paths]
        self.stamps: list[Stamps | None] = []  # as they were when reading began; None for a file that was not there
        self._again_at: float | None = None

    def begin_reading(self) -> None:
        """The files are about to be read. Their stamps are taken before: a change meanwhile shows afterwards."""
        self.stamps = self._stamped()
        young = self.younger_than(STAMPS_TRUSTED_AFTER_SECONDS)
        self._again_at = time.monotonic() + _UNTRUSTED_AGAIN_AFTER_SECONDS if young else None

    def read_again_in(self, seconds: float) -> None:
        """Have them count as changed after that time, whatever happens to them."""
        self._again_at = time.monotonic() + seconds

    def changed(self) -> bool:
        """Whether they are to be read again. Takes a `stat` for each, about 3 µs."""
        return (self._again_at is not None and self._again_at <= time.monotonic()) or self._stamped() != self.stamps

    def younger_than(self, seconds: float) -> bool:
        """Whether a file had changed less than `seconds` ago; no, for one that the clock calls far in the future."""
        now = time.time()
        return any(stamps and abs(now - stamps.changed_ns / 1e9) < seconds for stamps in self.stamps)

    def _stamped(self) -> list[Stamps | None]:
        return [_stamps_of(path) for path in self._paths]


def read_regular(path: str | Path) -> bytes:
    """What is in a file. Raises OSError, also for what is no regular file: a pipe would be waited for, for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return file.read()


def _stamps_of(path: str) -> Stamps | None:
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return Stamps(seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
