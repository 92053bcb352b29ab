"""Equal reads share a call, and no answer is older than its question."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rapier.cluster.sharing import Sharing
from rapier.errors import MasterLost


class Calls:
    """Calls that end when the test says so; each answers the version of the world in which it began."""

    def __init__(self) -> None:
        self.version = 0
        self.under_way: dict[int, asyncio.Future[None]] = {}
        self.begun = 0
        self.most_at_once = 0

    async def __call__(self) -> tuple[int, int]:
        self.begun += 1
        number, version = self.begun, self.version
        self.under_way[number] = asyncio.get_running_loop().create_future()
        self.most_at_once = max(self.most_at_once, len(self.under_way))
        try:
            await self.under_way[number]
        finally:
            del self.under_way[number]
        return number, version

    def end(self, problem: Exception | None = None) -> None:
        """Ends the one that is under way."""
        [ending] = self.under_way.values()
        if problem is None:
            ending.set_result(None)
        else:
            ending.set_exception(problem)


class Question:
    """One who asks: when, and which call has to answer."""

    def __init__(self, task: asyncio.Task[tuple[int, int]], arrived_at: int, answered_by: int) -> None:
        self.task = task
        self.arrived_at = arrived_at
        self.answered_by = answered_by
        self.left = False


class FreshnessRule(RuleBasedStateMachine):
    """Asks, leaves, changes the world and ends calls in any order, and compares with the rule."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.sharing = Sharing()
        self.calls = Calls()
        self.open: list[Question] = []

    def settle(self) -> None:
        """Let the loop run until nothing moves any more."""

        async def turns() -> None:
            for _ in range(8):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())

    @property
    def next_call(self) -> int:
        """The number of the first call that begins from now on."""
        return self.calls.begun + 1

    async def _ask(self, count: int) -> None:
        for _ in range(count):
            task = asyncio.ensure_future(self.sharing("key", self.calls))
            self.open.append(Question(task, self.calls.version, self.next_call))

    @rule(count=st.integers(1, 5))
    def some_ask_at_once(self, count: int) -> None:
        self.loop.run_until_complete(self._ask(count))
        self.settle()

    @rule()
    def the_world_changes(self) -> None:
        self.calls.version += 1

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def one_leaves(self, data: st.DataObject) -> None:
        question = data.draw(st.sampled_from(self.open))
        question.task.cancel()
        self.settle()
        assert question.task.cancelled()
        self.open.remove(question)

    @precondition(lambda self: self.calls.under_way)
    @rule()
    def the_call_ends(self) -> None:
        ended = self.calls.begun
        self.calls.end()
        self.settle()
        for question in [question for question in self.open if question.answered_by == ended]:
            number, version = question.task.result()
            assert number == ended
            assert version >= question.arrived_at
            self.open.remove(question)

    @precondition(lambda self: self.calls.under_way)
    @rule()
    def the_call_fails(self) -> None:
        ended = self.calls.begun
        self.calls.end(MasterLost("lost"))
        self.settle()
        for question in [question for question in self.open if question.answered_by == ended]:
            assert isinstance(question.task.exception(), MasterLost)
            self.open.remove(question)

    @precondition(lambda self: self.calls.under_way)
    @rule(count=st.integers(1, 3))
    def some_ask_in_the_very_turn_in_which_the_call_ends(self, count: int) -> None:
        ended = self.calls.begun
        self.calls.end()
        self.loop.run_until_complete(self._ask(count))
        self.settle()
        for question in [question for question in self.open if question.task.done()]:
            number, version = question.task.result()
            assert number == question.answered_by == ended
            assert version >= question.arrived_at
            self.open.remove(question)

    @invariant()
    def one_call_at_a_time_and_only_for_those_who_wait(self) -> None:
        assert self.calls.most_at_once <= 1
        assert not any(question.task.done() for question in self.open)
        waiting_for = {question.answered_by for question in self.open}
        # those of the call under way, and those of the next one: nobody waits for a third
        assert waiting_for <= {self.calls.begun, self.next_call}
        if self.open:
            assert self.calls.under_way
        assert self.sharing.calls == self.calls.begun

    def teardown(self) -> None:
        async def end() -> None:
            await self.sharing.close()
            await asyncio.gather(*(question.task for question in self.open), return_exceptions=True)

        self.loop.run_until_complete(end())
        assert not asyncio.all_tasks(self.loop)
        self.loop.close()


TestFreshnessRule = FreshnessRule.TestCase
TestFreshnessRule.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_asks_while_a_call_is_under_way_waits_for_the_next_with_all_who_do() -> None:
    sharing, calls = Sharing(), Calls()
    first = asyncio.ensure_future(sharing("key", calls))
    await turn()
    calls.version = 1  # the client's own write
    later = [asyncio.ensure_future(sharing("key", calls)) for _ in range(10)]
    await turn()
    calls.end()
    assert await first == (1, 0)
    await turn()
    calls.end()
    assert await asyncio.gather(*later) == [(2, 1)] * 10
    assert (sharing.calls, sharing.shared) == (2, 9)


async def test_other_keys_do_not_wait_for_each_other() -> None:
    sharing, one, two = Sharing(), Calls(), Calls()
    slow = asyncio.ensure_future(sharing("one", one))
    quick = asyncio.ensure_future(sharing(("two", 2), two))
    await turn()
    two.end()
    assert await quick == (1, 0)
    assert not slow.done()
    one.end()
    await slow


async def test_an_error_reaches_all_who_share_and_the_next_call_is_made_all_the_same() -> None:
    sharing, calls = Sharing(), Calls()
    first = [asyncio.ensure_future(sharing("key", calls)) for _ in range(3)]
    await turn()
    later = asyncio.ensure_future(sharing("key", calls))
    await turn()
    calls.end(MasterLost("lost"))
    answers = await asyncio.gather(*first, return_exceptions=True)
    assert [str(answer) for answer in answers] == ["lost"] * 3
    await turn()
    calls.end()
    assert await later == (2, 0)


async def test_one_who_leaves_in_the_middle_does_not_end_the_call_of_the_others() -> None:
    sharing, calls = Sharing(), Calls()
    asker, *others = [asyncio.ensure_future(sharing("key", calls)) for _ in range(3)]
    await turn()
    asker.cancel()
    await turn()
    calls.end()
    assert await asyncio.gather(*others) == [(1, 0)] * 2
    assert asker.cancelled()


async def test_no_call_is_made_for_those_who_left_before_it_began() -> None:
    sharing, calls = Sharing(), Calls()
    first = asyncio.ensure_future(sharing("key", calls))
    await turn()
    gone = [asyncio.ensure_future(sharing("key", calls)) for _ in range(3)]
    await turn()
    for asker in gone:
        asker.cancel()
    await turn()
    calls.end()
    await first
    await turn()
    assert calls.begun == 1
    again = asyncio.ensure_future(sharing("key", calls))
    await turn()
    calls.end()
    assert await again == (2, 0)


async def test_an_error_that_nobody_waits_for_is_not_complained_of(caplog: pytest.LogCaptureFixture) -> None:
    sharing, calls = Sharing(), Calls()
    asker = asyncio.ensure_future(sharing("key", calls))
    await turn()
    asker.cancel()
    await turn()
    calls.end(MasterLost("lost"))
    await turn()
    assert caplog.text == ""


async def test_nothing_is_kept_of_keys_that_nobody_asks_for() -> None:
    sharing = Sharing()

    async def answer() -> int:
        return 1

    for key in range(100):
        await sharing(key, answer)
    assert not sharing._lines


@pytest.mark.parametrize("turns_before_closing", [0, 1, 5])
async def test_closing_leaves_nobody_waiting(turns_before_closing: int) -> None:
    sharing, calls = Sharing(), Calls()
    askers = [asyncio.ensure_future(sharing("key", calls)) for _ in range(2)]
    for _ in range(turns_before_closing):
        await asyncio.sleep(0)
    askers.append(asyncio.ensure_future(sharing("key", calls)))
    await asyncio.sleep(0)
    await sharing.close()
    answers: list[Any] = await asyncio.wait_for(asyncio.gather(*askers, return_exceptions=True), 2)
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers)
