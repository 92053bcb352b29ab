"""What the tests of access share: Apache's schemes, and headers as clients send them."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable

from rapier.access.doorkeeper import Doorkeeper

Htpasswd = Callable[..., "subprocess.CompletedProcess[str]"]
OpenDoor = Callable[..., Doorkeeper]

SCHEMES = ("-B", "-m", "-s", "-d", "-2", "-5")


def basic(user: str, password: str | bytes) -> bytes:
    """An Authorization header's value."""
    secret = password.encode() if isinstance(password, str) else password
    return b"Basic " + base64.b64encode(user.encode() + b":" + secret)
