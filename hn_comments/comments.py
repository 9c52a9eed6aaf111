"""
Count the comments below a post: recursive, and gathered level by level.

The walk goes on through deleted and dead comments, which may have live replies. It does
not believe what it is told: an id is followed once, a thread to `MAX_DEPTH` levels, and
what cannot be read is named, never guessed.
"""

import asyncio
import logging
import time

from .api import URLFetcher
from .errors import UNREADABLE, HNCommentsError, MalformedItem, NoSuchItem, StillUnreadable
from .memory import MAX_NODES, MISSING, NOTHING, UNREAD, Discussion, Newcomers, Node, Tree
from .models import Count
from .settings import OnError
from .tasks import MAX_TASKS, gather_or_stop


logger = logging.getLogger(__name__)

# Levels of replies below a post. Real threads rarely have 30; cancelling a chain of
# nested gathers some 500 deep overflows Python's stack.
MAX_DEPTH = 256

# Walks in a row over a tree that changes while it is walked: what moved is found by the
# second, and the third is for what moved meanwhile.
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
    tree = Tree(post_id, clock=time.monotonic, newcomers=Newcomers())
    return await count_discussion(fetcher, Discussion(tree), on_error=on_error)


async def count_discussion(
    fetcher: URLFetcher, discussion: Discussion, *, on_error: OnError
) -> Count:
    """
    Return how many comments there are, reading only what is unread or stale.

    Raises:
        NoSuchItem, FetchError, MalformedItem, FetchLimitExceeded, RateLimited: as
            `count_comments`.
    """
    for _ in range(MAX_WALKS):
        count = await Walk(fetcher, discussion, on_error=on_error).count()
        # A comment found below another node than before has that one read again.
        if discussion.tree.settled or not count.exact:
            return count
    path = f"item/{discussion.post_id}.json"
    unsettled = MalformedItem(path, "its comments move while they are read")
    if on_error == "cancel":
        raise unsettled
    return Count.total([count, Count(unread=1, reason=str(unsettled))])


class Walk:
    """
    One walk over the tree of one post: what is known is believed, what is not is fetched.
    """

    def __init__(self, fetcher: URLFetcher, discussion: Discussion, *, on_error: OnError) -> None:
        self.fetcher = fetcher
        self.discussion = discussion
        self.tree = discussion.tree
        self.on_error = on_error

    async def count(self) -> Count:
        """
        Count what is below the post.
        """
        post_id = self.tree.post_id
        try:
            post = await self._read(post_id)
        except UNREADABLE as exc:
            self.discussion.fail(post_id, exc)
            raise
        if post.own is MISSING:
            self.tree.mark_stale(post_id)
            raise NoSuchItem(post_id)
        return await self._count_below(post_id, post, depth=1)

    async def _count_subtree(self, item_id: int, depth: int) -> Count:
        """
        Count the comment *item_id*, which is *depth* levels below the post, and all below it.
        """
        try:
            node = await self._read(item_id)
        except UNREADABLE as exc:
            self.discussion.fail(item_id, exc)
            return self._give_up(item_id, exc)
        if node.below is NOTHING:
            return node.own
        return Count.total([node.own, await self._count_below(item_id, node, depth + 1)])

    async def _count_below(self, item_id: int, node: Node, depth: int) -> Count:
        """
        Count the subtrees of the kids of a node, which are *depth* levels below the post.
        """
        if node.below is not None:
            return node.below
        if depth > MAX_DEPTH:
            problem = f"its replies are more than {MAX_DEPTH} levels deep"
            return self._refuse(item_id, problem)
        counts = [self._refuse(item_id, self._why_not(kid)) for kid in node.unfollowed]
        unknown = []
        for kid in node.kids:
            total = self.tree.total(kid)
            if total is None:
                unknown.append(kid)
            else:
                counts.append(total)
        for start in range(0, len(unknown), MAX_TASKS):
            counts += await gather_or_stop(
                [
                    asyncio.create_task(self._count_subtree(kid, depth))
                    for kid in unknown[start : start + MAX_TASKS]
                ]
            )
        self.tree.settle(item_id)
        return Count.total(counts)

    async def _read(self, item_id: int) -> Node:
        """
        Return what is known of a node, fetching it if that is nothing, or stale.
        """
        node = self.tree.nodes.get(item_id)
        if node is None:
            return Node(parent=0, own=NOTHING, below=NOTHING)
        if node.stale:
            if (reason := self.discussion.failure(item_id)) is not None:
                raise StillUnreadable(reason)
            failed = item_id in self.discussion.failures
            item = await self.fetcher.fetch_item(item_id, failed=failed)
            logger.debug("Item %d has %d kids", item_id, len(item.kids) if item else 0)
            self.discussion.put(item_id, item)
        return node

    def _why_not(self, kid: int) -> str:
        """
        Return why a listed reply is not followed.
        """
        if kid in self.tree.nodes:
            return f"its reply {kid} is listed elsewhere, too"
        return f"the post has more than {MAX_NODES} comments"

    def _refuse(self, item_id: int, problem: str) -> Count:
        """
        Count a part of the tree as unread, because the API contradicts itself; or raise that.
        """
        exc = MalformedItem(f"item/{item_id}.json", problem)
        if self.on_error == "cancel":
            raise exc
        logger.debug("Not counted: %s", exc)
        return Count(unread=1, reason=str(exc))

    def _give_up(self, item_id: int, exc: HNCommentsError) -> Count:
        """
        Count what is remembered of a subtree that cannot be read; or raise *exc* instead.
        """
        if self.on_error == "cancel":
            raise exc
        logger.debug("Not counted: %s", exc)
        unread = Count(unread=1, reason=str(exc))
        node = self.tree.nodes.get(item_id)
        if node is None or node.own is UNREAD:
            return unread
        return Count.total([self.tree.tally(item_id), unread])
