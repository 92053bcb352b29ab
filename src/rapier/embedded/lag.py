"""What queries show of the configuration: the newest state, or, on demand, one that is some time old.

Ganeti's luxid answers queries from a copy of its own, which follows the configuration with some delay.
"""

from __future__ import annotations

import time
from collections import deque

from rapier.embedded.configuration import Changes, Configuration


class Shown:
    """The configuration as queries show it: each change is seen `lag_seconds` after it was made.

    Jobs, the queue's switches, and what an opcode answers are never behind.
    """

    def __init__(self, configuration: Configuration, lag_seconds: float = 0.0) -> None:
        self._lag = lag_seconds
        self._shown = configuration
        self._to_come: deque[tuple[float, Changes]] = deque()  # when it is seen, on the monotonic clock
        if not lag_seconds:
            return
        self._shown = Configuration()
        for one in configuration:
            self._shown.put(one)
        configuration.listeners.append(self._take_note)

    def _take_note(self, changes: Changes) -> None:
        self._to_come.append((time.monotonic() + self._lag, changes))

    def now(self) -> Configuration:
        """What is to be seen at this moment."""
        while self._to_come and self._to_come[0][0] <= time.monotonic():
            self._shown.apply(self._to_come.popleft()[1])
        return self._shown
