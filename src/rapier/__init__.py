"""Rapier: the Remote API for Ganeti clusters. `docs/architecture.md` says where a request goes."""

__version__ = "0.1.0"
