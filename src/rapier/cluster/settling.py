"""How long luxid's answers may lag behind the configuration after a job's end, on this cluster.

luxid reads the configuration anew after each change of it: milliseconds on a small cluster, more than a second with
thousands of instances, and no answer tells which state it is of. So the time is measured where a change is expected:
after a guarded write's job, from the job's end until a reading that shows the object changed began, with readings that
showed it as it was before that one. A change that is still looked for counts with the time that it has taken so far.
"""

from __future__ import annotations

from collections import deque

FIRST_SECONDS = 2.0  # until enough has been seen
ENOUGH = 10
KEPT = 100
MARGIN = 3.0
LEAST_SECONDS = 0.5
MOST_SECONDS = 30.0


class Settling:
    """The settle time: `FIRST_SECONDS`, and after some samples the longest of the newest ones with a margin."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=KEPT)
        self._waited_for = 0.0

    def take(self, seconds: float) -> None:
        """One change was seen this long after its job's end."""
        self._samples.append(max(0.0, seconds))

    def wait_for(self, seconds: float) -> None:
        """A change is not shown so long after its job's end; 0: none is looked for."""
        self._waited_for = seconds

    @property
    def seconds(self) -> float:
        """How long after a job's end a reading may still be old."""
        longest = max(self._waited_for, *self._samples, 0.0) * MARGIN
        # A long one counts at once, short ones only when there are many
        least = LEAST_SECONDS if len(self._samples) >= ENOUGH else FIRST_SECONDS
        return min(max(longest, least), MOST_SECONDS)
