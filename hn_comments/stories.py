"""
One poll: the story list, the first N of it, each counted under the error policy.

What the poll found is published when it ends, whatever ends it: success, a failure, the
poll timeout, or a cancellation from outside. Unfinished posts are then lower bounds.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import async_timeout

from .cache import Cache
from .changes import Changes, Found
from .comments import Walk
from .errors import UNREADABLE, HNCommentsError, NoSuchItem, PollFailed
from .fetcher import URLFetcher
from .items import parse_ids
from .models import Count, Item, PollReport, PostReport, Settings
from .tasks import gather_or_stop


logger = logging.getLogger(__name__)

# Posts whose last count is remembered: many times what a front page shows in a day.
MAX_KNOWN = 5000


class KnownCounts(dict[int, int]):
    """
    The last exact count of each post, over all polls; the oldest are forgotten.
    """

    def replace(self, post_id: int, comments: int) -> int | None:
        """
        Remember the count of a post, and return by how much it differs from the last one.
        """
        last = self.pop(post_id, None)
        self[post_id] = comments
        if len(self) > MAX_KNOWN:
            del self[next(iter(self))]
        return None if last is None else comments - last


class Memory:
    """
    What one poll leaves for the next.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.cache = Cache(clock)
        self.changes = Changes(self.cache)
        self.counts = KnownCounts()


class Poll:
    """
    One poll, number *number*, before which *skipped* ticks were skipped.
    """

    def __init__(
        self,
        fetcher: URLFetcher,
        settings: Settings,
        *,
        memory: Memory,
        number: int,
        skipped: int = 0,
    ) -> None:
        self.fetcher = fetcher
        self.settings = settings
        # Whoever walks everything each time, or polls once, needs to remember nothing.
        self.remembers = not settings.full_walk and settings.polls != 1
        self.cache = memory.cache if self.remembers else Cache()
        self.changes = memory.changes
        self.known = memory.counts
        self.number = number
        self.skipped = skipped
        # In the order of the list; None until there is a list.
        self.walks: list[Walk] | None = None
        self.results: dict[int, Count | HNCommentsError] = {}
        self.found = Found("full")
        # The largest id when the poll began, and how wrong the memory proved to be.
        self.maxitem = 0
        self.drift = 0

    async def run(self, publish: Callable[[PollReport], None]) -> None:
        """
        Count every post, then hand the report to *publish*, even when cancelled.

        Raises:
            PollFailed: if the report's status is "failed".
        """
        started = datetime.now(UTC)
        start = asyncio.get_running_loop().time()
        error: str | None = "interrupted"
        failed = False
        try:
            async with async_timeout.timeout(self.settings.poll_timeout):
                await self._count_posts()
            error = None
        except TimeoutError:
            error = f"the poll did not end within {self.settings.poll_timeout:g} seconds"
        except HNCommentsError as exc:
            error = str(exc)
            failed = isinstance(exc, PollFailed)
        finally:
            report = PollReport(
                poll=self.number,
                started=started,
                list=self.settings.list_name,
                seconds=asyncio.get_running_loop().time() - start,
                fetches=self.fetcher.fetch_counter,
                retries=self.fetcher.retry_counter,
                stories=tuple(self._report_posts(error)),
                skipped=self.skipped,
                mode=self.found.mode,
                changed=self.found.joined + sum(walk.changed for walk in self.walks or ()),
                drift=self.drift,
                failed=failed or self.walks is None,
                error=error,
            )
            publish(report)
        if report.status == "failed":
            raise PollFailed(report.errors[0])

    async def _count_posts(self) -> None:
        """
        Count all posts concurrently; the first error that leaves one ends the poll.
        """
        ids = await self._look_around()
        self.walks = [
            Walk(self.fetcher, self.cache, post_id, on_error=self.settings.on_error)
            for post_id in ids
        ]
        await gather_or_stop(
            [
                asyncio.create_task(
                    self._count_post(walk), name=f"poll {self.number} post {walk.post_id}"
                )
                for walk in self.walks
            ]
        )

    async def _look_around(self) -> Sequence[int]:
        """
        Return the ids of the posts, having found out meanwhile what changed.
        """
        if not self.remembers:
            return await self._fetch_ids()
        list_task = asyncio.create_task(self._fetch_ids())
        changes_task = asyncio.create_task(self.changes.find(self.fetcher))
        await gather_or_stop([list_task, changes_task])
        self.found = changes_task.result()
        self.maxitem = self.changes.maxitem or 0
        if self.found.reason and self.settings.on_error == "cancel":
            raise PollFailed(self.found.reason)
        ids = list_task.result()
        self.cache.keep(ids)
        return ids

    async def _fetch_ids(self) -> Sequence[int]:
        """
        Return the ids of the posts to count, each once.
        """
        if self.settings.posts:
            return self.settings.posts
        path = f"{self.settings.stories}stories.json"
        ids = parse_ids(path, await self.fetcher.fetch(path))
        return list(dict.fromkeys(ids))[: self.settings.limit]

    async def _count_post(self, walk: Walk) -> None:
        """
        Count one post. With the policy "partial" a failure is a result like any other.
        """
        try:
            count = await walk.count()
            self._note_count(walk.post_id, count)
            if self._is_old(walk.post_id):
                self._note_count(walk.post_id, await self._refresh(walk, count))
        except (*UNREADABLE, NoSuchItem) as exc:
            if self.settings.on_error == "cancel":
                raise PollFailed(f"post {walk.post_id}: {exc}") from exc
            self.results[walk.post_id] = exc

    def _note_count(self, post_id: int, count: Count) -> None:
        """
        Keep a count, which is not exact if `changes` could not find out what is new.
        """
        if self.found.reason:
            count = Count.total([count, Count(unread=1, reason=self.found.reason)])
        self.results[post_id] = count

    def _is_old(self, post_id: int) -> bool:
        """
        Return whether a post was last walked whole too long ago.
        """
        post = self.cache.posts.get(post_id)
        return (
            self.remembers
            and post is not None
            and self.cache.clock() - post.walked_at >= self.settings.refresh
        )

    async def _refresh(self, walk: Walk, remembered: Count) -> Count:
        """
        Count a post by reading all of it again, and measure how wrong the memory was.
        """
        post_id = walk.post_id
        known = self.cache.expire(post_id)
        again = Walk(self.fetcher, self.cache, post_id, on_error=self.settings.on_error)
        count = await again.count()
        walk.post = again.post
        walk.changed += again.changed
        if count.exact and remembered.exact:
            # What was written since the poll began is news, not an error of the memory.
            before = sum(item_id <= self.maxitem for item_id in known)
            after = sum(item_id <= self.maxitem for item_id in self.cache.walk(post_id))
            self.drift += abs(after - before)
            if after != before:
                logger.debug("Post %d has %d older comments, not %d", post_id, after, before)
        return count

    def _report_posts(self, error: str | None) -> Iterable[PostReport]:
        for rank, walk in enumerate(self.walks or (), start=1):
            yield self._report_post(rank, walk, error)

    def _report_post(self, rank: int, walk: Walk, error: str | None) -> PostReport:
        """
        Say what is known of one post, at the end of a poll that *error* may have cut short.
        """
        result = self.results.get(walk.post_id)
        if result is None and walk.post is not None:
            result = walk.so_far(error or "")
        count = result if isinstance(result, Count) else None
        return PostReport(
            rank=rank,
            id=walk.post_id,
            item=walk.post,
            count=count,
            new=self.known.replace(walk.post_id, count.comments) if count and count.exact else None,
            error=count.error if count else str(result or error),
            disputed=is_disputed(walk.post, count),
        )


def is_disputed(item: Item | None, count: Count | None) -> bool:
    """
    Return whether an exact count differs from Hacker News' own number of live comments.
    """
    return (
        count is not None
        and item is not None
        and item.descendants is not None
        and count.exact
        and count.live != item.descendants
    )
