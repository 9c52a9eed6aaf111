"""
The posts of a world, and the trees of comments below them.
"""

from collections.abc import Iterable
from typing import Any

from .replicas import Replicas


Item = dict[str, Any]


class Forest:
    """
    The items, and which item is where.

    Each change keeps `kids`, `parent` and `descendants` in agreement.
    """

    def __init__(self, replicas: Replicas) -> None:
        self.items: dict[int, Item | None] = {}
        # Every comment id below each story; a new comment chooses its parent among them.
        self.threads: dict[int, list[int]] = {}
        # Comments that no parent lists.
        self.unlisted: set[int] = set()
        # The views of the items that the API gives, which can be late.
        self.replicas = replicas

    def walk(self, post_id: int) -> Iterable[int]:
        """
        Yield the id of every comment below a post, once.
        """
        pending = [post_id]
        seen = {post_id}
        while pending:
            kids = (self.items.get(pending.pop()) or {}).get("kids", [])
            new = [kid for kid in kids if kid not in seen]
            seen.update(new)
            yield from new
            pending += new

    def root(self, item_id: int) -> int:
        """
        Return the post that a comment's parents lead to, whether they list it or not.
        """
        while (parent := (self.items[item_id] or {}).get("parent")) is not None:
            item_id = parent
        return item_id

    def story_of(self, comment: int) -> int | None:
        """
        Return the post from which a walk reaches *comment*, or None.
        """
        item_id = comment
        while item_id not in self.unlisted and (item := self.items.get(item_id)):
            if "parent" not in item:
                return item_id if item_id != comment else None
            item_id = item["parent"]
        return None

    def move(self, item_id: int, parent: int) -> None:
        """
        Move a comment and its replies below another parent, of any story, as moderators may.

        As on the real site, `updates` does not name it.
        """
        story = self.story_of(item_id)
        siblings = self.change(parent).setdefault("kids", [])
        tree = self._unlist(item_id, parent)
        siblings.append(item_id)
        self.change(item_id)["parent"] = parent
        self.unlisted.discard(item_id)
        self._transfer(tree, story, self.story_of(item_id))

    def remove(self, item_id: int, *, parent: int | None = None) -> None:
        """
        Take a comment out of its parent's `kids`; it becomes null, or names another *parent*.

        `updates` does not name it, and `descendants` counts none of its replies.
        """
        story = self.story_of(item_id)
        # Before anything else, while `descendants` still counts it.
        self._transfer(self._unlist(item_id, parent), story, None)
        self.unlisted.add(item_id)
        item = self.change(item_id)
        if parent is not None:
            item["parent"] = parent
        else:
            self.items[item_id] = None

    def change(self, item_id: int) -> Item:
        """
        Return an item for changing, after the replicas have kept what it was.

        Raises:
            KeyError: if it is null.
        """
        item = self.items[item_id]
        if item is None:
            raise KeyError(item_id)
        self.replicas.remember(item_id, item)
        return item

    def count(self, story: int, number: int) -> bool:
        """
        Add *number* live comments to a story's `descendants`; return whether it has the field.
        """
        # Recorded stories may lack the field, as dead ones do on the real site.
        if "descendants" not in (self.items[story] or {}):
            return False
        self.change(story)["descendants"] += number
        self.replicas.count_late(story, number)
        return True

    def _unlist(self, item_id: int, parent: int | None) -> list[int]:
        """
        Take a comment out of its parent's `kids`; return its id and those of its replies.
        """
        tree = [item_id, *self.walk(item_id)]
        if parent in tree:
            raise ValueError(f"{parent} is a reply to {item_id}, at some depth")
        old = (self.items[item_id] or {})["parent"]
        # A parent that is null lists nobody.
        if item_id in (self.items.get(old) or {}).get("kids", ()):
            self.change(old)["kids"].remove(item_id)
        return tree

    def _transfer(self, tree: list[int], old: int | None, new: int | None) -> None:
        """
        Move the comments of *tree* from the count of the story *old* to that of *new*.
        """
        if old == new:
            return
        live = sum(is_live(self.items[comment]) for comment in tree)
        if old is not None:
            gone = set(tree)
            self.threads[old] = [kid for kid in self.threads.get(old, []) if kid not in gone]
            self.count(old, -live)
        if new is not None:
            self.threads.setdefault(new, []).extend(tree)
            self.count(new, live)


def is_live(item: Item | None) -> bool:
    """
    Return whether `descendants` counts *item*.
    """
    return item is not None and not item.get("deleted") and not item.get("dead")
