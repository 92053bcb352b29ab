"""Instance policies: what of one may be set on the cluster or on a group, and the policy that comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rapier.embedded.configuration import Configuration
from rapier.embedded.model import NodeGroup
from rapier.embedded.refusals import WRONG_INPUT, prereq

_RATIOS = ("spindle-ratio", "vcpu-ratio")
_MEMBERS = ("minmax", "std", "disk-templates", *_RATIOS)
SPECS = ("memory-size", "cpu-count", "disk-count", "disk-size", "nic-count", "spindle-use")

Policy = dict[str, Any]


def updated_policy(configuration: Configuration, own: Policy, given: Policy, *, of_group: bool) -> Policy:
    """The policy that the cluster or a group has of its own when `given` is set; "default" takes what is inherited.

    Raises Ganeti's errors.
    """
    if unknown := sorted(given.keys() - {*_MEMBERS}):
        raise prereq(f"Invalid key in new ipolicy: {', '.join(unknown)}", WRONG_INPUT)
    policy = {**own}
    for name, value in given.items():
        if not value or value in ("default", ["default"]):  # 0 as well, as in Ganeti
            if not of_group:
                raise prereq(f"Can't unset ipolicy attribute '{name}' on the cluster'", WRONG_INPUT)
            policy.pop(name, None)
        elif name == "std":
            if of_group:
                raise prereq("std cannot appear in group instance specs", WRONG_INPUT)
            policy["std"] = {**policy.get("std", {}), **value}
        else:
            policy[name] = value
    check_policy_words(configuration, policy)
    return policy


def check_policy(
    configuration: Configuration,
    group: NodeGroup,
    in_force: Mapping[str, Any],
    template: str,
    disks: Sequence[int],
    nics: int,
    *,
    least_memory_too: bool = False,
) -> None:
    """Raises where an instance with such beparams, disks (MiB each) and so many interfaces may not be in the group.

    Of the beparams only those count that `in_force` holds; `minmem` only with `least_memory_too`.
    """
    memories = ("maxmem", "minmem") if least_memory_too else ("maxmem",)
    values = [
        *(("memory-size", in_force.get(name)) for name in memories),
        ("cpu-count", in_force.get("vcpus")),
        ("nic-count", nics),
        ("spindle-use", in_force.get("spindle_use")),
    ]
    if found := violations(configuration.ipolicy(group), template, disks, values):
        text = f"Instance allocation to group {group.uuid} ({group.name}) violates policy: {', '.join(found)}"
        raise prereq(text, WRONG_INPUT)


def violations(
    policy: Policy, template: str, disks: Sequence[int], others: Sequence[tuple[str, int | None]] = ()
) -> list[str]:
    """What of an instance with such disks (MiB each) the policy forbids; the kindest of its bounds count."""
    values = [*others, *((f"disk-size/{index}", size) for index, size in enumerate(disks))]
    if disks:
        values.append(("disk-count", len(disks)))
    allowed = policy["disk-templates"]
    wrong = []
    if template not in allowed:
        colon = ":" if disks else ""  # Ganeti says it in two places
        wrong.append(f"Disk template {template} is not allowed (allowed templates{colon} {', '.join(allowed)})")
    return wrong + min((_out_of_bounds(bounds, values) for bounds in policy["minmax"]), key=len)


def _out_of_bounds(bounds: Policy, values: Sequence[tuple[str, int | None]]) -> list[str]:
    wrong = []
    for name, value in values:
        if value is None:
            continue
        spec = name.partition("/")[0]
        lowest, highest = bounds["min"][spec], bounds["max"][spec]
        if not lowest <= value <= highest:
            wrong.append(f"{name} value {value} is not in range [{lowest}, {highest}]")
    return list(dict.fromkeys(wrong))


def check_policy_words(configuration: Configuration, policy: Policy) -> None:
    """Raises Ganeti's errors for what is no policy. Numbers that are none have a text of their own here."""
    if unknown := sorted(policy.keys() - {*_MEMBERS}):
        raise _invalid(f"Invalid keys in ipolicy: {', '.join(unknown)}")
    if "minmax" in policy and not policy["minmax"]:
        raise _invalid("Empty minmax specifications")
    whole = {**configuration.cluster.facts["ipolicy"], **policy}
    for bounds in whole["minmax"]:
        for end in ("min", "max"):
            _check_specs(bounds.get(end, {}), end)
        for name in SPECS:
            if bounds["min"][name] > bounds["max"][name]:
                raise _invalid(f"Invalid specification of min/max values for {name}: {bounds['min'][name]}")
    _check_specs(whole["std"], "std")
    for name in _RATIOS:
        if isinstance(whole[name], bool) or not isinstance(whole[name], int | float):
            raise _invalid(f"Invalid value for {name}: {whole[name]!r}")
    enabled = configuration.cluster.facts["enabled_disk_templates"]
    if others := [name for name in policy.get("disk-templates", ()) if name not in enabled]:
        text = "The following disk templates are allowed by the ipolicy, but not enabled on the cluster"
        raise prereq(f"{text}: {', '.join(others)}", WRONG_INPUT)


def _check_specs(specs: Policy, called: str) -> None:
    if missing := [name for name in SPECS if name not in specs]:
        raise _invalid(f"Missing instance specs parameters for {called}: {', '.join(missing)}")
    for name, value in specs.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise _invalid(f"Invalid value for {called}/{name}: {value!r}")


def _invalid(text: str) -> Exception:
    return prereq(f"Invalid instance policy: {text}", WRONG_INPUT)
