"""
One post in one poll: its count, the proof of it, and its report.
"""

import heapq
import logging
import math

from .api import URLFetcher
from .comments import count_discussion
from .errors import UNREADABLE, HNCommentsError, NoSuchItem, PollFailed
from .memory import LAG, Changes, Discussion
from .models import Comment, Count, Growth, Item, PostReport
from .plaintext import first_line
from .settings import Settings


logger = logging.getLogger(__name__)

# Seconds that `last_hour` looks back.
HOUR = 3600

# Hours that `PostReport.hours` goes back at most: a sparkline has no more room.
MAX_HOURS = 48


class Post:
    """
    A post that one poll counts; *rank* is its place in the list, if it is on it.
    """

    def __init__(
        self, fetcher: URLFetcher, discussion: Discussion, settings: Settings, *, rank: int | None
    ) -> None:
        self.fetcher = fetcher
        self.discussion = discussion
        self.settings = settings
        self.rank = rank
        self.result: Count | HNCommentsError | None = None
        self.drift = 0
        # What an earlier poll has read of this walk.
        nodes = discussion.tree.nodes.values() if discussion.is_walking else ()
        self._read_before = sum(bool(node.parent) and not node.stale for node in nodes)

    @property
    def id(self) -> int:
        return self.discussion.post_id

    async def count(self, changes: Changes, *, upto: int, old: bool) -> None:
        """
        Count the post; walk it whole again if it is *old*, or if its count is proven wrong.

        With the policy "partial" a failure is a result like any other.

        Raises:
            PollFailed: with the policy "cancel", if anything could not be read.
            RateLimited: as `URLFetcher.fetch`.
        """
        try:
            await self._count(changes, upto)
            if old or self._is_wrong(changes):
                self.discussion.begin_walk()
                await self._count(changes, upto)
        except (*UNREADABLE, NoSuchItem) as exc:
            if self.settings.on_error == "cancel":
                raise PollFailed(f"post {self.id}: {exc}") from exc
            self.result = exc

    async def _count(self, changes: Changes, upto: int) -> None:
        discussion = self.discussion
        count = await count_discussion(self.fetcher, discussion, on_error=self.settings.on_error)
        if count.exact:
            discussion.proof.note(count.live, discussion.clock())
            if discussion.is_walking:
                self._end_walk(upto)
        if changes.problem and not discussion.tree.all_fresh:
            count = Count.total([count, Count(unread=1, reason=changes.problem)])
        self.result = count

    def _end_walk(self, upto: int) -> None:
        discussion = self.discussion
        drift = discussion.end_walk(upto)
        if drift:
            logger.debug("Post %d: %d comments were not as remembered", self.id, drift)
        self.drift += drift
        if not discussion.tree.all_fresh:
            return  # A walk that took several polls can have missed changes, and proves nothing.
        discussion.proof.walked(
            self.descendants,
            drift=drift,
            lately=count_written(discussion, LAG),
            now=discussion.clock(),
            refresh=self.settings.refresh,
        )

    def _is_wrong(self, changes: Changes) -> bool:
        """
        Return whether Hacker News' own number, if this poll has read it, proves the count wrong.
        """
        discussion = self.discussion
        fresh = self.id in discussion.tree.reading.read
        exact = isinstance(self.result, Count) and self.result.exact
        if not (fresh and exact) or self.descendants is None or changes.problem:
            return False
        verdict = discussion.proof.judge(
            self.descendants, lately=count_written(discussion, LAG), now=discussion.clock()
        )
        return verdict == "wrong"

    @property
    def descendants(self) -> int | None:
        """
        Hacker News' own number; None if it is not known, or there is none.
        """
        item = self.discussion.item
        return item.descendants if item else None

    @property
    def read(self) -> int:
        """
        How many comments this poll has read; those that are only listed yet are not.
        """
        tree = self.discussion.tree
        return len(tree.reading.read) - (self.id in tree.reading.read)

    @property
    def known(self) -> int:
        """
        How many comments need not be read (any more).
        """
        if self.discussion.is_walking:
            return self._read_before + self.read
        return len(self.discussion.tree.nodes) - 1

    @property
    def expected(self) -> int:
        """
        How many comments there are in all, as far as can be guessed.
        """
        if self.result is not None:
            return self.known
        return max(self.descendants or 0, len(self.discussion.tree.nodes) - 1)

    @property
    def _is_disputed(self) -> bool:
        return self.descendants is not None and self.discussion.proof.disputed

    @property
    def comments(self) -> list[Comment]:
        """
        The comments that are new in this poll.
        """
        return [
            self.describe(comment) for comment in self.discussion.tree.reading.arrivals.values()
        ]

    def so_far(self) -> PostReport:
        """
        Say what is known while the poll still runs. This is asked often, so nothing is tallied.
        """
        result = self.result
        count = result if isinstance(result, Count) else None
        error = count.error if count else None if result is None else str(result)
        return PostReport(
            rank=self.rank,
            id=self.id,
            item=self.discussion.item,
            count=count,
            new=None,
            error=error,
        )

    def describe(self, comment: Item) -> Comment:
        """
        Return a comment with what is known of the place where it was written.
        """
        tree, item = self.discussion.tree, self.discussion.item
        parent = tree.nodes.get(comment.parent or 0)
        read = tree.reading.items.get(comment.parent or 0)
        reply = comment.parent != self.id
        return Comment(
            item=comment,
            story=self.id,
            title=item.title if item else None,
            parent_by=parent.by if parent else None,
            parent_text=first_line(read.text) if read and read.text and reply else None,
        )

    def _count_so_far(self, error: str | None) -> Count | None:
        """
        Return what was counted, or is known in spite of the *error* that ended the poll before.
        """
        if self.result is None and self.discussion.item is not None:
            known = self.discussion.tree.tally(self.id)
            return Count.total([known, Count(unread=1, reason=error)])
        return self.result if isinstance(self.result, Count) else None

    def report(self, error: str | None) -> PostReport:
        """
        Return the post's report, at the end of a poll that *error* may have cut short.
        """
        discussion, count = self.discussion, self._count_so_far(error)
        return PostReport(
            rank=self.rank,
            id=self.id,
            item=discussion.item,
            count=count,
            new=None,
            error=str(self.result or error) if count is None else count.error,
            disputed=count is not None and count.exact and self._is_disputed,
            last_hour=None if count is None else count_written(discussion, HOUR),
            hours=count_hourly(discussion, MAX_HOURS) if count and self.settings.live else (),
        )


def count_written(discussion: Discussion, seconds: float) -> int:
    """
    Return how many comments were written in the last *seconds*, by their own time.
    """
    written = [*discussion.tree.created()]
    # If the clock here is behind, the newest comment is nearer to the real time.
    now = max([discussion.clock.wall(), *written])
    return sum(created > now - seconds for created in written)


def count_hourly(discussion: Discussion, most: int) -> tuple[int, ...]:
    """
    Return how many comments were written in each of the post's last *most* hours.
    """
    now = discussion.clock.wall()
    born = discussion.item.time if discussion.item and discussion.item.time else now
    hours = [0] * max(1, min(most, math.ceil((now - born) / HOUR)))
    for created in discussion.tree.created():
        ago = int(max(now - created, 0) // HOUR)
        if ago < len(hours):
            hours[-1 - ago] += 1
    return tuple(hours)


def describe_growth(discussion: Discussion, newest: int) -> Growth:
    """
    Return how a discussion grew, with so many of its *newest* comments.
    """
    tree, item = discussion.tree, discussion.item
    return Growth(
        born=item.time if item else None,
        written=tuple(sorted(tree.created())),
        newest=tuple(
            Item(id=item_id, by=tree.nodes[item_id].by, time=tree.nodes[item_id].created)
            for item_id in heapq.nlargest(newest, tree.live())
        ),
    )
