"""
Who is whose reply, when the lists of the API contradict each other, or what they said before.

Two rules keep it true:

- Each comment is one node with one parent, whoever else lists it. So nothing is counted
  twice, and no chain of parents is a circle.
- The API is not one instant: a parent can list a comment seconds after the comment is
  there, and an answer can be some seconds old. So for `YOUTH` after it was first read a
  comment stays, whatever its parent answers meanwhile (`unlisted`). After that the
  parent's list counts.
"""

from collections.abc import Callable, Iterable

from .totals import MISSING, UNREAD, Node, Totals


# Seconds for which a comment stays where its own `parent` says. Hacker News' answers are
# some seconds old at most; a cache between us and it rarely keeps them for longer.
YOUTH = 90.0

# Nodes of one tree at most, whatever the API claims: forty times the largest real thread.
MAX_NODES = 200_000


class Replies(Totals):
    """
    The nodes of one post, and who lists them.

    *clock* gives seconds, and never goes back.
    """

    def __init__(self, post_id: int, *, clock: Callable[[], float]) -> None:
        super().__init__(post_id)
        self.clock = clock
        # Comments that their parents do not list (yet).
        self.unlisted: set[int] = set()
        # What was read in this poll.
        self.fresh: set[int] = set()
        # What was dropped in this poll.
        self.dropped: set[int] = set()
        # What was added, changed or dropped since the tree was saved.
        self.unsaved: set[int] = set()

    @property
    def is_full(self) -> bool:
        """
        Whether no more nodes are taken, whatever the API claims.
        """
        return len(self.nodes) >= MAX_NODES

    def list_kids(self, item_id: int, node: Node, listed: Iterable[int]) -> None:
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
                if self.is_full:
                    break
        self.unlisted.difference_update(kids)
        for kid in node.kids:
            if kid in kids:
                continue
            if self.is_young(self.nodes[kid]):
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
            if self.is_full:
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

    def is_young(self, node: Node) -> bool:
        known = node.own is not UNREAD and node.own is not MISSING
        return known and self.clock() - node.read_at < YOUTH

    def _drop(self, item_id: int) -> None:
        """
        Forget a node and all below it.
        """
        for gone in (item_id, *self.below(item_id)):
            del self.nodes[gone]
            self.unlisted.discard(gone)
            self.dropped.add(gone)
            self.unsaved.add(gone)
