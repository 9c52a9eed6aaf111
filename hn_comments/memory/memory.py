"""
What one poll leaves for the next: a tree for each post, and what is to be asked about them.

Only one poll works on it at a time: it holds the `turn`. So no item is asked for twice
because polls overlap, and no answer can overtake a newer one.

All times are on one steady clock; `history` translates them into the time of day.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence

from ..errors import HNCommentsError
from ..events import Troubles, WorldChanged
from ..models import Crossing, Item
from .answers import YOUTH
from .clock import Clock, SteadyClock
from .crossings import Crossings
from .discussion import Discussion
from .maxitem import RECENT, MaxItem
from .newcomers import Newcomers
from .pending import Pending
from .told import ToldComments, ToldPosts, Untold
from .updates import Updates
from .walks import begin_walks, choose_old, choose_start


logger = logging.getLogger(__name__)

# Seconds after which a post that left the list is forgotten.
POST_MEMORY = 3600.0


class Memory:
    """
    All that is known, over all polls.
    """

    def __init__(self, clock: Clock | None = None, *, troubles: Troubles | None = None) -> None:
        self.clock = clock or SteadyClock()
        self.troubles = troubles or Troubles()
        self.turn = asyncio.Lock()
        self.discussions: dict[int, Discussion] = {}
        # Whether the trees are for later polls, and for the history.
        self.keeps_trees = True
        self.told = ToldPosts()
        self.told_comments = ToldComments()
        self.crossings = Crossings()
        # What earlier runs found and did not tell: comments with their stories, and crossings.
        self.untold: dict[int, Untold] = {}
        # Those of the comments that turned out to be gone, until the history forgets them.
        self.gone: set[int] = set()
        self.unsent: list[Crossing] = []
        self.maxitem = MaxItem()
        self.pending = Pending()
        self.updates = Updates()
        self.newcomers = Newcomers()
        self.polled_at: float | None = None
        # Whether the API is known to show the world that is remembered.
        self.is_verified = True

    def without_trees(self) -> "Memory":
        """
        Return a memory that knows what was told, and keeps that, but no tree.
        """
        memory = Memory(self.clock, troubles=self.troubles)
        memory.keeps_trees = False
        memory.told, memory.untold, memory.gone = self.told, self.untold, self.gone
        memory.crossings, memory.unsent = self.crossings, self.unsent
        return memory

    def forget_world(self) -> None:
        """
        Forget everything: it was about another world.
        """
        self.discussions.clear()
        self.told.clear()
        self.told_comments.clear()
        self.untold.clear()
        self.gone.clear()
        self.unsent.clear()
        self.crossings = Crossings()
        self.maxitem, self.pending, self.updates = MaxItem(), Pending(), Updates()
        self.newcomers = Newcomers()
        self.is_verified = True

    def mark_unsaved(self) -> None:
        """
        Note that nothing of this is in the history file (any more).
        """
        for discussion in self.discussions.values():
            discussion.tree.saved_upto = None

    def discussion(self, post_id: int) -> Discussion:
        """
        Return what is known of a post, which may be nothing yet.
        """
        if post_id not in self.discussions:
            self.discussions[post_id] = Discussion(
                post_id, clock=self.clock, newcomers=self.newcomers
            )
        return self.discussions[post_id]

    def followed(self, seconds: float, *, besides: Collection[int]) -> list[Discussion]:
        """
        Return the posts that left the list less than *seconds* ago, the last to leave first.
        """
        since = self.clock() - seconds
        left = [d for d in self.discussions.values() if d.listed_at > since]
        left.sort(key=lambda discussion: -discussion.listed_at)
        return [discussion for discussion in left if discussion.post_id not in set(besides)]

    def note_updates(self, listed: Sequence[int]) -> None:
        """
        Have read again what `updates` lists, where it is time for that.
        """
        for item_id in self.updates.due(listed, self.clock(), posts=self.discussions):
            self.pending.hurry(item_id)
            self.newcomers.mark_stale(item_id)
            for discussion in self.discussions.values():
                discussion.tree.mark_stale(item_id)

    def follow_moves(self) -> None:
        """
        Have the next poll read the parents to which comments have moved in this one.
        """
        trees = [discussion.tree for discussion in self.discussions.values()]
        for parent in {parent for tree in trees for parent in tree.reading.gone_to}:
            for tree in trees:
                tree.mark_stale(parent)

    def note_maxitem(self, claimed: int | None, wanted: Sequence[Discussion]) -> str | None:
        """
        Have read what `maxitem` says is new; return why that may not be all, if so.

        Where it could not be read (None), new posts are complete up to the last one.
        """
        last = self.maxitem.known
        if claimed is None:
            for discussion in wanted:
                discussion.tree.upto = discussion.tree.upto or last or 0
            return None
        self.maxitem.take_back(claimed)
        self._forget_above(last)
        verdict = self.maxitem.hear(claimed, self.clock())
        self._forget_above(last)
        if verdict == "denied":
            self.is_verified = False
            return f"new comments may be missing: maxitem.json: it went from {last} to {claimed}"
        if verdict == "another world":
            self.troubles.tell(WorldChanged(reason=f"the largest id went from {last} to {claimed}"))
            for discussion in self.discussions.values():
                discussion.tree.upto = 0
        known = self.maxitem.known or 0
        self._read_since(choose_start(known, wanted), known, wanted, first=last is None)
        return None

    def _forget_above(self, last: int | None) -> None:
        """
        Take back that there were ids up to *last*, if less is believed now.
        """
        largest = self.maxitem.known
        if last is None or largest is None or largest >= last:
            return
        logger.debug("The largest id is %d", largest)
        self.pending.drop_above(largest)
        for discussion in self.discussions.values():
            discussion.tree.upto = min(discussion.tree.upto, largest)

    def _read_since(
        self, start: int, known: int, wanted: Iterable[Discussion], *, first: bool
    ) -> None:
        """
        Have the ids from *start* to *known* read, and the trees walked that end before.
        """
        walks = begin_walks(start, wanted)
        for discussion in self.discussions.values():
            if discussion.tree.upto >= start:
                discussion.tree.upto = known
        if walks and (first or start == known):
            # Their parents may not list the last ones yet.
            start = max(min(start, known - RECENT), 0)
        self.pending.add(range(start + 1, known + 1))

    def choose_old(self, wanted: Sequence[Discussion], refresh: float) -> set[int]:
        """
        Return which posts a poll, that begins now, is to walk whole because that was long ago.
        """
        polled_at, self.polled_at = self.polled_at, self.clock()
        return choose_old(wanted, refresh, now=self.polled_at, polled_at=polled_at)

    def arrive(self, item_id: int, answer: Item | HNCommentsError | None) -> int | None:
        """
        Take in what a new id turned out to be, and return the id of its parent.

        A comment joins its trees, and is kept for a while for those that need it later.
        """
        if not isinstance(answer, HNCommentsError):
            for discussion in self.discussions.values():
                discussion.hear(item_id, answer)
        if not isinstance(answer, Item):
            self._postpone(item_id, answer)
            return None
        self.pending.found(item_id)
        self.maxitem.read = max(self.maxitem.read, item_id)
        if answer.parent is not None:
            self.newcomers.add(answer, self.clock())
            # All are asked, since one post may be a comment of another.
            joined = [discussion.join(answer) for discussion in self.discussions.values()]
            if any(joined):
                logger.debug("Item %d is a new reply to %s", item_id, answer.parent)
        return answer.parent

    def _postpone(self, item_id: int, error: HNCommentsError | None) -> None:
        waits = self.pending.postpone(item_id, error, self.clock())
        if not waits and error is not None:
            # It may be in any tree: their posts' `descendants` tell.
            for discussion in self.discussions.values():
                discussion.tree.mark_stale(discussion.post_id)

    def forget(self, *, keep: float) -> None:
        """
        Forget the posts that left the list *keep* seconds ago, and newcomers that are new no more.
        """
        now = self.clock()
        for post_id, discussion in list(self.discussions.items()):
            if now - discussion.listed_at > keep:
                del self.discussions[post_id]
        self.newcomers.forget(now - YOUTH)
