"""uvicorn inside our own accept loop. Is handed an ASGI application and knows no URI.

`run` is the way in; `Settings` and `Limits` say how. A request goes through `accept` (caps), `protocol` (one
connection), `exchange` (one request and its answer); `serving` is one process, `workers` several, `drain` the end.
`certificate` follows its files, `systemd` speaks to the service manager.
"""

from rapier.server.run import run
from rapier.server.settings import ASGIApplication, Limit, Limits, Settings, table_of_limits
from rapier.server.systemd import ServiceManager, handed_over_sockets

__all__ = [
    "ASGIApplication",
    "Limit",
    "Limits",
    "ServiceManager",
    "Settings",
    "handed_over_sockets",
    "run",
    "table_of_limits",
]
