"""Every public method of Debian's own client, against stock and against Rapier before the same cluster.

What came of each call is compared with what came of it there, never with a constant. In `make test` jobs are held in
the queue and looked at; `make test-long` lets them be carried out.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conformance.client import Api
from conformance.telling import holding, masked
from endpoints import USERS, Access, Endpoint
from lab.luxi import ask
from system.client_calls import CALLS, NOT_CALLED

pytestmark = pytest.mark.real

GANETI = Path("/usr/share/ganeti/3.0")
PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("debians_client_calls.py")


def called(endpoint: Endpoint, certificate: Path | None, mark: str, reason: str) -> tuple[list[Any], list[str]]:
    """What came of each call, and the names of the client's public methods."""
    assert shutil.which(PYTHON)
    host, port = endpoint.address
    command = [PYTHON, str(SCRIPT), str(GANETI), host, str(port), "admin", USERS["admin"]]
    lines = "".join(json.dumps(one).replace("~", mark) + "\n" for one in CALLS)
    done = subprocess.run(
        [*command, str(certificate or ""), reason], input=lines, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    *outcomes, methods = map(json.loads, done.stdout.splitlines())
    for kind, job_id, *_ in outcomes:
        if kind == "held":
            ask(endpoint.luxi_socket, "CancelJob", [job_id, False])
    return outcomes, methods


def comparable(outcomes: list[Any], mark: str) -> list[Any]:
    """What two runs have in common: ids and times are each one's own, lists hold what others made too."""
    told = []
    for call, outcome in zip(CALLS, outcomes, strict=True):
        kind, *rest = outcome
        if kind == "held":
            rest = rest[1:]
        if call.method in ("GetJobs", "GetInfo", "GetFilters"):
            rest = [sorted(rest[0])] if isinstance(rest[0], dict) else [type(rest[0]).__name__]
        elif call.method == "GetFeatures":
            rest = [sorted(rest[0])]  # a set, to stock
        elif kind == "value" and call.method in ("GetInstances", "GetNetworks", "GetGroups"):
            rest = [[one for one in rest[0] if mark in json.dumps(one)]]
        elif call.method in ("GetJobStatus", "CancelJob", "WaitForJobChange"):
            rest = [type(rest[0]).__name__]
        told.append([call.method, kind, masked(rest, mark)])
    return told


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("carried_out", [False, pytest.param(True, marks=pytest.mark.long)])
def test_each_call_comes_to_what_it_comes_to_with_stock(
    stock: Endpoint, rapier_real: Endpoint, access: Access, carried_out: bool
) -> None:
    told = []
    for endpoint, certificate in ((stock, None), (rapier_real, access.certificate)):
        mark = secrets.token_hex(3)
        if carried_out:
            outcomes, _ = called(endpoint, certificate, mark, "")
        else:
            with holding(Api("any", endpoint), mark) as reason:
                outcomes, _ = called(endpoint, certificate, mark, reason)
        told.append(comparable(outcomes, mark))
    theirs, ours = told
    different = [(expected, found) for expected, found in zip(theirs, ours, strict=True) if expected != found]
    assert not different
    kinds = {kind for _, kind, _ in ours}
    assert "value" in kinds
    assert ("job" if carried_out else "held") in kinds
    if carried_out:
        failed = [name for name, kind, _ in ours if kind == "error"]
        assert not failed


def test_every_public_method_is_called_or_there_is_a_reason() -> None:
    done = subprocess.run(
        [PYTHON, str(SCRIPT), str(GANETI), "localhost", "1", "u", "p", "", ""],
        input="",
        capture_output=True,
        text=True,
        timeout=60,
    )
    methods = set(json.loads(done.stdout))
    inside = {"InstanceAllocation"}  # its value is an argument of another call
    assert methods == {call.method for call in CALLS} | inside | NOT_CALLED.keys()
    assert all(NOT_CALLED.values())
