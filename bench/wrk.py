"""One run of `wrk` against one URL, and what it measured."""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LONGEST_SECONDS = 60
WARM_UP_SECONDS = 1
REPORT = Path(__file__).with_name("report.lua")


@dataclass(frozen=True)
class Measured:
    """Requests a second, and the times that half and 99 % of the answers came within."""

    per_second: float
    p50_ms: float
    p99_ms: float


def run(
    url: str,
    user: str,
    password: str,
    *,
    clients: int,
    fresh: bool,
    seconds: float,
    prefix: list[str],
    at_least: int,
    headers: Mapping[str, str],
) -> Measured:
    """Asks `url` for `seconds` with so many clients, each waiting for its answer before it asks again.

    `fresh`: a new connection for each request. `prefix` comes before the command (`ip netns exec NAME`). Where fewer
    than `at_least` answers came in that time, it is doubled. Raises `RuntimeError` when an answer was not a success;
    304 is one.
    """
    command = [*prefix, "wrk", "-t1", "--timeout", "30s", "-s", str(REPORT)]
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    sent = {"Authorization": f"Basic {credentials}", **headers, **({"Connection": "close"} if fresh else {})}
    for name, value in sent.items():
        command += ["-H", f"{name}: {value}"]
    # wrk makes many slow answers of a single one (it guesses how many were held up by it), and the first one takes
    # the comparing of a password
    _until(command, url, clients=1, seconds=WARM_UP_SECONDS, at_least=1)
    return _until(command, url, clients=clients, seconds=seconds, at_least=at_least)


def _until(command: list[str], url: str, *, clients: int, seconds: float, at_least: int) -> Measured:
    while True:
        done = subprocess.run([*command, f"-c{clients}", f"-d{seconds:g}s", url], capture_output=True, text=True)
        found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
        if found is None:
            raise RuntimeError(f"wrk did not report:\n{done.stdout}{done.stderr}")
        values = {name: int(value) for name, value in (pair.split("=") for pair in found[1].split())}
        few = values["requests"] < at_least
        if values["refused"] or values["failed"] or (few and seconds > LONGEST_SECONDS):
            raise RuntimeError(f"{url} did not answer with success: {values}")
        if not few:
            return Measured(
                values["requests"] / (values["duration_us"] / 1e6),
                values["p50_us"] / 1000,
                values["p99_us"] / 1000,
            )
        seconds *= 2
