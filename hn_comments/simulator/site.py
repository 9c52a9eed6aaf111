"""
The events of Hacker News: people submit, reply, delete and moderate.

`updates` names the items that an event changed, unless it is quiet. The functions are methods of
`World`.
"""

from typing import Any

from .forest import Item, is_live
from .texts import draw_words, dress


# A type checker takes this for typing.TYPE_CHECKING: `world` imports this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .world import World


def add_story(world: "World", *, score: int, kind: str = "story") -> int:
    """
    Add a story, or a job, without comments; return its id.
    """
    prefix = world.chance.choices(("", "Ask HN: ", "Show HN: "), (8, 1, 1))[0]
    title = prefix + " ".join(draw_words(world.chance, 3, 8)).capitalize()
    item = new_item(world, kind, score=score, title=title)
    if not prefix.startswith("Ask"):
        item["url"] = f"https://example.com/{item['id']}"
    if kind == "story":
        item["descendants"] = 0
        world.threads[item["id"]] = []
    return item["id"]  # type: ignore[no-any-return]


def add_comment(world: "World", parent: int) -> int:
    """
    Add a reply to *parent*; return its id.
    """
    text = dress(draw_words(world.chance, 5, 80), world.dress)
    item = new_item(world, "comment", parent=parent, text=text)
    comment: int = item["id"]
    # Kids are in order of rank, and a new one can rank anywhere.
    kids = world.change(parent).setdefault("kids", [])
    kids.insert(world.chance.randint(0, len(kids)), comment)
    world.replicas.list_late(parent, comment)
    world.touch(parent)
    if (story := world.story_of(comment)) is not None:
        world.threads[story].append(comment)
    change_count(world, comment, 1)
    return comment


def delete(world: "World", item_id: int, *, quietly: bool = False) -> None:
    """
    Delete a comment, as its author may: only its place remains.
    """
    item = bury(world, item_id, quietly=quietly)
    for field in ("by", "text", "dead"):
        item.pop(field, None)
    item["deleted"] = True
    if not quietly:
        world.touch(item_id)


def kill(world: "World", item_id: int, *, quietly: bool = False) -> None:
    """
    Kill a comment, as moderators and flags do.
    """
    if is_live(world.items[item_id]):
        item = bury(world, item_id, quietly=quietly)
        item.update(dead=True, text=world.chance.choice(("[dead]", "[flagged]")))
        if not quietly:
            world.touch(item_id)


def revive(world: "World", item_id: int, *, quietly: bool = False) -> None:
    """
    Bring a dead or deleted comment back as it was, as moderators and vouches do.
    """
    if is_live(world.items[item_id]):
        return
    item = world.change(item_id)
    item.pop("dead", None)
    item.pop("deleted", None)
    item.update(world.buried.pop(item_id, {"by": "revived", "text": "I am back."}))
    change_count(world, item_id, 1, quietly=quietly)
    if not quietly:
        world.touch(item_id)


def touch(world: "World", item_id: int) -> None:
    """
    Put an item in front of `updates`.
    """
    world.updates.pop(item_id, None)
    world.updates[item_id] = None
    while len(world.updates) > world.updates_size:
        del world.updates[next(iter(world.updates))]


def change_count(world: "World", comment: int, number: int, *, quietly: bool = False) -> None:
    story = world.story_of(comment)
    if story is not None and world.count(story, number) and not quietly:
        world.touch(story)


def bury(world: "World", item_id: int, *, quietly: bool) -> Item:
    item = world.change(item_id)
    if is_live(item):
        world.buried[item_id] = {key: item[key] for key in ("by", "text") if key in item}
        change_count(world, item_id, -1, quietly=quietly)
    return item


def new_item(world: "World", kind: str, **fields: Any) -> Item:
    item_id = world.next_id
    world.next_id += 1
    # A reply is not older than its parent, even if the wall clock was set back.
    parent = world.items.get(fields.get("parent", 0)) or {}
    item = {
        "by": f"user{world.chance.randint(1, 5000)}",
        "id": item_id,
        "time": max(world.clocks.time(), parent.get("time", 0)),
        "type": kind,
        **fields,
    }
    world.replicas.remember(item_id, None)
    world.items[item_id] = item
    world.touch(item_id)
    return item
