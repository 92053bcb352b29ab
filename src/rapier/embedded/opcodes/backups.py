"""Opcodes on exports of instances (gnt-backup(8)): which node has one is kept, what would be in it is not."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rapier.embedded.configuration import Configuration
from rapier.embedded.model import Instance, Node
from rapier.embedded.opcodes.instances import node_of
from rapier.embedded.refusals import WRONG_INPUT, WRONG_STATE, failed, prereq
from rapier.embedded.work import Work, instance_lock, node_locks
from rapier.errors import OpPrereqError

_VALID = datetime.timedelta(days=1)


# -- preparing -------------------------------------------------------------------------------------------------------


async def prepare(work: Work) -> dict[str, Any] | None:
    """OP_BACKUP_PREPARE: for another cluster, what that one has to know; nothing for a node of this one."""
    instance = work.instance()
    node = node_of(work, instance)
    if work.only_looks():
        return None
    await work.pause()
    if work.params["mode"] == "local":
        return None
    work.log(f"Generating X509 certificate on {node.name}")
    name = f"x509-{secrets.token_hex(8)}"
    secret, salt = secrets.token_hex(16), secrets.token_hex(8)
    certificate = _certificate(node)
    return {
        "handshake": [0, _signature(secret, "ganeti", salt), salt],
        "x509_key_name": (name, _signature(secret, name, salt), salt),
        "x509_ca": f"X-Ganeti-Signature: {salt}/{_signature(secret, certificate, salt)}\n\n{certificate}",
    }


def _signature(secret: str, text: str, salt: str) -> str:
    return hmac.new(secret.encode(), (salt + text).encode(), hashlib.sha1).hexdigest()


def _certificate(node: Node) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node.name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + _VALID)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


# -- exporting -------------------------------------------------------------------------------------------------------


def export_locks(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """The instance, and all nodes: an older export may be anywhere."""
    return [*instance_lock(params, configuration), *node_locks(configuration, None)]


def removal_locks(params: dict[str, Any], configuration: Configuration) -> Iterable[str]:
    """All nodes."""
    return node_locks(configuration, None)


async def export(work: Work) -> tuple[bool, list[bool]] | None:
    """OP_BACKUP_EXPORT: to a node of this cluster."""
    params = work.params
    _check_words(work)
    instance = work.instance()
    node = node_of(work, instance)
    if params["remove_instance"] and instance.admin_state == "up" and not params["shutdown"]:
        raise prereq("Can not remove instance without shutting it down before", WRONG_STATE)
    target = _target(work, instance)
    if params["long_sleep"] and not params["shutdown"]:
        raise prereq("The long sleep option only makes sense when the instance can be shut down.", WRONG_INPUT)
    _check_compression(work)
    if work.only_looks():
        return None
    if params["shutdown"]:
        work.log(f"Shutting down instance {instance.name}")
    if not instance.disks_active:
        work.log(f"Activating disks for {instance.name}")
    _check_no_snapshot_is_needed(work, instance)
    for index in range(len(instance.disks)):
        await work.step(f"Exporting disk/{index} from {node.name} to {target.name}")
    work.log(f"Finalizing export on {target.name}")
    if params["shutdown"] and instance.admin_state == "up" and not params["remove_instance"]:
        work.log(f"Starting instance {instance.name}")
    if not instance.disks_active:
        work.log(f"Deactivating disks for {instance.name}")
    if params["remove_instance"]:
        work.log(f"Removing instance {instance.name}")
        work.changes.remove(instance)
    _keep(work, instance.name, target)
    return True, [True] * len(instance.disks)


def _check_words(work: Work) -> None:
    params = work.params
    if params["mode"] == "remote":
        if not params.get("x509_key_name"):
            raise prereq("Missing X509 key name for encryption", WRONG_INPUT)
        if not params.get("destination_x509_ca"):
            raise prereq("Missing destination X509 CA", WRONG_INPUT)
        raise failed("The embedded master stands alone: there is no other cluster that it could export to")
    if params["zero_free_space"]:
        if not params["compress"]:
            raise OpPrereqError("OpPrereqError", ["Zeroing free space does not make sense unless compression is used"])
        if not params["shutdown"]:
            raise OpPrereqError("OpPrereqError", ["Unless the instance is shut down, zeroing cannot be used."])
        raise prereq("A zeroing image must be set for zeroing to work", WRONG_INPUT)
    if "zeroing_timeout_fixed" in params or "zeroing_timeout_per_mib" in params:
        text = "Zeroing timeout options can only be used only with the --zero-free-space option"  # as Ganeti has it
        raise prereq(text, WRONG_INPUT)


def _target(work: Work, instance: Instance) -> Node:
    target = work.completed_node("target_node", "target_node_uuid")
    if target.offline:
        raise prereq(f"Can't use offline node: {target.name}", WRONG_STATE)
    if target.drained:
        raise prereq(f"Can't use drained node {target.name}", WRONG_STATE)
    return target


def _check_compression(work: Work) -> None:
    allowed = work.configuration.cluster.facts["compression_tools"]
    if work.params["compress"] not in ("none", *allowed):
        raise prereq(f"Compression tool not allowed, tools allowed are [{', '.join(allowed)}]", WRONG_INPUT)


def _check_no_snapshot_is_needed(work: Work, instance: Instance) -> None:
    """Disks in files cannot be snapshotted: an instance that runs has to stand still meanwhile, and may say no."""
    if work.params["remove_instance"] or instance.admin_state != "up":
        return
    if not work.params["shutdown"]:
        raise failed("Not all disks could be snapshotted, and you requested a live export; aborting")
    if not work.params["long_sleep"]:
        raise failed(
            "Not all disks could be snapshotted, and you did not allow the instance to remain offline for a longer "
            "time through the --long-sleep option; aborting"
        )


def _keep(work: Work, name: str, target: Node) -> None:
    """The target has the export, and no other node an older one."""
    if len(work.configuration.nodes) > 1:
        work.log(f"Removing old exports for instance {name}")
    for node in work.configuration.nodes:
        if node is target and name not in node.exports:
            work.changes.edit_quietly(node).exports = sorted([*node.exports, name])
        elif node is not target and name in node.exports:
            work.changes.edit_quietly(node).exports = [one for one in node.exports if one != name]


async def remove(work: Work) -> None:
    """OP_BACKUP_REMOVE: the exports of an instance, which need not be there any more."""
    known = work.configuration.instances.find(work.params["instance_name"])
    name = known.name if known else work.params["instance_name"]
    having = [node for node in work.configuration.nodes if name in node.exports]
    if work.only_looks():
        return
    for node in having:
        work.changes.edit_quietly(node).exports = [one for one in node.exports if one != name]
    await work.pause()
    if not known and not having:
        work.log(
            "Export not found. If trying to remove an export belonging to a deleted instance please use its Fully "
            "Qualified Domain Name."
        )
