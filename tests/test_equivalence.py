"""
Random histories of a world: what is remembered never differs from what is true.

Each step is something that happens to the world, to the network, or to a poll. After each
poll its figures are compared with the world's own. A failing history shrinks to a few steps.
"""

import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from hn_comments import BadStatus, Count, FetchLimitExceeded, PollReport, Session, URLFetcher
from hn_comments.cache import classify
from hn_comments.items import parse_item
from hn_comments.simulator import World
from hn_comments.simulator.paths import answer
from hn_comments.memory import Memory

from .support import Clock, poll_once


# 100 histories of 25 steps in CI; by hand 4,000 make 100,000 steps.
EXAMPLES = int(os.environ.get("HN_COMMENTS_TESTS_EXAMPLES", "100"))
STEPS = 25

LIMIT = 3

numbers = st.integers(0, 1000)


class WorldFetcher(URLFetcher):
    """Fetches from a world in this process, whose answers take a random number of turns."""

    def __init__(self, machine: "Histories", *, max_fetches: int | None = None) -> None:
        super().__init__(machine.session, max_fetches=max_fetches)
        self.machine = machine

    async def fetch(self, path: str) -> Any:
        if self.fetch_counter == self.max_fetches:
            raise FetchLimitExceeded(self.fetch_counter)
        self.fetch_counter += 1
        await self.machine.some_turns()
        known = self.machine.answer(path.removesuffix(".json"))
        await self.machine.some_turns()
        if path in self.machine.failing:
            raise BadStatus(path, 500)
        return known


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.loop = self.runner.get_loop()
        self.random = random.Random(0)
        self.session = self.runner.run(self.make_session())
        self.clock = Clock()
        self.memory = Memory(self.clock)
        self.failing: set[str] = set()
        self.hidden: set[int] = set()
        self.ever_hidden = False
        self.world = World(stories=0)
        for size in (4, 2, 0, 3):
            story = self.world.add_story(score=100)
            self.world.top.append(story)
            for _ in range(size):
                self.world.add_reply(story)
        self.events = 0

    async def make_session(self) -> Session:
        return Session()

    def teardown(self) -> None:
        self.runner.close()

    async def some_turns(self) -> None:
        for _ in range(self.random.choice((0, 0, 0, 1, 3, 7, 70))):
            await asyncio.sleep(0)

    def answer(self, path: str) -> Any:
        """Return a copy of the API's answer, which later changes must not reach."""
        kind, _, item_id = path.partition("/")
        if kind == "item" and int(item_id) in self.hidden:
            return None
        value = answer(self.world, path)
        return {**value, "kids": [*value["kids"]]} if kind == "item" and "kids" in value else value

    def truth(self, story: int) -> Count:
        """Return the figures of a walk that nothing disturbs."""
        counts = []
        pending = [*self.answer(f"item/{story}").get("kids", [])]
        while pending:
            item_id = pending.pop()
            item = parse_item("", item_id, self.answer(f"item/{item_id}"))
            counts.append(classify(item))
            pending += item.kids if item else ()
        return Count.total(counts)

    def choose(self, number: int, *, comments: bool = True) -> int:
        """Return the id of an item, a comment if that is wanted and there is one."""
        ids = [
            i for i, item in self.world.items.items() if item and (not comments or "parent" in item)
        ]
        return ids[number % len(ids)]

    def parent_of(self, item_id: int) -> int:
        return int((self.world.items[item_id] or {})["parent"])

    # What happens to the world. `updates` holds 40 ids: more events than this between two
    # polls could push some out of it, which may be late, as the documentation says.

    @precondition(lambda self: self.events < 10)
    @rule(number=numbers, replies=st.integers(1, 3))
    def comment(self, number: int, replies: int) -> None:
        parent = self.choose(number, comments=False)
        for _ in range(replies):
            parent = self.world.add_comment(parent)
        self.events += replies

    @precondition(lambda self: self.events < 10)
    @rule(number=numbers)
    def kill(self, number: int) -> None:
        self.world.kill(self.choose(number))
        self.events += 1

    @precondition(lambda self: self.events < 10)
    @rule(number=numbers)
    def delete(self, number: int) -> None:
        self.world.delete(self.choose(number))
        self.events += 1

    @precondition(lambda self: self.events < 10)
    @rule(number=numbers)
    def comment_not_readable_yet(self, number: int) -> None:
        self.ever_hidden = True
        self.hidden.add(self.world.add_comment(self.choose(number, comments=False)))
        self.events += 1

    @rule()
    def become_readable(self) -> None:
        while self.hidden:
            self.world.touch(self.hidden.pop())

    @rule(number=numbers, other=numbers)
    def move(self, number: int, other: int) -> None:
        """Moderators move a comment; only the refresh that follows can see that."""
        comment, parent = self.choose(number), self.choose(other, comments=False)
        below = {comment, *self.world.walk(comment)}
        if parent not in below and self.world.root(parent) == self.world.root(comment):
            self.world.move(comment, parent)
            self.clock.now += 1000

    @rule(number=numbers)
    def change_the_front_page(self, number: int) -> None:
        page = self.world.top
        page[number % len(page)], page[-1] = page[-1], page[number % len(page)]

    @rule(number=numbers)
    def new_story(self, number: int) -> None:
        self.world.top.insert(number % len(self.world.top), self.world.add_story(score=1))

    @rule(seconds=st.sampled_from((1, 100, 1000, 4000)))
    def time_passes(self, seconds: int) -> None:
        self.clock.now += seconds

    # What happens to the network.

    @rule(number=numbers)
    def break_item(self, number: int) -> None:
        self.failing.add(f"item/{self.choose(number, comments=False)}.json")

    @rule(path=st.sampled_from(("maxitem.json", "updates.json", "topstories.json")))
    def break_path(self, path: str) -> None:
        self.failing.add(path)

    @rule()
    def repair(self) -> None:
        self.failing.clear()

    # Polls.

    @rule(seed=numbers)
    def poll(self, seed: int) -> None:
        with self.polling(seed):
            report = self.runner.run(self.run_poll())
        self.check(report)

    @rule(seed=numbers, budget=st.integers(0, 12))
    def poll_on_a_budget(self, seed: int, budget: int) -> None:
        with self.polling(seed):
            report = self.runner.run(self.run_poll(max_fetches=budget))
        self.check(report)

    @rule(seed=numbers, turns=st.integers(0, 60))
    def cancelled_poll(self, seed: int, turns: int) -> None:
        async def cancel() -> None:
            task = asyncio.create_task(self.run_poll())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

        with self.polling(seed):
            self.runner.run(cancel())

    @precondition(lambda self: self.events < 10)
    @rule(seed=numbers, turns=st.integers(0, 60), number=numbers)
    def overlapping_polls(self, seed: int, turns: int, number: int) -> None:
        """Something happens while a poll runs; the next one starts before it ends."""

        async def overlap() -> PollReport:
            first = asyncio.create_task(self.run_poll())
            for _ in range(turns):
                await asyncio.sleep(0)
            self.comment(number, 2)
            self.kill(number)
            self.clock.now += 61
            second = await self.run_poll()
            await first
            return second

        with self.polling(seed):
            self.check(self.runner.run(overlap()))

    @contextmanager
    def polling(self, seed: int) -> Iterator[None]:
        """Make the interleaving repeatable, and what lingers in `updates` due."""
        self.random.seed(seed)
        self.clock.now += 61
        yield
        self.events = 0

    async def run_poll(self, *, max_fetches: int | None = None) -> PollReport:
        fetcher = WorldFetcher(self, max_fetches=max_fetches)
        return await poll_once(fetcher, memory=self.memory, limit=LIMIT)

    def check(self, report: PollReport) -> None:
        """
        Exact means true, anything else is at most true; and only faults excuse that.

        Without `updates`, deaths and what is not readable yet may be late.
        """
        limited = "limit" in str(report.errors) or report.fetches < 3
        late = "updates.json" in self.failing or limited
        for story in report.stories:
            truth = self.truth(story.id)
            if story.status == "exact" and late:
                assert story.count
                assert story.count.comments <= truth.comments
                if not self.ever_hidden:
                    assert story.count.comments == truth.comments
            elif story.status == "exact":
                assert story.count == truth, f"{story.count} is not {truth}"
            elif story.count:
                assert story.count.comments <= truth.comments
        if not (late and self.ever_hidden):
            assert report.drift == 0
        if not self.failing and not limited:
            assert report.status == "exact", report.errors
            assert [story.id for story in report.stories] == self.world.top[:LIMIT]


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize="HN_COMMENTS_TESTS_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
