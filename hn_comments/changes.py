"""
Find out what changed since the last poll, and have just that read again.

Three cheap questions do it (https://github.com/HackerNews/API#live-data):

- Every item ever written has an id above those before it, and `maxitem` is the largest. So
  each id above the `maxitem` of the last poll is read once; it names its parent, and if that
  is known the comment joins its tree. No added comment can be missed this way: `maxitem` is
  read before anything is walked, so a comment is either seen by the walk or above it. An id
  that is `null` yet is asked for again for `PENDING_MEMORY` seconds: a comment can be late
  by the time it takes to become readable, and where that takes longer, by --refresh. While
  an id fails otherwise nothing is exact, since it may belong anywhere; after that time all
  trees are walked to see where.
- `updates` lists some 40 items that changed lately. Known ones become stale: the walk reads
  them again. It is only a hint. A death or deletion that it does not list, or that happens
  within a minute after it was listed for something else, is late by a minute, or --refresh.
- What no list tells (a comment moved or removed by moderators) is late by --refresh, when
  the story is walked whole again.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Literal

from .cache import Cache
from .errors import UNREADABLE, FetchLimitExceeded, HNCommentsError, MalformedItem
from .fetcher import URLFetcher
from .items import parse_ids
from .models import Item
from .tasks import MAX_TASKS, gather_or_stop


logger = logging.getLogger(__name__)

# Seconds for which a new id that is `null` or unreadable is asked for in each poll. Most
# are there within seconds; those that never come must not cost requests for ever.
PENDING_MEMORY = 90.0

# Seconds between two readings of an item that stays in `updates`.
UPDATED_AGAIN = 60.0


@dataclass(frozen=True, slots=True)
class Found:
    """
    Whether a poll reads everything or only changes, and how many comments are new.

    *reason* says why it cannot be known that these are all.
    """

    mode: Literal["full", "delta"]
    joined: int = 0
    reason: str | None = None


class Changes:
    """
    What the polls so far have seen of `maxitem` and `updates`.
    """

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.maxitem: int | None = None
        # New ids that are not read yet, and since when.
        self.pending: dict[int, float] = {}

    async def find(self, fetcher: URLFetcher) -> Found:
        """
        Add the new comments to the trees in the cache, and mark there what may have changed.

        Raises:
            RateLimited: as `URLFetcher.fetch`. Other errors are a reason, or a warning.
        """
        maxitem_task = asyncio.create_task(self._fetch_maxitem(fetcher))
        updates_task = asyncio.create_task(self._mark_updated(fetcher))
        await gather_or_stop([maxitem_task, updates_task])
        if not self.cache.items:
            return Found("full")
        self.cache.mark_missing_stale()
        joined, unread = await self._read_pending(fetcher)
        return Found("delta", joined, maxitem_task.result() or unread)

    async def _fetch_maxitem(self, fetcher: URLFetcher) -> str | None:
        """
        Note the ids that are new, or forget everything; return why neither can be done.
        """
        path = "maxitem.json"
        try:
            (maxitem,) = parse_ids(path, [await fetcher.fetch(path)])
        except UNREADABLE as exc:
            return f"new comments may be missing: {exc}"
        # After a long sleep, walking all trees again costs less than reading every id
        # since. And where maxitem went backwards, nobody knows what is new.
        most = len(self.cache.items) - len(self.pending)
        if self.maxitem is None or not 0 <= maxitem - self.maxitem <= most:
            if self.cache.items:
                logger.debug(
                    "Reading everything: maxitem went from %s to %d", self.maxitem, maxitem
                )
            self.cache.clear()
            self.pending.clear()
        else:
            new = range(self.maxitem + 1, maxitem + 1)
            self.pending.update(dict.fromkeys(new, self.cache.clock()))
        self.maxitem = maxitem
        return None

    async def _mark_updated(self, fetcher: URLFetcher) -> None:
        """
        Mark the items in `updates` stale, unless they were so within a minute.
        """
        path = "updates.json"
        try:
            updates = await fetcher.fetch(path)
            if not isinstance(updates, dict):
                raise MalformedItem(path, "the answer is not an object")
            ids = parse_ids(path, updates.get("items"))
        except UNREADABLE as exc:
            logger.warning("Cannot see which items changed: %s", exc)
            return
        now = self.cache.clock()
        marked = {}
        for item_id in ids:
            marked_at = self.cache.updated.get(item_id)
            if marked_at is None or now - marked_at >= UPDATED_AGAIN:
                self.cache.mark_stale(item_id)
                marked_at = now
            marked[item_id] = marked_at
        self.cache.updated = marked

    async def _read_pending(self, fetcher: URLFetcher) -> tuple[int, str | None]:
        """
        Read each new id, parents before their replies, and let the comments join.

        Return how many did, and why that may not be all.
        """
        joined = 0
        problem: HNCommentsError | None = None
        ids = sorted(self.pending)
        for start in range(0, len(ids), MAX_TASKS):
            some = ids[start : start + MAX_TASKS]
            asked_at = self.cache.clock()
            answers = await gather_or_stop(
                [asyncio.create_task(self._read(fetcher, item_id)) for item_id in some]
            )
            for item_id, answer in zip(some, answers, strict=True):
                if isinstance(answer, Item):
                    self.pending.pop(item_id, None)
                    if self.cache.join(answer, asked_at=asked_at):
                        joined += 1
                        logger.debug("Item %d is a new reply to %s", item_id, answer.parent)
                    continue
                problem = problem or answer
                if isinstance(answer, FetchLimitExceeded):
                    continue  # not even asked for
                if asked_at - self.pending.get(item_id, asked_at) > PENDING_MEMORY:
                    del self.pending[item_id]
                    if answer is not None:
                        # Only a walk can tell whether it belongs to one of our trees.
                        self.maxitem = None
        return joined, f"a new item may belong here: {problem}" if problem else None

    async def _read(self, fetcher: URLFetcher, item_id: int) -> Item | HNCommentsError | None:
        try:
            return await fetcher.fetch_item(item_id)
        except UNREADABLE as exc:
            return exc
