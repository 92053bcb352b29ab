"""The formats that Rapier itself brings."""

from __future__ import annotations

from rapier.representation.json import JSON
from rapier.representation.registry import Registry
from rapier.representation.xml import XML


def default_registry() -> Registry:
    """JSON, which is the default, and XML. A new one each time: whoever registers a format changes nobody else's."""
    return Registry(JSON, XML)
