"""What a job of Ganeti's can be, and where its life ends (gnt-job(8))."""

from __future__ import annotations

QUEUED = "queued"
WAITING = "waiting"
CANCELING = "canceling"
RUNNING = "running"
CANCELED = "canceled"
SUCCESS = "success"
ERROR = "error"

PENDING = frozenset({QUEUED, WAITING, CANCELING})
FINISHED = frozenset({CANCELED, SUCCESS, ERROR})
STATUSES = PENDING | {RUNNING} | FINISHED
