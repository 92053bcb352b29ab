"""Who caused a job, as elements of its reason trail: the user, and the request's id. `gnt-job info` shows them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from starlette.types import Scope

TrailElement = tuple[str, str, int]  # source, text, nanoseconds since 1970


@dataclass(frozen=True, slots=True)
class Cause:
    """The user and the request behind a job. There before anything of a version of the API is called."""

    user: str  # empty: a read without credentials
    request_id: str

    def trail(self) -> list[TrailElement]:
        """One element for each, to be put behind the ones that the version has of its own."""
        now = time.time_ns()
        user = [("rapier:user", self.user, now)] if self.user else []
        return [*user, ("rapier:request", self.request_id, now)]


def cause_of(scope: Scope) -> Cause:
    """Who asked, and the request's id. Only where the request was let in."""
    return Cause(scope["state"]["user"], scope["state"]["request_id"])
