"""
The comments of one post, as far as they are known, and the totals of what is known whole.

This is why a poll costs what changed. The counter in `comments` asks here first: a subtree
whose total is known answers at once, a node that was read but has no total gives its kids, and
only nodes that are unread or stale are fetched.

Two rules keep it true. Each comment is one node with one parent, whoever else lists it: nothing
is counted twice, and no chain of parents is a circle. And a node has a total only while it is
not stale and each of its kids has one: a change takes away the totals of the node and of all
its ancestors (`forget_totals`). `answers` is what makes the changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..models import Count, Item, State


# Nodes of one tree at most, whatever the API claims: forty times the largest real thread.
MAX_NODES = 200_000

NOTHING = Count()

# How each node counts by itself.
OWN = {
    State.UNREAD: NOTHING,
    State.LIVE: Count(live=1),
    State.DELETED: Count(deleted=1),
    State.DEAD: Count(dead=1),
    State.MISSING: Count(missing=1),
}

# The states of an item that the API has shown.
READABLE = frozenset({State.LIVE, State.DELETED, State.DEAD})


@dataclass(slots=True)
class Node:
    """
    A comment, or the post at the root.

    *kids* are the nodes whose *parent* this is; *unfollowed* are other ids that it lists.
    *total* counts the node and all below it, but of the post only what is below. A *stale* node
    is to be read before it is believed. *read_at* is when it was first read, in seconds.
    """

    parent: int
    state: State = State.UNREAD
    kids: tuple[int, ...] = ()
    unfollowed: tuple[int, ...] = ()
    total: Count | None = None
    stale: bool = True
    by: str | None = None
    created: int | None = None
    read_at: float = 0.0

    @property
    def is_readable(self) -> bool:
        return self.state in READABLE


@dataclass(slots=True)
class Reading:
    """
    What one poll has learned about a tree: ids that it read, dropped or found changed.

    *arrivals* are the new comments among them, *items* all that was read, but for a first poll.
    *gone_to* are the new parents, in other trees, of comments that have moved.
    """

    read: set[int] = field(default_factory=set)
    dropped: set[int] = field(default_factory=set)
    changed: set[int] = field(default_factory=set)
    gone_to: set[int] = field(default_factory=set)
    arrivals: dict[int, Item] = field(default_factory=dict)
    items: dict[int, Item] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Tree:
    """
    The nodes of one post, by their ids.

    *known* says whether all of it was read once, *upto* the largest id up to which nothing is
    missing. *news_from* is the id above which a comment is news; None in the first poll of the
    post. *unlisted* are comments that their parents do not list (yet), and until when they stay
    nevertheless; *unsaved* are the ids that were added, changed or dropped since the tree was
    saved. *saved_upto* is what *upto* was then; None for a tree that was neither saved nor loaded.
    """

    post_id: int
    nodes: dict[int, Node] = field(default_factory=dict)
    known: bool = False
    upto: int = 0
    news_from: int | None = None
    unlisted: dict[int, float] = field(default_factory=dict)
    unsaved: set[int] = field(default_factory=set)
    saved_upto: int | None = None
    reading: Reading = field(default_factory=Reading)

    def __post_init__(self) -> None:
        # The post is a node whose parent is no item.
        self.nodes.setdefault(self.post_id, Node(parent=0))

    @property
    def post(self) -> Node:
        """
        The root.
        """
        return self.nodes[self.post_id]

    @property
    def settled(self) -> bool:
        """
        Whether nothing is left to be read.
        """
        return self.total(self.post_id) is not None

    @property
    def is_full(self) -> bool:
        """
        Whether no more nodes are taken, whatever the API claims.
        """
        return len(self.nodes) >= MAX_NODES

    @property
    def all_fresh(self) -> bool:
        """
        Whether this poll has read everything itself.
        """
        return len(self.reading.read) >= len(self.nodes)

    def total(self, item_id: int) -> Count | None:
        """
        Return the total of a node, if it is known.
        """
        node = self.nodes.get(item_id)
        return None if node is None or node.stale else node.total

    def settle(self, item_id: int) -> None:
        """
        Sum up the total of a node, if all its kids have theirs.
        """
        node = self.nodes.get(item_id)
        if node is None or node.stale or node.unfollowed:
            return
        counts = [self.own(item_id)]
        for kid in node.kids:
            if (total := self.total(kid)) is None:
                return
            counts.append(total)
        node.total = Count.total(counts) if node.kids else counts[0]

    def forget_totals(self, item_id: int) -> None:
        """
        Take the totals of a node and all its ancestors away.
        """
        node = self.nodes.get(item_id)
        # A node without a total has no ancestor with one.
        while node is not None and node.total is not None:
            node.total = None
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
        Yield the ids below a node, parents before their kids.
        """
        pending = [*self.nodes[item_id].kids]
        while pending:
            kid = pending.pop()
            yield kid
            pending += self.nodes[kid].kids

    def tally(self, item_id: int) -> Count:
        """
        Return the total of a node as far as it is known, stale or not.
        """
        return Count.total([self.own(i) for i in (item_id, *self.below(item_id))])

    def live(self) -> Iterator[int]:
        """
        Yield each comment that is live.
        """
        for item_id, node in self.nodes.items():
            if node.state is State.LIVE and item_id != self.post_id:
                yield item_id

    def created(self) -> Iterator[int]:
        """
        Yield when each comment was written, where that is known.
        """
        for node in self.nodes.values():
            if node.created is not None and node.parent:
                yield node.created

    def own(self, item_id: int) -> Count:
        """
        Return how a node counts by itself; the post does not.
        """
        return NOTHING if item_id == self.post_id else OWN[self.nodes[item_id].state]
