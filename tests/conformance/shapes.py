"""What a JSON value must look like, written like the value itself.

{"name": str, "tags": [str]}     exactly these members; a list of any length, of texts
either(int, None)                one of several
exactly("M")                     this value
...                              anything
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class either:
    """One of several shapes."""

    shapes: tuple[Any, ...]

    def __init__(self, *shapes: Any) -> None:
        object.__setattr__(self, "shapes", shapes)


@dataclass(frozen=True)
class exactly:
    """This value, of this type."""

    value: Any


@dataclass(frozen=True)
class mapping:
    """An object with any names."""

    shape: Any


def misfits(value: Any, shape: Any, where: str = "") -> list[str]:
    """Where and how `value` differs from `shape`; empty when it fits."""
    where = where or "the value"
    match shape:
        case either():
            found = [misfits(value, one, where) for one in shape.shapes]
            return [] if any(not one for one in found) else [f"{where}: {value!r} fits none of {shape.shapes}"]
        case exactly():
            same = type(value) is type(shape.value) and value == shape.value
            return [] if same else [f"{where}: {value!r}, not {shape.value!r}"]
        case mapping():
            if not isinstance(value, dict):
                return [f"{where}: {value!r} is no object"]
            return [text for name, one in value.items() for text in misfits(one, shape.shape, f"{where}.{name}")]
        case dict():
            if not isinstance(value, dict):
                return [f"{where}: {value!r} is no object"]
            found_names = [f"{where}: lacks {name}" for name in shape if name not in value]
            found_names += [f"{where}: has {name}" for name in value if name not in shape]
            return found_names + [
                text for name in shape if name in value for text in misfits(value[name], shape[name], f"{where}.{name}")
            ]
        case [one]:
            if not isinstance(value, list):
                return [f"{where}: {value!r} is no list"]
            return [text for index, item in enumerate(value) for text in misfits(item, one, f"{where}[{index}]")]
        case []:
            return [] if value == [] else [f"{where}: {value!r} is not []"]
        case None:
            return [] if value is None else [f"{where}: {value!r} is not null"]
        case type():
            return [] if type(value) is shape else [f"{where}: {value!r} is no {shape.__name__}"]
    assert shape is ..., f"{shape!r} is no shape"
    return []


def assert_fits(value: Any, shape: Any) -> None:
    """Fails with all misfits, a line each."""
    found = misfits(value, shape)
    assert not found, "\n" + "\n".join(found)


optional_text = either(str, None)
optional_int = either(int, None)
number = either(float, int)
time = [int]  # seconds and microseconds

COMMON = {"ctime": number, "mtime": number, "uuid": str, "serial_no": int, "tags": [str]}

BEPARAMS = {
    "minmem": int,
    "maxmem": int,
    "vcpus": int,
    "auto_balance": bool,
    "always_failover": bool,
    "spindle_use": int,
    "memory": int,
}

NDPARAMS = {
    "oob_program": str,
    "spindle_count": int,
    "exclusive_storage": bool,
    "ovs": bool,
    "ovs_name": str,
    "ovs_link": str,
    "ssh_port": int,
    "cpu_speed": number,
}

NODE_IN_BULK = {
    "name": str,
    "offline": bool,
    "master_candidate": bool,
    "drained": bool,
    "dtotal": optional_int,
    "dfree": optional_int,
    "sptotal": optional_int,
    "spfree": optional_int,
    "mtotal": optional_int,
    "mnode": optional_int,
    "mfree": optional_int,
    "pinst_cnt": int,
    "sinst_cnt": int,
    "ctotal": optional_int,
    "cnos": optional_int,
    "cnodes": optional_int,
    "csockets": optional_int,
    "pip": str,
    "sip": str,
    "role": either(exactly("M"), exactly("C"), exactly("R"), exactly("D"), exactly("O")),
    "pinst_list": [str],
    "sinst_list": [str],
    "master_capable": bool,
    "vm_capable": bool,
    "ndparams": NDPARAMS,
    "group.uuid": str,
    **COMMON,
}
NODE = {**NODE_IN_BULK, "secondary_ip": str}

INSTANCE = {
    "name": str,
    "admin_state": str,
    "os": str,
    "pnode": str,
    "snodes": [str],
    "disk_template": str,
    "nic.ips": [optional_text],
    "nic.macs": [str],
    "nic.modes": [str],
    "nic.uuids": [str],
    "nic.names": [optional_text],
    "nic.links": [str],
    "nic.networks": [optional_text],
    "nic.networks.names": [optional_text],
    "nic.bridges": [optional_text],
    "network_port": optional_int,
    "disk.sizes": [int],
    "disk.spindles": [optional_int],
    "disk_usage": int,
    "disk.uuids": [str],
    "disk.names": [optional_text],
    "beparams": BEPARAMS,
    "hvparams": mapping(...),
    "oper_state": either(bool, None),
    "oper_ram": optional_int,
    "oper_vcpus": optional_int,
    "status": str,
    "custom_hvparams": mapping(...),
    "custom_beparams": mapping(...),
    "custom_nicparams": [mapping(...)],
    **COMMON,
}

JOB_IN_BULK = {
    "id": int,
    "ops": [mapping(...)],
    "status": str,
    "summary": [str],
    "opstatus": [str],
    "received_ts": either(time, None),
    "start_ts": either(time, None),
    "end_ts": either(time, None),
}
JOB = {**JOB_IN_BULK, "oplog": [[[...]]], "opresult": [...]}

RANGE = {
    "memory-size": int,
    "disk-size": int,
    "disk-count": int,
    "cpu-count": int,
    "nic-count": int,
    "spindle-use": int,
}

INFO = {
    "software_version": str,
    "protocol_version": int,
    "config_version": int,
    "os_api_version": int,
    "export_version": int,
    "vcs_version": str,
    "architecture": [str],
    "name": str,
    "master": str,
    "default_hypervisor": str,
    "enabled_hypervisors": [str],
    "hvparams": mapping(mapping(...)),
    "os_hvp": mapping(mapping(...)),
    "beparams": mapping({name: shape for name, shape in BEPARAMS.items() if name != "memory"}),
    "osparams": mapping(mapping(...)),
    "ipolicy": {
        "minmax": [{"min": RANGE, "max": RANGE}],
        "std": RANGE,
        "spindle-ratio": number,
        "vcpu-ratio": number,
        "disk-templates": [str],
    },
    "nicparams": {"default": {"mode": str, "link": str, "vlan": str}},
    "ndparams": NDPARAMS,
    "diskparams": mapping(mapping(...)),
    "candidate_pool_size": int,
    "max_running_jobs": int,
    "max_tracked_jobs": int,
    "mac_prefix": str,
    "master_netdev": str,
    "master_netmask": int,
    "use_external_mip_script": bool,
    "volume_group_name": optional_text,
    "drbd_usermode_helper": optional_text,
    "file_storage_dir": str,
    "shared_file_storage_dir": str,
    "gluster_storage_dir": str,
    "maintain_node_health": bool,
    "ctime": number,
    "mtime": number,
    "uuid": str,
    "tags": [str],
    "uid_pool": [...],
    "default_iallocator": str,
    "default_iallocator_params": mapping(...),
    "reserved_lvs": [str],
    "primary_ip_version": int,
    "prealloc_wipe_disks": bool,
    "hidden_os": [str],
    "blacklisted_os": [str],
    "enabled_disk_templates": [str],
    "install_image": str,
    "instance_communication_network": str,
    "zeroing_image": str,
    "compression_tools": [str],
    "enabled_user_shutdown": bool,
    "enabled_data_collectors": mapping(bool),
    "data_collector_interval": mapping(number),
    "modify_ssh_setup": bool,
    "ssh_key_type": str,
    "ssh_key_bits": int,
    # the aliases that ganeti-rapi adds
    "vg_name": optional_text,
    "drbd_helper": optional_text,
}

INSTANCE_INFO = {
    "name": str,
    "config_state": str,
    "run_state": optional_text,
    "pnode": str,
    "pnode_group_uuid": str,
    "pnode_group_name": str,
    "snodes": [str],
    "snodes_group_uuids": [str],
    "snodes_group_names": [str],
    "os": str,
    "nics": [[...]],
    "disk_template": str,
    "disks": [
        {
            "iv_name": str,
            "dev_type": str,
            "logical_id": [str],
            "drbd_info": None,
            "pstatus": either([...], None),
            "sstatus": None,
            "children": [],
            "mode": str,
            "size": int,
            "spindles": optional_int,
            "name": optional_text,
            "uuid": str,
        }
    ],
    "hypervisor": str,
    "network_port": optional_int,
    "hv_instance": mapping(...),
    "hv_actual": mapping(...),
    "be_instance": mapping(...),
    "be_actual": {name: shape for name, shape in BEPARAMS.items() if name != "memory"},
    "os_instance": mapping(...),
    "os_actual": mapping(...),
    "serial_no": int,
    "mtime": number,
    "ctime": number,
    "uuid": str,
}
