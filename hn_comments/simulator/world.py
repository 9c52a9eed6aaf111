"""
A small Hacker News: stories with comment trees of realistic shapes, which grow.

Everything follows from the seed; only *when* the world grows follows from the clock.
How it looks from outside is elsewhere, in `paths`.
"""

import json
import math
import random
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import NormalDist
from typing import Any, Self


Item = dict[str, Any]

FIRST_ID = 40_000_001
FIRST_TIME = 1_700_000_000

# Comments under stories of score 100 and more: median 94, and p90 at 269 (Hacker News,
# 2024 and 2025). A log-normal distribution with these two has p99 634 and mean 132.
MEDIAN_COMMENTS = 94
SIGMA = math.log(269 / MEDIAN_COMMENTS) / NormalDist().inv_cdf(0.9)
MAX_COMMENTS = 2500

# One story in seven has a score below 100, and a third of the comments.
SMALL_STORIES = 7
SMALL_SHARE = 1 / 3

# A fifth of all comments reply to the story. The rest reply to any comment before them,
# all equally likely, which leaves 1 / (1 + 0.8) = 56% without a reply.
TOP_LEVEL_SHARE = 0.2

# Of all comments, in a finished thread.
DELETED_SHARE = 0.03
DEAD_SHARE = 0.03

# For each new comment: how often a comment dies, two stories change places, and a new
# story takes the place of another on the front page.
DEATH_RATE = 0.03
SWAP_RATE = 0.05
NEW_STORY_RATE = 0.01

# Ids in `updates` at most, as on the real site.
UPDATES = 40

# The golden ratio: its multiples fill [0, 1) evenly, however many are taken, so that
# even thirty stories have the proportions of thousands.
GOLDEN = (math.sqrt(5) - 1) / 2

WORDS = [
    "async",
    "database",
    "rust",
    "python",
    "kernel",
    "tiny",
    "browser",
    "compiler",
    "paper",
    "open",
    "source",
    "startup",
    "remote",
    "privacy",
    "terminal",
    "fast",
    "simple",
    "history",
    "of",
    "why",
    "how",
    "we",
    "built",
    "the",
    "new",
    "old",
    "lost",
    "art",
    "memory",
    "network",
    "game",
    "physics",
    "model",
    "protocol",
    "museum",
    "satellite",
    "font",
    "garden",
    "type",
    "system",
]


class World:
    """
    The items, the front page and the recent updates; *rate* is in comments a minute.

    Each method that lets something happen keeps `descendants`, `kids` and `updates` true.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        stories: int = 30,
        rate: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rate = rate
        self.items: dict[int, Item | None] = {}
        self.top: list[int] = []
        # Distinct ids in the order of their last change; a dict is an ordered set.
        self.updates: dict[int, None] = {}
        # Every comment id below each story, for choosing where the next one goes.
        self.threads: dict[int, list[int]] = {}
        self._random = random.Random(seed)
        self._clock = clock
        self._born = clock()
        self._grown = 0
        self.next_id = FIRST_ID
        self._populate(stories)

    @classmethod
    def from_file(cls, path: Path, *, seed: int = 0, rate: float = 0.0) -> Self:
        """
        Return the world recorded in a file: `{"top": [ids], "items": {id: item}}`.

        Raises:
            OSError, ValueError: if there is no such file, or something else in it.
        """
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or not {"top", "items"} <= data.keys():
            raise ValueError("it has no 'top' and 'items'")
        world = cls(seed=seed, stories=0, rate=rate)
        world.items = {int(item_id): item for item_id, item in data["items"].items()}
        world.top = [int(story) for story in data["top"]]
        world.threads = {
            story: [kid for kid in world.walk(story) if world.items.get(kid)] for story in world.top
        }
        world.next_id = max(world.items, default=0) + 1
        return world

    def walk(self, post_id: int) -> Iterable[int]:
        """
        Yield the id of every comment below a post, once.
        """
        pending = [post_id]
        seen = {post_id}
        while pending:
            kids = (self.items.get(pending.pop()) or {}).get("kids", [])
            new = [kid for kid in kids if kid not in seen]
            seen.update(new)
            yield from new
            pending += new

    def root(self, item_id: int) -> int:
        """
        Return the post that a comment belongs to.
        """
        while (parent := (self.items[item_id] or {}).get("parent")) is not None:
            item_id = parent
        return item_id

    def catch_up(self) -> None:
        """
        Let happen what should have happened by now.
        """
        due = int((self._clock() - self._born) * self.rate / 60) if self.rate else 0
        while self._grown < due:
            self._grown += 1
            self.grow()

    def grow(self) -> None:
        """
        Add one comment somewhere on the front page, and sometimes let something else happen.
        """
        if not self.top:
            return
        chance = self._random.random
        # The higher on the page, the more is written.
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

    def add_story(self, *, score: int, kind: str = "story") -> int:
        """
        Add a story, or a job, without comments; return its id.
        """
        prefix = self._random.choices(("", "Ask HN: ", "Show HN: "), (8, 1, 1))[0]
        words = self._random.choices(WORDS, k=self._random.randint(3, 8))
        item = self._new_item(kind, score=score, title=prefix + " ".join(words).capitalize())
        if not prefix.startswith("Ask"):
            item["url"] = f"https://example.com/{item['id']}"
        if kind == "story":
            item["descendants"] = 0
            self.threads[item["id"]] = []
        return item["id"]  # type: ignore[no-any-return]

    def add_reply(self, story: int) -> int:
        """
        Add a comment where the proportions of real threads want it; return its id.
        """
        thread = self.threads[story]
        top_level = not thread or self._random.random() < TOP_LEVEL_SHARE
        return self.add_comment(story if top_level else self._random.choice(thread))

    def add_comment(self, parent: int) -> int:
        """
        Add a reply to *parent*; return its id.
        """
        text = " ".join(self._random.choices(WORDS, k=self._random.randint(5, 80)))
        item = self._new_item("comment", parent=parent, text=text)
        # Kids are in order of rank, and a new one can rank anywhere.
        self._item(parent).setdefault("kids", [])
        kids = self._item(parent)["kids"]
        kids.insert(self._random.randint(0, len(kids)), item["id"])
        story = self.root(parent)
        self.threads[story].append(item["id"])
        self.touch(parent)
        self._add_descendants(story, 1)
        return item["id"]  # type: ignore[no-any-return]

    def move(self, item_id: int, parent: int) -> None:
        """
        Move a comment below another parent of the same story, as moderators may.

        Like them, `updates` keeps quiet about it.
        """
        item = self._item(item_id)
        self._item(item["parent"])["kids"].remove(item_id)
        item["parent"] = parent
        self._item(parent).setdefault("kids", []).append(item_id)

    def touch(self, item_id: int) -> None:
        """
        Put an item in front of `updates`.
        """
        self.updates.pop(item_id, None)
        self.updates[item_id] = None
        if len(self.updates) > UPDATES:
            del self.updates[next(iter(self.updates))]

    def delete(self, item_id: int) -> None:
        """
        Delete a comment, as its author may: nothing but its place remains.
        """
        item = self._item(item_id)
        if self._is_live(item):
            self._add_descendants(self.root(item_id), -1)
        for field in ("by", "text", "dead"):
            item.pop(field, None)
        item["deleted"] = True
        self.touch(item_id)

    def kill(self, item_id: int) -> None:
        """
        Kill a comment, as moderators and flags do.
        """
        item = self._item(item_id)
        if self._is_live(item):
            self._add_descendants(self.root(item_id), -1)
            item.update(dead=True, text=self._random.choice(("[dead]", "[flagged]")))
            self.touch(item_id)

    def _populate(self, stories: int) -> None:
        """
        Add finished threads, their comments in a random order as if written at once.
        """
        offset = self._random.random()
        replies: list[int] = []
        for index in range(stories):
            quantile = (offset + index * GOLDEN) % 1
            spread = NormalDist().inv_cdf(min(max(quantile, 1e-6), 1 - 1e-6))
            comments = min(MEDIAN_COMMENTS * math.exp(SIGMA * spread), MAX_COMMENTS)
            score = 100 + round(comments * self._random.uniform(0.5, 2.5))
            if index % SMALL_STORIES == SMALL_STORIES - 1:
                comments *= SMALL_SHARE
                score = self._random.randint(5, 99)
            story = self.add_story(score=score)
            self.top.append(story)
            replies += [story] * round(comments)
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

    def _new_item(self, kind: str, **fields: Any) -> Item:
        item_id = self.next_id
        self.next_id += 1
        item = {
            "by": f"user{self._random.randint(1, 5000)}",
            "id": item_id,
            "time": FIRST_TIME + item_id - FIRST_ID,
            "type": kind,
            **fields,
        }
        self.items[item_id] = item
        self.touch(item_id)
        return item

    def _item(self, item_id: int) -> Item:
        item = self.items[item_id]
        if item is None:
            raise KeyError(item_id)
        return item

    def _add_descendants(self, story: int, number: int) -> None:
        post = self._item(story)
        # Recorded stories may lack it, as dead ones do on the real site.
        if "descendants" in post:
            post["descendants"] += number
            self.touch(story)

    @staticmethod
    def _is_live(item: Item) -> bool:
        return not item.get("deleted") and not item.get("dead")
