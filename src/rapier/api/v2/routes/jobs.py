"""Jobs, and the filters that decide which of them may run."""

from __future__ import annotations

from collections.abc import Mapping

from rapier.api.v2 import filters, reads
from rapier.api.v2.reads import Handler, shared
from rapier.api.v2.writes import cancel_job

ROUTES: Mapping[str, Mapping[str, Handler]] = {
    "/2/jobs": {"GET": shared(reads.jobs)},
    "/2/jobs/{job:number}": {"GET": shared(reads.job), "DELETE": cancel_job},
    "/2/jobs/{job:number}/wait": {"GET": reads.job_change},
    "/2/filters": {"GET": shared(filters.collection), "POST": filters.create},
    "/2/filters/{filter:name}": {
        "GET": shared(filters.one),
        "PUT": filters.replace,
        "DELETE": filters.delete,
    },
}
