"""
The comments that were read lately, for those who need them a little later.

A comment can be read before its parent is: because the parent is still `null`, because its
story enters the list only now, or because the walk has not come there yet. One that has changed
since it was read is still there, but is read again by those who take it.
"""

from collections.abc import Collection, Iterator

from ..models import Item


class Newcomers:
    """
    Comments by their parents; each below the parent that it named last.
    """

    def __init__(self) -> None:
        self._below: dict[int, dict[int, Item]] = {}
        # Each comment and when it was read, the oldest first.
        self._read: dict[int, tuple[Item, float]] = {}
        self._stale: set[int] = set()

    def __iter__(self) -> Iterator[tuple[Item, float]]:
        """
        Yield each comment, and when it was read.
        """
        return iter(self._read.values())

    def add(self, comment: Item, read_at: float) -> None:
        """
        Keep a comment that was read at *read_at*.
        """
        self.discard(comment.id)
        self._read[comment.id] = (comment, read_at)
        self._below.setdefault(comment.parent or 0, {})[comment.id] = comment

    def mark_stale(self, item_id: int) -> None:
        """
        Note that a comment may have changed since it was read, if it is there.
        """
        if item_id in self._read:
            self._stale.add(item_id)

    def is_stale(self, item_id: int) -> bool:
        return item_id in self._stale

    def below(self, parent_id: int) -> Collection[Item]:
        """
        Return those that are replies to one item.
        """
        return self._below.get(parent_id, {}).values()

    def forget(self, since: float) -> None:
        """
        Forget what was read before *since*.
        """
        for item_id in [comment.id for comment, read_at in self if read_at < since]:
            self.discard(item_id)

    def discard(self, item_id: int) -> None:
        """
        Forget one comment, if it is there.
        """
        if item_id in self._read:
            self._stale.discard(item_id)
            comment, _ = self._read.pop(item_id)
            siblings = self._below[comment.parent or 0]
            del siblings[item_id]
            if not siblings:
                del self._below[comment.parent or 0]
