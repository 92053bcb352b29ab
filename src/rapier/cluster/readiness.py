"""Whether the master can be asked, for strangers too: so it is found out at most once a second, however many ask."""

from __future__ import annotations

import asyncio

from rapier.errors import GanetiError, MasterError
from rapier.luxi.client import Luxi

PATIENCE_SECONDS = 1.0
GOOD_FOR_SECONDS = 1.0


class Readiness:
    """`await readiness()`: the master's answer to a probe that was begun at most two seconds ago."""

    def __init__(self, luxi: Luxi) -> None:
        self._luxi = luxi
        self._probe: asyncio.Task[bool] | None = None
        self._good_until = 0.0

    async def __call__(self) -> bool:
        """Takes no longer than `PATIENCE_SECONDS`."""
        loop = asyncio.get_running_loop()
        if self._probe is None or (self._probe.done() and loop.time() >= self._good_until):
            self._probe = loop.create_task(self._ask())
        # who leaves must not take the answer from the others
        return await asyncio.shield(self._probe)

    async def _ask(self) -> bool:
        try:
            await self._luxi.probe(PATIENCE_SECONDS)
        except (MasterError, GanetiError):
            return False
        else:
            return True
        finally:
            self._good_until = asyncio.get_running_loop().time() + GOOD_FOR_SECONDS

    async def close(self) -> None:
        """Ends a probe that is under way."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)
