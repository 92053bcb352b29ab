"""Opcodes on the cluster: the defaults that nodes, groups and instances inherit, and what is its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rapier.embedded.allocation import ALLOCATOR
from rapier.embedded.configuration import Configuration
from rapier.embedded.opcodes import hypervisors
from rapier.embedded.opcodes.groups import disk_parameters
from rapier.embedded.opcodes.networks import mac_prefix
from rapier.embedded.opcodes.policies import updated_policy
from rapier.embedded.opcodes.states import keep, new_states
from rapier.embedded.parameters import BACKEND_PARAMETERS, NODE_PARAMETERS, check_types
from rapier.embedded.refusals import WRONG_INPUT, WRONG_STATE, failed, generic, prereq
from rapier.embedded.work import Work
from rapier.errors import OpPrereqError

Facts = dict[str, Any]

# what is taken over as it is, by the name that it has in the opcode: its name among the cluster's facts
_PLAIN: Mapping[str, str] = {
    "vg_name": "volume_group_name",
    "drbd_helper": "drbd_usermode_helper",
} | {
    name: name
    for name in (
        *("candidate_pool_size", "max_running_jobs", "max_tracked_jobs", "maintain_node_health", "prealloc_wipe_disks"),
        *("default_iallocator", "default_iallocator_params", "master_netdev", "master_netmask", "reserved_lvs"),
        *("use_external_mip_script", "file_storage_dir", "shared_file_storage_dir"),
        *("gluster_storage_dir", "install_image", "instance_communication_network", "zeroing_image"),
        *("compression_tools", "enabled_user_shutdown"),
    )
}
_LVM = frozenset({"plain", "drbd"})
_HIGHEST_USER_ID = 2**32 - 1
_NIC_MODES = ("bridged", "routed", "openvswitch")


def lock(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The cluster's own."""
    return ("cluster/cluster",)


async def set_params(work: Work) -> None:
    """OP_CLUSTER_SET_PARAMS: everything is looked at, then all of it is changed."""
    params, configuration = work.params, work.configuration
    edited = work.changes.edit(configuration.cluster)
    facts = edited.facts
    _check_plain(params)
    keep(edited, new_states(params, configuration, edited))
    for name, fact in _PLAIN.items():
        if name in params:
            facts[fact] = params[name] or None if name in ("vg_name", "drbd_helper") else params[name]
    if "mac_prefix" in params:
        facts["mac_prefix"] = mac_prefix(params["mac_prefix"])
    _change_defaults(work, facts)
    hypervisors.change(work, facts)
    _change_systems(params, facts)
    _change_templates(work, facts)
    _change_lists(work, facts)
    if params.get("ipolicy"):
        facts["ipolicy"] = updated_policy(configuration, facts["ipolicy"], params["ipolicy"], of_group=False)
    if work.only_looks():
        work.changes.put.clear()
        return
    await work.pause()


async def redistribute(work: Work) -> None:
    """OP_CLUSTER_REDIST_CONF: there is no other copy of the configuration, but it is written anew."""
    if work.only_looks():
        return
    await work.pause()
    work.changes.edit(work.configuration.cluster)


def _check_plain(params: dict[str, Any]) -> None:
    for name in ("uid_pool", "add_uids", "remove_uids"):
        _check_user_ids(params.get(name) or ())
    allocator = params.get("default_iallocator")
    if allocator and allocator != ALLOCATOR:
        raise prereq(f"Invalid default iallocator script '{allocator}' specified", WRONG_INPUT)
    image = params.get("install_image")
    if image is not None and not image.startswith(("/", "http://", "https://", "ftp://")):
        raise OpPrereqError("OpPrereqError", ["Install image must be an absolute path or a URL"])  # has no code


def _check_user_ids(ranges: Iterable[list[int]]) -> None:
    for lower, higher in ranges:
        if lower > higher:
            raise prereq(
                f"Lower user-id range boundary value ({lower}) is larger than higher boundary value ({higher})",
                WRONG_INPUT,
            )
        if lower < 0:
            text = f"Lower user-id range boundary value ({lower}) is smaller than UIDPOOL_UID_MIN (0)."
            raise prereq(text, WRONG_INPUT)
        if higher > _HIGHEST_USER_ID:
            raise prereq(
                f"Higher user-id boundary value ({higher}) is larger than UIDPOOL_UID_MAX ({_HIGHEST_USER_ID}).",
                WRONG_INPUT,
            )


def _change_defaults(work: Work, facts: Facts) -> None:
    params = work.params
    if params.get("beparams"):
        given = dict(params["beparams"])
        if "memory" in given:
            memory = given.pop("memory")
            given = {"maxmem": memory, "minmem": memory} | given
        facts["beparams"]["default"] |= check_types(given, BACKEND_PARAMETERS)
    if params.get("ndparams"):
        facts["ndparams"] |= check_types(params["ndparams"], NODE_PARAMETERS)
    for name in ("enabled_data_collectors", "data_collector_interval"):
        given = params.get(name) or {}
        if unknown := [one for one in given if one not in facts[name]]:
            raise failed(repr(unknown[0]))  # all that Ganeti says
        facts[name] |= given
    if params.get("nicparams"):
        default = {**facts["nicparams"]["default"], **params["nicparams"]}
        _check_nics(work.configuration, default)
        facts["nicparams"]["default"] = default
    for template, values in (params.get("diskparams") or {}).items():
        facts["diskparams"][template] |= disk_parameters(work.configuration, {template: values})[template]


def _check_nics(configuration: Configuration, default: dict[str, str]) -> None:
    if default["mode"] not in _NIC_MODES:
        raise generic("ConfigurationError", f"Invalid NIC mode '{default['mode']}'")
    problems = [
        f"Instance {one.name}, nic/{index}: routed NIC with no ip address"
        for one in configuration.instances
        for index, nic in enumerate(one.nics)
        if {**default, **nic.nicparams}["mode"] == "routed" and not nic.ip
    ]
    if problems:
        raise prereq("\n".join(["Cannot apply the change, errors:", *problems]), WRONG_INPUT)


def _change_systems(params: dict[str, Any], facts: Facts) -> None:
    for system, values in (params.get("osparams") or {}).items():
        now = {**facts["osparams"].get(system, {}), **values}
        now = {name: value for name, value in now.items() if value != "default"}
        facts["osparams"].pop(system, None)
        if now:
            facts["osparams"][system] = now


def _change_templates(work: Work, facts: Facts) -> None:
    wanted = work.params.get("enabled_disk_templates")
    if not wanted:
        return
    if _LVM & {*wanted} and not facts["volume_group_name"]:
        raise prereq("Please specify a volume group when enabling lvm-based disk-templates.", WRONG_INPUT)
    for one in work.configuration.instances:
        if one.disks and one.disk_template not in wanted:
            text = f"Cannot disable disk template '{one.disk_template}', because there is at least one disk using it:"
            raise prereq(f"{text}\n * disk/0 (on {one.name})", WRONG_STATE)
    new = [name for name in wanted if name not in facts["enabled_disk_templates"]]
    facts["enabled_disk_templates"] = wanted
    allowed = [name for name in facts["ipolicy"]["disk-templates"] if name in wanted]
    facts["ipolicy"]["disk-templates"] = [*allowed, *new]


def _change_lists(work: Work, facts: Facts) -> None:
    """Those that are added to and taken from."""
    for name, called in (("hidden_os", "hidden"), ("blacklisted_os", "blacklisted")):
        for what, system in work.params.get(name) or ():
            there = system in facts[name]
            if what == "add" and there:
                work.log(f"OS {system} already in {called} OS list, ignoring")
            elif what == "remove" and not there:
                work.log(f"OS {system} not found in {called} OS list, ignoring")
            elif what == "add":
                facts[name].append(system)
            else:
                facts[name].remove(system)
    _change_user_ids(work.params, facts)


def _change_user_ids(params: dict[str, Any], facts: Facts) -> None:
    """Ranges of user ids, both ends in them."""
    pool: list[list[int]] = facts["uid_pool"]
    pool += [one for one in params.get("add_uids") or () if one not in pool]
    pool.sort()
    for one in params.get("remove_uids") or ():
        if one not in pool:
            text = f"User-id range to be removed is not found in the current user-id pool: {one}"
            raise prereq(text, WRONG_INPUT)
        pool.remove(one)
    facts["uid_pool"] = params.get("uid_pool", pool)
