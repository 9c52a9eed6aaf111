"""
What the live table knows: the stories of the last poll, what moved, and what the keys chose.
"""

import math
import time
from collections import deque
from collections.abc import Callable

from ..models import Comment, PollReport, PostReport
from .fitted import summarise


# New comments kept of each story, for the pane.
MAX_COMMENTS = 50

# Warnings kept until the next poll.
MAX_WARNINGS = 3

# Smaller stands above; where two are equal, the rank decides.
SORTS: dict[str, Callable[["Board", PostReport], tuple[float, ...]]] = {
    "rank": lambda _, story: (math.inf if story.rank is None else story.rank,),
    "new": lambda board, story: (-board.fresh.get(story.id, 0),),
    "last hour": lambda _, story: (-(story.last_hour or 0),),
    "comments": lambda _, story: (-(story.count.comments if story.count else 0),),
    "age": lambda _, story: (-((story.item and story.item.time) or 0),),
}


class Board:
    """
    The stories of the last poll that knew them, and what is remembered beside them.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.report: PollReport | None = None
        self.stories: tuple[PostReport, ...] = ()
        self.taken = clock()
        # New comments of each story since the table was opened.
        self.fresh: dict[int, int] = {}
        self.comments: dict[int, deque[Comment]] = {}
        self.moves: dict[int, tuple[int, float]] = {}
        # What was logged since the last poll; how far a poll is that takes its time; what
        # the last key had to say.
        self.warnings: deque[str] = deque(maxlen=MAX_WARNINGS)
        self.wait = ""
        self.message = ""
        self.sort = "rank"
        self.chosen: int | None = None
        self.pane = False

    def take(self, report: PollReport) -> bool:
        """
        Take in a poll, and return whether it brought news.
        """
        before, errors = self.stories, self.errors
        warned = bool(self.warnings)
        self.report, self.wait = report, ""
        self.warnings.clear()
        if not report.failed and report.stories:
            self.taken = self.clock()
            self.stories = report.stories
            self._compare(before)
        ranks = [(story.id, story.rank, story.status) for story in self.stories]
        return (
            any(summarise(report))
            or warned
            or self.errors != errors
            or ranks != [(story.id, story.rank, story.status) for story in before]
        )

    def press(self, key: str) -> None:
        """
        Do what *key* stands for; unknown ones do nothing.
        """
        self.message = ""
        if key in {"up", "k"}:
            self._choose(-1)
        elif key in {"down", "j"}:
            self._choose(1)
        elif key == "enter":
            self.pane = not self.pane
        elif key == "s":
            names = [*SORTS]
            self.sort = names[(names.index(self.sort) + 1) % len(names)]
        elif key == "o" and (story := self.chosen_story):
            self.message = story.link

    @property
    def sorted(self) -> list[PostReport]:
        rank = SORTS["rank"]
        return sorted(
            self.stories, key=lambda story: (*SORTS[self.sort](self, story), *rank(self, story))
        )

    @property
    def chosen_story(self) -> PostReport | None:
        return next((story for story in self.stories if story.id == self.chosen), None)

    @property
    def errors(self) -> tuple[str, ...]:
        return self.report.errors if self.report else ()

    def _compare(self, before: tuple[PostReport, ...]) -> None:
        """
        Note what moved and what is new, and forget the stories that are gone.
        """
        ranks = {story.id: story.rank for story in before}
        for story in self.stories:
            old = ranks.get(story.id)
            if old and story.rank and old != story.rank:
                self.moves[story.id] = (old - story.rank, self.clock())
            self.fresh[story.id] = self.fresh.get(story.id, 0) + (story.new or 0)
        for comment in self.report.comments if self.report else ():
            self.comments.setdefault(comment.story, deque(maxlen=MAX_COMMENTS)).append(comment)
        self._forget()

    def _forget(self) -> None:
        known = {story.id for story in self.stories}
        # A week's watching does not grow.
        for memory in (self.fresh, self.comments, self.moves):
            for gone in memory.keys() - known:
                del memory[gone]
        if self.chosen not in known:
            self.chosen = self.sorted[0].id

    def _choose(self, step: int) -> None:
        ids = [story.id for story in self.sorted]
        if ids:
            place = ids.index(self.chosen) if self.chosen in ids else 0
            self.chosen = ids[min(max(place + step, 0), len(ids) - 1)]
