"""
The events of Hacker News: people submit, reply, delete and moderate.
"""

import random
from collections.abc import Callable
from typing import Any

from .clocks import Clocks
from .forest import Forest, Item, is_live
from .replicas import Replicas
from .texts import draw_words, dress


FIRST_ID = 40_000_001


class Site(Forest):
    """
    A forest with a method for each event.

    `updates` names the items that an event changed, unless it is quiet.
    """

    def __init__(
        self,
        *,
        seed: int,
        updates_size: int,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self.clocks = Clocks(clock, now)
        super().__init__(Replicas(self.clocks.moment))
        # Distinct ids in the order of their last change; a dict is an ordered set.
        self.updates: dict[int, None] = {}
        self.updates_size = updates_size
        self.next_id = FIRST_ID
        self._random = random.Random(seed)
        # A second source, so that the markup of texts does not change which comments there are.
        self._dress = random.Random(f"{seed} texts")
        # Texts and authors of the dead and deleted, for `revive`.
        self._buried: dict[int, Item] = {}

    def add_story(self, *, score: int, kind: str = "story") -> int:
        """
        Add a story, or a job, without comments; return its id.
        """
        prefix = self._random.choices(("", "Ask HN: ", "Show HN: "), (8, 1, 1))[0]
        title = prefix + " ".join(draw_words(self._random, 3, 8)).capitalize()
        item = self._new_item(kind, score=score, title=title)
        if not prefix.startswith("Ask"):
            item["url"] = f"https://example.com/{item['id']}"
        if kind == "story":
            item["descendants"] = 0
            self.threads[item["id"]] = []
        return item["id"]  # type: ignore[no-any-return]

    def add_comment(self, parent: int) -> int:
        """
        Add a reply to *parent*; return its id.
        """
        text = dress(draw_words(self._random, 5, 80), self._dress)
        item = self._new_item("comment", parent=parent, text=text)
        comment: int = item["id"]
        # Kids are in order of rank, and a new one can rank anywhere.
        kids = self.change(parent).setdefault("kids", [])
        kids.insert(self._random.randint(0, len(kids)), comment)
        self.replicas.list_late(parent, comment)
        self.touch(parent)
        if (story := self.story_of(comment)) is not None:
            self.threads[story].append(comment)
        self._count(comment, 1)
        return comment

    def delete(self, item_id: int, *, quietly: bool = False) -> None:
        """
        Delete a comment, as its author may: only its place remains.
        """
        item = self._bury(item_id, quietly=quietly)
        for field in ("by", "text", "dead"):
            item.pop(field, None)
        item["deleted"] = True
        if not quietly:
            self.touch(item_id)

    def kill(self, item_id: int, *, quietly: bool = False) -> None:
        """
        Kill a comment, as moderators and flags do.
        """
        if is_live(self.items[item_id]):
            item = self._bury(item_id, quietly=quietly)
            item.update(dead=True, text=self._random.choice(("[dead]", "[flagged]")))
            if not quietly:
                self.touch(item_id)

    def revive(self, item_id: int, *, quietly: bool = False) -> None:
        """
        Bring a dead or deleted comment back as it was, as moderators and vouches do.
        """
        if is_live(self.items[item_id]):
            return
        item = self.change(item_id)
        item.pop("dead", None)
        item.pop("deleted", None)
        item.update(self._buried.pop(item_id, {"by": "revived", "text": "I am back."}))
        self._count(item_id, 1, quietly=quietly)
        if not quietly:
            self.touch(item_id)

    def touch(self, item_id: int) -> None:
        """
        Put an item in front of `updates`.
        """
        self.updates.pop(item_id, None)
        self.updates[item_id] = None
        while len(self.updates) > self.updates_size:
            del self.updates[next(iter(self.updates))]

    def _count(self, comment: int, number: int, *, quietly: bool = False) -> None:
        story = self.story_of(comment)
        if story is not None and self.count(story, number) and not quietly:
            self.touch(story)

    def _bury(self, item_id: int, *, quietly: bool) -> Item:
        item = self.change(item_id)
        if is_live(item):
            self._buried[item_id] = {key: item[key] for key in ("by", "text") if key in item}
            self._count(item_id, -1, quietly=quietly)
        return item

    def _new_item(self, kind: str, **fields: Any) -> Item:
        item_id = self.next_id
        self.next_id += 1
        # A reply is not older than its parent, even if the wall clock was set back.
        parent = self.items.get(fields.get("parent", 0)) or {}
        item = {
            "by": f"user{self._random.randint(1, 5000)}",
            "id": item_id,
            "time": max(self.clocks.time(), parent.get("time", 0)),
            "type": kind,
            **fields,
        }
        self.replicas.remember(item_id, None)
        self.items[item_id] = item
        self.touch(item_id)
        return item
