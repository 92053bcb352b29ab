"""Every public method of Debian's own client, against stock and against Rapier before the same cluster.

What came of each call is compared with what came of it there, never with a constant. In `make test` jobs are held in
the queue and looked at; `make test-long` lets them be carried out. Objects of each kind and a job stand there in both,
so that there is something to read.
"""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conformance.client import Api
from conformance.telling import holding, masked
from endpoints import USERS, Access, Endpoint
from lab import with_ganetis_python
from lab.luxi import ask
from system.client_calls import CALLS
from system.kept_objects import Kept, Name, ended_jobs, keeping, names_by_listing

pytestmark = pytest.mark.real

SCRIPT = Path(__file__).with_name("debians_client_calls.py")


# Each names its objects so, where it lists them with all that is shown
COLLECTIONS = {
    "GetFilters": "uuid",
    "GetGroups": "name",
    "GetInstances": "name",
    "GetJobs": "id",
    "GetNetworks": "name",
}
# What of the job of a run is another in each: only the types are compared
VARYING = ("id", "received_ts", "start_ts", "end_ts", "opexec", "oplog", "opstatus", "status")


@dataclass(frozen=True)
class Standing:
    """What was there as long as both were asked.

    names: by the method that lists them. unchanging: those of them that both have to show alike to the last member.
    """

    names: Mapping[str, Set[Name]]
    unchanging: Set[Name]


@pytest.fixture(scope="module")
def kept(stock: Endpoint) -> Iterator[Kept]:
    """Objects and a job for both to show."""
    with keeping(Api("any", stock)) as kept:
        yield kept


def called(endpoint: Endpoint, certificate: Path | None, kept: Kept, mark: str, reason: str) -> list[Any]:
    """What came of each call."""
    host, port = endpoint.address
    lines = "".join(kept.filled(json.dumps(one)).replace("~", mark) + "\n" for one in CALLS)
    command = with_ganetis_python(SCRIPT, host, str(port), "admin", USERS["admin"], certificate or "", reason)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    *outcomes, _ = map(json.loads, done.stdout.splitlines())
    for kind, job_id, *opcodes in outcomes:
        if kind == "held":
            assert reason in json.dumps(opcodes), opcodes
            ask(endpoint.luxi_socket, "CancelJob", [job_id, False])
    return outcomes


def one_run(endpoint: Endpoint, certificate: Path | None, kept: Kept, carried_out: bool) -> tuple[list[Any], str]:
    """What came of each call, and the word of the run."""
    mark = secrets.token_hex(3)
    if carried_out:
        return called(endpoint, certificate, kept, mark, ""), mark
    with holding(Api("any", endpoint), mark) as reason:
        return called(endpoint, certificate, kept, mark, reason), mark


def comparable(outcomes: list[Any], mark: str, standing: Standing) -> list[Any]:
    """What two runs have in common.

    What each made itself has its own ids and times; what stood there before is the same to the last member. Lists hold
    what others made meanwhile, too.
    """
    told = []
    for call, outcome in zip(CALLS, outcomes, strict=True):
        kind, *rest = outcome
        if kind == "held":
            rest = rest[1:]
        match rest:
            case [list(objects)] if kind == "value" and call.method in COLLECTIONS:
                rest = _of_a_collection(call.method, objects, mark, standing)
            case [list(features)] if call.method == "GetFeatures":
                rest = [sorted(features)]  # a set, to stock
            case [value] if kind == "value" and "#" in json.dumps(call):
                rest = [value]
            case [value] if kind == "value":
                rest = [masked(_of_a_job(value), mark)]
            case _:
                rest = masked(rest, mark)
        told.append([call.method, kind, rest])
    return told


def _of_a_collection(method: str, objects: list[Any], mark: str, standing: Standing) -> list[Any]:
    """The names that were there all the while, the objects that do not change, whole, and those of the run."""
    named = {one[COLLECTIONS[method]] if isinstance(one, dict) else one: one for one in objects}
    names = [name for name in named if name in standing.names[method]]
    whole = [named[name] for name in names if name in standing.unchanging]
    return [names, whole, [masked(_of_a_job(one), mark) for one in objects if mark in json.dumps(one)]]


def _of_a_job(value: Any) -> Any:
    """What two jobs, one for each API, have in common; anything else as it is."""
    if not isinstance(value, dict) or "ops" not in value:
        return value
    return {name: type(one).__name__ if name in VARYING else one for name, one in value.items()}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("carried_out", [False, pytest.param(True, marks=pytest.mark.long)])
def test_each_call_comes_to_what_it_comes_to_with_stock(
    stock: Endpoint, rapier_real: Endpoint, access: Access, kept: Kept, carried_out: bool
) -> None:
    before, ended = names_by_listing(stock.luxi_socket), ended_jobs(stock.luxi_socket)
    run = partial(one_run, kept=kept, carried_out=carried_out)
    # one after the other where they change the cluster under each other
    with ThreadPoolExecutor(1 if carried_out else 2) as pool:
        runs = list(pool.map(run, (stock, rapier_real), (None, access.certificate)))
    after = names_by_listing(stock.luxi_socket)
    lasting = {method: before[method] & after[method] for method in COLLECTIONS}
    there = Standing(lasting, ended | set(filter(kept.has, set().union(*lasting.values()))))
    theirs, ours = (comparable(*one, there) for one in runs)
    different = [(expected, found) for expected, found in zip(theirs, ours, strict=True) if expected != found]
    assert not different, "\n".join(json.dumps(one) for pair in different for one in pair)
    listed = [(method, set(rest[0])) for method, kind, rest in ours if method in COLLECTIONS]
    assert all(names == lasting[method] and any(map(kept.has, names)) for method, names in listed)
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
