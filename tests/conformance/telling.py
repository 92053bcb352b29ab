"""Carries out the stories: each step is a request, and what came of it is told so that two APIs can be compared.

`python -m conformance.telling URL SOCKET` in tests/ tells them to stock and keeps that in told.json, which is reviewed
like any other change.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from conformance.client import Answer, Api
from conformance.stories import MARK, NOTHING, STORIES, Step
from endpoints import Endpoint
from lab.luxi import ask

AGAIN = "retry the operation"  # Ganeti's words, where another story has changed what a job was about to lock
TOLD = Path(__file__).with_name("told.json")
AT_ONCE = 11  # stories

Told = dict[str, list[Any]]

# Members whose values are another in each run, or on each cluster: only their types are told
VARYING = frozenset(
    {
        *("ctime", "mtime", "serial_no", "watermark", "doc"),
        *("dtotal", "dfree", "mtotal", "mnode", "mfree", "ctotal", "cnos", "cnodes", "csockets", "sptotal", "spfree"),
        *("handshake", "x509_key_name", "x509_ca"),
    }
)
UNREAD = "Failed to parse request: "
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAC = re.compile(r"aa:00:00(:[0-9a-f]{2}){3}")
_FOLDER = re.compile(r"/\S*(?=/srv/ganeti/)")
_JOB = re.compile(r"\b([Jj]ob(?:s:|=)? ?)\d+")


@contextmanager
def holding(api: Api, mark: str) -> Iterator[str]:
    """The reason by which jobs are held in the queue, until the end of the block."""
    reason = f"held {mark}"
    rule = api.post("/2/filters", {"predicates": [["reason", ["=", "reason", reason]]], "action": "PAUSE"}).value()
    try:
        yield reason
    finally:
        api.delete(f"/2/filters/{rule}")


def tell(api: Api) -> Told:
    """All stories; what came of each step, in their order."""
    mark = secrets.token_hex(3)
    with holding(api, mark), ThreadPoolExecutor(AT_ONCE) as pool:
        telling = {name: pool.submit(_story, api, mark, steps) for name, steps in STORIES.items()}
        return {name: one.result() for name, one in telling.items()}


def _story(api: Api, mark: str, steps: Sequence[Step]) -> list[Any]:
    kept: dict[str, str] = {}  # what an answer gave that later steps need
    told = []
    for step in steps:
        outcome = None
        while outcome is None or AGAIN in json.dumps(outcome):
            answer = _asked(api, step, mark, kept)
            outcome = _outcome(api, step, answer, mark)
        if step.keeps:
            kept[step.keeps] = str(answer.json)
        told.append(_in_order(masked(outcome, mark)))
    return told


def _in_order(outcome: Any) -> Any:
    """With a collection in an order of its own: some stand in that of their uuids."""
    match outcome:
        case [200, list(rows)]:
            return [200, sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))]
    return outcome


def _asked(api: Api, step: Step, mark: str, kept: dict[str, str]) -> Answer:
    def filled(text: str) -> str:
        text = text.replace(MARK, mark)
        for name, value in kept.items():
            text = text.replace(f"<{name}>", value)
        return text

    body = step.body if step.body is NOTHING else json.loads(filled(json.dumps(step.body)))
    arguments = () if step.body is NOTHING else (body,)
    target = filled(step.target)
    if step.held and step.takes_a_reason:
        target += f"{'&' if '?' in target else '?'}reason=held+{mark}"
    return api.request(step.method, target, *arguments)


def _outcome(api: Api, step: Step, answer: Answer, mark: str) -> Any:
    if answer.status != 200:
        status, text = answer.refusal()
        # behind this beginning stands what a parser in Haskell had to say
        return [status, UNREAD if text.startswith(UNREAD) else text]
    value = answer.json
    if type(value) is int:
        return _held(api, value) if step.held else _job(api, value)
    if isinstance(value, list):  # a collection, where others have things too
        value = [one for one in value if mark in json.dumps(one)]
    return [200, value]


def _held(api: Api, job_id: int) -> Any:
    """What is in the queue, which is then taken out of it."""
    socket = api.endpoint.luxi_socket  # which is asked sooner than stock
    [[opcodes]] = ask(socket, "QueryJobs", [[job_id], ["ops"]])
    cancelled, why_not = ask(socket, "CancelJob", [job_id, False])
    assert cancelled, (why_not, opcodes)
    return {"ops": opcodes}


def _job(api: Api, job_id: int) -> Any:
    """A job once it has ended, and the jobs that it submitted."""
    job = api.finished(job_id)
    results = job["opresult"]
    told = {"status": job["status"], "ops": job["ops"], "results": results}
    children = [child for result in results if isinstance(result, dict) for _, child in result.get("jobs") or ()]
    if children:
        told["children"] = [[child["status"], child["summary"]] for child in map(api.finished, children)]
        for result in results:
            result["jobs"] = len(result["jobs"])
    return told


def masked(value: Any, mark: str) -> Any:
    """Without what is another in each run."""
    match value:
        case dict():
            return {masked(name, mark): _member(name, one, mark) for name, one in value.items()}
        case list():
            return [masked(one, mark) for one in value]
        case str():
            text = _FOLDER.sub("", value.replace(mark, MARK))
            return _JOB.sub(r"\1N", _MAC.sub("MAC", _UUID.sub("UUID", text)))
    return value


def _member(name: str, value: Any, mark: str) -> Any:
    if name in VARYING:
        return type(value).__name__
    if isinstance(value, list):
        match name:
            case "reason":
                # luxid adds an element, Rapier two more on purpose
                value = [one[:2] for one in value if not one[0].startswith(("gnt:opcode:", "rapier:"))]
            case "reason_trail":
                value = [one[:2] for one in value]
            case "depends":
                value = [["N", statuses] for _, statuses in value]
            case "disk-templates":
                value = sorted(value)
    return masked(value, mark)


@cache
def answers_of_stock() -> Told:
    """What stock told of all stories."""
    told: Told = json.loads(TOLD.read_text())
    return told


def main() -> None:
    """Keeps what stock tells."""
    url, socket = sys.argv[1:]
    told = tell(Api("stock", Endpoint(url, Path(socket))))
    lines = [
        f"{json.dumps(name)}: [\n" + ",\n".join("  " + json.dumps(step, sort_keys=True) for step in steps) + "\n]"
        for name, steps in told.items()
    ]
    TOLD.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
