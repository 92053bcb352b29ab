"""The same LUXI requests for a real luxid and for an embedded master, and what there is to compare of the answers."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from embedded.master import FINISHED, Opcode, creation

T = TypeVar("T")
BARE_TEXT = "a bare text, after which the connection is closed"
CLOSED = "closed without an answer"


@dataclass(frozen=True)
class Side:
    """One of the two masters."""

    path: Path

    def request(self, message: bytes) -> Any:
        """`["ok", result]`, the error `[class, [arguments]]`, or one of the texts above."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(str(self.path))
            connection.sendall(message + b"\x03")
            received = b""
            while not received.endswith(b"\x03"):
                part = connection.recv(65536)
                if not part:
                    return CLOSED
                received += part
            answer = json.loads(received[:-1])
            if answer["success"]:
                return ["ok", answer["result"]]
            if isinstance(answer["result"], str):
                assert answer["result"].startswith("Failed to parse request: ")
                assert connection.recv(1) == b""
                return BARE_TEXT
            connection.sendall(
                json.dumps({"method": "QueryConfigValues", "args": [["cluster_name"]]}).encode() + b"\x03"
            )
            assert b"cluster" in connection.recv(65536), "after an error of Ganeti's own the connection goes on"
            # luxid breaks long lines where it shows a value
            return json.loads(re.sub(r"\\n +", " ", json.dumps(answer["result"])))

    def __call__(self, method: str, *arguments: Any) -> Any:
        """A call's outcome, as `request` has it."""
        return self.request(json.dumps({"method": method, "args": arguments, "version": 3_000_000}).encode())

    def result(self, method: str, *arguments: Any) -> Any:
        """The result of a call that has to succeed."""
        outcome = self(method, *arguments)
        assert outcome[0] == "ok", (method, arguments, outcome)
        return outcome[1]

    def submit(self, *opcodes: Opcode) -> int:
        """A job's id."""
        return int(self.result("SubmitJob", list(opcodes)))

    def job(self, job_id: int, *fields: str) -> Any:
        """Fields of a job."""
        return self.result("QueryJobs", [job_id], list(fields))[0]

    def wait_for(self, job_id: int, *statuses: str) -> None:
        """Returns when the job has one of the statuses."""
        end = time.monotonic() + 60
        while self.job(job_id, "status")[0] not in statuses:
            assert time.monotonic() < end, self.job(job_id, "status", "opresult")
            time.sleep(0.03)

    def end_of(self, job_id: int) -> Any:
        """What became of a job and its opcodes; job ids in texts are left out."""
        self.wait_for(job_id, *FINISHED)
        outcome = self.job(job_id, "status", "opstatus", "opresult", "priority", "oppriority", "summary", "archived")
        return json.loads(re.sub(r"\b([Jj]ob) \d+", r"\1 N", json.dumps(outcome)))


@dataclass(frozen=True)
class Pair:
    """A real luxid and an embedded master that know the same instances, whose names begin with `prefix`."""

    real: Side
    embedded: Side
    prefix: str

    def both(self, ask: Callable[[Side], T]) -> tuple[T, T]:
        """The same for each, at the same time."""
        with ThreadPoolExecutor(2) as pool:
            real, embedded = pool.map(ask, (self.real, self.embedded))
        return real, embedded

    def name(self, which: str) -> str:
        """The whole name of one of the instances: a, b or c."""
        return f"{self.prefix}{which}.test"

    @property
    def ours(self) -> list[Any]:
        """A filter that finds these instances and no one else's."""
        return ["=~", "name", f"^{self.prefix}"]

    def creations(self) -> list[Opcode]:
        """The jobs that make them."""
        nic = {"mac": "aa:00:00:e0:00:01", "ip": "192.0.2.7"}
        big = {"disk_template": "sharedfile", "beparams": {"maxmem": 256, "minmem": 128, "vcpus": 2}}
        return [
            creation(self.name("a"), start=True, disks=[{"size": 64, "name": "root"}], nics=[nic], **big),
            creation(self.name("b"), tags=["x:1", "y"], pnode="node3"),
            creation(self.name("c"), disks=[{"size": 64}, {"size": 128}], nics=[{}, {"name": "eth"}], **big),
        ]
