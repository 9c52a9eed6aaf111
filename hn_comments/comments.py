"""
Count the comments below a post: recursive, and gathered level by level.

The walk goes on through deleted and dead comments, which may have live replies. It does
not believe what it is told: an id is followed once, a thread to `MAX_DEPTH` levels, and
what cannot be read is named, never guessed.
"""

import asyncio
import logging
from collections.abc import Sequence

from .errors import FetchError, FetchLimitExceeded, HNCommentsError, MalformedItem, NoSuchItem
from .fetcher import URLFetcher
from .models import Count, Item, OnError
from .tasks import stop_tasks


logger = logging.getLogger(__name__)

# Levels of replies below a post. Real threads rarely have 30; cancelling a chain of
# nested gathers some 500 deep overflows Python's stack.
MAX_DEPTH = 256

# Tasks started at once for the kids of one item, which bounds what a post with
# 100,000 direct replies takes. Far above the requests in flight, so nothing waits.
MAX_TASKS = 1000

LIVE, DELETED, DEAD, MISSING = Count(live=1), Count(deleted=1), Count(dead=1), Count(missing=1)
NOTHING = Count()


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
    return await Walk(fetcher, post_id, on_error=on_error).count()


class Walk:
    """
    One walk over the tree of one post, and what it has found so far.
    """

    def __init__(self, fetcher: URLFetcher, post_id: int, *, on_error: OnError) -> None:
        self.fetcher = fetcher
        self.post_id = post_id
        self.on_error = on_error
        self.post: Item | None = None
        # What each id we came across is: the guard against cycles, and all there is
        # to report when the walk is cut short.
        self.found: dict[int, Count] = {post_id: NOTHING}

    def so_far(self, reason: str) -> Count:
        """
        Return the count of a walk that was cut short.
        """
        return Count.total([*self.found.values(), Count(unread=1, reason=reason)])

    async def count(self) -> Count:
        """
        Fetch the post and count what is below it.
        """
        self.post = await self.fetcher.fetch_item(self.post_id)
        if self.post is None:
            raise NoSuchItem(self.post_id)
        return await self._count_kids(self.post, depth=1)

    async def _count_subtree(self, item_id: int, depth: int) -> Count:
        """
        Count the comment *item_id*, which is *depth* levels below the post, and all below it.
        """
        try:
            item = await self.fetcher.fetch_item(item_id)
        except (FetchError, MalformedItem, FetchLimitExceeded) as exc:
            return self._give_up(item_id, exc)

        self.found[item_id] = own = classify(item)
        logger.debug("Item %d is a comment with %d kids", item_id, len(item.kids) if item else 0)
        if item is None or not item.kids:
            return own
        return Count.total([own, await self._count_kids(item, depth + 1)])

    async def _count_kids(self, item: Item, depth: int) -> Count:
        """
        Count the subtrees of the kids of *item*, which are *depth* levels below the post.
        """
        path = f"item/{item.id}.json"
        if item.kids and depth > MAX_DEPTH:
            too_deep = MalformedItem(path, f"its replies are more than {MAX_DEPTH} levels deep")
            return self._give_up(item.id, too_deep)

        counts = []
        kids = []
        for kid in item.kids:
            if kid in self.found:
                counts.append(self._give_up(kid, MalformedItem(path, f"{kid} was listed before")))
            else:
                self.found[kid] = NOTHING
                kids.append(kid)
        for start in range(0, len(kids), MAX_TASKS):
            counts += await self._gather(kids[start : start + MAX_TASKS], depth)
        return Count.total(counts)

    async def _gather(self, kids: Sequence[int], depth: int) -> list[Count]:
        """
        Count the subtrees of *kids* concurrently.
        """
        tasks = [asyncio.create_task(self._count_subtree(kid, depth)) for kid in kids]
        # gather() and not a TaskGroup: the caller gets the plain error, not a group of
        # them. But gather() lets the siblings of a failed child run on, so stop them,
        # and wait until they have stopped, before the error travels upwards.
        try:
            return await asyncio.gather(*tasks)
        finally:
            await stop_tasks(tasks)

    def _give_up(self, item_id: int, exc: HNCommentsError) -> Count:
        """
        Note that *item_id*, or something below it, was not counted; or raise *exc* instead.
        """
        if self.on_error == "cancel":
            raise exc
        logger.debug("Not counted: %s", exc)
        unread = Count(unread=1, reason=str(exc))
        self.found[item_id] = Count.total([self.found[item_id], unread])
        return unread


def classify(item: Item | None) -> Count:
    """
    Return the count of one comment by itself.
    """
    if item is None:
        return MISSING
    if item.deleted:
        return DELETED
    return DEAD if item.dead else LIVE
