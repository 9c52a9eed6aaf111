"""
The JSON value of a `World` at each path of the API.
"""

from collections.abc import Callable
from typing import Any

from .forest import Item
from .world import World


# Ids in the real lists at most: https://github.com/HackerNews/API
LONG_LIST, SHORT_LIST = 500, 200

# Digits of an item's id at most: int() refuses thousands of them.
MAX_DIGITS = 20


# The posts of each list that shows the newest ones, and how many at most.
LISTED: dict[str, tuple[Callable[[Item], bool], int]] = {
    "new": (lambda post: post.get("type") == "story", LONG_LIST),
    "ask": (lambda post: post.get("title", "").startswith("Ask HN:"), SHORT_LIST),
    "show": (lambda post: post.get("title", "").startswith("Show HN:"), SHORT_LIST),
    "job": (lambda post: post.get("type") == "job", SHORT_LIST),
}


def answer(world: World, path: str) -> Any:
    """
    Return the JSON value at *path* ("item/8863", "topstories", ...), or None.

    One of the world's replicas answers, so the value can be late.
    """
    world.catch_up()
    kind, _, rest = path.partition("/")
    if kind == "item":
        return view_item(world, rest)
    if rest:
        return None
    if kind == "maxitem":
        return world.replicas.maxitem(world.next_id - 1)
    if kind == "updates":
        return {"items": list(reversed(world.updates)), "profiles": []}
    return list_stories(world, kind.removesuffix("stories")) if kind.endswith("stories") else None


def view_item(world: World, item_id: str) -> Item | None:
    """
    Return the item with the id that a path names, or None.
    """
    if not item_id.isdecimal() or len(item_id) > MAX_DIGITS:
        return None
    return world.replicas.view(int(item_id), world.items.get(int(item_id)))


def list_stories(world: World, name: str) -> list[int] | None:
    """
    Return the ids of a story list, or None if there is no such list.
    """
    if name == "top":
        return world.top[:LONG_LIST]
    posts = [item for item in world.items.values() if item and "parent" not in item]
    newest = sorted(posts, key=lambda post: -post["id"])
    if name == "best":
        newest.sort(key=lambda post: -post.get("score", 0))
        return [post["id"] for post in newest][:LONG_LIST]
    if name not in LISTED:
        return None
    is_listed, most = LISTED[name]
    return [post["id"] for post in newest if is_listed(post)][:most]
