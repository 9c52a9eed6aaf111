"""
The tree of one post: its comments, and the totals of the subtrees that are known whole.

This is why a poll costs what changed. The counter in `comments` asks here first: a subtree
whose total is known answers at once, a node that is known but not its total gives its kids,
and only what is unread or stale is fetched.

Three rules keep it true:

- Each comment is one node with one parent, whoever else lists it. So nothing is counted
  twice, and no chain of parents is a circle.
- A node has a total only while it is not stale and each of its kids has one. Whoever
  changes a node takes the totals of its ancestors away (`forget_totals`).
- The API is not one instant: a parent can list a comment seconds after the comment is
  there, and an answer can be some seconds old. So for `YOUTH` after it was first read a
  comment stays, whatever its parent answers meanwhile; the parent is read again in each
  poll until it lists it (`unlisted`). After that the parent's list counts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from .models import Count, Item


LIVE, DELETED, DEAD, MISSING = Count(live=1), Count(deleted=1), Count(dead=1), Count(missing=1)
NOTHING = Count()
# What a node counts by itself until it was read. Like NOTHING, but not the same object.
UNREAD = Count()

# Seconds for which a comment stays where its own `parent` says. Hacker News' answers are
# some seconds old at most; a cache between us and it rarely keeps them for longer.
YOUTH = 90.0

# Nodes of one tree at most, whatever the API claims: forty times the largest real thread.
MAX_NODES = 200_000


@dataclass(slots=True)
class Node:
    """
    A comment, or the post at the root: what it counts by itself, and in all *below* it.

    *kids* are the nodes whose *parent* this is; *unfollowed* are other ids that it lists.
    *read_at* is when it was first read. A *stale* one is to be read before it is believed.
    """

    parent: int
    own: Count = UNREAD
    kids: tuple[int, ...] = ()
    unfollowed: tuple[int, ...] = ()
    below: Count | None = None
    stale: bool = True
    by: str | None = None
    created: int | None = None
    read_at: float = 0.0


class Tree:
    """
    The nodes below (and with) one post.

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
        self.post_id = post_id
        self.clock = clock
        self.newcomers = newcomers
        # The post is a node whose parent is no item.
        self.nodes = {post_id: Node(parent=0)}
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
    def settled(self) -> bool:
        """
        Whether nothing is left to be read.
        """
        return self.total(self.post_id) is not None

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

    def total(self, item_id: int) -> Count | None:
        """
        Return the count of a node and all below it, if that is known.
        """
        node = self.nodes.get(item_id)
        if node is None or node.stale or node.below is None:
            return None
        return node.own if node.below is NOTHING else Count.total([node.own, node.below])

    def settle(self, item_id: int) -> None:
        """
        Sum up the total below a node, if all its kids have theirs.
        """
        node = self.nodes.get(item_id)
        if node is None or node.stale or node.unfollowed:
            return
        totals = [self.total(kid) for kid in node.kids]
        known = [total for total in totals if total is not None]
        if len(known) == len(totals):
            node.below = Count.total(known) if known else NOTHING

    def forget_totals(self, item_id: int) -> None:
        """
        Take the totals of a node and all its ancestors away.
        """
        node = self.nodes.get(item_id)
        # Above a node without a total there is none: that is the rule.
        while node is not None and node.below is not None:
            node.below = None
            node = self.nodes.get(node.parent)

    def mark_stale(self, item_id: int) -> None:
        """
        Have a node read again by the next walk that comes by, if there is such a node.
        """
        if item_id in self.nodes:
            self.forget_totals(item_id)
            self.nodes[item_id].stale = True

    def below(self, item_id: int) -> Iterator[int]:
        """
        Yield the nodes below one, parents before their kids.
        """
        pending = [*self.nodes[item_id].kids]
        while pending:
            kid = pending.pop()
            yield kid
            pending += self.nodes[kid].kids

    def created(self) -> Iterator[int]:
        """
        Yield when each comment was written, where that is known.
        """
        for node in self.nodes.values():
            if node.created is not None and node.parent:
                yield node.created

    def tally(self, item_id: int) -> Count:
        """
        Return the count of a node and all that is known below it, stale or not.
        """
        return Count.total([self.nodes[i].own for i in (item_id, *self.below(item_id))])

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


def classify(item: Item | None) -> Count:
    """
    Return the count of one comment by itself.
    """
    if item is None:
        return MISSING
    if item.deleted:
        return DELETED
    return DEAD if item.dead else LIVE
