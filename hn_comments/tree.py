"""
The tree of one post: who is whose reply, as the API's answers come in.

Two rules keep it true, and `totals` has the third:

- Each comment is one node with one parent, whoever else lists it. So nothing is counted
  twice, and no chain of parents is a circle.
- The API is not one instant: a parent can list a comment seconds after the comment is
  there, and an answer can be some seconds old. So for `YOUTH` after it was first read a
  comment stays, whatever its parent answers meanwhile; the parent is read again in each
  poll until it lists it (`unlisted`). After that the parent's list counts.
"""

from collections.abc import Callable, Iterable, Mapping

from .models import Item
from .totals import MISSING, NOTHING, UNREAD, Node, Totals, classify


# Seconds for which a comment stays where its own `parent` says. Hacker News' answers are
# some seconds old at most; a cache between us and it rarely keeps them for longer.
YOUTH = 90.0

# Nodes of one tree at most, whatever the API claims: forty times the largest real thread.
MAX_NODES = 200_000


class Tree(Totals):
    """
    What the API said about one post and its comments.

    *newcomers* are the comments that `changes` found lately, by their parents' ids; *clock*
    gives seconds, and never goes back.
    """

    def __init__(
        self,
        post_id: int,
        *,
        clock: Callable[[], float],
        newcomers: Mapping[int, Mapping[int, Item]],
    ) -> None:
        super().__init__(post_id)
        self.clock = clock
        self.newcomers = newcomers
        # Comments that their parents do not list (yet).
        self.unlisted: set[int] = set()
        # Whether all of it was read once, and the largest id up to which nothing is missing.
        self.known = False
        self.upto = 0
        # Ids above this are new in this poll.
        self.news_from = 0
        # What this poll has read, which of that was new, and which had changed.
        self.fresh: set[int] = set()
        self.arrivals: dict[int, Item] = {}
        self.changed: set[int] = set()
        # What was added, changed or dropped since the tree was saved.
        self.unsaved: set[int] = set()

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
        if item is None and self._is_young(node):
            return  # an old answer: it was there already
        own, kids = node.own, node.kids
        node.own = NOTHING if item and item_id == self.post_id else classify(item)
        if item is not None:
            self._date(node, item, new=joins or item_id > self.news_from)
        self._list_kids(item_id, node, item.kids if item else ())
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

    def _list_kids(self, item_id: int, node: Node, listed: Iterable[int]) -> None:
        """
        Let a node have the kids that it lists, and keep the young ones that it does not.
        """
        kids: dict[int, None] = {}
        unfollowed = []
        for kid in listed:
            if kid not in kids and self._claim(kid, item_id):
                kids[kid] = None
            else:
                unfollowed.append(kid)
                if len(self.nodes) >= MAX_NODES:
                    break
        self.unlisted.difference_update(kids)
        for kid in node.kids:
            if kid in kids:
                continue
            if self._is_young(self.nodes[kid]):
                kids[kid] = None
                self.unlisted.add(kid)
            else:
                self._drop(kid)
        node.kids, node.unfollowed = tuple(kids), tuple(unfollowed)

    def _claim(self, kid: int, parent_id: int) -> bool:
        """
        Make *kid* a reply to *parent_id*, unless it surely is one to another node.
        """
        node = self.nodes.get(kid)
        if node is None:
            if len(self.nodes) >= MAX_NODES:
                return False
            self.nodes[kid] = Node(parent=parent_id)
            return True
        if node.parent == parent_id:
            return True
        # Of two answers in one poll the first is as good as the second; and nobody can be
        # a reply to what is below him.
        if node.parent in self.fresh or self._is_above(kid, parent_id):
            return False
        # Moved, it seems. The one that had it is read again in this poll, which tells.
        other = self.nodes[node.parent]
        other.kids = tuple(sibling for sibling in other.kids if sibling != kid)
        self.mark_stale(node.parent)
        node.parent = parent_id
        self.unsaved.add(kid)
        return True

    def _is_above(self, item_id: int, other_id: int) -> bool:
        while other_id and other_id != item_id:
            other_id = self.nodes[other_id].parent
        return other_id == item_id

    def _join(self, comment: Item) -> bool:
        parent = self.nodes.get(comment.parent or 0)
        # A walk that has not come to the parent yet will find both.
        if parent is None or parent.own is UNREAD or len(self.nodes) >= MAX_NODES:
            return False
        if parent.own is MISSING:
            # It has a reply, so it is there: ask at once.
            self.mark_stale(comment.parent or 0)
            return False
        node = self.nodes.get(comment.id)
        if node is None:
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
            waiting = self.newcomers.get(pending.pop(), {})
            pending += [comment.id for comment in waiting.values() if self._join(comment)]

    def _is_young(self, node: Node) -> bool:
        known = node.own is not UNREAD and node.own is not MISSING
        return known and self.clock() - node.read_at < YOUTH

    def _drop(self, item_id: int) -> None:
        """
        Forget a node and all below it.
        """
        for gone in (item_id, *self.below(item_id)):
            del self.nodes[gone]
            self.unlisted.discard(gone)
            self.unsaved.add(gone)
