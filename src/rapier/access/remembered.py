"""Passwords that were found good a short time ago, as keyed digests. A password itself is never kept."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections import OrderedDict
from collections.abc import Callable


class RememberedPasswords:
    """One good password a user, for `seconds` after it was last compared; at most `users_at_most`."""

    def __init__(
        self, seconds: float = 60.0, users_at_most: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._users_at_most = users_at_most
        self._clock = clock
        self._key = os.urandom(32)
        self._remembered: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    def digest(self, user: str, stored: str, password: bytes) -> bytes:
        """Who, with which password, against which hash. No part holds a zero byte, so they cannot run together.

        The hash is part of it: with another hash in the users file the old password's digest is nobody's.
        """
        told = b"\0".join((user.encode(), stored.encode(), password))
        return hashlib.blake2b(told, key=self._key, digest_size=32).digest()

    def knows(self, user: str, digest: bytes) -> bool:
        """Whether this very password of the user was good a short time ago."""
        entry = self._remembered.get(user)
        return entry is not None and hmac.compare_digest(entry[0], digest) and self._clock() < entry[1]

    def remember(self, user: str, digest: bytes) -> None:
        """The user's password was compared just now, and is good."""
        self._remembered[user] = (digest, self._clock() + self._seconds)
        self._remembered.move_to_end(user)
        if len(self._remembered) > self._users_at_most:
            self._remembered.popitem(last=False)
