"""The users file as a running daemon sees it: read at the start, and again when it has changed.

A file that is broken, unreadable or gone keeps what was read last, with an error in the log. A whole file with no
users is believed, but only after a moment: a writer that truncates first leaves such a file between its two steps.
`docs/decisions/0031-users-file.md` has the reasons.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from pathlib import Path

from rapier.access.following import Followed
from rapier.access.htpasswd import Users, parse_users
from rapier.errors import UsersFileError

log = logging.getLogger(__name__)

# A `stat` takes about 3 µs: with thousands of requests a second, one for each would be felt.
LOOKED_AT_EVERY_SECONDS = 0.005

_UNREADABLE_AGAIN_AFTER_SECONDS = 1.0
_EMPTY_BELIEVED_AFTER_SECONDS = 1.0

# What a name that nobody has is compared with where there is no user at all: a hash of random bytes that were not kept.
_NOBODY = "$2y$10$ptCG22XZckedR5Ow6DBYVeBNvLQvcoayC0IXGoEtTQPW0V9CkGmwe"


class UsersFile:
    """The users of one file. `changed` is for the event loop, `reread` for a thread."""

    def __init__(self, path: str | Path) -> None:
        """Read the file. Raises UsersFileError, whose text names the command that makes one."""
        self.path = str(path)
        self._reading = threading.Lock()
        self._decoy_key = os.urandom(32)
        self._hashes: dict[str, str] = {}
        self._decoys: list[str] = []
        self._file = Followed(self.path)
        self._looked_at = 0.0
        self._complaint: str | None = None
        users = self._read()
        if not users.hashes:
            raise UsersFileError(f"users file {self.path} names no user. To add one: rapier passwd {self.path} USER")
        self._take(users)

    def hash_of(self, user: str) -> str | None:
        """The user's hash; None for who is no user."""
        return self._hashes.get(user)

    def decoy_for(self, user: str) -> str:
        """A hash to compare in vain for a name that nobody has.

        It is some user's, always the same one for the same name, so that by the time it takes nobody can tell that
        name from a user's, whatever mix of schemes the file holds.
        """
        decoys = self._decoys
        if not decoys:
            return _NOBODY
        digest = hashlib.blake2b(user.encode(), key=self._decoy_key, digest_size=8).digest()
        return decoys[int.from_bytes(digest) % len(decoys)]

    def changed(self) -> bool:
        """Whether `reread` is due. The answer may be 5 ms old."""
        now = time.monotonic()
        if self._looked_at + LOOKED_AT_EVERY_SECONDS <= now:
            if self._file.changed():
                return True
            self._looked_at = now
        return False

    def reread(self, *, said_anew: bool = False) -> None:
        """Read the file again; keep what was read last where it cannot be used, and say so in the log.

        What was said before is said again only where it shall be `said_anew`: somebody has asked.
        """
        with self._reading:
            try:
                users = self._read()
            except UsersFileError as problem:
                self._complain(f"{problem}. Going on with the {len(self._hashes)} users read before", said_anew)
                return
            if not users.hashes and self._file.younger_than(_EMPTY_BELIEVED_AFTER_SECONDS):
                return
            self._take(users)

    def _read(self) -> Users:
        """The users in the file now."""
        self._file.begin_reading()
        try:
            content = Path(self.path).read_bytes()
        except OSError as problem:
            self._file.read_again_in(_UNREADABLE_AGAIN_AFTER_SECONDS)
            raise UsersFileError(
                f"users file {self.path} cannot be read: {problem.strerror}. "
                f"To make one: rapier passwd {self.path} USER"
            ) from problem
        return parse_users(content, self.path)

    def _take(self, users: Users) -> None:
        if self._complaint is not None:
            self._complaint = None
            log.info("users file %s can be read again", self.path)
        if users.hashes == self._hashes:
            return
        for remark in users.remarks:
            log.warning("%s", remark)
        self._hashes = users.hashes
        self._decoys = list(users.hashes.values())
        if self._hashes:
            log.info("users file %s read: %d users", self.path, len(self._hashes))
        else:
            log.warning("users file %s names no user any more: nobody is admitted", self.path)

    def _complain(self, complaint: str, said_anew: bool) -> None:
        """Say it once, not with each request."""
        if said_anew or complaint != self._complaint:
            self._complaint = complaint
            log.error("%s", complaint)
