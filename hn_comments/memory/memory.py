"""
What one poll leaves for the next: a tree for each post, and what is to be asked about them.

Only one poll works on it at a time: it holds the `turn`. So no item is asked for twice
because polls overlap, and no answer can overtake a newer one.

All times are on the wall clock: they outlive the process (`history`).
"""

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from ..models import Item
from .discussion import Discussion
from .newcomers import Newcomers
from .replies import YOUTH
from .tree import Tree


# Seconds after which a post that left the list is forgotten.
POST_MEMORY = 3600.0

# Last counts that are remembered at least: many times what a front page shows in a day.
LAST_COUNTS = 5000

# New ids that stayed `null` of which we know that they were; a reply makes us ask again.
GIVEN_UP = 1000


@dataclass(slots=True)
class Pending:
    """
    A new id that is not read yet: since when we ask, when we do so again, and what went wrong.

    It has *failed* where an answer, and not only the budget, was the problem.
    """

    since: float | None = None
    due: float = 0.0
    error: str | None = None
    failed: bool = False


class Memory:
    """
    All that is known, over all polls.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self.clock = clock or steady_clock()
        self.turn = asyncio.Lock()
        self.discussions: dict[int, Discussion] = {}
        self.last_counts: dict[int, int] = {}
        # The largest id there was, as far as we know, and since when it is denied.
        self.maxitem: int | None = None
        # The one before it, and the largest id that was really there when it was asked for.
        self.maxitem_before = 0
        self.largest_read = 0
        self.denied_since: float | None = None
        self.pending: dict[int, Pending] = {}
        self.given_up: dict[int, None] = {}
        self.newcomers = Newcomers()
        self.polled_at: float | None = None
        # The ids in the last `updates`, and when each was read again for that.
        self.updated: dict[int, float] = {}
        # Polls in a row that could not read it.
        self.blind = 0

    def discussion(self, post_id: int) -> Discussion:
        """
        Return what is known of a post, which may be nothing yet.
        """
        if post_id not in self.discussions:
            tree = Tree(post_id, clock=self.clock, newcomers=self.newcomers)
            self.discussions[post_id] = Discussion(tree)
        return self.discussions[post_id]

    def followed(self, seconds: float, *, besides: Collection[int]) -> list[Discussion]:
        """
        Return the posts that left the list less than *seconds* ago, the last to leave first.
        """
        since = self.clock() - seconds
        left = [d for d in self.discussions.values() if d.listed_at > since]
        left.sort(key=lambda discussion: -discussion.listed_at)
        return [discussion for discussion in left if discussion.post_id not in set(besides)]

    def arrive(self, comment: Item) -> bool:
        """
        Keep a new comment for a while, and let it join its trees; return whether it did.
        """
        if comment.parent is None:
            return False
        self.newcomers.add(comment, self.clock())
        # Not any(): one post may be a comment of another.
        trees = [discussion.tree for discussion in self.discussions.values()]
        return sum(tree.join(comment) for tree in trees) > 0

    def note_count(self, post_id: int, comments: int) -> int | None:
        """
        Remember the count of a post, and return by how much it differs from the last one.
        """
        last = self.last_counts.pop(post_id, None)
        self.last_counts[post_id] = comments
        if len(self.last_counts) > max(LAST_COUNTS, 2 * len(self.discussions)):
            del self.last_counts[next(iter(self.last_counts))]
        return None if last is None else comments - last

    def forget(self, *, keep: float) -> None:
        """
        Forget the posts that left the list *keep* seconds ago, and newcomers that are none.
        """
        now = self.clock()
        for post_id, discussion in list(self.discussions.items()):
            if now - discussion.listed_at > keep:
                del self.discussions[post_id]
        self.newcomers.forget(now - YOUTH)

    def give_up(self, item_id: int) -> None:
        """
        Ask no more for a new id, unless a reply to it turns up.
        """
        del self.pending[item_id]
        self.given_up[item_id] = None
        if len(self.given_up) > GIVEN_UP:
            del self.given_up[next(iter(self.given_up))]


def steady_clock() -> Callable[[], float]:
    """
    Return a clock in seconds since 1970 that nobody can set back while the program runs.
    """
    # It goes on while the machine sleeps, where there is one that does.
    source = getattr(time, "CLOCK_BOOTTIME", None)

    def read() -> float:
        return time.monotonic() if source is None else time.clock_gettime(source)

    offset = time.time() - read()
    return lambda: offset + read()
