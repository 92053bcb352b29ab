"""One blocking LUXI call, for tests that must reach a master past the API under test."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any


class Refused(Exception):
    """The master answered with an error; its arguments are the master's."""


def ask(path: Path, method: str, arguments: list[Any], timeout_seconds: float = 30) -> Any:
    """What the master behind that socket answers. Raises `Refused`, or `OSError` where nobody answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_seconds)
        connection.connect(str(path))
        connection.sendall(json.dumps({"method": method, "args": arguments, "version": 3000000}).encode() + b"\x03")
        received = b""
        while not received.endswith(b"\x03"):
            part = connection.recv(65536)
            if not part:
                raise ConnectionError("the master closed the connection before it answered")
            received += part
    answer = json.loads(received[:-1])
    if not answer["success"]:
        raise Refused(answer["result"])
    return answer["result"]
