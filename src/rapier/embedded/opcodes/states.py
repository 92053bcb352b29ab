"""What is said of hypervisors and storage in place of what nodes tell: kept on cluster, groups and nodes.

No query of Ganeti's shows it.
"""

from __future__ import annotations

from typing import Any

from rapier.embedded.configuration import Configuration
from rapier.embedded.model import HasStates
from rapier.embedded.parameters import INTEGER, updated
from rapier.embedded.refusals import WRONG_INPUT, prereq

Params = dict[str, Any]

_HYPERVISOR = dict.fromkeys(("mem_total", "mem_node", "mem_hv", "cpu_total", "cpu_node"), INTEGER)
_STORAGE = dict.fromkeys(("disk_total", "disk_reserved", "disk_overhead"), INTEGER)
_STORAGE_TYPES = frozenset({"plain"})


def new_states(params: Params, configuration: Configuration, own: HasStates | None = None) -> Params:
    """`hv_state` and `disk_state` as they are to be, with what `own` has already. Raises Ganeti's errors."""
    hypervisors = configuration.cluster.facts["hvparams"]
    hv_state = {**own.hv_state} if own else {}
    disk_state = {**own.disk_state} if own else {}
    given = params.get("hv_state") or {}
    if unknown := [name for name in given if name not in hypervisors]:
        raise prereq(f"Invalid hypervisor(s) in hypervisor state: {', '.join(unknown)}", WRONG_INPUT)
    for hypervisor, values in given.items():
        hv_state[hypervisor] = updated(hv_state.get(hypervisor, {}), values, _HYPERVISOR)
    given = params.get("disk_state") or {}
    if unknown := [name for name in given if name not in _STORAGE_TYPES]:
        raise prereq(f"Invalid storage type(s) in disk state: {', '.join(unknown)}", WRONG_INPUT)
    for storage, by_name in given.items():
        now = disk_state.get(storage, {})
        disk_state[storage] = {
            **now,
            **{name: updated(now.get(name, {}), values, _STORAGE) for name, values in by_name.items()},
        }
    return {"hv_state": hv_state, "disk_state": disk_state}


def keep(edited: HasStates, states: Params) -> None:
    """The object has these from now on."""
    edited.hv_state, edited.disk_state = states["hv_state"], states["disk_state"]
