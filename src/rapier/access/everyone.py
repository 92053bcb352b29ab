"""The users of all users files together.

A name that several files hold is the first one's alone: so nobody has two passwords, and a clear-text line of the stock
file is no second way in for somebody who was given a hash. `docs/decisions/0037-stock-users.md` has the reasons.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence

from rapier.access.rights import NONE, Rights
from rapier.access.users import UsersFile

log = logging.getLogger(__name__)

# What a name that nobody has is compared with where there is no user at all: a hash of random bytes that were not kept.
_NOBODY = "$2y$10$ptCG22XZckedR5Ow6DBYVeBNvLQvcoayC0IXGoEtTQPW0V9CkGmwe"


class Everyone:
    """The users of `files`, of which the first that holds a name counts. `changed` is for the event loop, `reread` for
    a thread."""

    def __init__(self, files: Sequence[UsersFile]) -> None:
        self._files = files
        self._decoy_key = os.urandom(32)
        self._in_several: frozenset[str] = frozenset()
        self._remark()

    def hash_of(self, user: str) -> str | None:
        """The user's hash; None for who is no user."""
        return next((file.hashes[user] for file in self._files if user in file.hashes), None)

    def rights_of(self, user: str) -> Rights:
        """What the user may do; nothing, for who is no user."""
        return next((file.rights[user] for file in self._files if user in file.rights), NONE)

    def decoy_for(self, user: str) -> str:
        """A hash to compare in vain for a name that nobody has.

        It is some user's, always the same one for the same name, so that by the time it takes nobody can tell that
        name from a user's, whatever mix of schemes the files hold.
        """
        decoys = [stored for file in self._files for stored in file.hashes.values()]
        if not decoys:
            return _NOBODY
        digest = hashlib.blake2b(user.encode(), key=self._decoy_key, digest_size=8).digest()
        return decoys[int.from_bytes(digest) % len(decoys)]

    def changed(self) -> bool:
        """Whether `reread` is due. The answer may be 5 ms old."""
        return any(file.changed() for file in self._files)

    def reread(self, *, said_anew: bool = False) -> None:
        """Read again what has changed; or all, and say again what is wrong, where it shall be `said_anew`."""
        for file in self._files:
            if said_anew or file.changed():
                file.reread(said_anew=said_anew)
        self._remark()

    def _remark(self) -> None:
        """Say of each name that comes to be in several files which line counts."""
        seen: dict[str, str] = {}
        several = set()
        for file in self._files:
            for user in file.hashes:
                if user not in seen:
                    seen[user] = file.path
                    continue
                several.add(user)
                if user not in self._in_several:
                    log.warning("user %r is in %s and in %s: only the first counts", user, seen[user], file.path)
        self._in_several = frozenset(several)
