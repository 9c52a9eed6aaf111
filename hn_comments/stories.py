"""
One poll: the story list, the first N of it, each counted under the error policy.

What the poll found is published when it ends, whatever ends it: success, a failure, the
poll timeout, or a cancellation from outside. Unfinished posts are then lower bounds.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import async_timeout

from .comments import Walk
from .errors import (
    FetchError,
    FetchLimitExceeded,
    HNCommentsError,
    MalformedItem,
    NoSuchItem,
    PollFailed,
)
from .fetcher import URLFetcher
from .items import parse_ids
from .models import Count, PollReport, PostReport, Settings
from .tasks import stop_tasks


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


class Poll:
    """
    One poll, number *number*, before which *skipped* ticks were skipped.
    """

    def __init__(
        self,
        fetcher: URLFetcher,
        settings: Settings,
        *,
        number: int,
        skipped: int = 0,
        known: KnownCounts | None = None,
    ) -> None:
        self.fetcher = fetcher
        self.settings = settings
        self.number = number
        self.skipped = skipped
        self.known = KnownCounts() if known is None else known
        # In the order of the list; None until there is a list.
        self.walks: list[Walk] | None = None
        self.results: dict[int, Count | HNCommentsError] = {}

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
        ids = await self._fetch_ids()
        self.walks = [
            Walk(self.fetcher, post_id, on_error=self.settings.on_error) for post_id in ids
        ]
        tasks = [
            asyncio.create_task(
                self._count_post(walk), name=f"poll {self.number} post {walk.post_id}"
            )
            for walk in self.walks
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            await stop_tasks(tasks)

    async def _fetch_ids(self) -> Iterable[int]:
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
            self.results[walk.post_id] = await walk.count()
        except (FetchError, MalformedItem, NoSuchItem, FetchLimitExceeded) as exc:
            if self.settings.on_error == "cancel":
                raise PollFailed(f"post {walk.post_id}: {exc}") from exc
            self.results[walk.post_id] = exc

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
        )
