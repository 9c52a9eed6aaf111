"""
Random histories of a world: what is remembered never differs from what is true for long.

Each step is something that happens to the world, to the network, or to a poll. After each
poll its figures are compared with the world's own, as far as the API has told it what
happened (`told`). A failing history shrinks to a few steps.
"""

import asyncio
import logging
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hn_comments import PollReport, PostReport, Session
from hn_comments.history.store import Store
from hn_comments.memory.memory import Memory
from hn_comments.simulator import World
from hn_comments.simulator.forest import is_live

from .support import Clock, poll_once
from .told import Witness, WorldFetcher


# 60 histories of 25 steps of each kind in CI; by hand 4,000 make 100,000 steps.
EXAMPLES = int(os.environ.get("HN_COMMENTS_TESTS_EXAMPLES", "60"))
STEPS = 25

LIMIT = 3

# Seconds for which a memory may leave a comment where it was first seen: its youth, and the
# time until the next poll.
YOUTH = 160.0

numbers = st.integers(0, 1000)


class InlineHistory:
    """A history file, written where its user waits: no thread makes the interleaving random."""

    def __init__(self, path: str) -> None:
        self.store = Store(path)

    async def recall(self, memory: Memory, ids: Sequence[int], **kwargs: Any) -> None:
        self.store.recall(memory, ids, **kwargs)

    async def save(self, report: PollReport, memory: Memory | None) -> None:
        assert self.store.save(report, memory)


class Histories(RuleBasedStateMachine):
    """A world of four stories, polled by one memory; some *keep quiet* about what happens."""

    keep_quiet = False
    # What has to happen in some of them, so that they test something.
    ways: tuple[str, ...] = (
        "quiet polls",
        "told states",
        "polls cut short",
        "polls cancelled",
        "restarts that remembered",
    )
    # How often there was something to be tested, over all histories.
    counted: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        # In debug mode, which -X dev turns on, this takes six times as long.
        self.runner = asyncio.Runner(debug=False)
        self.random = random.Random(0)
        self.session = self.runner.run(self.make_session())
        self.clock = Clock(1_800_000_000)
        self.memory = Memory(self.clock)
        self.folder = TemporaryDirectory()
        self.history = InlineHistory(f"{self.folder.name}/history.db")
        self.breaks = False
        self.listed: set[int] = set()
        self.restarted: Literal["", "now", "once"] = ""

    @initialize(
        lag=st.sampled_from((0, 0, 2, 30)),
        size=st.sampled_from((40, 40, 3, 0)),
        flap=st.booleans(),
        breaks=st.booleans(),
    )
    def make_world(self, lag: float, size: int, *, flap: bool, breaks: bool) -> None:
        """Some worlds are late, some forget most of what happens, and of some answers break."""
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
        self.witness = Witness(self.world, self.clock)
        self.clock.now += 1000

    async def make_session(self) -> Session:
        return Session()

    def teardown(self) -> None:
        self.runner.close()
        self.history.store.close()
        self.folder.cleanup()

    def choose(self, number: int, *, comments: bool = True) -> int:
        """Return the id of an item that a walk can reach, a comment if that is wanted."""
        ids = [
            i
            for i, item in self.world.items.items()
            if item
            and i not in self.witness.hidden
            and (not comments or "parent" in item)
            and self.world.story_of(i)
        ]
        return ids[number % len(ids)]

    # What happens to the world.

    @rule(number=numbers, replies=st.integers(1, 3))
    def comment(self, number: int, replies: int) -> None:
        """`maxitem` tells, as each comment has an id of its own."""
        parent = self.choose(number, comments=False)
        for _ in range(replies):
            parent = self.world.add_comment(parent)
            self.witness.note_comment(parent)

    @rule(number=numbers)
    def kill(self, number: int, *, quietly: bool = False) -> None:
        comment = self.choose(number)
        self.world.kill(comment, quietly=quietly)
        self.witness.note_state(comment)

    @rule(number=numbers)
    def delete(self, number: int) -> None:
        comment = self.choose(number)
        self.world.delete(comment)
        self.witness.note_state(comment)

    @precondition(lambda self: self.keep_quiet)
    @rule(number=numbers)
    def die_silently(self, number: int) -> None:
        self.kill(number, quietly=True)

    @precondition(lambda self: self.keep_quiet)
    @rule(number=numbers)
    def revive_silently(self, number: int) -> None:
        comment = self.choose(number)
        self.world.revive(comment, quietly=True)
        self.witness.note_state(comment)

    @precondition(lambda self: self.keep_quiet)
    @rule(number=numbers)
    def comment_not_readable_yet(self, number: int) -> None:
        comment = self.world.add_comment(self.choose(number, comments=False))
        self.witness.hidden.add(comment)
        self.witness.note_comment(comment)

    @rule()
    def become_readable(self) -> None:
        while self.witness.hidden:
            self.world.touch(self.witness.hidden.pop())

    @precondition(lambda self: self.keep_quiet)
    @rule(number=numbers, other=numbers)
    def move(self, number: int, other: int) -> None:
        """Moderators move a comment; no list tells, but `descendants`, if it is a live one."""
        comment, parent = self.choose(number), self.choose(other, comments=False)
        if is_live(self.world.items[comment]) and parent not in {
            comment,
            *self.world.walk(comment),
        }:
            before = (self.world.items[comment] or {})["parent"]
            self.world.move(comment, parent)
            self.witness.note_place(before, parent, youth=YOUTH)

    @precondition(lambda self: self.keep_quiet)
    @rule(number=numbers)
    def remove(self, number: int) -> None:
        """Or they take it out of the tree."""
        comment = self.choose(number)
        left = sum(self.world.story_of(i) in self.world.top for i in self.world.items)
        if is_live(self.world.items[comment]) and left > 20:
            before = (self.world.items[comment] or {})["parent"]
            self.world.remove(comment)
            self.witness.note_place(before, youth=YOUTH)

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

    @precondition(lambda self: self.breaks)
    @rule(number=numbers)
    def break_item(self, number: int) -> None:
        self.witness.failing.add(f"item/{self.choose(number, comments=False)}.json")

    @precondition(lambda self: self.breaks)
    @rule(path=st.sampled_from(("maxitem.json", "updates.json", "topstories.json")))
    def break_path(self, path: str) -> None:
        self.witness.failing.add(path)

    @rule()
    def repair(self) -> None:
        self.witness.failing.clear()

    # Polls.

    @rule()
    def restart(self) -> None:
        """The program ends, and another run goes on with what the file remembers."""
        self.history.store.close()
        self.history = InlineHistory(f"{self.folder.name}/history.db")
        self.memory = Memory(self.clock)
        self.restarted = "now"

    @rule(seed=numbers, more=st.integers(0, 3))
    def poll(self, seed: int, more: int) -> None:
        """Poll, and a few seconds later again."""
        self.prepare(seed)
        self.runner.run(self.run_poll())
        for _ in range(more):
            self.clock.now += 5
            self.runner.run(self.run_poll())

    @rule(seed=numbers, budget=st.integers(0, 12))
    def poll_on_a_budget(self, seed: int, budget: int) -> None:
        self.prepare(seed)
        self.runner.run(self.run_poll(max_fetches=budget))

    @rule(seed=numbers, turns=st.integers(0, 60))
    def cancelled_poll(self, seed: int, turns: int) -> None:
        async def cancel() -> None:
            task = asyncio.create_task(self.run_poll())
            for _ in range(turns):
                await asyncio.sleep(0)
            self.counted["polls cancelled"] += task.cancel()
            with suppress(asyncio.CancelledError):
                await task

        self.prepare(seed)
        self.runner.run(cancel())

    @rule(seed=numbers, turns=st.integers(0, 60), number=numbers)
    def overlapping_polls(self, seed: int, turns: int, number: int) -> None:
        """Something happens while a poll runs; the next one starts before it ends."""

        async def overlap() -> None:
            first = asyncio.create_task(self.run_poll())
            for _ in range(turns):
                await asyncio.sleep(0)
            self.comment(number, 2)
            self.kill(number)
            self.clock.now += 61
            await self.run_poll()
            await first

        self.prepare(seed)
        self.runner.run(overlap())

    @rule(seed=numbers)
    def settle(self, seed: int) -> None:
        """Half an hour without events, and the number of the living is right."""
        self.repair()
        self.become_readable()
        flaps, self.world.replicas.flap = self.world.replicas.flap, False
        for seconds in (100, 1000, 100, 100, 100):
            self.clock.now += seconds
            self.prepare(seed)
            report = self.runner.run(self.run_poll())
        self.world.replicas.flap = flaps
        assert report.status == "exact", report.errors
        assert [story.id for story in report.stories] == self.world.top[:LIMIT]
        for story in report.stories:
            # See test_gap_that_a_late_number_made_is_forgotten, in test_lateness.
            if self.restarted and self.witness.doubts(story.id) != "nothing":
                continue
            assert story.count
            assert story.count.live == self.witness.truth(story.id).live
            assert not story.disputed

    def prepare(self, seed: int) -> None:
        """Make the interleaving repeatable, and what lingers in `updates` due."""
        self.random.seed(seed)
        self.clock.now += 61

    async def run_poll(self, *, max_fetches: int | None = None) -> PollReport:
        """Poll, and compare with the truth what is reported."""
        fetcher = WorldFetcher(self.session, self.witness, self.random, max_fetches=max_fetches)
        had_secrets = bool(self.witness.secrets)
        report = await poll_once(fetcher, memory=self.memory, history=self.history, limit=LIMIT)
        # One that was cut short may have made no use of what it was told.
        if max_fetches is None and report.status != "failed":
            listed = {story.id for story in report.stories}
            self.counted["told states"] += self.witness.learn(fetcher.answers, self.listed & listed)
            self.listed = listed
        for story in report.stories:
            self.check(story)
        if not (had_secrets or self.witness.secrets or self.witness.failing):
            assert report.drift == 0
        self.count(report)
        return report

    def check(self, story: PostReport) -> None:
        """Exact means true, as far as the API has told; anything else is less, and says why."""
        self.counted["posts"] += 1
        doubts, truth = self.witness.doubts(story.id), self.witness.truth(story.id)
        if story.count is None or doubts == "comments":
            return
        if story.status != "exact":
            assert story.count.comments <= truth.comments
            # A new item that failed is asked for again at growing distances.
            reasons = ("limit of", "a new item may belong here")
            known = any(reason in str(story.error) for reason in reasons)
            assert self.witness.failing or known, story.error
            return
        assert story.count.comments == truth.comments
        if doubts == "nothing":
            assert story.count == truth
            self.counted["posts compared"] += 1

    def count(self, report: PollReport) -> None:
        """Count what there was to be tested."""
        self.counted["polls"] += 1
        self.counted["quiet polls"] += report.fetches == 3
        self.counted["polls that proved the memory wrong"] += report.drift > 0
        self.counted["polls cut short"] += "limit" in str(report.errors)
        if self.restarted == "now" and report.stories:
            self.counted["restarts that remembered"] += report.mode == "delta"
            self.restarted = "once"


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """Thousands of polls would log tens of thousands of lines."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class QuietHistories(Histories):
    """More can happen there than the API tells."""

    keep_quiet = True
    ways = (*Histories.ways, "polls that proved the memory wrong")


@pytest.mark.parametrize("histories", [Histories, QuietHistories])
def test_memory_is_never_wrong_for_long(histories: type[Histories]) -> None:
    """And this did test it: most figures were compared, and all its ways were taken."""
    counted = histories.counted
    counted.clear()

    run_state_machine_as_test(
        histories,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize="HN_COMMENTS_TESTS_EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )

    assert counted["posts compared"] > counted["posts"] / 2, counted
    assert all(counted[way] for way in histories.ways), counted
