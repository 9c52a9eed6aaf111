"""
What each comment of a post counts, and the totals of the subtrees that are known whole.

This is why a poll costs what changed. The counter in `comments` asks here first: a subtree
whose total is known answers at once, a node that is known but not its total gives its kids,
and only what is unread or stale is fetched.

One rule keeps it true: a node has a total only while it is not stale and each of its kids
has one. Whoever changes a node takes the totals of its ancestors away (`forget_totals`).
`tree` is who does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ..models import Count, Item


LIVE, DELETED, DEAD, MISSING = Count(live=1), Count(deleted=1), Count(dead=1), Count(missing=1)
NOTHING = Count()
# What a node counts by itself until it was read. Like NOTHING, but not the same object.
UNREAD = Count()


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


class Totals:
    """
    The nodes below (and with) one post.
    """

    def __init__(self, post_id: int) -> None:
        self.post_id = post_id
        # The post is a node whose parent is no item.
        self.nodes = {post_id: Node(parent=0)}

    @property
    def settled(self) -> bool:
        """
        Whether nothing is left to be read.
        """
        return self.total(self.post_id) is not None

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


def classify(item: Item | None) -> Count:
    """
    Return the count of one comment by itself.
    """
    if item is None:
        return MISSING
    if item.deleted:
        return DELETED
    return DEAD if item.dead else LIVE
