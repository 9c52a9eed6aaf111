"""
Random histories of a world: what is remembered never differs from what is true for long.

Each step is something that happens to the world or the network (`happenings`), or a poll.
After each poll its figures are compared with the world's own, as far as the API has told it
what happened (`told`). A failing history shrinks to few steps; the others become None.
"""

import asyncio
import logging
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hn_comments import PollReport, PostReport, Session
from hn_comments.history.store import Store
from hn_comments.memory.memory import Memory

from .happenings import Happenings
from .support import Clock, poll_once
from .told import WorldFetcher


# 80 histories of 25 steps of each kind in CI; by hand 4,000 make 100,000 steps.
EXAMPLES = int(os.environ.get("HN_COMMENTS_TESTS_EXAMPLES", "80"))
STEPS = 25

LIMIT = 3

# Seconds after which what failed is asked for again, at the latest.
REPAIR = 100.0


class InlineHistory:
    """A history file, written where its user waits: no thread makes the interleaving random."""

    def __init__(self, path: str) -> None:
        self.store = Store(path)

    async def recall(self, memory: Memory, ids: Sequence[int], **kwargs: Any) -> None:
        self.store.recall(memory, ids, **kwargs)

    async def save(self, report: PollReport, memory: Memory | None) -> None:
        self.store.save([report], [report], memory)


class Life:
    """
    One memory that polls a world to which things happen.

    It counts in *counted* how often there was something to be tested.
    """

    def __init__(self, counted: Counter[str], **world: Any) -> None:
        self.counted = counted
        # In debug mode, which -X dev turns on, this takes six times as long.
        self.runner = asyncio.Runner(debug=False)
        self.random = random.Random(0)
        self.session = self.runner.run(self._make_session())
        self.clock = Clock(1_800_000_000)
        self.happenings = Happenings(self.clock, **world)
        self.witness = self.happenings.witness
        self.memory = Memory(self.clock)
        self.folder = TemporaryDirectory()
        self.history = InlineHistory(f"{self.folder.name}/history.db")
        self.listed: set[int] = set()
        self.restarted = False

    async def _make_session(self) -> Session:
        return Session()

    def live(self, steps: Sequence[tuple[str, dict[str, Any]] | None]) -> None:
        """Do what *steps* name, one after the other."""
        try:
            for name, given in filter(None, steps):
                getattr(self if hasattr(self, name) else self.happenings, name)(**given)
        finally:
            self.runner.close()
            self.history.store.close()
            self.folder.cleanup()

    # What a step can be, besides a happening.

    def restart(self) -> None:
        """The program ends, and another run goes on with what the file remembers."""
        self.history.store.close()
        self.history = InlineHistory(f"{self.folder.name}/history.db")
        self.memory = Memory(self.clock)
        self.restarted = True

    def poll(self, seed: int, more: int) -> None:
        """Poll, and a few seconds later again."""
        self._prepare(seed)
        self.runner.run(self._poll())
        for _ in range(more):
            self.clock.now += 5
            self.runner.run(self._poll())

    def poll_soon(self, seed: int) -> None:
        """Poll while answers can still be old."""
        self._prepare(seed, seconds=1)
        self.runner.run(self._poll(soon=True))

    def poll_on_a_budget(self, seed: int, budget: int) -> None:
        self._prepare(seed)
        self.runner.run(self._poll(max_fetches=budget))

    def cancelled_poll(self, seed: int, turns: int) -> None:
        async def cancel() -> None:
            task = asyncio.create_task(self._poll())
            for _ in range(turns):
                await asyncio.sleep(0)
            self.counted["polls cancelled"] += task.cancel()
            with suppress(asyncio.CancelledError):
                await task

        self._prepare(seed)
        self.runner.run(cancel())

    def overlapping_polls(self, seed: int, turns: int, number: int) -> None:
        """Something happens while a poll runs; the next one starts before it ends."""

        async def overlap() -> None:
            first = asyncio.create_task(self._poll())
            for _ in range(turns):
                await asyncio.sleep(0)
            self.happenings.comment(number, 2)
            self.happenings.kill(number)
            self.clock.now += 61
            await self._poll()
            await first

        self._prepare(seed)
        self.runner.run(overlap())

    def settle(self, seed: int) -> None:
        """Half an hour without events, and the number of the living is right."""
        self.happenings.repair()
        self.happenings.become_readable()
        replicas = self.happenings.world.replicas
        flaps, replicas.flap = replicas.flap, False
        for seconds in (100, 1000, 100, 100, 100):
            self._prepare(seed, seconds=61 + seconds)
            report = self.runner.run(self._poll())
        replicas.flap = flaps
        assert [story.id for story in report.stories] == self.happenings.world.top[:LIMIT]
        for story in report.stories:
            self._check_settled(story)

    def _prepare(self, seed: int, *, seconds: float = 61) -> None:
        """Make the interleaving repeatable, and what lingers in `updates` due."""
        self.random.seed(seed)
        self.clock.now += seconds

    async def _poll(self, *, max_fetches: int | None = None, soon: bool = False) -> PollReport:
        """Poll, and compare with the truth what is reported."""
        fetcher = WorldFetcher(self.session, self.witness, self.random, max_fetches=max_fetches)
        had_secrets = bool(self.witness.secrets)
        report = await poll_once(fetcher, memory=self.memory, history=self.history, limit=LIMIT)
        # One that was cut short may have made no use of what it was told.
        if max_fetches is None and report.status != "failed":
            listed = {story.id for story in report.stories}
            told = self.witness.learn(fetcher.answers, self.listed & listed, soon=soon)
            self.counted["told states"] += told
            self.listed = listed
        for story in report.stories:
            self._check(story, soon=soon)
        if not (had_secrets or self.witness.secrets or self.witness.failing):
            assert report.drift == 0
        self._count(report)
        return report

    def _check(self, story: PostReport, *, soon: bool) -> None:
        """Exact means true, as far as the API has told; anything else is less, and says why."""
        self.counted["posts"] += 1
        doubts, truth = self.witness.doubts(story.id), self.witness.truth(story.id)
        if story.count is None or doubts == "comments":
            return
        if story.status != "exact":
            assert story.count.comments <= truth.comments
            assert self._has_reason(story, soon=soon), story.error
            return
        assert story.count.comments == truth.comments
        if doubts == "nothing":
            assert story.count == truth
            self.counted["posts compared"] += 1

    def _has_reason(self, story: PostReport, *, soon: bool) -> bool:
        """Return whether a count need not be exact."""
        failed = self.clock.now - self.happenings.repaired_at < REPAIR or self.witness.failing
        # Answers of different ages can contradict each other.
        contradicted = soon and self.happenings.world.replicas.lag > 0
        return bool(failed or contradicted or "limit of" in str(story.error))

    def _check_settled(self, story: PostReport) -> None:
        assert story.status == "exact", story.error
        assert story.count
        assert story.count.live == self.witness.truth(story.id).live
        tree = self.memory.discussions[story.id].tree
        assert len({*tree.live()}) == story.count.live
        assert not story.disputed

    def _count(self, report: PollReport) -> None:
        """Count what there was to be tested."""
        self.counted["polls"] += 1
        self.counted["quiet polls"] += report.fetches == 3
        self.counted["polls that proved the memory wrong"] += report.drift > 0
        self.counted["polls cut short"] += "limit of" in str(report.errors)
        if self.restarted and report.stories:
            self.counted["restarts that remembered"] += report.mode == "delta"
            self.restarted = False


numbers = st.integers(0, 1000)


def step(name: str, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for a method's name and its arguments."""
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


TOLD = [
    step("comment", number=numbers, replies=st.integers(1, 3)),
    step("kill", number=numbers),
    step("delete", number=numbers),
    step("change_the_front_page", number=numbers),
    step("new_story", number=numbers),
    step("time_passes", seconds=st.sampled_from((1, 100, 1000, 4000))),
]
UNTOLD = [
    step("kill", number=numbers, quietly=st.just(value=True)),
    step("revive_quietly", number=numbers),
    step("comment_not_readable_yet", number=numbers),
    step("become_readable"),
    step("move", number=numbers, other=numbers),
    step("remove", number=numbers),
]
BROKEN = [
    step("break_item", number=numbers),
    step("break_path", path=st.sampled_from(("maxitem.json", "updates.json", "topstories.json"))),
    step("repair"),
]
POLLS = [
    step("poll", seed=numbers, more=st.integers(0, 3)),
    step("poll_soon", seed=numbers),
    step("poll_on_a_budget", seed=numbers, budget=st.integers(0, 12)),
    step("cancelled_poll", seed=numbers, turns=st.integers(0, 60)),
    step("overlapping_polls", seed=numbers, turns=st.integers(0, 60), number=numbers),
    step("settle", seed=numbers),
    step("restart"),
]

# Some are late, some forget most of what happens, and of some answers break.
worlds = st.fixed_dictionaries(
    {
        "lag": st.sampled_from((0, 0, 2, 30)),
        "size": st.sampled_from((40, 40, 3, 0)),
        "flap": st.booleans(),
        "breaks": st.booleans(),
    }
)


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """Thousands of polls would log tens of thousands of lines."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


# What has to happen in some histories, so that they test something.
WAYS = ["quiet polls", "told states", "polls cut short", "polls cancelled"]
WAYS += ["restarts that remembered", "polls that proved the memory wrong"]


@pytest.mark.parametrize("untold", [[], UNTOLD], ids=["told", "untold"])
def test_memory_is_never_wrong_for_long(untold: list[st.SearchStrategy[Any]]) -> None:
    """And this did test it: most figures were compared, and all its ways were taken."""
    counted: Counter[str] = Counter()
    steps = st.one_of(st.none(), *TOLD, *untold, *BROKEN, *POLLS, POLLS[0], POLLS[0])

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize="HN_COMMENTS_TESTS_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    @given(world=worlds, history=st.lists(steps, min_size=STEPS, max_size=STEPS))
    def live(world: dict[str, Any], history: list[Any]) -> None:
        Life(counted, **world).live(history)

    live()

    assert counted["posts compared"] > counted["posts"] / 2, counted
    assert min(counted[way] for way in WAYS) > 2, counted
