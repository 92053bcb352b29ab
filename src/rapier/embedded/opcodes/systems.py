"""The operating systems that instances can be made with, and the opcode that lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rapier.embedded.refusals import WRONG_INPUT, failed, prereq
from rapier.embedded.work import Work

VARIANTS: Mapping[str, list[str]] = {"dummy": ["default"]}
API_VERSION = 20


def check_system(name: str, node: str, force_variant: bool) -> None:
    """Raises where no instance can be made with this operating system."""
    base, plus, variant = name.partition("+")
    problem = None
    if base not in VARIANTS:
        problem = f"Directory for OS {base} not found in search path"
    elif not plus:
        problem = f"OS name '{base}' must include a variant"
    elif variant not in VARIANTS[base] and not force_variant:
        problem = f"OS '{base}' does not support variant '{variant}'"
    if problem:
        raise failed(f"OS Parameters validation failed on node {node}: {problem}")


def check_parameters(name: str, node: str, given: Mapping[str, Any]) -> None:
    """Raises for any parameter: none of the operating systems takes one."""
    if given:
        raise failed(
            f"OS Parameters validation failed on node {node}: The following parameters are not supported by the OS "
            f"{name.partition('+')[0]}: {', '.join(given)}"
        )


def _on_nodes(work: Work, name: str) -> dict[str, Any]:
    row = [f"/srv/ganeti/os/{name}", True, "", VARIANTS[name], [], [API_VERSION], True]
    return {node.uuid: [row] for node in work.configuration.nodes if not node.offline and node.vm_capable}


def _of_variants(fact: str) -> Callable[[Work, str], Any]:
    """What the cluster keeps for single variants of a system."""

    def field(work: Work, name: str) -> dict[str, Any]:
        kept = work.configuration.cluster.facts[fact]
        whole = [f"{name}+{variant}" for variant in VARIANTS[name]]
        return {one: kept[one] for one in whole if one in kept}

    return field


FIELDS: Mapping[str, Callable[[Work, str], Any]] = {
    "name": lambda work, name: name,
    "variants": lambda work, name: VARIANTS[name],
    "valid": lambda work, name: True,
    "hidden": lambda work, name: name in work.configuration.cluster.facts["hidden_os"],
    "blacklisted": lambda work, name: name in work.configuration.cluster.facts["blacklisted_os"],
    "parameters": lambda work, name: [],
    "api_versions": lambda work, name: [API_VERSION],
    "trusted": lambda work, name: True,
    "node_status": _on_nodes,
    "os_hvp": _of_variants("os_hvp"),
    "osparams": _of_variants("osparams"),
}
_HIDING = ("hidden", "blacklisted")


async def diagnose(work: Work) -> list[list[Any]]:
    """OP_OS_DIAGNOSE: a row for each operating system.

    Hidden and blacklisted ones are left out, unless the field that tells them apart is asked for.
    """
    fields = work.params["output_fields"]
    if unknown := [name for name in fields if name not in FIELDS]:
        raise prereq(f"Unknown output fields selected: {', '.join(unknown)}", WRONG_INPUT)
    hiding = [field for field in _HIDING if field not in fields]
    names = [name for name in work.params["names"] or VARIANTS if name in VARIANTS]
    shown = [name for name in names if not any(FIELDS[field](work, name) for field in hiding)]
    return [[FIELDS[field](work, name) for field in fields] for name in shown]
