"""One request, sent to stock and to Rapier at the same time; what differs; and what it did is taken back."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from differential import comparing
from differential.accepted import RULES
from differential.answer import Answer
from differential.contract import CONTRACT
from differential.generator import Case
from differential.world import World
from endpoints import Endpoint

TIMEOUT_SECONDS = 100  # longer than either waits for luxid


@dataclass(frozen=True)
class Side:
    """What one of the two was asked, and answered. `made` is what was made for it alone, by name."""

    endpoint: Endpoint
    target: str
    made: dict[str, str]
    answer: Answer


@dataclass(frozen=True)
class Outcome:
    """`different` has a line for each difference that nobody has accepted, `accepted` the names of the others."""

    case: Case
    stock: Side
    rapier: Side
    different: list[str]
    accepted: set[str]

    def __str__(self) -> str:
        sides = [
            f"{side.answer}\n    of {self.case.curl(side.endpoint.url, side.target)}"
            for side in (self.stock, self.rapier)
        ]
        return "\n".join([*self.different, "", "--- stock answers", sides[0], "", "--- Rapier answers", sides[1]])


class Pair:
    """Stock and Rapier before one luxid."""

    def __init__(self, stock: Endpoint, rapier: Endpoint, world: World) -> None:
        self._endpoints = (stock, rapier)
        self._tls = {endpoint.url: endpoint.tls() for endpoint in self._endpoints}
        self._world = world
        self._pool = ThreadPoolExecutor(2)

    def compare(self, case: Case) -> Outcome:
        """Both answers, and how they and what the requests left differ."""
        targets = [self._world.resolved(case.target) for _ in self._endpoints]
        asked = [self._pool.submit(self._send, case, *one) for one in zip(self._endpoints, targets, strict=True)]
        stock, rapier = [
            Side(endpoint, target, made, answer.result())
            for endpoint, (target, made), answer in zip(self._endpoints, targets, asked, strict=True)
        ]
        jobs = [_job_of(case, side.answer) for side in (stock, rapier)]
        try:
            return self._compared(case, stock, rapier, jobs)
        finally:
            for job_id in jobs:
                if job_id is not None:
                    self._world.cancel(job_id)
            for side in (stock, rapier):
                if "own-job" in side.made:
                    self._world.cancel(int(side.made["own-job"]))
            if case.uri.startswith("/2/filters") and case.method != "GET":
                self._world.forget_rules()

    def _send(self, case: Case, endpoint: Endpoint, resolved: tuple[str, dict[str, str]]) -> Answer:
        host, port = endpoint.address
        tls = self._tls[endpoint.url]
        with closing(http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=tls)) as connection:
            connection.request(case.method, resolved[0], case.body, case.headers)
            response = connection.getresponse()
            raw = response.read()
        headers = {header.lower(): value for header, value in response.getheaders()}
        try:
            body = json.loads(raw)
        except ValueError:
            body = raw
        return Answer(response.status, headers, body, raw)

    def _compared(self, case: Case, stock: Side, rapier: Side, jobs: list[int | None]) -> Outcome:
        accepted = {name for name, rule in RULES.items() if rule(case, stock.answer, rapier.answer)}
        if accepted:
            return Outcome(case, stock, rapier, [], accepted)
        different = list(comparing.answers(case, stock.answer, rapier.answer, accepted))
        if jobs[0] is not None and jobs[1] is not None:
            different += comparing.jobs(self._world.opcodes(jobs[0]), self._world.opcodes(jobs[1]), accepted)
        else:
            bodies = [comparing.neutral(side.answer, self._made_by(case, side)) for side in (stock, rapier)]
            different += comparing.unequal(bodies[0], bodies[1], "body")
            different += self._left_behind(case, stock, rapier, accepted)
        return Outcome(case, stock, rapier, different, accepted)

    def _made_by(self, case: Case, side: Side) -> dict[str, str]:
        """What is this side's alone: the ids that it was asked with, and that of a filter that it made."""
        if case.uri == "/2/filters" and case.method == "POST" and side.answer.status == 200:
            return {**side.made, "new-filter": str(side.answer.body)}
        return side.made

    def _left_behind(self, case: Case, stock: Side, rapier: Side, accepted: set[str]) -> list[str]:
        """Differences in what a write did that is no job: to a filter, or to a job that it cancelled."""
        if case.method == "GET" or not stock.answer.status == rapier.answer.status == 200:
            return []
        if case.uri == "/2/jobs/{job}":
            ids = [int(side.target.partition("?")[0].rsplit("/", 1)[1]) for side in (stock, rapier)]
            states = [self._world.state(job_id) for job_id in ids]
            return list(comparing.unequal(states[0], states[1], "state of the job"))
        if case.uri.startswith("/2/filters"):
            rules = self._world.rules()
            made = [rules.get(str(side.answer.body)) for side in (stock, rapier)]
            return list(comparing.rules(made[0], made[1], accepted))
        return []


def _job_of(case: Case, answer: Answer) -> int | None:
    """The job that the answer names, where the request submits one."""
    submits = bool(CONTRACT[case.uri][case.method].opcode)
    return answer.body if submits and answer.status == 200 and type(answer.body) is int else None
