"""Files that others may be reading while they are written: changed whole, by rename, or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


def replace_file(path: Path, content: bytes, mode: int | None = None) -> None:
    """Have `content` under `path`, on disk.

    A file that is there keeps its owner, and without `mode` its mode; a new one has 0600 then. Raises OSError, and then
    nothing has changed.
    """
    target = Path(os.path.realpath(path))  # a symbolic link stays one
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as file:
            with contextlib.suppress(FileNotFoundError):
                there = os.stat(target)
                os.fchown(descriptor, there.st_uid, there.st_gid)
                mode = there.st_mode & 0o7777 if mode is None else mode
            os.fchmod(descriptor, 0o600 if mode is None else mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.rename(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with _folder(target) as folder:
        os.fsync(folder)


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Nobody else who uses this changes files in the folder of `path` meanwhile.

    The lock is the folder's, since the file under the name is another one after each change.
    """
    with _folder(Path(os.path.realpath(path))) as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[int]:
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
