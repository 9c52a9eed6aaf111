"""
One post in one poll: its count, the proof of it, and what is reported.
"""

import logging
import math

from .api import URLFetcher
from .comments import count_discussion
from .errors import UNREADABLE, HNCommentsError, NoSuchItem, PollFailed
from .memory import LAG, Discussion, Found
from .models import Comment, Count, PostReport, Settings


logger = logging.getLogger(__name__)

# Seconds that `last_hour` looks back.
HOUR = 3600

# Hours that `PostReport.hours` goes back at most: what a sparkline can show.
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
        # Of a walk that an earlier poll began: what that has read.
        nodes = discussion.tree.nodes.values() if discussion.is_walking else ()
        self._read_before = sum(bool(node.parent) and not node.stale for node in nodes)

    @property
    def id(self) -> int:
        return self.discussion.post_id

    async def count(self, found: Found, *, upto: int, old: bool) -> None:
        """
        Count the post; walk it whole again if it is *old*, or if its count is proven wrong.

        With the policy "partial" a failure is a result like any other.

        Raises:
            PollFailed: with the policy "cancel", for what could not be read.
            RateLimited: as `URLFetcher.fetch`.
        """
        try:
            await self._count(found, upto)
            if old or self._is_wrong(found):
                self.discussion.begin_walk()
                await self._count(found, upto)
        except (*UNREADABLE, NoSuchItem) as exc:
            if self.settings.on_error == "cancel":
                raise PollFailed(f"post {self.id}: {exc}") from exc
            self.result = exc

    async def _count(self, found: Found, upto: int) -> None:
        discussion = self.discussion
        count = await count_discussion(self.fetcher, discussion, on_error=self.settings.on_error)
        if count.exact:
            discussion.proof.note(count.live, discussion.tree.clock())
            if discussion.is_walking:
                self._end_walk(upto)
        if found.reason and not discussion.tree.all_fresh:
            count = Count.total([count, Count(unread=1, reason=found.reason)])
        self.result = count

    def _end_walk(self, upto: int) -> None:
        discussion = self.discussion
        drift = discussion.end_walk(upto)
        if drift:
            logger.debug("Post %d: %d comments were not as remembered", self.id, drift)
        self.drift += drift
        if not discussion.tree.all_fresh:
            return  # It took several polls, in which more can have happened than was read.
        discussion.proof.walked(
            self.descendants,
            drift=drift,
            lately=count_written(discussion, LAG),
            now=discussion.tree.clock(),
            refresh=self.settings.refresh,
        )

    def _is_wrong(self, found: Found) -> bool:
        """
        Return whether Hacker News' own number, if this poll has read it, proves the count wrong.
        """
        discussion = self.discussion
        fresh = self.id in discussion.tree.fresh
        exact = isinstance(self.result, Count) and self.result.exact
        if not (fresh and exact) or self.descendants is None or found.reason:
            return False
        verdict = discussion.proof.judge(
            self.descendants, lately=count_written(discussion, LAG), now=discussion.tree.clock()
        )
        return verdict == "wrong"

    @property
    def descendants(self) -> int | None:
        """
        Hacker News' own number, as far as it is known.
        """
        item = self.discussion.item
        return item.descendants if item else None

    @property
    def read(self) -> int:
        """
        How many comments this poll has read; those that are only listed yet are not.
        """
        tree = self.discussion.tree
        return len(tree.fresh) - (self.id in tree.fresh)

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
        tree, item = self.discussion.tree, self.discussion.item
        return [
            Comment(
                item=comment,
                story=self.id,
                title=item.title if item else None,
                parent_by=parent.by if (parent := tree.nodes.get(comment.parent or 0)) else None,
            )
            for comment in tree.arrivals.values()
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

    def report(self, error: str | None, last_count: int | None) -> PostReport:
        """
        Say what is known, at the end of a poll that *error* may have cut short.
        """
        discussion, result = self.discussion, self.result
        if result is None and discussion.item is not None:
            so_far = discussion.tree.tally(self.id)
            result = Count.total([so_far, Count(unread=1, reason=error)])
        count = result if isinstance(result, Count) else None
        exact = count if count and count.exact else None
        return PostReport(
            rank=self.rank,
            id=self.id,
            item=discussion.item,
            count=count,
            new=exact.comments - last_count if exact and last_count is not None else None,
            error=count.error if count else str(result or error),
            disputed=exact is not None and self._is_disputed,
            last_hour=count_written(discussion, HOUR) if count else None,
            hours=count_hourly(discussion, MAX_HOURS) if count and self.settings.live else (),
        )


def count_written(discussion: Discussion, seconds: float) -> int:
    """
    Return how many of the comments were written so lately, by their own time.
    """
    written = [*discussion.tree.created()]
    # Where the clock here is behind, the last comment knows better.
    now = max([discussion.tree.clock(), *written])
    return sum(created > now - seconds for created in written)


def count_hourly(discussion: Discussion, most: int) -> tuple[int, ...]:
    """
    Return how many were written in each hour since the post was, the last *most* hours.
    """
    now = discussion.tree.clock()
    born = discussion.item.time if discussion.item and discussion.item.time else now
    hours = [0] * max(1, min(most, math.ceil((now - born) / HOUR)))
    for created in discussion.tree.created():
        ago = int(max(now - created, 0) // HOUR)
        if ago < len(hours):
            hours[-1 - ago] += 1
    return tuple(hours)
