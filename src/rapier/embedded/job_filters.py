"""Job filters: rules that say which jobs of the queue may run (gnt-filter(8)).

A rule's predicates hold for a job all together, or it does not apply. Of those that apply the first decides, in the
order of priorities, unless it says CONTINUE:

    ACCEPT             the job may run
    PAUSE              it stays in the queue
    REJECT             it is cancelled
    [RATE_LIMIT, n]    it stays in the queue while n jobs to which the same rule applied are running
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rapier.embedded.configuration import Configuration
from rapier.embedded.filters import Filter, read_filter, shown
from rapier.embedded.job import Job
from rapier.embedded.model import JobFilter
from rapier.embedded.refusals import WRONG_INPUT, prereq, unreadable
from rapier.errors import GanetiError

ACCEPT, CONTINUE, PAUSE, REJECT, RATE_LIMIT = "ACCEPT", "CONTINUE", "PAUSE", "REJECT", "RATE_LIMIT"
_WORDS = (ACCEPT, CONTINUE, PAUSE, REJECT)
_BY_ID = "jobid"  # the kind of predicate in which a word may stand for an id:
_WATERMARK = "watermark"

Values = Mapping[str, Any]

_FIELDS: Mapping[str, Callable[[JobFilter], Any]] = {
    "uuid": lambda one: one.uuid,
    "watermark": lambda one: one.watermark,
    "priority": lambda one: one.priority,
    "predicates": lambda one: one.predicates,
    "action": lambda one: one.action,
    "reason_trail": lambda one: one.reason_trail,
}


# -- what they are applied to ----------------------------------------------------------------------------------------


def _job_ids(job: Job) -> Iterator[Values]:
    yield {"id": job.id}


def _opcodes(job: Job) -> Iterator[Values]:
    yield from (opcode.params for opcode in job.opcodes)


def _reasons(job: Job) -> Iterator[Values]:
    for opcode in job.opcodes:
        for source, reason, timestamp in opcode.params["reason"]:
            yield {"source": source, "reason": reason, "timestamp": timestamp}


# What a predicate looks at: it holds for a job when it holds for one of these
_PREDICATES: Mapping[str, Callable[[Job], Iterator[Values]]] = {
    _BY_ID: _job_ids,
    "opcode": _opcodes,
    "reason": _reasons,
}


def in_order(configuration: Configuration) -> list[JobFilter]:
    """All rules, in the order in which they are asked."""
    return sorted(configuration.filters, key=lambda one: (one.priority, one.watermark, one.uuid))


def deciding(job: Job, rules: Sequence[JobFilter]) -> JobFilter | None:
    """The rule that decides on the job; `None` where it may run."""
    for rule in rules:
        if rule.action != CONTINUE and all(_holds(rule, predicate, job) for predicate in rule.predicates):
            return None if rule.action == ACCEPT else rule
    return None


def _holds(rule: JobFilter, predicate: list[Any], job: Job) -> bool:
    kind, words = predicate
    if kind == _BY_ID:
        words = _with_watermark(words, rule.watermark)
    holds = _reading(words)
    return any(_true(holds, values) for values in _PREDICATES[kind](job))


def _true(holds: Filter, values: Values) -> bool:
    try:
        return holds(values.__getitem__)
    except (KeyError, GanetiError):
        return False  # it has no such field, or one of another type


def _with_watermark(words: Any, watermark: int) -> Any:
    if isinstance(words, list):
        return [_with_watermark(word, watermark) for word in words]
    return watermark if words == _WATERMARK else words


# -- reading and showing them ----------------------------------------------------------------------------------------


def rule_of(
    uuid: str, priority: int, predicates: list[Any], action: Any, reason: list[Any], watermark: int
) -> JobFilter:
    """A rule of these words. Raises `RequestRefused` for what cannot be read."""
    if priority < 0:
        raise unreadable(f"Invalid value for non-negative type '{priority}'")
    return JobFilter(
        name=uuid,
        uuid=uuid,
        priority=priority,
        predicates=[_predicate(one) for one in predicates],
        action=_action(action),
        reason_trail=[*(_reason(one) for one in reason), ["luxid", "", time.time_ns()]],
        watermark=watermark,
    )


def _predicate(words: Any) -> list[Any]:
    match words:
        case [str(kind), expression] if kind in _PREDICATES:
            _reading(expression)
            return [kind, _with_double_equals(expression)]
    raise unreadable(f"malformed FilterPredicate: {shown(words)}")


def _reading(expression: Any) -> Filter:
    holds = read_filter(expression)
    if holds is None:
        raise unreadable("malformed FilterPredicate: null")
    return holds


def _with_double_equals(words: Any) -> Any:
    """As luxid shows an expression that it has read."""
    if isinstance(words, list) and words:
        return ["==" if words[0] == "=" else words[0], *map(_with_double_equals, words[1:])]
    return words


def _action(words: Any) -> str | tuple[str, int]:
    match words:
        case str() if words in _WORDS:
            return str(words)
        case ["RATE_LIMIT", int(most)] if not isinstance(most, bool):
            if most <= 0:
                raise unreadable("RATE_LIMIT argument must be a positive integer")
            return (RATE_LIMIT, most)
    raise unreadable(f"malformed FilterAction JSON: {shown(words)}")


def _reason(words: Any) -> list[Any]:
    match words:
        case [str(), str(), int()]:
            return list(words)
    raise unreadable(f"Can't parse value for 'reason': {shown(words)}")


def rows(configuration: Configuration, uuids: Sequence[str] | None, fields: Sequence[str]) -> list[list[Any]]:
    """LUXI QueryFilters, in the order of the uuids; nothing for one that no rule has."""
    if unknown := [name for name in fields if name not in _FIELDS]:
        raise prereq(f"Unknown output fields selected: {', '.join(unknown)}", WRONG_INPUT)
    found = sorted(configuration.filters, key=lambda one: one.uuid)
    if uuids:
        found = [one for one in found if one.uuid in uuids]
    return [[_FIELDS[name](one) for name in fields] for one in found]
