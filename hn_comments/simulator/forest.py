"""
The posts of a world, and the trees of comments below them.

Each change keeps `kids`, `parent` and `descendants` in agreement. The functions are methods of
`World`.
"""

from collections.abc import Iterable
from typing import Any


# A type checker takes this for typing.TYPE_CHECKING: `world` imports this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World

Item = dict[str, Any]


def walk(world: "World", post_id: int) -> Iterable[int]:
    """
    Yield the id of every comment below a post, once.
    """
    pending = [post_id]
    seen = {post_id}
    while pending:
        kids = (world.items.get(pending.pop()) or {}).get("kids", [])
        new = [kid for kid in kids if kid not in seen]
        seen.update(new)
        yield from new
        pending += new


def root(world: "World", item_id: int) -> int:
    """
    Return the post that a comment's parents lead to, whether they list it or not.
    """
    while (parent := (world.items[item_id] or {}).get("parent")) is not None:
        item_id = parent
    return item_id


def story_of(world: "World", comment: int) -> int | None:
    """
    Return the post from which a walk reaches *comment*, or None.
    """
    item_id = comment
    while item_id not in world.unlisted and (item := world.items.get(item_id)):
        if "parent" not in item:
            return item_id if item_id != comment else None
        item_id = item["parent"]
    return None


def move(world: "World", item_id: int, parent: int) -> None:
    """
    Move a comment and its replies below another parent, of any story, as moderators may.

    As on the real site, `updates` does not name it.
    """
    story = world.story_of(item_id)
    siblings = world.change(parent).setdefault("kids", [])
    tree = unlist(world, item_id, parent)
    siblings.append(item_id)
    world.change(item_id)["parent"] = parent
    world.unlisted.discard(item_id)
    transfer(world, tree, story, world.story_of(item_id))


def remove(world: "World", item_id: int, *, parent: int | None = None) -> None:
    """
    Take a comment out of its parent's `kids`; it becomes null, or names another *parent*.

    `updates` does not name it, and `descendants` counts none of its replies.
    """
    story = world.story_of(item_id)
    # Before anything else, while `descendants` still counts it.
    transfer(world, unlist(world, item_id, parent), story, None)
    world.unlisted.add(item_id)
    item = world.change(item_id)
    if parent is not None:
        item["parent"] = parent
    else:
        world.items[item_id] = None


def change(world: "World", item_id: int) -> Item:
    """
    Return an item for changing, after the replicas have kept what it was.

    Raises:
        KeyError: if it is null.
    """
    item = world.items[item_id]
    if item is None:
        raise KeyError(item_id)
    world.replicas.remember(item_id, item)
    return item


def count(world: "World", story: int, number: int) -> bool:
    """
    Add *number* live comments to a story's `descendants`; return whether it has the field.
    """
    # Recorded stories may lack the field, as dead ones do on the real site.
    if "descendants" not in (world.items[story] or {}):
        return False
    world.change(story)["descendants"] += number
    world.replicas.count_late(story, number)
    return True


def unlist(world: "World", item_id: int, parent: int | None) -> list[int]:
    """
    Take a comment out of its parent's `kids`; return its id and those of its replies.
    """
    tree = [item_id, *world.walk(item_id)]
    if parent in tree:
        raise ValueError(f"{parent} is a reply to {item_id}, at some depth")
    old = (world.items[item_id] or {})["parent"]
    # A parent that is null lists nobody.
    if item_id in (world.items.get(old) or {}).get("kids", ()):
        world.change(old)["kids"].remove(item_id)
    return tree


def transfer(world: "World", tree: list[int], old: int | None, new: int | None) -> None:
    """
    Move the comments of *tree* from the count of the story *old* to that of *new*.
    """
    if old == new:
        return
    live = sum(is_live(world.items[comment]) for comment in tree)
    if old is not None:
        gone = set(tree)
        world.threads[old] = [kid for kid in world.threads.get(old, []) if kid not in gone]
        world.count(old, -live)
    if new is not None:
        world.threads.setdefault(new, []).extend(tree)
        world.count(new, live)


def is_live(item: Item | None) -> bool:
    """
    Return whether `descendants` counts *item*.
    """
    return item is not None and not item.get("deleted") and not item.get("dead")
