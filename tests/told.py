"""
What happened in a world, and how much of it the API has told those who ask.

So a test knows what a memory has to know by now, and what it cannot know yet. The truth is
the world's own, by code that the package does not share.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from hn_comments import BadStatus, Count, FetchLimitExceeded, Session, URLFetcher
from hn_comments.simulator import World
from hn_comments.simulator.answers import answer


class Answer(NamedTuple):
    """What the API said, after how many changes, and when."""

    value: Any
    changes: int
    at: float


Answers = dict[str, Answer]

# One comment more, one in another state, or one in another place.
Kind = Literal["comment", "state", "place"]

# Which list tells of a change; of a place none does.
MAXITEM, UPDATES = "maxitem.json", "updates.json"
LISTS: dict[Kind, str] = {"comment": MAXITEM, "state": UPDATES}


class Change:
    """
    Something that happened in *stories*, which is seen by reading *items* again.

    Answers after *number* changes show it, and those from *due* on show nothing older. The
    list *told_by* may tell.
    """

    def __init__(self, kind: Kind, number: int, *items: int, stories: set[int], due: float) -> None:
        self.kind = kind
        self.number = number
        self.items = {*items}
        self.stories = stories
        self.due = due
        self.told_by = LISTS.get(kind)

    def is_shown(self, answers: Answers, path: str) -> bool:
        """Return whether there was an answer at a path, and one after the change."""
        found = answers.get(path)
        if found is None or found.value is None:
            return False
        return found.changes >= self.number and found.at >= self.due


class Witness:
    """
    Sees what happens to a world, and what its API says of that.

    *secrets* are the changes that a memory need not know. Items that are *hidden* answer
    `null`, paths that are *failing* answer with an error.
    """

    def __init__(self, world: World, clock: Callable[[], float]) -> None:
        self.world = world
        self.clock = clock
        self.hidden: set[int] = set()
        self.failing: set[str] = set()
        self.changes = 0
        self.secrets: list[Change] = []

    def note_comment(self, comment: int) -> None:
        """Note that there is one more comment."""
        change = self._note("comment", comment)
        if comment in self.hidden:
            # It may be given up, until `updates` names it.
            change.told_by = UPDATES

    def note_state(self, comment: int) -> None:
        """Note that a comment died, or lives again."""
        self._note("state", comment)

    def note_place(self, *parents: int, youth: float) -> None:
        """Note that a comment is below other *parents*; a young one may stay where it was."""
        self._note("place", *parents, late=youth)

    def _note(self, kind: Kind, *items: int, late: float = 0.0) -> Change:
        self.changes += 1
        stories = {self.world.story_of(item) or item for item in items}
        # After twice its lag a world's answers are all true.
        due = self.clock() + 2 * self.world.replicas.lag + late
        change = Change(kind, self.changes, *items, stories=stories, due=due)
        self.secrets.append(change)
        return change

    def learn(self, answers: Answers, followed: set[int], *, soon: bool) -> int:
        """
        Take note of what a poll was told, and return of how many states it was.

        Hints about stories that were not *followed* are lost. A poll *soon* after another
        does not read all again that `updates` names.
        """
        told = 0
        for change in self.secrets:
            change.items -= {i for i in change.items if self._is_seen(i, change, answers, followed)}
            if change.items and self._is_told(change, answers):
                if soon and change.told_by == UPDATES:
                    continue
                if self._stories_of(change) <= followed:
                    change.items.clear()
                    told += change.kind == "state"
                elif change.kind == "comment" and change.told_by == UPDATES:
                    # It has been read, so it is not asked for when `updates` names it again.
                    change.told_by = None
        self.secrets = [change for change in self.secrets if change.items]
        return told

    def doubts(self, story: int) -> Literal["nothing", "states", "comments"]:
        """Return what a memory need not know of a story."""
        about = [change for change in self.secrets if story in self._stories_of(change)]
        if all(change.kind == "state" for change in about):
            return "states" if about else "nothing"
        return "comments"

    def truth(self, story: int) -> Count:
        """Return the figures of a walk that nothing disturbs or delays."""
        states = Counter(map(self._state, self._below(story)))
        return Count(
            live=states["live"],
            deleted=states["deleted"],
            dead=states["dead"],
            missing=states["missing"],
        )

    def answer(self, path: str) -> Any:
        """Return a copy of the API's answer, which later changes must not reach."""
        kind, _, item_id = path.removesuffix(".json").partition("/")
        if kind == "item" and int(item_id) in self.hidden:
            return None
        value = answer(self.world, path.removesuffix(".json"))
        if kind == "item" and value and "kids" in value:
            return {**value, "kids": [*value["kids"]]}
        return value

    def _below(self, story: int) -> list[int]:
        """Return the comments that a walk reaches."""
        found: list[int] = []
        pending = [story]
        while pending:
            item_id = pending.pop()
            if item_id not in self.hidden:
                kids = (self.world.items[item_id] or {}).get("kids", [])
                found += kids
                pending += kids
        return found

    def _state(self, comment: int) -> str:
        item = None if comment in self.hidden else self.world.items[comment]
        if item is None:
            return "missing"
        return "deleted" if item.get("deleted") else "dead" if item.get("dead") else "live"

    def _stories_of(self, change: Change) -> set[int | None]:
        """Return where a change is seen: where it happened, and where that is now."""
        return {*change.stories, *map(self.world.story_of, change.items)}

    def _is_seen(self, item: int, change: Change, answers: Answers, followed: set[int]) -> bool:
        """Return whether a poll has read an item after a change, and made use of it."""
        path = f"item/{item}.json"
        if change.kind == "comment":
            # Once it was there, no older answer takes it away.
            return path in answers and answers[path].value is not None
        if not change.is_shown(answers, path):
            return False
        if change.kind == "place":
            # One of the latest ids is also read where its story is not remembered.
            return item in followed or self.world.story_of(item) in followed
        return self._is_walked(item, change, answers)

    def _is_walked(self, comment: int, change: Change, answers: Answers) -> bool:
        """Return whether the story of a comment was read whole."""
        story = self.world.story_of(comment)
        items = [] if story is None else [story, *self._below(story)]
        return all(change.is_shown(answers, f"item/{item}.json") for item in items)

    def _is_told(self, change: Change, answers: Answers) -> bool:
        """Return whether a list has told of a change."""
        if change.told_by is None or not change.is_shown(answers, change.told_by):
            return False
        (item,) = change.items
        if change.told_by == UPDATES and item not in answers[UPDATES].value["items"]:
            return False
        return change.kind == "state" or self._is_found(item, answers)

    def _is_found(self, item: int, answers: Answers) -> bool:
        """Return whether a poll that asks for a new item reads it."""
        largest = answers[MAXITEM].value if MAXITEM in answers else None
        can_be_read = item not in self.hidden and f"item/{item}.json" not in self.failing
        return can_be_read and largest is not None and item <= largest


class WorldFetcher(URLFetcher):
    """Fetches from a world in this process, whose answers take a random number of turns."""

    def __init__(
        self,
        session: Session,
        witness: Witness,
        chance: random.Random,
        *,
        max_fetches: int | None = None,
    ) -> None:
        super().__init__(session, max_fetches=max_fetches)
        self.witness = witness
        self.chance = chance
        self.answers: Answers = {}

    async def fetch(self, path: str, **_: object) -> Any:
        if self.fetch_counter == self.max_fetches:
            raise FetchLimitExceeded(self.fetch_counter)
        self.fetch_counter += 1
        await self._some_turns()
        witness = self.witness
        found = Answer(witness.answer(path), witness.changes, witness.clock())
        await self._some_turns()
        if path in witness.failing:
            raise BadStatus(path, 500)
        self.answers[path] = found
        return found.value

    async def _some_turns(self) -> None:
        for _ in range(self.chance.choice((0, 0, 0, 1, 3, 7, 30))):
            await asyncio.sleep(0)
