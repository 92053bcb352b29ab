"""The cluster that is asked: what stands in it, the filters that keep its jobs from running, what a write left there.

Everything here goes to luxid's socket, past both APIs.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lab.luxi import Refused, ask

Json = dict[str, Any]
ENDS = ("success", "error", "canceled")
TRAIL = [["differential", "", 1]]
CREATION: Json = {
    "OP_ID": "OP_INSTANCE_CREATE",
    "mode": "create",
    "os_type": "dummy+default",
    "disk_template": "diskless",
    "disks": [],
    "nics": [{}],
    "pnode": "node2",
    "ip_check": False,
    "name_check": False,
}
NAME, UP, DOWN = "differential", "differential-up", "differential-down"
# They come before any other rule: low priority, and of the same the lower uuid. What runs then is the one job that
# reads make and wait for.
RUNS = "00000000-0000-4000-8000-000000000001"
WAITS = "00000000-0000-4000-8000-000000000002"
SHOWN = "00000000-0000-4000-8000-000000000003"  # has no effect; it is there to be looked at
RULES: dict[str, tuple[int, list[Any], str]] = {
    RUNS: (0, [["opcode", ["=", "OP_ID", "OP_OS_DIAGNOSE"]]], "ACCEPT"),
    WAITS: (0, [], "PAUSE"),
    SHOWN: (7, [["jobid", [">", "id", "watermark"]]], "CONTINUE"),
}
RULE_FIELDS = ["uuid", "priority", "predicates", "action", "reason_trail"]


class World:
    """A cluster that stands still. `standing_still` makes one."""

    def __init__(self, luxi_socket: Path) -> None:
        self._socket = luxi_socket
        self.known: dict[str, str] = {"filter": SHOWN}  # what names in angles stand for, in requests of both sides

    def ask(self, method: str, *arguments: Any) -> Any:
        """One LUXI call."""
        return ask(self._socket, method, list(arguments), timeout_seconds=90)

    # -- for one request ---------------------------------------------------------------------------------------------

    def resolved(self, path: str) -> tuple[str, dict[str, str]]:
        """The path with what its names in angles stand for, and those that were made for this one."""
        made: dict[str, str] = {}

        def value(found: re.Match[str]) -> str:
            if found[1] not in self.known:
                made[found[1]] = self._made(found[1])
            return self.known.get(found[1]) or made[found[1]]

        return re.sub("⟨(.+?)⟩", value, path), made

    def _made(self, name: str) -> str:
        if name == "own-job":
            return str(self._queue("OP_CLUSTER_VERIFY"))
        identity = str(uuid.uuid4())
        if name == "own-filter":
            self.ask("ReplaceFilter", identity, 9, [], "CONTINUE", TRAIL)
        return identity

    # -- what a write left -------------------------------------------------------------------------------------------

    def opcodes(self, job_id: int) -> list[Json]:
        """Those of a job, its state among them."""
        [[opcodes, state, summary]] = self.ask("QueryJobs", [job_id], ["ops", "status", "summary"])
        return [*opcodes, {"state": state, "summary": summary}]

    def state(self, job_id: int) -> str:
        """A job's state, as luxid calls it."""
        [[state]] = self.ask("QueryJobs", [job_id], ["status"])
        return str(state)

    def rules(self) -> dict[str, Json]:
        """The filters that requests have made or left, by uuid."""
        rows = self.ask("QueryFilters", None, RULE_FIELDS)
        return {row[0]: dict(zip(RULE_FIELDS[1:], row[1:], strict=True)) for row in rows if row[0] not in RULES}

    def forget_rules(self) -> None:
        """Removes them."""
        for identity in self.rules():
            self.ask("DeleteFilter", identity)

    def cancel(self, job_id: int) -> None:
        """Takes a job off the queue."""
        self.ask("CancelJob", job_id, False)

    # -- its making and its end --------------------------------------------------------------------------------------

    def _queue(self, op_id: str, **params: Any) -> int:
        job_id = self.ask("SubmitJob", [{"OP_ID": op_id, "reason": TRAIL, **params}])
        assert type(job_id) is int
        return job_id

    def _wait(self, job_id: int) -> str:
        end = time.monotonic() + 120
        while (state := self.state(job_id)) not in ENDS:
            assert time.monotonic() < end, f"job {job_id} is still {state}"
            time.sleep(0.05)
        return state

    def _run(self, *opcodes: Json) -> int:
        """One job of these; it has to succeed."""
        job_id = self.ask("SubmitJob", [{**opcode, "reason": TRAIL} for opcode in opcodes])
        state = self._wait(job_id)
        assert state == "success", self.ask("QueryJobs", [job_id], ["opresult"])
        assert type(job_id) is int
        return job_id

    def make(self) -> None:
        """Two instances, a group and a network, all tagged; a job in each state; then no job runs any more."""
        if [NAME] in self.ask("QueryGroups", [], ["name"], False):  # an interrupted run left it
            self.clear()
        of_kinds = [("instance", UP), ("node", "node2"), ("nodegroup", NAME), ("network", NAME), ("cluster", None)]
        ended = self._run(
            {"OP_ID": "OP_GROUP_ADD", "group_name": NAME},
            {"OP_ID": "OP_NETWORK_ADD", "network_name": NAME, "network": "192.0.2.0/28", "gateway": "192.0.2.1"},
            {**_connection("OP_NETWORK_CONNECT"), "network_mode": "bridged", "network_link": "xen-br0"},
            {**CREATION, "instance_name": UP},
            {**CREATION, "instance_name": DOWN, "start": False},
            *({"OP_ID": "OP_TAGS_SET", "kind": kind, "name": name, "tags": [NAME, "a"]} for kind, name in of_kinds),
        )
        failed = self._queue("OP_INSTANCE_STARTUP", instance_name="no-such-thing")
        self._wait(failed)
        for identity, rule in RULES.items():
            self.ask("ReplaceFilter", identity, *rule, TRAIL)
        cancelled = self._queue("OP_INSTANCE_STARTUP", instance_name=UP)
        self.ask("CancelJob", cancelled, False)
        queued = self._queue("OP_INSTANCE_SHUTDOWN", instance_name=UP)
        for kind in ("instance", "node", "group", "network"):
            [*_, [[_, identity]]] = self.ask("Query", kind, ["uuid"], None)["data"]
            self.known[f"uuid of {kind}"] = identity
        self.known |= {"ended": str(ended), "failed": str(failed), "cancelled": str(cancelled), "queued": str(queued)}

    def clear(self) -> None:
        """Lets jobs run again, and removes what was made. Goes on where a part of it is not there."""
        for [job_id, state] in self.ask("QueryJobs", None, ["id", "status"]):
            if state not in ENDS:
                self.ask("CancelJob", job_id, False)
        self.forget_rules()
        for identity in RULES:
            with suppress(Refused):
                self.ask("DeleteFilter", identity)
        jobs = [
            self._queue("OP_INSTANCE_REMOVE", instance_name=UP, ignore_failures=True),
            self._queue("OP_INSTANCE_REMOVE", instance_name=DOWN, ignore_failures=True),
            self._queue("OP_GROUP_REMOVE", group_name=NAME),
            self._queue("OP_TAGS_DEL", kind="node", name="node2", tags=[NAME, "a"]),
            self._queue("OP_TAGS_DEL", kind="cluster", name=None, tags=[NAME, "a"]),
            self.ask(
                "SubmitJob",
                [
                    {**_connection("OP_NETWORK_DISCONNECT"), "reason": TRAIL},
                    {"OP_ID": "OP_NETWORK_REMOVE", "network_name": NAME, "reason": TRAIL},
                ],
            ),
        ]
        for job_id in jobs:
            self._wait(job_id)
        # a job that was cancelled before it began cannot be archived by its id
        self.ask("AutoArchiveJobs", 0, 60)


@contextmanager
def standing_still(luxi_socket: Path) -> Iterator[World]:
    """The cluster, ready to be asked; as it was before at the end of the block."""
    world = World(luxi_socket)
    try:
        world.make()
        yield world
    finally:
        world.clear()


def _connection(op_id: str) -> Json:
    return {"OP_ID": op_id, "group_name": "default", "network_name": NAME}
