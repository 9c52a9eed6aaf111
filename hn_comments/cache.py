"""
Remember the items already read, and the totals of the subtrees that are known whole.

This is why a poll costs what changed. The counter in `comments` asks here first: a subtree
whose total is known answers at once, an item that is known but not its total gives its
kids, and only what is unknown or stale is fetched. `changes` says what has become stale.

One rule keeps every total true: an item has a total only while each of its kids has one.
A total is summed up here, from the kids' totals of this moment (`settle`), and whoever
changes an item takes the totals of all its ancestors away (`forget_totals`). So a subtree
that was read in part, or that changed while it was read, is never remembered as whole.

What overlapping polls learn is kept in the order in which it was asked for, not in which
it arrived: an answer that a later one overtook changes nothing, a comment that joined its
parent after the parent was asked for stays there (`newcomers`), and an item that was marked
stale after it was asked for is stale when it arrives (`updated`).
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .models import Count, Item


LIVE, DELETED, DEAD, MISSING = Count(live=1), Count(deleted=1), Count(dead=1), Count(missing=1)
NOTHING = Count()

# Seconds after which a `null` item of a known tree is asked for once more.
MISSING_AGAIN = 60.0

# Seconds that a newcomer is kept for a parent whose answer is on its way: longer than
# the slowest answer, with all its retries, of settings that make sense.
NEWCOMER_MEMORY = 600.0

# Seconds after which a post that is no longer polled is forgotten.
POST_MEMORY = 3600.0


@dataclass(slots=True)
class Known:
    """
    A remembered item: what it counts by itself, and the total *below* it once it is known.

    *parent* is the item in whose kids it was found, 0 for a post; *asked_at* is when it
    was asked for. A *stale* one is to be fetched again before it is believed.
    """

    own: Count
    kids: tuple[int, ...]
    parent: int
    asked_at: float
    below: Count | None
    stale: bool = False


@dataclass(slots=True)
class Post:
    """
    What a report needs of a post, since when its tree is remembered, and when it was polled.
    """

    item: Item
    walked_at: float
    polled_at: float


class Cache:
    """
    All that is known, over all polls. *clock* gives seconds, and never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.items: dict[int, Known] = {}
        self.posts: dict[int, Post] = {}
        # When a `null` item is due to be asked for again.
        self.missing: dict[int, float] = {}
        # The ids in the last `updates`, and when each was made stale for that.
        self.updated: dict[int, float] = {}
        # For each parent its replies that `changes` found, and when.
        self.newcomers: dict[int, list[tuple[float, int]]] = {}

    def remember(self, item_id: int, item: Item | None, *, parent: int, asked_at: float) -> Known:
        """
        Keep the API's answer for *item_id*, which is a kid of *parent*, or a post if 0.
        """
        old = self.items.get(item_id)
        if old is not None and old.asked_at > asked_at:
            return old
        own = classify(item)
        kids = item.kids if item else ()
        if item is not None and item_id in self.newcomers:
            kids += tuple(
                newcomer
                for found_at, newcomer in self.newcomers[item_id]
                if found_at > asked_at and newcomer not in kids
            )
        for kid in kids:
            # Moved, or listed twice: only a look at the other parent can tell.
            if (elsewhere := self.items.get(kid)) and elsewhere.parent not in {0, item_id}:
                self.mark_stale(elsewhere.parent)
        if own is MISSING and (old is None or old.own is not MISSING):
            self.missing[item_id] = self.clock() + MISSING_AGAIN
        self.forget_totals(parent)
        known = Known(
            own=own,
            kids=kids,
            parent=parent or (old.parent if old else 0),
            asked_at=asked_at,
            below=None if kids else NOTHING,
            stale=self.updated.get(item_id, asked_at) > asked_at,
        )
        self.items[item_id] = known
        return known

    def remember_post(self, item: Item) -> None:
        """
        Keep what reports say about a post.
        """
        if item.id in self.posts:
            self.posts[item.id].item = item
        else:
            now = self.clock()
            self.posts[item.id] = Post(item, walked_at=now, polled_at=now)

    def join(self, comment: Item, *, asked_at: float) -> bool:
        """
        Add a new comment to its parent, if that is known; return whether it was.

        Adding one twice is harmless, and so is one that its parent already lists.
        """
        if comment.parent is None:
            return False
        self.newcomers.setdefault(comment.parent, []).append((self.clock(), comment.id))
        parent = self.items.get(comment.parent)
        # The replies to a `null` comment are not reached by a walk either.
        if parent is None or parent.own is MISSING:
            return False
        if comment.id in parent.kids:
            joined = comment.id not in self.items
        else:
            joined = True
            parent.kids += (comment.id,)
        self.remember(comment.id, comment, parent=comment.parent, asked_at=asked_at)
        if joined:
            # Its story has another `descendants` now.
            self.mark_stale(self.post_of(comment.id))
        return joined

    def total(self, item_id: int) -> Count | None:
        """
        Return the count of a comment and all below it, if that is known.
        """
        known = self.items.get(item_id)
        if known is None or known.stale or known.below is None:
            return None
        return known.own if known.below is NOTHING else Count.total([known.own, known.below])

    def settle(self, item_id: int) -> None:
        """
        Sum up the total below *item_id*, if all its kids have theirs.
        """
        known = self.items.get(item_id)
        if known is None or known.stale:
            return
        counts = []
        for kid_id in known.kids:
            total = self.total(kid_id)
            if total is None or self.items[kid_id].parent != item_id:
                return
            counts.append(total)
        known.below = Count.total(counts)

    def forget_totals(self, item_id: int) -> None:
        """
        Take the totals of *item_id* and all its ancestors away.
        """
        known = self.items.get(item_id)
        # Above an item without a total there is none: that is the rule.
        while known is not None and known.below is not None:
            known.below = None
            known = self.items.get(known.parent)

    def mark_stale(self, item_id: int) -> None:
        """
        Have *item_id* fetched again by the next walk that comes by.
        """
        if item_id in self.items:
            self.forget_totals(item_id)
            self.items[item_id].stale = True

    def mark_missing_stale(self) -> None:
        """
        Have the `null` items asked for again that are due for that.
        """
        for item_id, due in list(self.missing.items()):
            if due <= self.clock():
                del self.missing[item_id]
                self.mark_stale(item_id)

    def expire(self, post_id: int) -> set[int]:
        """
        Have a post and all below it fetched again; return the ids that are known below it.
        """
        below = set(self.walk(post_id))
        for item_id in (post_id, *below):
            self.mark_stale(item_id)
        self.posts[post_id].walked_at = self.clock()
        return below

    def is_elsewhere(self, kid: int, parent: int) -> bool:
        """
        Return whether *kid* is counted below another item than *parent*, which lists it too.

        If the other one does not list it for sure, it belongs to *parent* from now on.
        """
        known = self.items.get(kid)
        if known is None or known.parent == parent:
            return False
        other = self.items.get(known.parent)
        if other is not None and not other.stale and kid in other.kids:
            return True
        known.parent = parent
        return False

    def walk(self, item_id: int) -> Iterable[int]:
        """
        Yield every id that is known of below *item_id*, once.
        """
        seen = {item_id}
        pending = [item_id]
        while pending:
            known = self.items.get(pending.pop())
            for kid in known.kids if known else ():
                if kid not in seen:
                    seen.add(kid)
                    pending.append(kid)
                    yield kid

    def post_of(self, item_id: int) -> int:
        """
        Return the post that a known item belongs to.
        """
        seen = set()
        while (known := self.items.get(item_id)) and known.parent and item_id not in seen:
            seen.add(item_id)
            item_id = known.parent
        return item_id

    def clear(self) -> None:
        """
        Forget everything.
        """
        for memory in (self.items, self.posts, self.missing, self.updated, self.newcomers):
            memory.clear()

    def keep(self, post_ids: Iterable[int]) -> None:
        """
        Note that these posts are polled now, and forget what no poll has asked for lately.
        """
        now = self.clock()
        for post_id in post_ids:
            if post_id in self.posts:
                self.posts[post_id].polled_at = now
        for parent, newcomers in list(self.newcomers.items()):
            newcomers[:] = [entry for entry in newcomers if entry[0] > now - NEWCOMER_MEMORY]
            if not newcomers:
                del self.newcomers[parent]
        old = [post for post in self.posts if self.posts[post].polled_at < now - POST_MEMORY]
        for post_id in old:
            del self.posts[post_id]
        if old:
            kept = {*self.posts, *(kid for post in self.posts for kid in self.walk(post))}
            for memory in (self.items, self.missing):
                for item_id in memory.keys() - kept:
                    del memory[item_id]


def classify(item: Item | None) -> Count:
    """
    Return the count of one comment by itself.
    """
    if item is None:
        return MISSING
    if item.deleted:
        return DELETED
    return DEAD if item.dead else LIVE
