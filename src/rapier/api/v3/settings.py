"""What version 3 is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from rapier.ganeti.kinds import KINDS, Kind
from rapier.representation.formats import default_registry
from rapier.representation.registry import Registry


@dataclass(frozen=True, eq=False)
class Settings:
    """`alias` is another name for the cluster in URIs.

    Who has kinds of objects or representations of their own adds them here: routes, description and pages follow.
    """

    alias: str | None = None
    demand_preconditions: bool = False
    longest_wait_seconds: int = 300
    kinds: tuple[Kind, ...] = KINDS
    representations: Registry = field(default_factory=default_registry)
