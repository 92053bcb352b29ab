"""Each step of each story comes to what stock makes of it: status, body, the job in the queue and its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.client import Api
from conformance.stories import STORIES
from conformance.telling import Told, answers_of_stock, tell

# the first test tells all stories: some forty jobs, each a process on a real cluster
pytestmark = pytest.mark.timeout(900)

STEPS = [(name, index) for name, steps in STORIES.items() for index in range(len(steps))]


def _id(step: tuple[str, int]) -> str:
    name, index = step
    asked = STORIES[name][index]
    return f"{name}-{index}-{asked.method}-{asked.target}"


@pytest.fixture(scope="session")
def told(api: Api) -> Told:
    """What this API made of all stories."""
    return tell(api)


@pytest.mark.parametrize("step", STEPS, ids=_id)
def test_a_step_comes_to_what_stock_makes_of_it(
    told: Told, differs: Callable[[str], bool], api: Api, step: tuple[str, int]
) -> None:
    name, index = step
    asked = STORIES[name][index]
    if asked.difference and api.target != "stock":
        # all that stories let Rapier off: where stock stumbles over a body, it says what is wrong with it
        assert told[name][index][0] == 400
    else:
        assert told[name][index] == answers_of_stock()[name][index]
    if asked.difference:
        assert differs(asked.difference) == (api.target == "stock")


def test_stories_tell_of_every_kind_of_outcome(told: Told) -> None:
    outcomes = {told[name][index][0] if isinstance(told[name][index], list) else "job" for name, index in STEPS}
    assert outcomes == {200, 400, 403, 404, 500, 502, 503, "job"}
