"""
What the live table knows: the stories of the last poll, what moved, and what the keys chose.
"""

import math
import time
from collections import deque
from collections.abc import Callable

from ..models import Comment, PollReport, PostReport, Progress
from .fitted import summarise, title_of
from .progress import PATIENCE


# New comments kept of each story, for the pane.
MAX_COMMENTS = 50

# Warnings kept until the next poll.
MAX_WARNINGS = 100

# Smaller stands above; where two are equal, the rank decides.
SORTS: dict[str, Callable[["Board", PostReport], float]] = {
    "rank": lambda _, story: math.inf if story.rank is None else story.rank,
    "new": lambda board, story: -board.fresh.get(story.id, 0),
    "last hour": lambda _, story: -(story.last_hour or 0),
    "comments": lambda _, story: -(story.count.comments if story.count else 0),
    "age": lambda _, story: -((story.item and story.item.time) or 0),
}


class Board:
    """
    The stories of the last poll that knew them, and what is remembered beside them.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.report: PollReport | None = None
        self.stories: tuple[PostReport, ...] = ()
        # Whether a report had stories.
        self.counted = False
        # When the table was opened, and when there was an answer last.
        self.opened = self.taken = clock()
        # New comments of each story since the table was opened.
        self.fresh: dict[int, int] = {}
        self.comments: dict[int, deque[Comment]] = {}
        self.moves: dict[int, tuple[int, float]] = {}
        # What was logged since the last poll; how far the one is that takes its time.
        self.warnings: deque[str] = deque(maxlen=MAX_WARNINGS)
        self.progress: Progress | None = None
        # What the keys chose; "comments" or "help" may be in the pane.
        self.sort = "rank"
        self.filter = ""
        self.chosen: int | None = None
        self.pane = ""
        # What the last key has to say.
        self.message = ""

    def take(self, report: PollReport) -> bool:
        """
        Take in a poll, and return whether it brought news.
        """
        before, stories = self._state, self.stories
        self.report, self.progress = report, None
        self.warnings.clear()
        if report.stories and not self.failing:
            self.taken, self.counted = self.clock(), True
            self.stories = report.stories
            self._compare(stories, report)
        return any(summarise(report)) or before != self._state

    def look(self, progress: Progress | None) -> bool:
        """
        Take in how far the poll is that runs, and return whether that is to be shown.

        Until a report had stories, those of the poll are shown, as far as they were read.
        """
        before = (self.progress, self.stories)
        self.progress = progress if progress and progress.seconds >= PATIENCE else None
        if progress is not None and not self.counted:
            self.stories = progress.stories
        return before != (self.progress, self.stories)

    @property
    def failing(self) -> bool:
        """
        Whether the last poll found out nothing.
        """
        return self.report is not None and self.report.status == "failed"

    @property
    def errors(self) -> list[str]:
        return [*(self.report.errors if self.report else ()), *self.warnings]

    @property
    def sorted(self) -> list[PostReport]:
        key, rank = SORTS[self.sort], SORTS["rank"]
        return sorted(self.stories, key=lambda story: (key(self, story), rank(self, story)))

    @property
    def shown(self) -> list[PostReport]:
        """
        The stories that have all words of the filter in their titles.
        """
        words = self.filter.casefold().split()
        return [s for s in self.sorted if all(word in title_of(s).casefold() for word in words)]

    @property
    def place(self) -> int:
        """
        Where the chosen story stands; unless one was chosen, and is shown, that is the first.
        """
        return next((n for n, story in enumerate(self.shown) if story.id == self.chosen), 0)

    @property
    def chosen_story(self) -> PostReport | None:
        return dict(enumerate(self.shown)).get(self.place)

    def choose(self, step: int) -> None:
        """
        Choose the story *step* lines below the chosen one, or the last on the way there.
        """
        shown = self.shown
        place = min(max(self.place + step, 0), len(shown) - 1)
        self.chosen = shown[place].id if shown else None

    def sort_next(self) -> None:
        """
        Sort by the next column.
        """
        names = [*SORTS]
        self.sort = names[(names.index(self.sort) + 1) % len(names)]

    def find(self, words: str) -> None:
        """
        Show only stories with these *words* in their titles.
        """
        self.filter = words

    def toggle(self, pane: str) -> None:
        """
        Open the pane with "comments" or "help", or close it.
        """
        # Nobody wants to read on in another story because that came first.
        self.choose(0)
        self.pane = "" if pane == self.pane else pane

    @property
    def _state(self) -> tuple[object, ...]:
        """
        What is news where it changes, besides comments.
        """
        ranks = [(story.id, story.rank, story.status) for story in self.stories]
        return ranks, self.errors, self.failing, self.progress is None

    def _compare(self, before: tuple[PostReport, ...], report: PollReport) -> None:
        """
        Note what moved and what is new, and forget the stories that are gone.
        """
        ranks = {story.id: story.rank for story in before}
        for story in report.stories:
            old = ranks.get(story.id)
            if old and story.rank and old != story.rank:
                self.moves[story.id] = (old - story.rank, self.clock())
            self.fresh[story.id] = self.fresh.get(story.id, 0) + (story.new or 0)
        for comment in report.comments:
            self.comments.setdefault(comment.story, deque(maxlen=MAX_COMMENTS)).append(comment)
        # A week's watching does not grow.
        for memory in (self.fresh, self.comments, self.moves):
            for gone in memory.keys() - {story.id for story in report.stories}:
                del memory[gone]
