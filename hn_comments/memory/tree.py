"""
The tree of one post: how it grows and changes as the API's answers come in.
"""

from collections.abc import Callable

from ..models import Item
from .newcomers import Newcomers
from .replies import Replies
from .totals import MISSING, NOTHING, UNREAD, Node, classify


class Tree(Replies):
    """
    What the API said about one post and its comments.

    *newcomers* are the comments that `changes` found lately.
    """

    def __init__(
        self,
        post_id: int,
        *,
        clock: Callable[[], float],
        newcomers: Newcomers,
    ) -> None:
        super().__init__(post_id, clock=clock)
        self.newcomers = newcomers
        # Whether all of it was read once, and the largest id up to which nothing is missing.
        self.known = False
        self.upto = 0
        # Ids above this are new in this poll.
        self.news_from = 0
        # Of what this poll has read: what was new, and what had changed.
        self.arrivals: dict[int, Item] = {}
        self.changed: set[int] = set()

    @property
    def all_fresh(self) -> bool:
        """
        Whether this poll has read everything itself.
        """
        return len(self.fresh) >= len(self.nodes)

    def begin_poll(self) -> None:
        """
        Forget what the last poll did, and have read again who does not list a comment yet.
        """
        self.news_from = self.upto
        self.fresh.clear()
        self.dropped.clear()
        self.arrivals.clear()
        self.changed.clear()
        for item_id in self.unlisted:
            self.mark_stale(self.nodes[item_id].parent)

    def put(self, item_id: int, item: Item | None) -> None:
        """
        Keep the API's answer for a node, and let the newcomers below it join.
        """
        # It may have been dropped while it was read.
        if item_id in self.nodes:
            self._put(item_id, item)
            self._join_newcomers(item_id)

    def join(self, comment: Item) -> bool:
        """
        Add a new comment where its own `parent` says; return whether that is here.

        Adding one twice is harmless, and so is one that its parent already lists.
        """
        joined = self._join(comment)
        if joined:
            self._join_newcomers(comment.id)
        return joined

    def _put(self, item_id: int, item: Item | None, *, joins: bool = False) -> None:
        node = self.nodes[item_id]
        self.fresh.add(item_id)
        node.stale = False
        if item is None and self.is_young(node):
            return  # an old answer: it was there already
        own, kids = node.own, node.kids
        node.own = NOTHING if item and item_id == self.post_id else classify(item)
        if item is not None:
            self._date(node, item, new=joins or item_id > self.news_from)
        self.list_kids(item_id, node, item.kids if item else ())
        node.below = None if node.kids or node.unfollowed else NOTHING
        if own is UNREAD or (own, {*kids}) != (node.own, {*node.kids}):
            self.forget_totals(node.parent)
            self.unsaved.add(item_id)
            if self.known and item_id != self.post_id:
                self.changed.add(item_id)

    def _date(self, node: Node, item: Item, *, new: bool) -> None:
        """
        Note who wrote a node and when, and when it was first read.
        """
        # A deleted comment has lost its author; we need not forget who it was.
        node.by, node.created = item.by or node.by, item.time or node.created
        if not node.read_at:
            node.read_at = self.clock()
            if new and self.known:
                self.arrivals[item.id] = item

    def _join(self, comment: Item) -> bool:
        parent = self.nodes.get(comment.parent or 0)
        # A walk that has not come to the parent yet will find both.
        if parent is None or parent.own is UNREAD or self.is_full:
            return False
        if parent.own is MISSING:
            # It has a reply, so it is there: ask at once.
            self.mark_stale(comment.parent or 0)
            return False
        node = self.nodes.get(comment.id)
        if node is None:
            if comment.id in self.dropped:
                return False  # its youth has just ended, and its parent does not list it
            self.nodes[comment.id] = Node(parent=comment.parent or 0)
            parent.kids += (comment.id,)
            self.unlisted.add(comment.id)
            self.mark_stale(comment.parent or 0)
        elif node.own is not UNREAD and node.own is not MISSING:
            return False
        if self.known:
            # The post has another `descendants` now.
            self.mark_stale(self.post_id)
        self._put(comment.id, comment, joins=True)
        return True

    def _join_newcomers(self, item_id: int) -> None:
        pending = [item_id]
        while pending:
            waiting = self.newcomers.below(pending.pop())
            pending += [comment.id for comment in waiting if self._join(comment)]
