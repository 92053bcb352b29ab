"""Operating systems that instances can be made with, each variant by itself (`OP_OS_DIAGNOSE`)."""

from __future__ import annotations

from typing import Annotated, Literal

from rapier.ganeti.kinds.kind import Kind
from rapier.ganeti.members import Object, live

OS_DIAGNOSE = "OP_OS_DIAGNOSE"


class OperatingSystem(Object, kw_only=True):
    """What a creation may name as `os`."""

    kind: Literal["os"]
    name: Annotated[str, live("name")]


OS = Kind("os", "os", "name", OperatingSystem)
