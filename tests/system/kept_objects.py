"""What stands in the cluster while a client reads it from two APIs: made once, so that both have the same to show."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.client import ENDS, Api
from conformance.history import creation
from lab.luxi import ask

Name = int | str  # of an object; a job's is its id
Request = tuple[Any, ...]

_DISKS = {"disk_template": "sharedfile", "disks": [{"size": 64, "name": "root"}]}
_NETWORK = {"name": "n#", "network": "192.0.2.0/28", "gateway": "192.0.2.1", "tags": ["t#"]}
_CONNECTION = {"group_name": "g#", "network_mode": "bridged", "network_link": "xen-br0"}
_FILTER = {"predicates": [["jobid", ["=", "id", 0]]], "action": "PAUSE", "reason": [["kept", "f#", 1]]}
# Jobs, in rows of which none waits for another. The first one's is the job that is kept.
_MAKING: tuple[tuple[Request, ...], ...] = (
    (("POST", "/2/instances", creation("i#", "node1", tags=["t#"], **_DISKS)),),
    (("POST", "/2/groups", {"name": "g#", "alloc_policy": "last_resort"}), ("PUT", "/2/groups/g#/tags?tag=t#")),
    (("POST", "/2/networks", _NETWORK),),
    (("PUT", "/2/tags?tag=t#"), ("PUT", "/2/nodes/node4/tags?tag=t#")),
)
_CONNECTING = (("PUT", "/2/networks/n#/connect", _CONNECTION),)
_REMOVING: tuple[tuple[Request, ...], ...] = (
    (("DELETE", "/2/instances/i#"),),
    (
        ("PUT", "/2/networks/n#/disconnect", {"group_name": "g#"}),
        ("DELETE", "/2/networks/n#"),
        ("DELETE", "/2/groups/g#"),
    ),
    (("DELETE", "/2/tags?tag=t#"), ("DELETE", "/2/nodes/node4/tags?tag=t#")),
)


@dataclass(frozen=True)
class Kept:
    """A running instance, a network and its group, tags of each and of the cluster, a filter, a job that has ended.

    `word` is in the names of all that have one.
    """

    word: str
    job: int
    filter: str

    def filled(self, text: str) -> str:
        """JSON, with what "#" stands for in it: "#job", "#filter", and "i#", "g#", "n#" and "t#" for the names."""
        return text.replace('"#job"', str(self.job)).replace("#filter", self.filter).replace("#", self.word)

    def has(self, name: Name) -> bool:
        """Whether the object of this name is one of these."""
        return name in (self.job, self.filter) or self.word in str(name)


@contextmanager
def keeping(api: Api) -> Iterator[Kept]:
    """Until the end of the block. Some five seconds on a real cluster to make them, as long to remove them."""
    word = secrets.token_hex(3)
    # before any thread: the first answer has the API's description made
    rule = api.post("/2/filters", _filled(_FILTER, word)).value()
    with ThreadPoolExecutor(len(_MAKING)) as pool:
        [[job, *_], *_] = pool.map(lambda row: _carried_out(api, word, row), _MAKING)
    _carried_out(api, word, _CONNECTING)
    try:
        yield Kept(word, job, rule)
    finally:
        api.delete(f"/2/filters/{rule}")
        with ThreadPoolExecutor(len(_REMOVING)) as pool:
            list(pool.map(lambda row: _carried_out(api, word, row), _REMOVING))


def _carried_out(api: Api, word: str, row: tuple[Request, ...]) -> list[int]:
    """The jobs of some requests, one after the other."""
    jobs = []
    for request in row:
        jobs.append(api.submit(*_filled(request, word)))
        job = api.finished(jobs[-1])
        assert job["status"] == "success", job
    return jobs


def _filled(value: Any, word: str) -> Any:
    return json.loads(json.dumps(value).replace("#", word))


# How to learn from the master the names of what each method of the client lists
_LISTINGS: Mapping[str, tuple[str, list[Any]]] = {
    "GetFilters": ("QueryFilters", [None, ["uuid"]]),
    "GetGroups": ("QueryGroups", [[], ["name"], False]),
    "GetInstances": ("QueryInstances", [[], ["name"], False]),
    "GetJobs": ("QueryJobs", [None, ["id"]]),
    "GetNetworks": ("QueryNetworks", [[], ["name"], False]),
}


def names_by_listing(luxi_socket: Path) -> dict[str, Set[Name]]:
    """The names of what there is now, by the method of Debian's client that lists it."""
    return {listed: {row[0] for row in ask(luxi_socket, *question)} for listed, question in _LISTINGS.items()}


def ended_jobs(luxi_socket: Path) -> Set[Name]:
    """The ids of the jobs that will never change again."""
    return {job_id for job_id, status in ask(luxi_socket, "QueryJobs", [None, ["id", "status"]]) if status in ENDS}
