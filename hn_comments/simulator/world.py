"""
A small Hacker News: stories with comment trees of realistic shapes, which grow.

Everything follows from the seed; only *when* the world grows follows from the clock.
`paths` has the API's view of it.
"""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from .proportions import (
    DEAD_SHARE,
    DEATH_RATE,
    DELETED_SHARE,
    NEW_STORY_RATE,
    SWAP_RATE,
    TOP_LEVEL_SHARE,
    draw_sizes,
    draw_times,
)
from .replicas import Replicas
from .site import Site


# Ids in `updates` at most, as on the real site.
UPDATES = 40


class World(Site):
    """
    A site with a front page that grows by itself, by *rate* comments a minute.

    It holds the truth. The API's answers are up to *lag* seconds late, and those for `maxitem`
    come from two replicas if they *flap*; see `Replicas`.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        stories: int = 30,
        rate: float = 0.0,
        lag: float = 0.0,
        flap: bool = False,
        updates_size: int = UPDATES,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(seed=seed, updates_size=updates_size, clock=clock, now=now)
        self.rate = rate
        self.top: list[int] = []
        self._born = clock()
        self._grown = 0
        self._populate(stories)
        self._spread(random.Random(f"{seed} times"))
        # New ones: the first items are old, so that nothing of them is late.
        self.replicas = Replicas(self.clocks.moment, lag=lag, flap=flap, seed=seed)

    @classmethod
    def from_file(cls, path: Path, **settings: Any) -> Self:
        """
        Return the world recorded in a file: `{"top": [ids], "items": {id: item}}`.

        Raises:
            OSError, ValueError: if there is no such file, or it has another form.
        """
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or not {"top", "items"} <= data.keys():
            raise ValueError("it has no 'top' and 'items'")
        world = cls(stories=0, **settings)
        world.items = {int(item_id): item for item_id, item in data["items"].items()}
        world.top = [int(story) for story in data["top"]]
        world.threads = {
            story: [kid for kid in world.walk(story) if world.items.get(kid)] for story in world.top
        }
        world.next_id = max(world.items, default=0) + 1
        return world

    def catch_up(self) -> None:
        """
        Make all events up to now happen, each at the moment when it was due.
        """
        age = self.clocks.moment() - self._born
        due = int(age * self.rate / 60)
        while self._grown < due:
            self._grown += 1
            self.clocks.ago = age - self._grown * 60 / self.rate
            self.grow()
        self.clocks.ago = 0.0

    def grow(self) -> None:
        """
        Add one comment somewhere on the front page; sometimes also kill, swap or submit.
        """
        if not self.top:
            return
        chance = self._random.random
        # Stories higher on the page get more comments.
        rank = int(len(self.top) * chance() ** 1.5)
        story = self.top[rank]
        if story in self.threads:
            self.add_reply(story)
            if chance() < DEATH_RATE:
                (self.kill if chance() < 1 / 2 else self.delete)(
                    self._random.choice(self.threads[story])
                )
        if chance() < SWAP_RATE and rank:
            self.top[rank - 1], self.top[rank] = self.top[rank], self.top[rank - 1]
        if chance() < NEW_STORY_RATE:
            self.top[rank] = self.add_story(score=1)

    def add_reply(self, story: int) -> int:
        """
        Add a comment at a place that keeps the proportions of real threads; return its id.
        """
        thread = self.threads[story]
        top_level = not thread or self._random.random() < TOP_LEVEL_SHARE
        return self.add_comment(story if top_level else self._random.choice(thread))

    def _populate(self, stories: int) -> None:
        """
        Add finished threads, their comments in a random order as if written at once.
        """
        replies: list[int] = []
        for score, comments in draw_sizes(self._random, stories):
            story = self.add_story(score=score)
            self.top.append(story)
            replies += [story] * comments
        self._random.shuffle(self.top)
        for position in range(20, stories, 30):
            self.top[position] = self.add_story(score=1, kind="job")

        self._random.shuffle(replies)
        for story in replies:
            comment = self.add_reply(story)
            chance = self._random.random()
            if chance < DELETED_SHARE:
                self.delete(comment)
            elif chance < DELETED_SHARE + DEAD_SHARE:
                self.kill(comment)

    def _spread(self, chance: random.Random) -> None:
        """
        Spread the times of all items over the past hours.
        """
        now = self.clocks.time()
        for post_id in [post for post in self.items if self.root(post) == post]:
            # A reply has a larger id than its parent, so it gets no earlier time.
            written = [post_id, *self.threads.get(post_id, [])]
            for item_id, when in zip(
                written, draw_times(chance, len(written) - 1, now=now), strict=True
            ):
                self.change(item_id)["time"] = when
