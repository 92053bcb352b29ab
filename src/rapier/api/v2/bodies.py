"""Bodies of version 2 that are not an opcode's parameters as they stand: made into those here.

Each function takes a request and answers parameters that `writes.fill` checks. What it cannot read at all is 400.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rapier.api.v2.errors import bad_request
from rapier.api.v2.request import Request, check_type
from rapier.api.v2.writes import fill
from rapier.ganeti.kinds import INSTANCE
from rapier.ganeti.opcodes import Params

CREATION_NAMES: Mapping[str, str] = {"os": "os_type", "name": INSTANCE.parameter}

# What each role that can be given to a node says of it; null leaves a flag as it is
_ROLES: Mapping[str, Params] = {
    "regular": {"master_candidate": False, "offline": False, "drained": False},
    "master-candidate": {"master_candidate": True, "offline": None, "drained": None},
    "drained": {"master_candidate": None, "offline": None, "drained": True},
    "offline": {"master_candidate": None, "offline": True, "drained": None},
}


def _with_usb_devices(params: Params) -> Params:
    """USB devices may stand apart by spaces, as in later Ganetis."""
    match params.get("hvparams"):
        case {"usb_devices": devices, **others}:
            check_type(devices, str, "'usb_devices' parameter")
            return params | {"hvparams": others | {"usb_devices": devices.replace(" ", ",")}}
    return params


def _object(request: Request) -> Params:
    check_type(request.body, dict, "Body contents")
    return dict(request.body)


# -- instances -------------------------------------------------------------------------------------------------------


def creation(request: Request) -> Params:
    """An instance's creation, of version 1."""
    params = _object(request)
    version = params.pop("__version__", 0)
    if version == 0:
        raise bad_request("Instance creation request version 0 is no longer supported")
    if version != 1:
        raise bad_request(f"Unsupported request data version {version}")
    return _with_usb_devices(params)


def creations(request: Request) -> Params:
    """Several instances' creations; each is an opcode of its own in the end."""
    if not isinstance(request.body, dict) or "instances" not in request.body:
        raise bad_request("Request is missing required 'instances' field in body")
    params = dict(request.body)
    instances, create = params["instances"], str(INSTANCE.create)
    # Of an object or a text stock takes what it consists of; where that is nothing, nothing is wrong
    if not isinstance(instances, dict | str):
        check_type(instances, list, "'instances' parameter")
    params["instances"] = [fill(create, one, {}, CREATION_NAMES) for one in instances]
    return params


def modification(request: Request) -> Params:
    """What is to change of an instance."""
    return _with_usb_devices(_object(request))


async def reinstall(request: Request) -> int:
    """`/2/instances/I/reinstall`: three opcodes, or two where it is not to be started; the job's id.

    Older programs say it in the query string.
    """
    given: Any = request.body
    if given and request.query:
        raise bad_request("Can't combine query and body parameters")
    if not given:
        legacy = {"os": request.text("os"), "start": not request.flag("nostartup")}
        given = legacy if request.query else {}
    if not isinstance(given, dict):
        raise bad_request("Invalid body contents, not a dictionary")
    start = given.get("start", True)
    check_type(start, bool, "'start' parameter")
    name = {INSTANCE.parameter: request.names["instance"], "reason": request.cause.trail()}
    system = {"os_type": given.get("os"), "osparams": given.get("osparams")}
    opcodes = [
        fill(INSTANCE.actions["shutdown"], {}, name),
        fill("OP_INSTANCE_REINSTALL", system, name),
        *([fill(INSTANCE.actions["startup"], {}, name | {"force": False})] if start else []),
    ]
    return await request.cluster.submit(opcodes)


def disk_replacement(request: Request) -> Params:
    """What disks are to be replaced; older programs say it in the query string, and the disks as `0,1`."""
    if request.body:
        params = _object(request)
    elif request.query:
        params = {name: request.text(name) for name in ("remote_node", "mode", "disks", "iallocator")}
    else:
        params = {}
    disks = params.pop("disks", None)
    if not disks:
        return params
    if isinstance(disks, str):
        try:
            disks = [int(part) for part in disks.split(",")]
        except ValueError as problem:
            raise bad_request(f"Invalid disk index passed: {problem}") from None
    return params | {"disks": disks}


# -- nodes -----------------------------------------------------------------------------------------------------------


def role(request: Request) -> Params:
    """A node's role, in a word."""
    check_type(request.body, str, "Body contents")
    if request.body not in _ROLES:
        raise bad_request(f"Can't set '{request.body}' role")
    return dict(_ROLES[request.body])


def node_migration(request: Request) -> Any:
    """How instances leave a node: with any query argument at all, that says it, and the body nothing."""
    if not request.query:
        return request.body
    if "live" in request.query and "mode" in request.query:
        raise bad_request("Only one of 'live' and 'mode' should be passed")
    if "live" in request.query:
        return {"mode": "live" if request.flag("live") else "non-live"}
    return {"mode": request.text("mode")}


def storage_changes(request: Request) -> Params:
    """The only thing that can be changed of a storage unit: whether space may be taken there."""
    return {"allocatable": request.flag("allocatable")} if "allocatable" in request.query else {}
