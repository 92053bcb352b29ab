"""Which statuses stock answers, by URI and method, as long as its master daemon answers.

Made from what the suite saw of stock, and reviewed; `test_statuses.py` is the gate that it is. What hangs on no URI
(501 for other methods, 404 for what is no name) is elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

STATUSES: Mapping[str, Mapping[str, str]] = {
    "/": {
        "GET": "200 400 401 415",
    },
    "/2": {
        "GET": "200 400 401 415",
    },
    "/2/features": {
        "GET": "200 400 401 415",
    },
    "/2/filters": {
        "GET": "200 400 401 415",
        "POST": "200 400 401 403 415 502",
    },
    "/2/filters/{filter}": {
        "DELETE": "200 400 401 403 415 500",
        "GET": "200 400 401 404 415",
        "PUT": "200 400 401 403 415 500 502",
    },
    "/2/groups": {
        "GET": "200 400 401 415",
        "POST": "200 400 401 403 415",
    },
    "/2/groups/{group}": {
        "DELETE": "200 400 401 403 415",
        "GET": "200 400 401 404 415 500",
    },
    "/2/groups/{group}/assign-nodes": {
        "PUT": "200 400 401 403 415",
    },
    "/2/groups/{group}/modify": {
        "PUT": "200 400 401 403 415",
    },
    "/2/groups/{group}/rename": {
        "PUT": "200 400 401 403 415",
    },
    "/2/groups/{group}/tags": {
        "DELETE": "200 400 401 403 415",
        "GET": "200 400 401 415 500",
        "PUT": "200 400 401 403 415",
    },
    "/2/info": {
        "GET": "200 400 401 415",
    },
    "/2/instances": {
        "GET": "200 400 401 415 500",
        "POST": "200 400 401 403 415 500 502",
    },
    "/2/instances-multi-alloc": {
        "POST": "200 400 401 403 415 500",
    },
    "/2/instances/{instance}": {
        "DELETE": "200 400 401 403 415",
        "GET": "200 400 401 404 415 500",
    },
    "/2/instances/{instance}/activate-disks": {
        "PUT": "200 400 401 403 415",
    },
    "/2/instances/{instance}/console": {
        "GET": "200 400 401 403 415 500 503",
    },
    "/2/instances/{instance}/deactivate-disks": {
        "PUT": "200 400 401 403 415",
    },
    "/2/instances/{instance}/disk/{disk}/grow": {
        "POST": "200 400 401 403 415",
    },
    "/2/instances/{instance}/export": {
        "PUT": "200 400 401 403 415",
    },
    "/2/instances/{instance}/failover": {
        "PUT": "200 400 401 403 415",
    },
    "/2/instances/{instance}/info": {
        "GET": "200 400 401 415",
    },
    "/2/instances/{instance}/migrate": {
        "PUT": "200 400 401 403 415",
    },
    "/2/instances/{instance}/modify": {
        "PUT": "200 400 401 403 415 500",
    },
    "/2/instances/{instance}/prepare-export": {
        "PUT": "200 400 401 403 415",
    },
    "/2/instances/{instance}/reboot": {
        "POST": "200 400 401 403 415",
    },
    "/2/instances/{instance}/recreate-disks": {
        "POST": "200 400 401 403 415",
    },
    "/2/instances/{instance}/reinstall": {
        "POST": "200 400 401 403 415 502",
    },
    "/2/instances/{instance}/rename": {
        "PUT": "200 400 401 403 415",
    },
    "/2/instances/{instance}/replace-disks": {
        "POST": "200 400 401 403 415 500",
    },
    "/2/instances/{instance}/shutdown": {
        "PUT": "200 400 401 403 415",
    },
    "/2/instances/{instance}/startup": {
        "PUT": "200 400 401 403 415",
    },
    "/2/instances/{instance}/tags": {
        "DELETE": "200 400 401 403 415",
        "GET": "200 400 401 415 500",
        "PUT": "200 400 401 403 415",
    },
    "/2/jobs": {
        "GET": "200 400 401 415",
    },
    "/2/jobs/{job}": {
        "DELETE": "200 400 401 403 415 502",
        "GET": "200 400 401 415 502",
    },
    "/2/jobs/{job}/wait": {
        "GET": "200 400 401 403 415 500 502",
    },
    "/2/modify": {
        "PUT": "200 400 401 403 415 500",
    },
    "/2/networks": {
        "GET": "200 400 401 415",
        "POST": "200 400 401 403 415",
    },
    "/2/networks/{network}": {
        "DELETE": "200 400 401 403 415",
        "GET": "200 400 401 404 415 500",
    },
    "/2/networks/{network}/connect": {
        "PUT": "200 400 401 403 415",
    },
    "/2/networks/{network}/disconnect": {
        "PUT": "200 400 401 403 415",
    },
    "/2/networks/{network}/modify": {
        "PUT": "200 400 401 403 415",
    },
    "/2/networks/{network}/tags": {
        "DELETE": "200 400 401 403 415",
        "GET": "200 400 401 415 500",
        "PUT": "200 400 401 403 415",
    },
    "/2/nodes": {
        "GET": "200 400 401 415",
    },
    "/2/nodes/{node}": {
        "GET": "200 400 401 404 415 500",
    },
    "/2/nodes/{node}/evacuate": {
        "POST": "200 400 401 403 415",
    },
    "/2/nodes/{node}/migrate": {
        "POST": "200 400 401 403 415",
    },
    "/2/nodes/{node}/modify": {
        "POST": "200 400 401 403 415",
    },
    "/2/nodes/{node}/powercycle": {
        "POST": "200 400 401 403 415",
    },
    "/2/nodes/{node}/role": {
        "GET": "200 400 401 415 500",
        "PUT": "200 400 401 403 415",
    },
    "/2/nodes/{node}/storage": {
        "GET": "200 400 401 403 415",
    },
    "/2/nodes/{node}/storage/modify": {
        "PUT": "200 400 401 403 415",
    },
    "/2/nodes/{node}/storage/repair": {
        "PUT": "200 400 401 403 415",
    },
    "/2/nodes/{node}/tags": {
        "DELETE": "200 400 401 403 415",
        "GET": "200 400 401 415 500",
        "PUT": "200 400 401 403 415",
    },
    "/2/os": {
        "GET": "200 400 401 415 500",
    },
    "/2/query/{resource}": {
        "GET": "200 400 401 403 415 500 502",
        "PUT": "200 400 401 403 415 500 502",
    },
    "/2/query/{resource}/fields": {
        "GET": "200 400 401 415 500 502",
    },
    "/2/redistribute-config": {
        "PUT": "200 400 401 403 415",
    },
    "/2/tags": {
        "DELETE": "200 400 401 403 415",
        "GET": "200 400 401 415",
        "PUT": "200 400 401 403 415 500",
    },
    "/version": {
        "GET": "200 400 401 415",
    },
}

# Rows where stock fails on its own reading, and Rapier says 400 (differences.py)
ONLY_OF_STOCK = frozenset(
    {
        ("/2/modify", "PUT", 500),
        ("/2/instances/{instance}/modify", "PUT", 500),
        ("/2/instances/{instance}/replace-disks", "POST", 500),
        ("/2/instances-multi-alloc", "POST", 500),
        ("/2/instances/{instance}/reinstall", "POST", 502),
        ("/2/instances", "POST", 500),
    }
)
