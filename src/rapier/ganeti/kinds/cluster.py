"""The cluster itself: what its configuration says (LUXI QueryClusterInfo)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from rapier.ganeti.kinds.kind import Kind
from rapier.ganeti.members import UUID, Group, Object, Parameters, Tag, Time, inherited, moment, own

ByName = dict[str, Parameters]


class ClusterVersion(Group):
    """Of the Ganeti that runs the cluster."""

    software: Annotated[str, inherited("software_version")]
    vcs: Annotated[str, inherited("vcs_version")]
    protocol: Annotated[int, inherited("protocol_version")]
    configuration: Annotated[int, inherited("config_version")]
    os_api: Annotated[int, inherited("os_api_version")]
    export: Annotated[int, inherited("export_version")]


class ClusterDefaults(Group):
    """What instances, nodes and groups inherit."""

    hvparams: Annotated[ByName, own("hvparams")]
    os_hvparams: Annotated[dict[str, ByName], own("os_hvp")]
    beparams: Annotated[ByName, own("beparams")]
    osparams: Annotated[ByName, own("osparams")]
    nicparams: Annotated[ByName, own("nicparams")]
    ndparams: Annotated[Parameters, own("ndparams")]
    diskparams: Annotated[ByName, own("diskparams")]
    ipolicy: Annotated[Parameters, own("ipolicy")]


class ClusterObject(Object, kw_only=True):
    """A Ganeti cluster."""

    kind: Literal["cluster"]
    name: Annotated[str, own("name")]
    uuid: Annotated[UUID, own("uuid")]
    ctime: Annotated[Time, own("ctime", moment)]
    mtime: Annotated[Time, own("mtime", moment)]
    master_node: Annotated[str, own("master")]
    version: ClusterVersion
    architecture: Annotated[list[str], inherited("architecture")]
    enabled_hypervisors: Annotated[list[str], own("enabled_hypervisors")]
    default_hypervisor: Annotated[str, inherited("default_hypervisor")]
    enabled_disk_templates: Annotated[list[str], own("enabled_disk_templates")]
    defaults: ClusterDefaults
    default_iallocator: Annotated[str | None, own("default_iallocator")]
    default_iallocator_params: Annotated[Parameters | None, own("default_iallocator_params")]
    candidate_pool_size: Annotated[int, own("candidate_pool_size")]
    max_running_jobs: Annotated[int, own("max_running_jobs")]
    max_tracked_jobs: Annotated[int, own("max_tracked_jobs")]
    mac_prefix: Annotated[str, own("mac_prefix")]
    master_netdev: Annotated[str, own("master_netdev")]
    master_netmask: Annotated[int, own("master_netmask")]
    use_external_mip_script: Annotated[bool, own("use_external_mip_script")]
    primary_ip_version: Annotated[int, own("primary_ip_version")]
    volume_group_name: Annotated[str | None, own("volume_group_name")]
    drbd_usermode_helper: Annotated[str | None, own("drbd_usermode_helper")]
    file_storage_dir: Annotated[str, own("file_storage_dir")]
    shared_file_storage_dir: Annotated[str, own("shared_file_storage_dir")]
    gluster_storage_dir: Annotated[str, own("gluster_storage_dir")]
    maintain_node_health: Annotated[bool, own("maintain_node_health")]
    uid_pool: Annotated[list[Any], own("uid_pool")]
    reserved_lvs: Annotated[list[str], own("reserved_lvs")]
    prealloc_wipe_disks: Annotated[bool, own("prealloc_wipe_disks")]
    hidden_os: Annotated[list[str], own("hidden_os")]
    blacklisted_os: Annotated[list[str], own("blacklisted_os")]
    install_image: Annotated[str | None, own("install_image")]
    zeroing_image: Annotated[str | None, own("zeroing_image")]
    instance_communication_network: Annotated[str | None, own("instance_communication_network")]
    compression_tools: Annotated[list[str], own("compression_tools")]
    enabled_user_shutdown: Annotated[bool, own("enabled_user_shutdown")]
    enabled_data_collectors: Annotated[dict[str, bool], own("enabled_data_collectors")]
    data_collector_interval: Annotated[dict[str, Any], own("data_collector_interval")]
    modify_ssh_setup: Annotated[bool, own("modify_ssh_setup")]
    ssh_key_type: Annotated[str, own("ssh_key_type")]
    ssh_key_bits: Annotated[int, own("ssh_key_bits")]
    tags: Annotated[list[Tag], own("tags", sorted)]


CLUSTER = Kind("cluster", "", "name", ClusterObject, tagged="cluster")
