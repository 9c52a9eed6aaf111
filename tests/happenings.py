"""
A small world, and what can happen to it and to the network, one method for each.

A witness is told of all that a memory may have to know.
"""

from hn_comments.simulator import World
from hn_comments.simulator.forest import Item, is_live

from .support import Clock
from .told import Witness


# Seconds for which a memory may leave a comment where it was first seen: its youth, and the
# time until the next poll.
YOUTH = 160.0


class Happenings:
    """
    Four stories, and an older one that is on no list.

    A number chooses an item that a walk can reach, so that each number means something.
    """

    def __init__(self, clock: Clock, *, lag: float, size: int, flap: bool, breaks: bool) -> None:
        self.clock = clock
        self.breaks = breaks
        self.repaired_at = 0.0
        self.world = World(stories=0, lag=lag, flap=flap, updates_size=size, clock=clock, now=clock)
        # Ids of other stories, as on a real site, before ours.
        for comments in (25, 14, 12, 0, 13):
            story = self.world.add_story(score=100)
            self.world.top.append(story)
            for _ in range(comments):
                self.world.add_reply(story)
        del self.world.top[0]
        self.witness = Witness(self.world, clock)
        clock.now += 1000

    def comment(self, number: int, replies: int) -> None:
        parent = self._choose(number)
        for _ in range(replies):
            parent = self.world.add_comment(parent)
            self.witness.note_comment(parent)

    def kill(self, number: int, *, quietly: bool = False) -> None:
        comment = self._choose_comment(number)
        self.world.kill(comment, quietly=quietly)
        self.witness.note_state(comment)

    def delete(self, number: int) -> None:
        comment = self._choose_comment(number)
        self.world.delete(comment)
        self.witness.note_state(comment)

    def revive_quietly(self, number: int) -> None:
        comment = self._choose_comment(number)
        self.world.revive(comment, quietly=True)
        self.witness.note_state(comment)

    def comment_not_readable_yet(self, number: int) -> None:
        comment = self.world.add_comment(self._choose(number))
        self.witness.hidden.add(comment)
        self.witness.note_comment(comment)

    def become_readable(self) -> None:
        while self.witness.hidden:
            self.world.touch(self.witness.hidden.pop())

    def move(self, number: int, other: int) -> None:
        """Moderators move a comment; no list tells, but `descendants`, if it is a live one."""
        comment, parent = self._choose_comment(number), self._choose(other)
        below = {comment, *self.world.walk(comment)}
        if is_live(self._item(comment)) and parent not in below:
            before = self._item(comment)["parent"]
            self.world.move(comment, parent)
            self.witness.note_place(before, parent, youth=YOUTH)

    def remove(self, number: int) -> None:
        """Or they take it out of the tree."""
        comment = self._choose_comment(number)
        left = sum(self.world.story_of(i) in self.world.top for i in self.world.items)
        if is_live(self._item(comment)) and left > 20:
            before = self._item(comment)["parent"]
            self.world.remove(comment)
            self.witness.note_place(before, youth=YOUTH)

    def change_the_front_page(self, number: int) -> None:
        page = self.world.top
        page[number % len(page)], page[-1] = page[-1], page[number % len(page)]

    def new_story(self, number: int) -> None:
        self.world.top.insert(number % len(self.world.top), self.world.add_story(score=1))

    def time_passes(self, seconds: int) -> None:
        self.clock.now += seconds

    def break_item(self, number: int) -> None:
        self.break_path(f"item/{self._choose(number)}.json")

    def break_path(self, path: str) -> None:
        if self.breaks:
            self.witness.failing.add(path)

    def repair(self) -> None:
        if self.witness.failing:
            self.repaired_at = self.clock.now
        self.witness.failing.clear()

    def _choose(self, number: int) -> int:
        return self._pick(number, comments=False)

    def _choose_comment(self, number: int) -> int:
        return self._pick(number, comments=True)

    def _pick(self, number: int, *, comments: bool) -> int:
        ids = [
            i
            for i, item in self.world.items.items()
            if item
            and i not in self.witness.hidden
            and (not comments or "parent" in item)
            and self.world.story_of(i)
        ]
        # Small numbers come most often, and what is not listed matters least.
        ids.sort(key=lambda i: self.world.story_of(i) not in self.world.top[:3])
        return ids[number % len(ids)]

    def _item(self, item_id: int) -> Item:
        return self.world.items[item_id] or {}
