"""Where the files of disks would be: in the cluster's folder for their template, below it where an instance wanted."""

from __future__ import annotations

import posixpath

from rapier.embedded.configuration import Configuration
from rapier.embedded.model import Instance
from rapier.embedded.refusals import failed


def check_folder(configuration: Configuration, template: str, instance: str, wanted: str | None) -> None:
    """Raises Ganeti's error where what an instance wants is not below the cluster's folder."""
    parts = _parts(configuration, template, instance, wanted)
    path = posixpath.join(*parts)
    if posixpath.normpath(path) != path:
        raise failed(f"Invalid parameters to PathJoin: '{parts}'")
    if not path.startswith(f"{parts[0]}/"):
        raise failed(f"Error: path joining resulted in different prefix ({path} != {parts[0]})")


def disk_path(configuration: Configuration, one: Instance, index: int) -> str:
    """Where the file of a disk would be."""
    folder = posixpath.join(*_parts(configuration, one.disk_template, one.name, one.file_storage_dir))
    return f"{folder}/{one.disks[index].file}.{one.disk_template}.disk{index}"


def _parts(configuration: Configuration, template: str, instance: str, wanted: str | None) -> tuple[str, ...]:
    shared = template == "sharedfile"
    root: str = configuration.cluster.facts["shared_file_storage_dir" if shared else "file_storage_dir"]
    return (root, wanted, instance) if wanted else (root, instance)
