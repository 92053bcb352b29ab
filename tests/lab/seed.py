"""Many instances at once: written into a stopped cluster's configuration, which is one JSON file."""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path


def write(configuration: Path, root: Path, count: int) -> None:
    """Adds `count` diskless instances, running on the nodes in turn, called seed-00000 and so on.

    `root` holds the nodes' folders, where the fake hypervisor keeps one file for each running instance.
    """
    content = json.loads(configuration.read_text())
    nodes = sorted(content["nodes"].values(), key=lambda node: str(node["name"]))
    now = time.time()
    for number in range(count):
        node = nodes[number % len(nodes)]
        name, identifier = f"seed-{number:05d}", str(uuid.uuid4())
        mac = f"aa:00:01:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        content["instances"][identifier] = {
            "name": name,
            "uuid": identifier,
            "primary_node": node["uuid"],
            "os": "dummy+default",
            "hypervisor": "fake",
            "hvparams": {},
            "beparams": {"maxmem": 1, "minmem": 1},
            "osparams": {},
            "osparams_private": {},
            "admin_state": "up",
            "admin_state_source": "admin",
            "disks": [],
            "disks_active": False,
            "nics": [{"mac": mac, "nicparams": {}, "uuid": str(uuid.uuid4())}],
            "ctime": now,
            "mtime": now,
            "serial_no": 1,
            "tags": [f"seed:{number % 7}"],
        }
        running = root / node["name"] / "var/run/ganeti/fake-hypervisor"
        running.mkdir(parents=True, exist_ok=True)
        (running / name).write_text("0\n1\n1\n")
    content["serial_no"] += 1
    before = configuration.stat()
    configuration.write_text(json.dumps(content))
    os.chown(configuration, before.st_uid, before.st_gid)
