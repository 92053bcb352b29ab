"""An embedded master in a process of its own, that a test may kill and start again on the same state."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

from lab.luxi import ask
from processes import RAPIER, Program

FINISHED = ("success", "error", "canceled")
Opcode = dict[str, Any]


class Master:
    """`rapier embedded` with its socket and state in `folder`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.socket = folder / "luxi"
        self.state = folder / "state"
        self.command: list[str | Path] = [*RAPIER, "embedded", "--socket", self.socket, "--state", self.state]
        self.command += ["--candidates", "1", *options]  # as in the lab
        self.start()

    def start(self) -> None:
        """Starts it on what it has kept, and returns when it serves."""
        self.program = Program("embedded", self.command)
        self.program.wait_for("serving ")

    def kill(self) -> None:
        """`kill -9`."""
        self.program.process.send_signal(signal.SIGKILL)
        self.program.process.wait()
        self.program.stop()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self.program.stop()

    def ask(self, method: str, *arguments: Any, timeout_seconds: float = 30) -> Any:
        """One LUXI call. Raises `Refused`, or `OSError` where the master is gone."""
        return ask(self.socket, method, list(arguments), timeout_seconds)

    def submit(self, *opcodes: Opcode) -> int:
        """A job's id."""
        return int(self.ask("SubmitJob", list(opcodes)))

    def job(self, job_id: int, *fields: str) -> Any:
        """One field of a job, or several."""
        [row] = self.ask("QueryJobs", [job_id], list(fields))
        return row if len(fields) > 1 else row[0]

    def status_of(self, job_id: int) -> str:
        """A job's status."""
        return str(self.job(job_id, "status"))

    def wait_for_status(self, job_id: int, *wanted: str, timeout_seconds: float = 20) -> str:
        """Returns when the job has one of these statuses: which."""
        end = time.monotonic() + timeout_seconds
        while (status := self.status_of(job_id)) not in wanted:
            assert time.monotonic() < end, f"job {job_id} is still {status}, not {wanted}"
            time.sleep(0.01)
        return status

    def end_of(self, job_id: int, timeout_seconds: float = 20) -> str:
        """How the job ends."""
        return self.wait_for_status(job_id, *FINISHED, timeout_seconds=timeout_seconds)

    def run(self, *opcodes: Opcode) -> Any:
        """The results of a job that has to succeed."""
        job_id = self.submit(*opcodes)
        status = self.end_of(job_id)
        results = self.job(job_id, "opresult")
        assert status == "success", results
        return results

    def instance(self, name: str, *fields: str) -> list[Any]:
        """Fields of an instance."""
        [row] = self.ask("QueryInstances", [name], list(fields), False)
        return list(row)

    def tags(self, kind: str = "cluster", name: str = "") -> set[str]:
        """The tags of something."""
        return set(self.ask("QueryTags", kind, name))


# -- opcodes ---------------------------------------------------------------------------------------------------------


def opcode(op_id: str, **params: Any) -> Opcode:
    """As a client submits it."""
    return {"OP_ID": op_id, "reason": [], **params}


def delay(seconds: float, *nodes: str, **params: Any) -> Opcode:
    """Takes its time, and holds the locks of the nodes meanwhile."""
    return opcode(
        "OP_TEST_DELAY", duration=seconds, on_master=False, on_nodes=list(nodes), no_locks=not nodes, **params
    )


def creation(name: str, **params: Any) -> Opcode:
    """A diskless instance that does not run."""
    common: Opcode = {
        "mode": "create",
        "os_type": "dummy+default",
        "disk_template": "diskless",
        "disks": [],
        "nics": [],
    }
    placed = {} if "iallocator" in params else {"pnode": "node2"}
    common |= {"ip_check": False, "name_check": False, "start": False, **placed}
    return opcode("OP_INSTANCE_CREATE", instance_name=name, **common | params)


def on_instance(op_id: str, name: str, **params: Any) -> Opcode:
    """An opcode on one instance."""
    return opcode(op_id, instance_name=name, **params)


def tagging(*tags: str, kind: str = "cluster", name: str | None = None, **params: Any) -> Opcode:
    """Adds tags."""
    return opcode("OP_TAGS_SET", kind=kind, name=name, tags=list(tags), **params)


def untagging(*tags: str, kind: str = "cluster", name: str | None = None, **params: Any) -> Opcode:
    """Removes tags, which fails where they are not."""
    return opcode("OP_TAGS_DEL", kind=kind, name=name, tags=list(tags), **params)
