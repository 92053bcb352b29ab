"""What is done to an API's instances once, so that many tests can look at it: a job takes a second or two.

Two instances are led through their lives, and requests are made whose jobs fail; all three at the same time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from conformance.client import Api

Json = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A job, finished, and the instance as the API showed it right after; None once it was gone."""

    job: Json
    instance: Json | None

    @property
    def opcode(self) -> Json:
        """The job's only opcode, less its reason trail."""
        (opcode,) = self.job["ops"]
        return {name: value for name, value in opcode.items() if name != "reason"}

    @property
    def trail(self) -> list[list[Any]]:
        """Source and text of each element of the reason trail."""
        (opcode,) = self.job["ops"]
        return [[source, text] for source, text, _ in opcode["reason"]]

    @property
    def log(self) -> list[str]:
        """The texts in the job's log."""
        return [text for _, _, _, text in self.job["oplog"][0]]


@dataclass(frozen=True)
class Histories:
    """The life of a diskless and of a sharedfile instance by steps, and the jobs that failed, by name."""

    diskless_name: str
    sharedfile_name: str
    diskless: dict[str, Step]
    sharedfile: dict[str, Step]
    failures: dict[str, Json]


def creation(name: str, node: str | None = None, **more: Any) -> Json:
    """The body that creates a diskless instance."""
    return {
        "__version__": 1,
        "mode": "create",
        "name": name,
        "os": "dummy+default",
        "disk_template": "diskless",
        "disks": [],
        "nics": [{}],
        "pnode": node,
        "ip_check": False,
        "name_check": False,
        **more,
    }


def record(api: Api) -> Histories:
    """Does it all; some fifteen seconds on a real cluster."""
    mark = secrets.token_hex(2)
    diskless, sharedfile = f"web-{mark}", f"db-{mark}"
    node = api.get("/2/nodes").value()[1]["id"]
    with ThreadPoolExecutor(3) as pool:
        futures = (
            pool.submit(_life_of_diskless, api, diskless, node),
            pool.submit(_life_of_sharedfile, api, sharedfile),
            pool.submit(_failures, api, f"never-{mark}", node),
        )
        lives = [future.result() for future in futures]
    return Histories(diskless, sharedfile, *lives)  # type: ignore[arg-type]


def _stepper(api: Api, name: str, steps: dict[str, Step]) -> Callable[..., None]:
    def step(title: str, method: str, target: str, *body: Any) -> None:
        job = api.job(method, target, *body)
        shown = api.get(f"/2/instances/{name}")
        steps[title] = Step(job, shown.json if shown.status == 200 else None)

    return step


def _life_of_diskless(api: Api, name: str, node: str) -> dict[str, Step]:
    steps: dict[str, Step] = {}
    step, path = _stepper(api, name, steps), f"/2/instances/{name}"
    step("create", "POST", "/2/instances?reason=because+I%20say%20%3Cso%3E&reason=not+this", creation(name, node))
    step("tag", "PUT", f"{path}/tags?tag=a&tag=b%2Bc&tag=x:y&tag=a")
    step("untag", "DELETE", f"{path}/tags?tag=a&tag=x:y&reason=")
    step("shut down", "PUT", f"{path}/shutdown", {"timeout": 5})
    step("start unremembered", "PUT", f"{path}/startup?force=1&no_remember=1")
    step("start", "PUT", f"{path}/startup")
    step("shut down unremembered", "PUT", f"{path}/shutdown?no_remember=1", {})
    step("reboot fully", "POST", f"{path}/reboot?type=full&ignore_secondaries=1")
    step("reboot softly", "POST", f"{path}/reboot?type=soft", {"shutdown_timeout": 7})
    step("reboot", "POST", f"{path}/reboot?type=")
    step("start on trial", "PUT", f"{path}/startup?dry-run=1", {"unknown": "but this body is not looked at"})
    step("remove on trial", "DELETE", f"{path}?dry-run=1")
    step("remove", "DELETE", path, {"shutdown_timeout": 5})
    return steps


def _life_of_sharedfile(api: Api, name: str) -> dict[str, Step]:
    steps: dict[str, Step] = {}
    step, path = _stepper(api, name, steps), f"/2/instances/{name}"
    wanted = creation(
        name,
        disk_template="sharedfile",
        disks=[{"size": "32m", "name": "root"}, {"size": 16}],
        nics=[{"mac": "aa:00:00:11:22:33"}],
        beparams={"memory": "64m", "vcpus": 2},
        tags=["t1"],
        start=False,
        iallocator="hail",
        comment="<b>",
    )
    step("create on trial", "POST", "/2/instances?dry-run=1", wanted)
    step("create", "POST", "/2/instances", wanted)
    step("ask", "GET", f"{path}/info")
    step("ask for what is configured", "GET", f"{path}/info?static=1")
    step("start", "PUT", f"{path}/startup")
    step("remove", "DELETE", path)
    return steps


def _failures(api: Api, name: str, node: str) -> dict[str, Json]:
    unknown = "/2/instances/no-such-instance"
    asked: dict[str, tuple[Any, ...]] = {
        "startup": ("PUT", f"{unknown}/startup"),
        "shutdown": ("PUT", f"{unknown}/shutdown"),
        "reboot": ("POST", f"{unknown}/reboot"),
        "remove": ("DELETE", unknown),
        "info": ("GET", f"{unknown}/info"),
        "tag": ("PUT", f"{unknown}/tags?tag=a"),
        "untag": ("DELETE", f"{unknown}/tags?tag=a"),
        "bad tag": ("PUT", "/2/tags?tag=fine&tag=not+fine"),
        "long tag": ("PUT", "/2/tags?tag=" + "x" * 129),
        "absent tag": ("DELETE", "/2/tags?tag=absent"),
        "node": ("POST", "/2/instances", creation(name, "no-such-node")),
        "os": ("POST", "/2/instances", creation(name, node, os="no-such-os")),
        "disk template": ("POST", "/2/instances", creation(name, node, disk_template="plain")),
        "hypervisor parameter": ("POST", "/2/instances", creation(name, node, hvparams={"no_such": 1})),
    }
    ids = {title: api.submit(*request) for title, request in asked.items()}
    failed = {title: api.finished(job_id) for title, job_id in ids.items()}
    # a name that is taken, by an instance of its own
    taken = creation(name, node, start=False)
    api.job("POST", "/2/instances", taken)
    failed["twice"] = api.job("POST", "/2/instances", taken)
    api.job("DELETE", f"/2/instances/{name}")
    return failed
