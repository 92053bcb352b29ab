"""What is done to an API's cluster once, so that many tests can look at it: a job takes a second or two.

Three instances are led through their lives, the cluster is tagged, two instances are made that stay, and requests are
made whose jobs fail; all of it at the same time.
"""

from __future__ import annotations

import re
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
        return log_of(self.job)

    @property
    def result(self) -> Any:
        """What the job's only opcode answered."""
        (result,) = self.job["opresult"]
        return result


@dataclass(frozen=True)
class TagStep:
    """A job on the cluster's tags, finished, and those of the tags that have the mark, as two resources showed them."""

    job: Json
    tags: list[str]
    tags_in_info: list[str]


@dataclass(frozen=True)
class Histories:
    """The lives of three instances by steps, the cluster's tags, the jobs that failed, and who stays until the end."""

    node: str  # the primary node of the diskless and the idle instance
    mark: str  # a word that is in every name and tag made here
    diskless_name: str
    sharedfile_name: str
    idle_name: str
    diskless: dict[str, Step]
    sharedfile: dict[str, Step]
    idle: dict[str, Step]
    cluster_tags: dict[str, TagStep]
    failures: dict[str, Json]
    kept: tuple[str, str]  # stopped instances; the first comes before the second as text, not as a number

    @property
    def every_job(self) -> list[Json]:
        """All jobs that were made."""
        lives = [step.job for life in (self.diskless, self.sharedfile, self.idle) for step in life.values()]
        return [*lives, *(step.job for step in self.cluster_tags.values()), *self.failures.values()]


@dataclass(frozen=True, eq=False)
class Like:
    """Equal to every text that the pattern matches: for what is another in each run."""

    pattern: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.fullmatch(self.pattern, other) is not None

    __hash__ = None  # type: ignore[assignment]


def log_of(job: Json) -> list[str]:
    """The texts in the log of a job of one opcode."""
    (log,) = job["oplog"]
    return [text for _, _, _, text in log]


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
    """Does it all; some thirty seconds on a real cluster."""
    mark = secrets.token_hex(2)
    names = f"web-{mark}", f"db-{mark}", f"idle-{mark}"
    node = api.get("/2/nodes").value()[1]["id"]
    with ThreadPoolExecutor(6) as pool:
        diskless = pool.submit(_life_of_diskless, api, names[0], node)
        sharedfile = pool.submit(_life_of_sharedfile, api, names[1])
        idle = pool.submit(_life_of_idle, api, names[2], node)
        cluster_tags = pool.submit(_cluster_tags, api, mark)
        failures = pool.submit(_failures, api, mark, node)
        kept = pool.submit(_kept, api, mark, node)
    return Histories(
        node=node,
        mark=mark,
        diskless_name=names[0],
        sharedfile_name=names[1],
        idle_name=names[2],
        diskless=diskless.result(),
        sharedfile=sharedfile.result(),
        idle=idle.result(),
        cluster_tags=cluster_tags.result(),
        failures=failures.result(),
        kept=kept.result(),
    )


def forget(api: Api, histories: Histories) -> None:
    """Removes who stayed."""
    for job_id in [api.submit("DELETE", f"/2/instances/{name}") for name in histories.kept]:
        api.finished(job_id)


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
    step("tag on trial", "PUT", f"{path}/tags?tag=t2&dry-run=1")
    step("shut down on trial", "PUT", f"{path}/shutdown?dry-run=1")
    step("reboot on trial", "POST", f"{path}/reboot?dry-run=1")
    step("remove", "DELETE", path)
    return steps


def _life_of_idle(api: Api, name: str, node: str) -> dict[str, Step]:
    """What was asked for is there already."""
    steps: dict[str, Step] = {}
    step, path = _stepper(api, name, steps), f"/2/instances/{name}"
    wanted = creation(name, node, start=False, beparams={"minmem": 64})
    step("create", "POST", "/2/instances", wanted)
    step("create again", "POST", "/2/instances", wanted)
    step("shut down though stopped", "PUT", f"{path}/shutdown")
    step("reboot though stopped", "POST", f"{path}/reboot")
    step("start though running", "PUT", f"{path}/startup")
    step("untag what is not there", "DELETE", f"{path}/tags?tag=y&tag=x")
    step("remove", "DELETE", path)
    return steps


def _cluster_tags(api: Api, mark: str) -> dict[str, TagStep]:
    steps: dict[str, TagStep] = {}
    for title, method, query in (
        ("tag on trial", "PUT", f"tag={mark}a&dry-run=1"),
        ("tag", "PUT", f"tag={mark}b&tag={mark}a&tag={mark}b&reason=for+a%26b"),
        ("tag with nothing", "PUT", "tag="),
        ("untag", "DELETE", f"tag={mark}b"),
        ("untag the last", "DELETE", f"tag={mark}a"),
    ):
        job = api.job(method, f"/2/tags?{query}")
        shown = api.get("/2/tags").value(), api.get("/2/info").value()["tags"]
        steps[title] = TagStep(job, *(sorted(tag for tag in tags if tag.startswith(mark)) for tags in shown))
    return steps


def _kept(api: Api, mark: str, node: str) -> tuple[str, str]:
    names = f"kept-{mark}-10", f"kept-{mark}-9"
    for job_id in [api.submit("POST", "/2/instances", creation(name, node, start=False)) for name in names]:
        api.finished(job_id)
    return names


def _failures(api: Api, mark: str, node: str) -> dict[str, Json]:
    unknown = "/2/instances/no-such-instance"
    name = f"never-{mark}"
    asked: dict[str, tuple[Any, ...]] = {
        "startup": ("PUT", f"{unknown}/startup"),
        "shutdown": ("PUT", f"{unknown}/shutdown"),
        "reboot": ("POST", f"{unknown}/reboot"),
        "remove": ("DELETE", unknown),
        "info": ("GET", f"{unknown}/info"),
        "tag": ("PUT", f"{unknown}/tags?tag=a"),
        "untag": ("DELETE", f"{unknown}/tags?tag=a"),
        "bad tag": ("PUT", f"/2/tags?tag={mark}fine&tag=not+fine"),
        "long tag": ("PUT", "/2/tags?tag=" + "x" * 129),
        "absent tag": ("DELETE", "/2/tags?tag=absent"),
    }
    creations: dict[str, Json] = {
        "node": {"pnode": "no-such-node"},
        "os": {"os": "no-such-os"},
        "variant": {"os": "dummy+no-such"},
        "no variant": {"os": "dummy"},
        "no os": {"os": None},
        "disk template": {"disk_template": "plain"},
        "disk without size": {"disk_template": "sharedfile", "disks": [{}]},
        "hypervisor parameter": {"hvparams": {"no_such": 1}},
        "hypervisor": {"hypervisor": "kvm"},
        "backend parameter": {"beparams": {"no_such": 1}},
        "much memory": {"beparams": {"memory": 999_999_999}},
        "mac": {"nics": [{"mac": "nonsense"}]},
        "network": {"nics": [{"network": "no-such-network"}]},
        "tag of a new instance": {"tags": ["not fine"]},
        "node and iallocator": {"iallocator": "hail"},
        "iallocator": {"iallocator": "no-such-iallocator", "pnode": None},
        "address check": {"ip_check": True},
    }
    asked |= {title: ("POST", "/2/instances", {**creation(name, node), **body}) for title, body in creations.items()}
    ids = {title: api.submit(*request) for title, request in asked.items()}
    return {title: api.finished(job_id) for title, job_id in ids.items()}
