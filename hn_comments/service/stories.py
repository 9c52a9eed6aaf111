"""
One story for /story/ID.json: its growth since its birth, its ranks, its newest comments.

A history file knows all of it, and is read in a thread, beside whoever writes it. Without one it
comes from what this process remembers: the tree, and what the polls have found since the start.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..errors import HistoryError
from ..history.past import Rank, read_story
from ..models import Growth, Item, PollReport, link
from ..output.formats import comment_fields, created
from ..settings import Settings
from ..tasks import in_thread
from .listener import Listener
from .series import drop_repeated


T = TypeVar("T")

# Moments of one series in an answer: a screen has few more pixels. The last ones of the ranks.
MAX_POINTS = 1000

# Comments in an answer, comments whose text is kept, and stories whose ranks are.
NEWEST, MAX_TEXTS, MAX_STORIES = 20, 1000, 2000

# Files that are open at a time.
READERS = 4

HOUR = 3600

# With --full-walk nothing is remembered.
UNKNOWN = Growth(born=None, written=(), newest=())


class Stories(Listener):
    """
    What there is to say of a single story; *recall* returns what is remembered of its growth.
    """

    def __init__(self, settings: Settings, recall: Callable[[int], Growth | None]) -> None:
        self.history = settings.history
        self.list = settings.list_name
        self.recall = recall
        self._ranks: dict[int, deque[Rank]] = {}
        self._texts: dict[int, dict[str, Any]] = {}
        self._readers = asyncio.Semaphore(READERS)

    def publish(self, report: PollReport) -> None:
        """
        Note what a poll found.
        """
        for comment in report.comments:
            self._texts[comment.item.id] = comment_fields(report, comment)
        forget_first(self._texts, MAX_TEXTS)
        if report.status == "failed":
            return  # Who knows what is on the list now?
        ranks = {story.id: story.rank for story in report.stories}
        for story_id in [*(self._ranks.keys() - ranks.keys()), *ranks]:
            self._note_rank(story_id, (int(report.started.timestamp()), ranks.get(story_id)))
        forget_first(self._ranks, MAX_STORIES)

    def _note_rank(self, story_id: int, rank: Rank) -> None:
        # One that does not move is forgotten first.
        known = self._ranks.get(story_id) or deque(maxlen=MAX_POINTS)
        if not known or known[-1][1] != rank[1]:
            known.append(rank)
            self._ranks.pop(story_id, None)
            self._ranks[story_id] = known

    async def find(self, story_id: int) -> dict[str, Any] | None:
        """
        Return what is known of a story; None if it is not known.
        """
        found = None
        if self.history is not None:
            # A file that is moved away or busy just now: then what is remembered must do.
            with contextlib.suppress(HistoryError):
                found = await self._read(self.history, story_id)
        growth, ranks = found or (self.recall(story_id), self._ranks.get(story_id, ()))
        if growth is None and not ranks:
            return None
        growth = growth or UNKNOWN
        return {
            "id": story_id,
            "curve": draw_curve(growth),
            "hours": count_hours(growth)[-MAX_POINTS:],
            "ranks": [*drop_repeated(ranks)][-MAX_POINTS:],
            "comments": [self._describe(item) for item in growth.newest],
        }

    async def _read(self, path: str, story_id: int) -> tuple[Growth, Sequence[Rank]] | None:
        """
        Return what `read_story` does, in one of the few threads for that.
        """
        await self._readers.acquire()
        reading = asyncio.create_task(
            in_thread(lambda: read_story(path, story_id, self.list, newest=NEWEST), name="story")
        )
        reading.add_done_callback(self._end_reading)
        # Not cancelled with this: a client that leaves ends no thread, and so frees no place.
        await asyncio.wait([reading])
        return reading.result()

    def _end_reading(self, reading: asyncio.Task[Any]) -> None:
        """
        Done-callback: free the place of a thread that has ended.
        """
        self._readers.release()
        # Perhaps nobody waits for it any more, and asyncio would complain.
        if not reading.cancelled():
            reading.exception()

    def _describe(self, item: Item) -> dict[str, Any]:
        """
        Return a comment with its text, if that was told; else what is remembered of it.
        """
        known = self._texts.get(item.id)
        if known is not None:
            return {"type": "comment", **known}
        return {"id": item.id, "by": item.by, "created": created(item), "link": link(item.id)}


def draw_curve(growth: Growth) -> list[tuple[int, int]]:
    """
    Return how many comments there were at which moment, from the birth on.
    """
    curve = [(time, number) for number, time in enumerate(growth.written, start=1)]
    if growth.born is not None and (not curve or growth.born <= curve[0][0]):
        curve.insert(0, (growth.born, 0))
    step = max(1, -(-len(curve) // MAX_POINTS))
    # Counted from the end: both the first moment and the last one stay.
    return [*curve[:1], *curve[:0:-step][::-1]]


def count_hours(growth: Growth) -> list[tuple[int, int]]:
    """
    Return how many comments were written in which hour; hours without any are left out.
    """
    return sorted(Counter(time // HOUR * HOUR for time in growth.written).items())


def forget_first(kept: dict[int, T], most: int) -> None:
    """
    Drop what is in *kept* for the longest, until there are at most so many.
    """
    while len(kept) > most:
        del kept[next(iter(kept))]
