"""OP_INSTANCE_REINSTALL: the operating system's scripts are run again, or those of another one."""

from __future__ import annotations

from rapier.embedded.opcodes.instances import check_disks, check_stopped
from rapier.embedded.opcodes.systems import check_parameters, check_system
from rapier.embedded.refusals import WRONG_STATE, prereq
from rapier.embedded.work import Work


async def reinstall(work: Work) -> None:
    """Of an instance that is stopped and has disks."""
    params = work.params
    instance = work.instance()
    node = work.configuration.nodes[instance.primary_node]
    if node.offline:
        raise prereq(f"Instance primary node offline, cannot reinstall: {node.name}", WRONG_STATE)
    check_disks(instance)
    check_stopped(work, instance, "cannot reinstall")
    for name in ("osparams", "osparams_private", "osparams_secret"):
        params.setdefault(name, {})
    system = params.get("os_type") or instance.os
    check_system(system, node.name, params["force_variant"])
    check_parameters(system, node.name, {**params["osparams"], **params["osparams_private"]})
    if work.only_looks():
        return
    edited = work.changes.edit(instance)
    if "os_type" in params:
        work.log(f"Changing OS scripts to '{system}'...")
        edited.os = system
    edited.osparams = {}
    work.info("Running instance OS create scripts...")
    await work.pause()
