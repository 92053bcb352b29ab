"""Instances, and what can be done with one."""

from __future__ import annotations

from collections.abc import Mapping

from rapier.api.v2 import bodies, reads
from rapier.api.v2.reads import Handler, shared
from rapier.api.v2.routes.rows import DRY_RUN, FORCE, tags
from rapier.api.v2.writes import Submit, always, flag, number, path, path_list, text
from rapier.ganeti.kinds import GROW_DISK, INSTANCE, QUERY_DATA

URI = "/2/instances/{instance:name}"
NAME = {INSTANCE.parameter: path("instance")}
NO_REMEMBER = {"no_remember": flag("no_remember")}

ROUTES: Mapping[str, Mapping[str, Handler]] = {
    "/2/instances": {
        "GET": shared(reads.collection(INSTANCE, locking=True)),
        "POST": Submit(INSTANCE.create, "instances", DRY_RUN, renamed=bodies.CREATION_NAMES, prepare=bodies.creation),
    },
    "/2/instances-multi-alloc": {
        "POST": Submit("OP_INSTANCE_MULTI_ALLOC", "instances_multi_alloc", DRY_RUN, prepare=bodies.creations),
    },
    URI: {
        "GET": shared(reads.one(INSTANCE)),
        "DELETE": Submit(INSTANCE.remove, "instances_name", {**NAME, "ignore_failures": always(False), **DRY_RUN}),
    },
    f"{URI}/info": {
        "GET": Submit(
            QUERY_DATA,
            "instances_name_info",
            {"instances": path_list("instance"), "static": flag("static")},
            body=False,
        ),
    },
    f"{URI}/console": {"GET": shared(reads.console)},
    f"{URI}/tags": tags("instances_name_tags", INSTANCE.tagged, path("instance")),
    # -- running it
    f"{URI}/startup": {
        "PUT": Submit(
            INSTANCE.actions["startup"],
            "instances_name_startup",
            {**NAME, **FORCE, **DRY_RUN, **NO_REMEMBER},
            body=False,
        ),
    },
    f"{URI}/shutdown": {
        "PUT": Submit(INSTANCE.actions["shutdown"], "instances_name_shutdown", {**NAME, **NO_REMEMBER, **DRY_RUN}),
    },
    f"{URI}/reboot": {
        "POST": Submit(
            INSTANCE.actions["reboot"],
            "instances_name_reboot",
            {
                **NAME,
                "reboot_type": text("type", "hard"),
                "ignore_secondaries": flag("ignore_secondaries"),
                **DRY_RUN,
            },
        ),
    },
    # -- where it runs
    f"{URI}/migrate": {"PUT": Submit(INSTANCE.actions["migrate"], "instances_name_migrate", NAME)},
    f"{URI}/failover": {"PUT": Submit(INSTANCE.actions["failover"], "instances_name_failover", NAME)},
    # -- what it is
    f"{URI}/rename": {"PUT": Submit(INSTANCE.actions["rename"], "instances_name_rename", NAME)},
    f"{URI}/modify": {
        "PUT": Submit(
            "OP_INSTANCE_SET_PARAMS",
            "instances_name_modify",
            NAME,
            renamed={"custom_beparams": "beparams", "custom_hvparams": "hvparams"},
            prepare=bodies.modification,
        ),
    },
    f"{URI}/reinstall": {"POST": bodies.reinstall},
    # -- its disks
    f"{URI}/disk/{{disk:number}}/grow": {
        "POST": Submit(GROW_DISK, "instances_name_disk_grow", {**NAME, "disk": number("disk")}),
    },
    f"{URI}/replace-disks": {
        "POST": Submit(
            "OP_INSTANCE_REPLACE_DISKS", "instances_name_replace_disks", NAME, prepare=bodies.disk_replacement
        ),
    },
    f"{URI}/recreate-disks": {
        "POST": Submit("OP_INSTANCE_RECREATE_DISKS", "instances_name_recreate_disks", NAME),
    },
    f"{URI}/activate-disks": {
        "PUT": Submit(
            "OP_INSTANCE_ACTIVATE_DISKS",
            "instances_name_activate_disks",
            {**NAME, "ignore_size": flag("ignore_size")},
            body=False,
        ),
    },
    f"{URI}/deactivate-disks": {
        "PUT": Submit("OP_INSTANCE_DEACTIVATE_DISKS", "instances_name_deactivate_disks", {**NAME, **FORCE}, body=False),
    },
    # -- its exports
    f"{URI}/prepare-export": {
        "PUT": Submit("OP_BACKUP_PREPARE", "instances_name_prepare_export", {**NAME, "mode": text("mode")}, body=False),
    },
    f"{URI}/export": {
        "PUT": Submit(
            "OP_BACKUP_EXPORT",
            "instances_name_export",
            NAME,
            renamed={"destination": "target_node"},
        ),
    },
}
