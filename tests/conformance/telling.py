"""Carries out the stories: each step is a request, and what came of it is told so that two APIs can be compared.

`python -m conformance.telling URL SOCKET` in tests/ tells them to stock and keeps that in told.json, which is reviewed
like any other change.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from conformance.client import Answer, Api
from conformance.stories import MARK, NOTHING, STORIES, Step
from endpoints import Endpoint
from lab.luxi import ask

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
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAC = re.compile(r"aa:00:0[01](:[0-9a-f]{2}){3}")
_JOB = re.compile(r"\b([Jj]ob(?:s:|=)? ?)\d+")


def tell(api: Api) -> Told:
    """All stories; what came of each step, in their order."""
    mark = secrets.token_hex(3)
    # a job whose reason is the word is held; so are no others
    holding = {"predicates": [["reason", ["=", "reason", f"held {mark}"]]], "action": "PAUSE"}
    rule = api.post("/2/filters", holding).value()
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            telling = {name: pool.submit(_story, api, mark, steps) for name, steps in STORIES.items()}
        return {name: one.result() for name, one in telling.items()}
    finally:
        api.delete(f"/2/filters/{rule}")


def _story(api: Api, mark: str, steps: Sequence[Step]) -> list[Any]:
    kept: dict[str, str] = {}  # what an answer gave that later steps need
    told = []
    for step in steps:
        answer = _asked(api, step, mark, kept)
        if step.keeps:
            kept[step.keeps] = str(answer.json)
        told.append(masked(_outcome(api, step, answer, mark), mark))
    return told


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
        return list(answer.refusal())
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
            return {
                masked(name, mark): type(one).__name__ if name in VARYING else _trail(one) if name == "reason" else masked(one, mark)
                for name, one in value.items()
            }
        case list():
            return [masked(one, mark) for one in value]
        case str():
            text = value.replace(mark, MARK)
            return _JOB.sub(r"\1N", _MAC.sub("MAC", _UUID.sub("UUID", text)))
    return value


def _trail(trail: Any) -> Any:
    """Source and text of the elements that the API itself wrote: luxid adds one, Rapier two more on purpose."""
    if not isinstance(trail, list):
        return trail
    return [[source, text] for source, text, _ in trail if not source.startswith(("gnt:opcode:", "rapier:"))]


def expected(told: Told, name: str, index: int) -> Any:
    """What stock told of that step."""
    return told[name][index]


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
