"""
Count the comments below a post: recursive, and gathered level by level.

The walk goes on through deleted and dead comments, which may have live replies. It trusts no
answer: an id is followed once, a thread to `MAX_DEPTH` levels, and a comment that cannot be
read is named, never guessed.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from .api import Session, URLFetcher
from .errors import UNREADABLE, HNCommentsError, MalformedItem, NoSuchItem, StillUnreadable
from .memory import MAX_NODES, NOTHING, Discussion, Newcomers, SteadyClock
from .models import Count, State
from .settings import OnError, Settings
from .tasks import MAX_TASKS, gather_or_stop


logger = logging.getLogger(__name__)

# Levels of replies below a post. Real threads rarely have 30; cancelling a chain of
# nested gathers some 500 deep overflows Python's stack.
MAX_DEPTH = 256

# Walks in a row over a tree that changes while it is walked: the second finds comments that
# moved during the first, and the third those that moved during the second.
MAX_WALKS = 3


async def count_comments(
    fetcher: URLFetcher, post_id: int, *, on_error: OnError = "partial"
) -> Count:
    """
    Return how many comments there are below the item *post_id*, at any depth.

    With *on_error* "partial" a comment that cannot be read costs its subtree, and the
    count says so; with "cancel" its error ends the walk.

    Raises:
        NoSuchItem: if the API answers `null` for the post.
        FetchError, MalformedItem: if the post, or with "cancel" any comment, is unreadable.
        FetchLimitExceeded, RateLimited: as `URLFetcher.fetch`.
    """
    discussion = Discussion(post_id, clock=SteadyClock(), newcomers=Newcomers())
    return await count_discussion(fetcher, discussion, on_error=on_error)


async def count(post_id: int, settings: Settings | None = None) -> Count:
    """
    Return how many comments there are below the item *post_id*: all of it in one call.

    Raises:
        BadSetting: if *post_id* is no item id.
        BadProxy: if the environment names a proxy that cannot be used.
        Else as `count_comments`.
    """
    Settings(posts=(post_id,))
    settings = settings or Settings()
    async with Session(settings) as session:
        fetcher = URLFetcher(session, max_fetches=settings.max_fetches)
        return await count_comments(fetcher, post_id, on_error=settings.on_error)


def count_sync(post_id: int, settings: Settings | None = None) -> Count:
    """
    Do what `count` does, where no event loop runs.

    Raises:
        RuntimeError: if one runs in this thread.
        Else as `count`.
    """
    loop = None
    with contextlib.suppress(RuntimeError):
        loop = asyncio.get_running_loop()
    if loop is not None:
        # asyncio.run() would say so, too, but of a coroutine that nobody awaits then.
        raise RuntimeError("count_sync() cannot wait in a running event loop: await count() there")
    return asyncio.run(count(post_id, settings))


async def count_discussion(
    fetcher: URLFetcher, discussion: Discussion, *, on_error: OnError
) -> Count:
    """
    Return how many comments there are, reading only unread and stale nodes.

    Raises:
        NoSuchItem, FetchError, MalformedItem, FetchLimitExceeded, RateLimited: as
            `count_comments`.
    """
    for _ in range(MAX_WALKS):
        count = await Walk(fetcher, discussion, on_error=on_error).count()
        # Where a comment turned up below another parent, its old one is to be read again.
        if discussion.tree.settled or not count.exact:
            return count
    path = f"item/{discussion.post_id}.json"
    unsettled = MalformedItem(path, "its comments move while they are read")
    if on_error == "cancel":
        raise unsettled
    return Count.total([count, Count(unread=1, reason=str(unsettled))])


class Walk:
    """
    One walk over the tree of one post, which fetches only unread and stale nodes.
    """

    def __init__(self, fetcher: URLFetcher, discussion: Discussion, *, on_error: OnError) -> None:
        self.fetcher = fetcher
        self.discussion = discussion
        self.tree = discussion.tree
        self.on_error = on_error

    async def count(self) -> Count:
        """
        Count all comments below the post.
        """
        post_id = self.tree.post_id
        try:
            await self._read(post_id)
        except UNREADABLE as exc:
            self.discussion.fail(post_id, exc)
            raise
        if self.tree.post.state is State.MISSING:
            self.tree.mark_stale(post_id)
            raise NoSuchItem(post_id)
        return self.tree.total(post_id) or await self._count_node(post_id, depth=0)

    async def _count_comment(self, item_id: int, depth: int) -> Count:
        """
        Count the comment *item_id*, which is *depth* levels below the post, and all below it.
        """
        try:
            await self._read(item_id)
        except UNREADABLE as exc:
            self.discussion.fail(item_id, exc)
            return self._give_up(item_id, exc)
        return self.tree.total(item_id) or await self._count_node(item_id, depth)

    async def _count_node(self, item_id: int, depth: int) -> Count:
        """
        Count a node without a total, *depth* levels below the post, and all below it.
        """
        node = self.tree.nodes.get(item_id)
        if node is None:
            return NOTHING  # It was dropped while it was read.
        counts = [self.tree.own(item_id)]
        if depth == MAX_DEPTH:
            problem = f"its replies are more than {MAX_DEPTH} levels deep"
            return Count.total([*counts, self._refuse(item_id, problem)])
        counts += [self._refuse(item_id, self._why_not(kid)) for kid in node.unfollowed]
        counts += await self._count_kids(node.kids, depth + 1)
        self.tree.settle(item_id)
        return node.total or Count.total(counts)

    async def _count_kids(self, kids: Sequence[int], depth: int) -> list[Count]:
        """
        Count comments with the same parent: the known ones at once, the others all together.
        """
        counts = {kid: self.tree.total(kid) for kid in kids}
        unknown = [kid for kid, count in counts.items() if count is None]
        for start in range(0, len(unknown), MAX_TASKS):
            part = unknown[start : start + MAX_TASKS]
            tasks = [asyncio.create_task(self._count_comment(kid, depth)) for kid in part]
            counts.update(zip(part, await gather_or_stop(tasks), strict=True))
        return [count for count in counts.values() if count is not None]

    async def _read(self, item_id: int) -> None:
        """
        Fetch a node if nothing is known of it, or if it is stale.
        """
        node = self.tree.nodes.get(item_id)
        if node is None or not node.stale:
            return
        if (reason := self.discussion.failure(item_id)) is not None:
            raise StillUnreadable(reason)
        failed = item_id in self.discussion.failures
        item = await self.fetcher.fetch_item(item_id, failed=failed)
        logger.debug("Item %d has %d kids", item_id, len(item.kids) if item else 0)
        self.discussion.put(item_id, item)

    def _why_not(self, kid: int) -> str:
        """
        Return why a listed reply is not followed.
        """
        if kid in self.tree.nodes:
            return f"its reply {kid} is listed elsewhere, too"
        return f"the post has more than {MAX_NODES} comments"

    def _refuse(self, item_id: int, problem: str) -> Count:
        """
        Return a count of one unread subtree, for a *problem* of the API's; or raise it.
        """
        exc = MalformedItem(f"item/{item_id}.json", problem)
        if self.on_error == "cancel":
            raise exc
        logger.debug("Not counted: %s", exc)
        return Count(unread=1, reason=str(exc))

    def _give_up(self, item_id: int, exc: HNCommentsError) -> Count:
        """
        Return the remembered part of a subtree that cannot be read; or raise *exc*.
        """
        if self.on_error == "cancel":
            raise exc
        logger.debug("Not counted: %s", exc)
        unread = Count(unread=1, reason=str(exc))
        if item_id not in self.tree.nodes:
            return unread
        return Count.total([self.tree.tally(item_id), unread])
