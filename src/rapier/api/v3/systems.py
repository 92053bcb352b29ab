"""`/3/{cluster}/os`: what instances can be made with. Only a job can tell."""

from __future__ import annotations

from rapier.api.v3.bodies import fill
from rapier.api.v3.operations import Operation
from rapier.api.v3.problems import Problem
from rapier.api.v3.request import Answer, Request
from rapier.api.v3.shapes import collection_of
from rapier.errors import StillRunning
from rapier.ganeti.kinds import OS, OS_DIAGNOSE
from rapier.ganeti.reading import stamp_of

LONGEST_SECONDS = 30.0


async def _systems(request: Request) -> Answer:
    opcode = fill(OS_DIAGNOSE, {}, {"output_fields": ["name", "variants"], "names": []})
    opcode["reason"] = request.trail()
    try:
        found = await request.cluster.ask_by_job("os", opcode, LONGEST_SECONDS)
    except StillRunning as still:
        job = {} if still.job_id is None else {"job": request.job_uri(still.job_id)}
        said = f"The job that tells has not ended after {LONGEST_SECONDS:g} s"
        raise Problem("still-running", said, job) from None
    names = sorted(
        f"{name}+{variant}" if variant else name for name, variants in found for variant in variants or [None]
    )
    items = [{"kind": OS.name, "cluster": request.cluster_names[0], "name": name} for name in names]
    return Answer({"kind": OS.collection, "items": items}, collection_of(OS), stamp=stamp_of(names), volatile=True)


COLLECTION = Operation(
    _systems,
    "The operating systems that instances can be made with, each variant by itself",
    {200: collection_of(OS)},
    problems=("still-running", "queue-full", "queue-drained", "job-failed"),
    shared=True,
    slow=True,
)
