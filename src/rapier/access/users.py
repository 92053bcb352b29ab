"""A users file as a running daemon sees it: read at the start, and again when it has changed.

A file that is broken, unreadable or gone keeps what was read last, with an error in the log. A whole file with no
users is believed, but only after a moment: a writer that truncates first leaves such a file between its two steps.
`docs/decisions/0031-users-file.md` has the reasons.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rapier.access import ganeti_users, htpasswd
from rapier.access.following import Followed, read_regular
from rapier.access.htpasswd import Users
from rapier.access.rights import Rights
from rapier.errors import UsersFileError

log = logging.getLogger(__name__)

# A `stat` takes about 3 µs: with thousands of requests a second, one for each would be felt.
LOOKED_AT_EVERY_SECONDS = 0.005

_UNREADABLE_AGAIN_AFTER_SECONDS = 1.0
_EMPTY_BELIEVED_AFTER_SECONDS = 1.0


class Format(NamedTuple):
    """How a users file is written: who reads it, and what makes a user (`{path}` is the file's)."""

    parse: Callable[[bytes, str], Users]
    advice: str


HTPASSWD = Format(htpasswd.parse_users, "rapier passwd {path} USER")
GANETI = Format(ganeti_users.parse_users, "a line USER PASSWORD write in {path}")


class UsersFile:
    """The users of one file. `changed` is for the event loop, `reread` for a thread."""

    def __init__(self, path: str | Path, form: Format = HTPASSWD, *, may_lack_users: bool = False) -> None:
        """Read the file. Raises UsersFileError, whose text names the command that makes one.

        With `may_lack_users` it need name no user now, nor be fit to be read, nor even be there: then it counts as soon
        as it does.
        """
        self.path = str(path)
        self._form = form
        self._advice = form.advice.format(path=self.path)
        self._reading = threading.Lock()
        self._users = Users({}, {}, ())
        self._file = Followed(self.path)
        self._looked_at = 0.0
        self._complaint: str | None = None
        if may_lack_users and not os.path.exists(self.path):
            self._file.begin_reading()
            self._complain(f"there is no users file {self.path}: nobody is admitted by it until there is")
            return
        try:
            users = self._read()
        except UsersFileError as problem:
            if not may_lack_users:
                raise
            self._complain(f"{problem}. Nobody is admitted by it until it can be")
            return
        if not users.hashes and not may_lack_users:
            raise UsersFileError(f"users file {self.path} names no user. To add one: {self._advice}")
        self._take(users)

    @property
    def hashes(self) -> dict[str, str]:
        """Each user's hash by name."""
        return self._users.hashes

    @property
    def rights(self) -> dict[str, Rights]:
        """Each user's rights by name."""
        return self._users.rights

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
                self._complain(f"{problem}. Going on with the {len(self.hashes)} users read before", said_anew)
                return
            if not users.hashes and self._file.younger_than(_EMPTY_BELIEVED_AFTER_SECONDS):
                return
            self._take(users)

    def _read(self) -> Users:
        """The users in the file now."""
        self._file.begin_reading()
        try:
            content = read_regular(self.path)
        except OSError as problem:
            self._file.read_again_in(_UNREADABLE_AGAIN_AFTER_SECONDS)
            raise UsersFileError(
                f"users file {self.path} cannot be read: {problem.strerror}. To make one: {self._advice}"
            ) from problem
        return self._form.parse(content, self.path)

    def _take(self, users: Users) -> None:
        if self._complaint is not None:
            self._complaint = None
            log.info("users file %s can be read again", self.path)
        if users[:2] == self._users[:2]:
            return
        for remark in users.remarks:
            log.warning("%s", remark)
        self._users = users
        if self.hashes:
            log.info("users file %s read: %d users", self.path, len(self.hashes))
        else:
            log.warning("users file %s names no user any more: nobody is admitted", self.path)

    def _complain(self, complaint: str, said_anew: bool = False) -> None:
        """Say it once, not with each request."""
        if said_anew or complaint != self._complaint:
            self._complaint = complaint
            log.error("%s", complaint)
