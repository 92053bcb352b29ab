"""uvicorn inside our own accept loop. Is handed an ASGI application and knows no URI.

`run` is the way in; `Settings` and `Limits` say how. A request goes through `accept` (caps), `protocol` (one
connection), `exchange` (one request and its answer); `serving` is one process, `workers` several, `drain` the end.
`certificate` follows its files, `systemd` speaks to the service manager.
"""

from rapier.server.forwarded import Proxies
from rapier.server.refusals import REASONS
from rapier.server.run import run
from rapier.server.settings import ASGIApplication, Limit, Limits, Settings, table_of_limits
from rapier.server.systemd import ServiceManager, handed_over_sockets
from rapier.server.traffic import CONNECTION_STATES, LEFT, Traffic

__all__ = [
    "CONNECTION_STATES",
    "LEFT",
    "REASONS",
    "ASGIApplication",
    "Limit",
    "Limits",
    "Proxies",
    "ServiceManager",
    "Settings",
    "Traffic",
    "handed_over_sockets",
    "run",
    "table_of_limits",
]
