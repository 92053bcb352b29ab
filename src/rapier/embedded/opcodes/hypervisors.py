"""The cluster's hypervisors, and their parameters for all instances or for those with an operating system.

Neither KVM nor Xen is installed on the nodes, as on the cluster that the texts were read off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rapier.embedded.parameters import check_types, readings_of_any
from rapier.embedded.refusals import failed, generic
from rapier.embedded.work import Work

Params = dict[str, Any]

# The parameter that names a file of the hypervisor, where the nodes do not have that
_MISSING: Mapping[str, str] = {"kvm": "kvm_path", "xen-pvm": "kernel_path", "xen-hvm": "kernel_path"}


def change(work: Work, facts: Params) -> None:
    """`hvparams`, `enabled_hypervisors` and `os_hvp` of OP_CLUSTER_SET_PARAMS. Raises Ganeti's errors."""
    params, hvparams = work.params, facts["hvparams"]
    given, enabled = params.get("hvparams") or {}, params.get("enabled_hypervisors")
    for hypervisor in [*given, *(enabled or ())]:
        whole = {**hvparams.get(hypervisor, {}), **given.get(hypervisor, {})}
        hvparams[hypervisor] = _checked(work, hypervisor, whole)
    if params.get("os_hvp"):
        facts["os_hvp"] = _of_systems(work, facts["os_hvp"], params["os_hvp"])
    if enabled is not None:
        facts["enabled_hypervisors"] = enabled
        facts["default_hypervisor"] = next(iter(enabled), facts["default_hypervisor"])


def _of_systems(work: Work, own: Params, given: Params) -> Params:
    """By operating system and hypervisor; null takes a hypervisor's parameters away."""
    for system, by_hypervisor in given.items():
        now = own.setdefault(system, {})
        for hypervisor, values in by_hypervisor.items():
            now[hypervisor] = None if values is None else {**(now.get(hypervisor) or {}), **values}
    return {
        system: kept
        for system, now in own.items()
        if (kept := {name: _checked(work, name, values) for name, values in now.items() if values is not None})
    }


def _checked(work: Work, hypervisor: str, values: Params) -> Params:
    known = work.configuration.cluster.facts["hvparams"]
    if hypervisor not in known:
        raise generic("HypervisorError", f"Unknown hypervisor type '{hypervisor}'")
    values = check_types(values, readings_of_any(known))
    for name in values:
        if name not in known[hypervisor]:
            raise generic("HypervisorError", f"Parameter '{name}' is not supported")
    if hypervisor in _MISSING:
        node, name = next(iter(work.configuration.nodes)), _MISSING[hypervisor]
        value = values.get(name, known[hypervisor][name])
        raise failed(
            f"Hypervisor parameter validation failed on node {node.name}: Parameter '{name}' fails validation: not "
            f"found or not a file (current value: '{value}')"
        )
    return values
