"""
What one poll leaves for the next: a tree for each post, and what is to be asked about them.

Only one poll works on it at a time: it holds the `turn`. So no item is asked for twice
because polls overlap, and no answer can overtake a newer one.

All times are on the wall clock: they outlive the process (`history`).
"""

import asyncio
import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from .errors import FetchLimitExceeded, HNCommentsError, StillUnreadable
from .models import Count, Item
from .newcomers import Newcomers
from .proof import LAG, Proof
from .replies import YOUTH
from .totals import MISSING, UNREAD
from .tree import Tree


# Seconds after which a node is asked for again that was `null` or contradicts the others;
# the distance doubles each time, up to a day.
ASK_AGAIN, MAX_ASK_AGAIN = 60.0, 86400.0

# Seconds for which a node that failed again is not asked for.
FAILURE_MEMORY = 60.0

# Seconds after which a post item is read again at the latest, for its `descendants`.
CHECK_AGAIN = 900.0

# Seconds after which a post without `descendants` is walked whole again.
WALK_UNPROVEN = 900.0

# Seconds after which a post that left the list is forgotten.
POST_MEMORY = 3600.0

# Last counts that are remembered at least: many times what a front page shows in a day.
LAST_COUNTS = 5000

# New ids that stayed `null` of which we know that they were; a reply makes us ask again.
GIVEN_UP = 1000


@dataclass(frozen=True, slots=True)
class Failure:
    """
    Why a node could not be read, and before when it is not asked for again.
    """

    reason: str
    until: float


class Discussion:
    """
    A post, its tree, and what is to be asked about them.
    """

    def __init__(self, tree: Tree, *, item: Item | None = None) -> None:
        self.tree = tree
        self.item = item
        self.proof = Proof()
        # When the last whole walk ended, when the post item was last read, and listed.
        self.walked_at = 0.0
        self.checked_at = 0.0
        self.listed_at = 0.0
        # During a whole walk of a known tree: what each node was before.
        self.before: dict[int, tuple[Count, int]] | None = None
        # When a node is to be asked for again, and how long that distance is.
        self.again: dict[int, tuple[float, float]] = {}
        self.failures: dict[int, Failure] = {}

    @property
    def is_walking(self) -> bool:
        """
        Whether a whole walk, the first or another, has begun and not ended.
        """
        return not self.tree.known or self.before is not None

    @property
    def post_id(self) -> int:
        return self.tree.post_id

    def begin_poll(self) -> None:
        """
        Have read again what is due for that.
        """
        now = self.tree.clock()
        self.tree.begin_poll()
        for gone in (self.again.keys() | self.failures.keys()) - self.tree.nodes.keys():
            self.again.pop(gone, None)
            self.failures.pop(gone, None)
        for item_id, (due, _) in self.again.items():
            if due <= now:
                self.tree.mark_stale(item_id)
        check_again = CHECK_AGAIN if self.proof.lags_since is None else LAG
        if self.proof.doubted or now - self.checked_at >= check_again:
            self.tree.mark_stale(self.post_id)

    def put(self, item_id: int, item: Item | None) -> None:
        """
        Keep the API's answer for a node of the tree.
        """
        self.tree.put(item_id, item)
        self.failures.pop(item_id, None)
        if item_id == self.post_id:
            self.checked_at = self.tree.clock()
            self.item = item or self.item
        node = self.tree.nodes.get(item_id)
        if node is not None and (item is None or node.unfollowed):
            _, distance = self.again.get(item_id, (0.0, ASK_AGAIN / 2))
            distance = min(2 * distance, MAX_ASK_AGAIN)
            self.again[item_id] = (self.tree.clock() + distance, distance)
        else:
            self.again.pop(item_id, None)

    def fail(self, item_id: int, exc: HNCommentsError) -> None:
        """
        Note that a node could not be read. It is asked for by the next poll, then once a minute.
        """
        if not isinstance(exc, (FetchLimitExceeded, StillUnreadable)):
            again = FAILURE_MEMORY if item_id in self.failures else 0.0
            self.failures[item_id] = Failure(str(exc), self.tree.clock() + again)

    def failure(self, item_id: int) -> str | None:
        """
        Return why there is no use in asking for a node now, if that is so.
        """
        failure = self.failures.get(item_id)
        return failure.reason if failure and self.tree.clock() < failure.until else None

    def begin_walk(self) -> None:
        """
        Have everything read again.
        """
        if self.tree.known and self.before is None:
            self.before = self._states()
        self.failures.clear()
        for item_id in self.tree.nodes:
            self.tree.mark_stale(item_id)

    def resume_walk(self) -> None:
        """
        Go on with a whole walk that an earlier run began: what is stale is left to be read.
        """
        if self.tree.known:
            self.before = self._states()

    def end_walk(self, upto: int) -> int:
        """
        Note that everything was read; return how many comments up to the id *upto* were wrong.

        What was written later is news, not an error of the memory.
        """
        before, after = self.before, self._states() if self.before is not None else {}
        self.before = None
        self.tree.known = True
        self.walked_at = self.tree.clock()
        ids = (before or {}).keys() | after.keys()
        return sum(
            item_id <= upto and (before or {}).get(item_id) != after.get(item_id) for item_id in ids
        )

    def walk_interval(self, refresh: float) -> float:
        """
        Return after how many seconds the post is to be walked whole again.
        """
        proven = self.item is not None and self.item.descendants is not None
        return refresh if proven else min(refresh, WALK_UNPROVEN)

    def written_within(self, seconds: float) -> int:
        """
        Return how many of the comments were written so lately, by their own time.
        """
        written = [*self.tree.created()]
        # Where the clock here is behind, the last comment knows better.
        now = max([self.tree.clock(), *written])
        return sum(created > now - seconds for created in written)

    def written_hourly(self, most: int) -> tuple[int, ...]:
        """
        Return how many were written in each hour since the post was, the last *most* hours.
        """
        now = self.tree.clock()
        born = self.item.time if self.item and self.item.time else now
        hours = [0] * max(1, min(most, math.ceil((now - born) / 3600)))
        for created in self.tree.created():
            ago = int(max(now - created, 0) // 3600)
            if ago < len(hours):
                hours[-1 - ago] += 1
        return tuple(hours)

    def _states(self) -> dict[int, tuple[Count, int]]:
        return {
            item_id: (node.own, node.parent)
            for item_id, node in self.tree.nodes.items()
            if node.own is not UNREAD and node.own is not MISSING
        }


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
