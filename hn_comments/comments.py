"""
Count the comments below a post: recursive, and gathered level by level.

The walk goes on through deleted and dead comments, which may have live replies. It does
not believe what it is told: an id is followed once, a thread to `MAX_DEPTH` levels, and
what cannot be read is named, never guessed.
"""

import asyncio
import logging

from .cache import MISSING, NOTHING, Cache, Known
from .errors import UNREADABLE, HNCommentsError, MalformedItem, NoSuchItem
from .fetcher import URLFetcher
from .models import Count, Item, OnError
from .tasks import MAX_TASKS, gather_or_stop


logger = logging.getLogger(__name__)

# Levels of replies below a post. Real threads rarely have 30; cancelling a chain of
# nested gathers some 500 deep overflows Python's stack.
MAX_DEPTH = 256


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
    return await Walk(fetcher, Cache(), post_id, on_error=on_error).count()


class Walk:
    """
    One walk over the tree of one post, and what it has found so far.

    What the cache knows is believed; what it does not know is fetched and remembered.
    """

    def __init__(
        self, fetcher: URLFetcher, cache: Cache, post_id: int, *, on_error: OnError
    ) -> None:
        self.fetcher = fetcher
        self.cache = cache
        self.post_id = post_id
        self.on_error = on_error
        self.post: Item | None = None
        # Known items that were read again and had changed.
        self.changed = 0
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
        Count what is below the post.
        """
        if self.post_id not in self.cache.posts:
            # It may be known as a comment of another post, but not what reports need.
            self.cache.mark_stale(self.post_id)
        known = await self._read(self.post_id, parent=0)
        if known.own is MISSING:
            self.cache.mark_stale(self.post_id)
            raise NoSuchItem(self.post_id)
        self.post = self.cache.posts[self.post_id].item
        return await self._count_below(self.post_id, known, depth=1)

    async def _count_subtree(self, item_id: int, parent: int, depth: int) -> Count:
        """
        Count the comment *item_id*, which is *depth* levels below the post, and all below it.
        """
        try:
            known = await self._read(item_id, parent)
        except UNREADABLE as exc:
            return self._give_up(item_id, exc)
        self.found[item_id] = known.own
        if not known.kids:
            return known.own
        return Count.total([known.own, await self._count_below(item_id, known, depth + 1)])

    async def _count_below(self, item_id: int, known: Known, depth: int) -> Count:
        """
        Count the subtrees of the kids of an item, which are *depth* levels below the post.
        """
        if known.below is not None:
            return known.below
        path = f"item/{item_id}.json"
        if depth > MAX_DEPTH:
            too_deep = MalformedItem(path, f"its replies are more than {MAX_DEPTH} levels deep")
            return self._give_up(item_id, too_deep)

        counts = []
        unknown = []
        for kid in known.kids:
            if kid in self.found or self.cache.is_elsewhere(kid, item_id):
                exc = MalformedItem(path, f"its reply {kid} is listed elsewhere, too")
                counts.append(self._give_up(kid, exc))
            elif (total := self.cache.total(kid)) is not None:
                self.found[kid] = total
                counts.append(total)
            else:
                self.found[kid] = NOTHING
                unknown.append(kid)
        for start in range(0, len(unknown), MAX_TASKS):
            counts += await gather_or_stop(
                [
                    asyncio.create_task(self._count_subtree(kid, item_id, depth))
                    for kid in unknown[start : start + MAX_TASKS]
                ]
            )
        below = Count.total(counts)
        if below.exact:
            self.cache.settle(item_id)
        return below

    async def _read(self, item_id: int, parent: int) -> Known:
        """
        Return what is known of an item, fetching it if that is nothing, or stale.
        """
        known = self.cache.items.get(item_id)
        if known is not None and not known.stale:
            return known
        asked_at = self.cache.clock()
        item = await self.fetcher.fetch_item(item_id)
        logger.debug("Item %d has %d kids", item_id, len(item.kids) if item else 0)
        if parent == 0 and item is not None:
            self.cache.remember_post(item)
        now = self.cache.remember(item_id, item, parent=parent, asked_at=asked_at)
        if known is not None and (known.own, set(known.kids)) != (now.own, set(now.kids)):
            self.changed += 1
            logger.debug("Item %d has changed", item_id)
        return now

    def _give_up(self, item_id: int, exc: HNCommentsError) -> Count:
        """
        Note that *item_id*, or something below it, was not counted; or raise *exc* instead.
        """
        if self.on_error == "cancel":
            raise exc
        logger.debug("Not counted: %s", exc)
        unread = Count(unread=1, reason=str(exc))
        self.found[item_id] = Count.total([self.found.get(item_id, NOTHING), unread])
        return unread
