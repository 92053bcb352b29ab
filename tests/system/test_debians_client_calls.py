"""Every public method of Debian's own client, against stock and against Rapier before the same cluster.

What came of each call is compared with what came of it there, never with a constant. In `make test` jobs are held in
the queue and looked at; `make test-long` lets them be carried out.
"""

from __future__ import annotations

import json
import secrets
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conformance.client import Api
from conformance.telling import holding, masked
from endpoints import USERS, Access, Endpoint
from lab import with_ganetis_python
from lab.luxi import ask
from system.client_calls import CALLS

pytestmark = pytest.mark.real

SCRIPT = Path(__file__).with_name("debians_client_calls.py")


# Those have what others made, too
COLLECTIONS = ("GetFilters", "GetGroups", "GetInstances", "GetJobs", "GetNetworks")
# What of a job's answer is another in each run: only the types are compared
VARYING = ("id", "received_ts", "start_ts", "end_ts", "opexec", "oplog", "opstatus", "status")


def called(endpoint: Endpoint, certificate: Path | None, mark: str, reason: str) -> list[Any]:
    """What came of each call."""
    host, port = endpoint.address
    lines = "".join(json.dumps(one).replace("~", mark) + "\n" for one in CALLS)
    command = with_ganetis_python(SCRIPT, host, str(port), "admin", USERS["admin"], certificate or "", reason)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    *outcomes, _ = map(json.loads, done.stdout.splitlines())
    for kind, job_id, *opcodes in outcomes:
        if kind == "held":
            assert reason in json.dumps(opcodes), opcodes
            ask(endpoint.luxi_socket, "CancelJob", [job_id, False])
    return outcomes


def comparable(outcomes: list[Any], mark: str) -> list[Any]:
    """What two runs have in common: ids and times are each one's own, lists hold what others made too."""
    told = []
    for call, outcome in zip(CALLS, outcomes, strict=True):
        kind, *rest = outcome
        if kind == "held":
            rest = rest[1:]
        match rest:
            case [list(objects)] if kind == "value" and call.method in COLLECTIONS:
                rest = [[_of_a_job(one) for one in objects if mark in json.dumps(one)]]
            case [list(features)] if call.method == "GetFeatures":
                rest = [sorted(features)]  # a set, to stock
            case [{"ops": _} as job] if kind == "value":
                rest = [_of_a_job(job)]
        told.append([call.method, kind, masked(rest, mark)])
    return told


def _of_a_job(value: Any) -> Any:
    """What two jobs, one for each API, have in common; anything else as it is."""
    if not isinstance(value, dict) or "ops" not in value:
        return value
    return {name: type(one).__name__ if name in VARYING else one for name, one in value.items()}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("carried_out", [False, pytest.param(True, marks=pytest.mark.long)])
def test_each_call_comes_to_what_it_comes_to_with_stock(
    stock: Endpoint, rapier_real: Endpoint, access: Access, carried_out: bool
) -> None:
    told = []
    for endpoint, certificate in ((stock, None), (rapier_real, access.certificate)):
        mark = secrets.token_hex(3)
        if carried_out:
            outcomes = called(endpoint, certificate, mark, "")
        else:
            with holding(Api("any", endpoint), mark) as reason:
                outcomes = called(endpoint, certificate, mark, reason)
        told.append(comparable(outcomes, mark))
    theirs, ours = told
    different = [(expected, found) for expected, found in zip(theirs, ours, strict=True) if expected != found]
    assert not different, "\n".join(json.dumps(one) for pair in different for one in pair)
    kinds = {kind for _, kind, _ in ours}
    assert "value" in kinds
    assert ("job" if carried_out else "held") in kinds
    if carried_out:
        failed = [name for name, kind, _ in ours if kind == "error"]
        assert not failed


def test_every_public_method_is_called() -> None:
    done = subprocess.run(
        with_ganetis_python(SCRIPT, "localhost", "1", "u", "p", "", ""),
        input="",
        capture_output=True,
        text=True,
        timeout=60,
    )
    methods = set(json.loads(done.stdout))
    inside = {"InstanceAllocation"}  # its value is an argument of another call
    assert methods == {call.method for call in CALLS} | inside
