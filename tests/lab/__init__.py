"""A real Ganeti cluster on one Debian machine, for tests and benchmarks.

Ganeti's own virtual-cluster mode gives each node its own set of real daemons; its `fake` hypervisor boots nothing.
All of it lives in a network namespace of its own, so that several labs can stand side by side and none is seen from
outside.

    python -m lab up NAME        (from the folder tests/, as root on Debian)

`cluster.VirtualCluster` is the same for programs, `relay.Relay` a way to its ganeti-rapi from outside the namespace.
"""

from lab.cluster import VirtualCluster
from lab.machine import LabError, install_ganeti, why_unavailable, with_ganetis_python
from lab.relay import Relay

__all__ = ["LabError", "Relay", "VirtualCluster", "install_ganeti", "why_unavailable", "with_ganetis_python"]
