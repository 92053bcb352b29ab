"""Debian's own Python client for the stock API, as it is, against Rapier and against stock."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from endpoints import USERS, Access, Endpoint
from lab import with_ganetis_python

pytestmark = pytest.mark.real

SCRIPT = Path(__file__).with_name("debians_client.py")


def driven(endpoint: Endpoint, certificate: Path, *names_no_host: str) -> dict[str, Any]:
    """What the client saw of this API."""
    host, port = endpoint.address
    command = with_ganetis_python(SCRIPT, host, str(port), "admin", USERS["admin"], certificate, *names_no_host)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize("target", ["rapier_real", "rapier_embedded"])
def test_debians_own_client_does_its_work_with_the_certificate_verified(
    target: str, request: pytest.FixtureRequest, access: Access
) -> None:
    endpoint: Endpoint = request.getfixturevalue(target)
    seen = driven(endpoint, access.certificate)
    assert all(
        seen.pop(step) for step in ("created", "tagged", "untagged", "stopped", "started", "rebooted", "removed")
    )
    features = ["instance-create-reqv1", "instance-reinstall-reqv1", "node-evac-res1", "node-migrate-reqv1"]
    assert seen == {
        "version": 2,
        "features": features,
        "cluster": "cluster",
        "systems": ["dummy+default"],
        "nodes": ["node1", "node2", "node3", "node4"],
        "node": "node1",
        "change": ["success"],
        "instance": "running",
        "listed": True,
        "tags": ["b"],
        "info": ["INSTANCE_QUERY_DATA"],
        "cancelled": [False, seen["cancelled"][1]],
        "unknown": 404,
        "bad": 404,
    }
