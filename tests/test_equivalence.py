"""
Random histories of a world: what is remembered never differs from what is true for long.

Each step is something that happens to the world, to the network, or to a poll. After each
poll its figures are compared with the world's own, as far as the API let on: what it kept
quiet about, or told late, may be late. A failing history shrinks to a few steps.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from hn_comments import BadStatus, Count, FetchLimitExceeded, PollReport, Session, URLFetcher
from hn_comments.api.items import parse_item
from hn_comments.history.store import Store
from hn_comments.memory.memory import Memory
from hn_comments.memory.tree import OWN
from hn_comments.models import State
from hn_comments.simulator import World
from hn_comments.simulator.forest import is_live
from hn_comments.simulator.paths import answer

from .support import Clock, poll_once


# 60 histories of 25 steps in CI; by hand 4,000 make 100,000 steps.
EXAMPLES = int(os.environ.get("HN_COMMENTS_TESTS_EXAMPLES", "60"))
STEPS = 25

LIMIT = 3

numbers = st.integers(0, 1000)

# How often what is tested was really there to be tested, over all histories.
counted: Counter[str] = Counter()


class WorldFetcher(URLFetcher):
    """Fetches from a world in this process, whose answers take a random number of turns."""

    def __init__(self, machine: "Histories", *, max_fetches: int | None = None) -> None:
        super().__init__(machine.session, max_fetches=max_fetches)
        self.machine = machine

    async def fetch(self, path: str, **_: object) -> Any:
        if self.fetch_counter == self.max_fetches:
            raise FetchLimitExceeded(self.fetch_counter)
        self.fetch_counter += 1
        await self.machine.some_turns()
        known = self.machine.answer(path.removesuffix(".json"))
        await self.machine.some_turns()
        if path in self.machine.failing:
            raise BadStatus(path, 500)
        return known


class InlineHistory:
    """A history file, written where its user waits: no thread makes the interleaving random."""

    def __init__(self, path: str) -> None:
        self.store = Store(path)

    async def recall(self, memory: Memory, ids: Sequence[int], **kwargs: Any) -> None:
        self.store.recall(memory, ids, **kwargs)

    async def save(self, report: PollReport, memory: Memory | None) -> None:
        self.store.save([report], [report], memory)


class Histories(RuleBasedStateMachine):
    """
    A world of four stories, polled by one memory.

    *events* are those that `updates` had to hold since the last poll, *silent* says that
    something happened which it did not tell. *truths* is what was true, and since when.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.loop = self.runner.get_loop()
        self.random = random.Random(0)
        self.session = self.runner.run(self.make_session())
        self.clock = Clock(1_800_000_000)
        self.memory = Memory(self.clock)
        self.folder = TemporaryDirectory()
        self.history = InlineHistory(f"{self.folder.name}/history.db")
        self.failing: set[str] = set()
        self.hidden: set[int] = set()
        self.events = 0
        self.silent = False
        self.late = 0.0
        self.keeps_quiet = self.breaks = False
        self.truths: dict[int, list[tuple[float, int]]] = {}

    @initialize(
        lag=st.sampled_from((0, 0, 2, 30)),
        size=st.sampled_from((40, 40, 3, 0)),
        flap=st.booleans(),
        quiet=st.booleans(),
        breaks=st.booleans(),
    )
    def make_world(self, lag: float, size: int, *, flap: bool, quiet: bool, breaks: bool) -> None:
        """Some worlds are late, some forget most of what happens, and some keep quiet about it."""
        self.keeps_quiet = quiet
        self.breaks = breaks
        self.world = World(
            stories=0,
            lag=lag,
            flap=flap,
            updates_size=size,
            clock=self.clock,
            now=self.clock,
        )
        # Ids of other stories, as on a real site, before ours.
        for comments in (25, 14, 12, 0, 13):
            story = self.world.add_story(score=100)
            self.world.top.append(story)
            for _ in range(comments):
                self.world.add_reply(story)
        del self.world.top[0]
        self.clock.now += 1000
        self.late = 4 * lag

    async def make_session(self) -> Session:
        return Session()

    def teardown(self) -> None:
        self.runner.close()
        self.history.store.close()
        self.folder.cleanup()

    async def some_turns(self) -> None:
        for _ in range(self.random.choice((0, 0, 0, 1, 3, 7, 70))):
            await asyncio.sleep(0)

    def answer(self, path: str) -> Any:
        """Return a copy of the API's answer, which later changes must not reach."""
        kind, _, item_id = path.partition("/")
        if kind == "item" and int(item_id) in self.hidden:
            return None
        value = answer(self.world, path)
        return (
            {**value, "kids": [*value["kids"]]}
            if kind == "item" and value and "kids" in value
            else value
        )

    def truth(self, story: int) -> Count:
        """Return the figures of a walk that nothing disturbs or delays."""
        counts = []
        pending = [*(self.world.items[story] or {}).get("kids", [])]
        while pending:
            item_id = pending.pop()
            value = None if item_id in self.hidden else self.world.items[item_id]
            item = parse_item("", item_id, value)
            counts.append(OWN[item.state if item else State.MISSING])
            pending += item.kids if item else ()
        return Count.total(counts)

    def note_truths(self) -> None:
        """Keep what is true now, before something changes it."""
        for story in self.world.top:
            self.truths.setdefault(story, []).append((self.clock.now, self.truth(story).comments))

    def choose(self, number: int, *, comments: bool = True) -> int:
        """Return the id of an item that a walk can reach, a comment if that is wanted."""
        ids = [
            i
            for i, item in self.world.items.items()
            if item
            and i not in self.hidden
            and (not comments or "parent" in item)
            and self.world.story_of(i)
        ]
        return ids[number % len(ids)]

    def happens(self, number: int = 1) -> None:
        """Note an event that `updates` tells, if it does not forget."""
        self.events += 2 * number
        if self.world.updates_size < 40:
            self.silent = True

    # What happens to the world. `updates` holds 40 ids: more events than this between two
    # polls could push some out of it, which may be late, as the documentation says.

    @precondition(lambda self: self.events < 20)
    @rule(number=numbers, replies=st.integers(1, 3))
    def comment(self, number: int, replies: int) -> None:
        """Comments are never late: each has an id of its own."""
        self.note_truths()
        parent = self.choose(number, comments=False)
        for _ in range(replies):
            parent = self.world.add_comment(parent)
        self.events += 2 * replies

    @precondition(lambda self: self.events < 20)
    @rule(number=numbers)
    def kill(self, number: int) -> None:
        self.world.kill(self.choose(number))
        self.happens()

    @precondition(lambda self: self.events < 20)
    @rule(number=numbers)
    def delete(self, number: int) -> None:
        self.world.delete(self.choose(number))
        self.happens()

    @precondition(lambda self: self.keeps_quiet and self.events < 20)
    @rule(number=numbers)
    def die_silently(self, number: int) -> None:
        self.world.kill(self.choose(number), quietly=True)
        self.silent = True

    @precondition(lambda self: self.keeps_quiet and self.events < 20)
    @rule(number=numbers)
    def revive_silently(self, number: int) -> None:
        self.world.revive(self.choose(number), quietly=True)
        self.silent = True

    @precondition(lambda self: self.keeps_quiet and self.events < 20)
    @rule(number=numbers)
    def comment_not_readable_yet(self, number: int) -> None:
        self.note_truths()
        self.hidden.add(self.world.add_comment(self.choose(number, comments=False)))
        self.silent = True

    @rule()
    def become_readable(self) -> None:
        self.note_truths()
        self.silent = self.silent or bool(self.hidden)
        while self.hidden:
            self.world.touch(self.hidden.pop())

    @precondition(lambda self: self.keeps_quiet and self.events < 20)
    @rule(number=numbers, other=numbers)
    def move(self, number: int, other: int) -> None:
        """Moderators move a comment; no list tells, but `descendants`, if it is a live one."""
        comment, parent = self.choose(number), self.choose(other, comments=False)
        if is_live(self.world.items[comment]) and parent not in {
            comment,
            *self.world.walk(comment),
        }:
            self.world.move(comment, parent)
            self.silent = True

    @precondition(lambda self: self.keeps_quiet and self.events < 20)
    @rule(number=numbers)
    def remove(self, number: int) -> None:
        """Or they take it out of the tree."""
        comment = self.choose(number)
        left = sum(self.world.story_of(i) in self.world.top for i in self.world.items)
        if is_live(self.world.items[comment]) and left > 20:
            self.world.remove(comment)
            self.silent = True

    @rule(number=numbers)
    def change_the_front_page(self, number: int) -> None:
        page = self.world.top
        page[number % len(page)], page[-1] = page[-1], page[number % len(page)]

    @rule(number=numbers)
    def new_story(self, number: int) -> None:
        self.world.top.insert(number % len(self.world.top), self.world.add_story(score=1))
        self.happens()

    @rule(seconds=st.sampled_from((1, 100, 1000, 4000)))
    def time_passes(self, seconds: int) -> None:
        self.clock.now += seconds

    # What happens to the network.

    @precondition(lambda self: self.breaks)
    @rule(number=numbers)
    def break_item(self, number: int) -> None:
        self.failing.add(f"item/{self.choose(number, comments=False)}.json")

    @precondition(lambda self: self.breaks)
    @rule(path=st.sampled_from(("maxitem.json", "updates.json", "topstories.json")))
    def break_path(self, path: str) -> None:
        self.failing.add(path)

    @rule()
    def repair(self) -> None:
        self.failing.clear()

    # Polls.

    @rule()
    def restart(self) -> None:
        """The program ends, and another run goes on with what the file remembers."""
        self.history.store.close()
        self.history = InlineHistory(f"{self.folder.name}/history.db")
        self.memory = Memory(self.clock)
        counted["restarts"] += 1

    @rule(seed=numbers, more=st.integers(0, 3))
    def poll(self, seed: int, more: int) -> None:
        """Poll, and a few seconds later again."""
        with self.polling(seed):
            report = self.runner.run(self.run_poll())
        self.check(report)
        for _ in range(more):
            self.clock.now += 5
            report = self.runner.run(self.run_poll())
            self.check(report)

    @rule(seed=numbers, budget=st.integers(0, 12))
    def poll_on_a_budget(self, seed: int, budget: int) -> None:
        with self.polling(seed):
            report = self.runner.run(self.run_poll(max_fetches=budget))
        self.check(report)
        # What it had no time for is not in `updates` the next time.
        self.silent = True

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

    @precondition(lambda self: self.events < 20)
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

    @rule(seed=numbers)
    def settle(self, seed: int) -> None:
        """Half an hour without events, and what was kept quiet is known."""
        self.repair()
        self.become_readable()
        self.truths.clear()
        for seconds in (100, 1000, 100, 100, 100):
            self.clock.now += seconds
            with self.polling(seed):
                report = self.runner.run(self.run_poll())
        self.silent = False
        assert report.status == "exact", report.errors
        assert [story.id for story in report.stories] == self.world.top[:LIMIT]
        for story in report.stories:
            truth = self.truth(story.id)
            # A silent revival and a silent death in one story hide each other, and what is
            # dead can be moved without any figure that tells.
            assert story.count
            assert story.count.live == truth.live
            assert self.keeps_quiet or story.count == truth
            assert not story.disputed

    @contextmanager
    def polling(self, seed: int) -> Iterator[None]:
        """Make the interleaving repeatable, and what lingers in `updates` due."""
        self.random.seed(seed)
        self.clock.now += 61
        yield
        self.events = 0

    async def run_poll(self, *, max_fetches: int | None = None) -> PollReport:
        fetcher = WorldFetcher(self, max_fetches=max_fetches)
        report = await poll_once(fetcher, memory=self.memory, history=self.history, limit=LIMIT)
        counted["polls"] += 1
        counted["quiet polls"] += report.fetches == 3
        return report

    def check(self, report: PollReport) -> None:
        """
        Exact means true now, or lately if the API is late; anything else says why.
        """
        for story in report.stories:
            counted["posts"] += 1
            if self.silent or self.failing or not story.count:
                continue
            counted["posts checked"] += 1
            truth = self.truth(story.id)
            lately = {truth.comments} | {
                comments
                for until, comments in self.truths.get(story.id, ())
                if until >= self.clock.now - self.late - 61
            }
            if self.late:
                assert story.status != "exact" or story.count.comments in lately
            else:
                assert story.status == "exact" or "limit" in str(report.errors), report.errors
                if story.status == "exact":
                    assert story.count == truth, f"{story.count} is not {truth}"
        if not (self.silent or self.late or self.failing):
            assert report.drift == 0


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize="HN_COMMENTS_TESTS_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


def test_memory_was_believed() -> None:
    """The histories above did test it: many of their polls cost three requests."""
    if not counted:
        pytest.skip("the histories were not run")

    assert counted["quiet polls"] > counted["polls"] / 5
    assert counted["posts checked"] > counted["posts"] / 10
