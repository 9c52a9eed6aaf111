"""
A post, its tree, and what is to be asked about them: what is read again, and when.

All times are on the memory's steady clock.
"""

from dataclasses import replace
from typing import NamedTuple

from ..errors import FetchLimitExceeded, HNCommentsError, MalformedItem, StillUnreadable
from ..models import Item, State
from .answers import join, put
from .clock import Clock
from .newcomers import Newcomers
from .proof import LAG, Proof
from .tree import Reading, Tree


# Seconds after which a node is asked for again that was `null`, since most are there within
# seconds, or that contradicts the others; the distance doubles each time, up to a day.
ASK_AGAIN, ASK_OTHERS, MAX_ASK_AGAIN = 5.0, 60.0, 86400.0

# Seconds for which a node that failed again is not asked for.
FAILURE_MEMORY = 60.0

# Seconds after which a post item is read again at the latest, for its `descendants`.
CHECK_AGAIN = 900.0

# Seconds after which a post without `descendants` is walked whole again.
WALK_UNPROVEN = 900.0


class Failure(NamedTuple):
    """
    Why a node could not be read, and before when it is not asked for again.
    """

    reason: str
    until: float


class Discussion:
    """
    A post, its tree, and what is to be asked about them.
    """

    def __init__(
        self,
        post_id: int,
        *,
        clock: Clock,
        newcomers: Newcomers,
    ) -> None:
        self.clock = clock
        self.newcomers = newcomers
        self.tree = Tree(post_id)
        # What the post last was; a post that is `null` by now keeps its title.
        self.item: Item | None = None
        self.proof = Proof()
        # When the last whole walk ended, when the post item was last read, and listed.
        self.walked_at = 0.0
        self.checked_at = 0.0
        self.listed_at = 0.0
        # During a whole walk of a known tree: what each node was before.
        self.before: dict[int, tuple[State, int]] | None = None
        # When a node is to be asked for again, and how long that distance is.
        self.again: dict[int, tuple[float, float]] = {}
        self.failures: dict[int, Failure] = {}
        # An item that this poll got, and that is not the one remembered.
        self.stranger: int | None = None

    @property
    def is_walking(self) -> bool:
        """
        Whether a whole walk, the first or another, has begun and not ended.
        """
        return not self.tree.known or self.before is not None

    @property
    def post_id(self) -> int:
        return self.tree.post_id

    def begin_poll(self) -> None:
        """
        Have read again what is due for that.
        """
        now, tree = self.clock(), self.tree
        if tree.news_from is None and tree.post.state is not State.UNREAD:
            # Now that the first poll is over, what is above all that was there is news.
            tree.news_from = tree.upto or max(tree.nodes)
        tree.reading = Reading()
        self.stranger = None
        for item_id in tree.unlisted:
            tree.mark_stale(tree.nodes[item_id].parent)
        for gone in (self.again.keys() | self.failures.keys()) - tree.nodes.keys():
            self.again.pop(gone, None)
            self.failures.pop(gone, None)
        for item_id, (due, _) in self.again.items():
            if due <= now:
                tree.mark_stale(item_id)
        check_again = CHECK_AGAIN if self.proof.lags_since is None else LAG
        if self.proof.doubted or now - self.checked_at >= check_again:
            tree.mark_stale(self.post_id)

    def put(self, item_id: int, item: Item | None) -> None:
        """
        Keep the API's answer for a node of the tree.

        Raises:
            MalformedItem: if that is another item than before. Said twice, it is believed.
        """
        if item is not None and item_id not in self.failures and not self._is_same(item):
            self.stranger = item_id
            raise MalformedItem(f"item/{item_id}.json", "it is another item than before")
        now = self.clock()
        put(self.tree, item_id, item, newcomers=self.newcomers, now=now)
        self.failures.pop(item_id, None)
        if item_id == self.post_id:
            self.checked_at = now
            self.item = remember(self.item, item)
        node = self.tree.nodes.get(item_id)
        if node is not None and (item is None or node.unfollowed):
            first = ASK_AGAIN if item is None else ASK_OTHERS
            _, distance = self.again.get(item_id, (0.0, first / 2))
            distance = min(2 * distance, MAX_ASK_AGAIN)
            self.again[item_id] = (now + distance, distance)
        else:
            self.again.pop(item_id, None)

    def _is_same(self, item: Item) -> bool:
        known = self.item if item.id == self.post_id else None
        if known is not None:
            return item.is_by(known.by, known.time)
        node = self.tree.nodes.get(item.id)
        return node is None or item.is_by(node.by, node.created)

    def hear(self, item_id: int, answer: Item | None) -> None:
        """
        Believe what a comment, that is known, was found to be when it was read as a new one.
        """
        node = self.tree.nodes.get(item_id)
        if node is None or not node.is_readable:
            return
        if answer is None or self._is_same(answer):
            self.put(item_id, answer)
        else:
            self.tree.mark_stale(item_id)

    def join(self, comment: Item) -> bool:
        """
        Add a new comment to the tree, if its parent is there; return whether it is.
        """
        return join(self.tree, comment, newcomers=self.newcomers, now=self.clock())

    def fail(self, item_id: int, exc: HNCommentsError) -> None:
        """
        Note that a node could not be read. It is asked for by the next poll, then once a minute.
        """
        if not isinstance(exc, (FetchLimitExceeded, StillUnreadable)):
            again = FAILURE_MEMORY if item_id in self.failures else 0.0
            self.failures[item_id] = Failure(str(exc), self.clock() + again)

    def failure(self, item_id: int) -> str | None:
        """
        Return why there is no use in asking for a node now, if that is so.
        """
        failure = self.failures.get(item_id)
        return failure.reason if failure and self.clock() < failure.until else None

    def begin_walk(self) -> None:
        """
        Have everything read again.
        """
        if self.tree.known and self.before is None:
            self.before = self._states()
        self.failures.clear()
        for item_id in self.tree.nodes:
            self.tree.mark_stale(item_id)

    def resume_walk(self) -> None:
        """
        Go on with a whole walk that an earlier run began: what is stale is left to be read.
        """
        if self.tree.known:
            self.before = self._states()

    def end_walk(self, upto: int) -> int:
        """
        Note that everything was read; return how many comments up to the id *upto* were wrong.

        What was written later is news, not an error of the memory.
        """
        before, after = self.before, self._states() if self.before is not None else {}
        self.before = None
        self.tree.known = True
        self.walked_at = self.clock()
        ids = (before or {}).keys() | after.keys()
        return sum(
            item_id <= upto and (before or {}).get(item_id) != after.get(item_id) for item_id in ids
        )

    def walk_interval(self, refresh: float) -> float:
        """
        Return after how many seconds the post is to be walked whole again.
        """
        proven = self.item is not None and self.item.descendants is not None
        return refresh if proven else min(refresh, WALK_UNPROVEN)

    def _states(self) -> dict[int, tuple[State, int]]:
        return {
            item_id: (node.state, node.parent)
            for item_id, node in self.tree.nodes.items()
            if node.is_readable and item_id != self.post_id
        }


def remember(before: Item | None, item: Item | None) -> Item | None:
    """
    Return *item* with what it lost: one that is deleted has no title, one that is `null` nothing.
    """
    if before is None or item is None:
        return item or before
    lost = {
        name: getattr(before, name)
        for name in ("type", "by", "title", "url", "score")
        if getattr(item, name) is None
    }
    return replace(item, **lost)
