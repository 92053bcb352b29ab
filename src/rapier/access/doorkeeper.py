"""The door: from an `Authorization` header and an address to a user's name, or to nothing.

A remembered password is known at once, on the event loop. Any other is compared with the user's hash in a thread, of
which there are few, behind a queue that is short; equal ones are compared once, and who failed often waits before.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from rapier.access.basic import Credentials, read_basic
from rapier.access.everyone import Everyone
from rapier.access.joint import JointWork
from rapier.access.remembered import RememberedPasswords
from rapier.access.rights import Rights
from rapier.access.schemes import matches
from rapier.access.slowing import Slowing, site_of
from rapier.errors import AccessBusy, AccessDenied

log = logging.getLogger(__name__)


class Doorkeeper:
    """Who may come in, by the users files. One for a process and its event loop; `close` it at the end."""

    def __init__(
        self,
        users: Everyone,
        *,
        remembered: RememberedPasswords | None = None,
        slowing: Slowing | None = None,
        workers: int = 2,
        tries_at_most: int = 1_000,
        compared_at_most: int = 64,
    ) -> None:
        self._users = users
        self._remembered = remembered or RememberedPasswords()
        self._slowing = slowing or Slowing()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="password")
        self._tries_at_most = tries_at_most
        self._compared_at_most = compared_at_most
        self._compared_of_site_at_most = max(1, compared_at_most // 4)
        self._compared_of_site: Counter[str] = Counter()
        self._rereading: JointWork[None] = JointWork()
        self._tries: JointWork[bool] = JointWork()
        self._comparing: JointWork[bool] = JointWork()
        self.compared = 0  # passwords, with a hash
        self.refused = 0  # tries with a password that was not good
        self.slowed = 0  # tries that had to wait before they were looked at
        self.turned_away = 0  # tries that were not looked at, since too many were

    def recall(self, authorization: bytes | str | None, address: str) -> str | None:
        """The user's name where the password is remembered; None means only that `admit` has to be asked.

        Takes less than 10 µs and never waits. A remembered password is good from any `address`.
        """
        given = read_basic(authorization)
        if given is None or self._users.changed() or not self._is_remembered(given):
            return None
        return given.user

    async def admit(self, authorization: bytes | str | None, address: str) -> str:
        """The user's name. `address` is the client's, for the slowing of guesses.

        Raises AccessDenied, and AccessBusy where too many passwords are being compared to look at this one.
        """
        given = read_basic(authorization)
        if given is None:
            raise AccessDenied("no user and password in HTTP Basic")
        if self._users.changed():
            await self._rereading.run(None, lambda: asyncio.to_thread(self._users.reread))
        if self._is_remembered(given):
            return given.user
        key = (self._digest(given), address)
        if len(self._tries) >= self._tries_at_most and key not in self._tries:
            self.turned_away += 1
            raise AccessBusy("too many passwords are being tried")
        if await self._tries.run(key, lambda: self._try(given, address)):
            return given.user
        raise AccessDenied(f"no user {given.user!r}, or another password")

    def rights_of(self, user: str) -> Rights:
        """What a user may do whom `recall` or `admit` has just named."""
        return self._users.rights_of(user)

    async def reread_users(self) -> None:
        """Reads the users files again, changed or not; what is wrong is said in the log, whether said before or not."""
        await asyncio.to_thread(self._users.reread, said_anew=True)

    def close(self) -> None:
        """End the threads; passwords that wait to be compared are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _try(self, given: Credentials, address: str) -> bool:
        """One try from one address: the wait that its forerunners have earned, then the comparing."""
        wait_seconds = self._slowing.begin(given.user, address)
        self.slowed += wait_seconds > 0
        await asyncio.sleep(wait_seconds)
        # Meanwhile somebody else may have shown the same password to be good.
        try:
            good = self._is_remembered(given) or await self._compare_within_bounds(given, address)
        except AccessBusy:
            self.turned_away += 1
            self._slowing.take_back(given.user, address)
            raise
        if good:
            self._slowing.take_back(given.user, address)
        else:
            self.refused += 1
            log.warning("password refused: user %.64r from %s", given.user, address)
        return good

    async def _compare_within_bounds(self, given: Credentials, address: str) -> bool:
        key = self._digest(given)
        site = site_of(address)  # a host that has a whole network of addresses must not count as many
        if key not in self._comparing and (
            len(self._comparing) >= self._compared_at_most
            # One site alone cannot keep all others out.
            or self._compared_of_site[site] >= self._compared_of_site_at_most
        ):
            raise AccessBusy("too many passwords are being compared")
        self._compared_of_site[site] += 1
        try:
            return await self._comparing.run(key, lambda: self._compare(given))
        finally:
            self._compared_of_site[site] -= 1
            if not self._compared_of_site[site]:
                del self._compared_of_site[site]

    async def _compare(self, given: Credentials) -> bool:
        stored = self._users.hash_of(given.user)
        against = self._users.decoy_for(given.user) if stored is None else stored
        self.compared += 1
        matched = await asyncio.get_running_loop().run_in_executor(self._threads, matches, against, given.password)
        # Compared with a hash that the users files have lost meanwhile, it is no longer good.
        if stored is None or not matched or self._users.hash_of(given.user) != stored:
            return False
        self._remembered.remember(given.user, self._remembered.digest(given.user, stored, given.password))
        return True

    def _is_remembered(self, given: Credentials) -> bool:
        stored = self._users.hash_of(given.user)
        return stored is not None and self._remembered.knows(
            given.user, self._remembered.digest(given.user, stored, given.password)
        )

    def _digest(self, given: Credentials) -> bytes:
        stored = self._users.hash_of(given.user) or self._users.decoy_for(given.user)
        return self._remembered.digest(given.user, stored, given.password)
