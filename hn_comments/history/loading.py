"""
Rows of the history file to the memory: what an earlier run, or another process, has saved.

Kids are derived from parents, and totals from kids, so a tree cannot disagree with itself
and be believed. Times are clamped to the present: a clock can be set back between two runs.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..memory import (
    MAX_TOLD_COMMENTS,
    READ_AGAIN,
    YOUTH,
    Discussion,
    Memory,
    Node,
    Proof,
    Tree,
    Wait,
)
from ..models import Item, State
from .rows import Times


LOAD_TREE = """
    SELECT trees.*, kind, title, "by", url, score, state,
        CAST(strftime('%s', created_at) AS INTEGER) AS created_at
    FROM trees JOIN stories USING (story_id) WHERE story_id = ?
"""
# SQLite turns text into seconds, with their fraction, and back in a tenth of our time.
LOAD_ITEMS = """
    SELECT item_id, parent_id, state, "by", CAST(strftime('%s', created_at) AS INTEGER),
        CAST(strftime('%s', seen_at) || substr(seen_at, 20, 4) AS REAL)
    FROM items WHERE story_id = ?
"""

# The new comments that were read last: if they were not told, they stand in `untold`.
LOAD_TOLD = """
    SELECT item_id FROM (
        SELECT * FROM items WHERE seen_at IS NOT NULL ORDER BY created_at DESC LIMIT ?
    ) JOIN trees USING (story_id) WHERE item_id > news_from ORDER BY item_id
"""

# By their names in the file: looking one up costs less than asking the enum.
STATES = {state.value: state for state in State}


class ContradictionError(ValueError):
    """
    A saved tree is none.
    """


@contextmanager
def contradictions() -> Iterator[None]:
    """
    Translate what goes wrong with values that nobody of ours has written.
    """
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise ContradictionError(str(exc)) from exc


def load_memory(connection: sqlite3.Connection, memory: Memory) -> None:
    """
    Recall what does not belong to one tree. For a memory in which nothing is yet.

    Raises:
        ContradictionError: if that is not what was saved.
    """
    times = Times(memory.clock)
    with contradictions():
        rows = connection.execute("SELECT name, value FROM memory")
        values = {name: json.loads(value) for name, value in rows}
        for item_id, since in values.get("pending") or ():
            memory.pending.waits[item_id] = Wait(since=times.to_seconds(since) or None)
        memory.pending.given_up = dict.fromkeys(values.get("given_up") or (), False)
        for name, dues in (
            ("read_twice", memory.updates.twice),
            ("read_again", memory.updates.again),
        ):
            for item_id, due in values.get(name) or ():
                dues[item_id] = times.to_seconds(due, ahead=READ_AGAIN)
        memory.maxitem.denied_since = times.to_seconds(values.get("denied_since")) or None
        memory.polled_at = times.to_seconds(values.get("polled_at")) or None
        _load_newcomers(connection, memory, times)
        told = connection.execute(LOAD_TOLD, (MAX_TOLD_COMMENTS,))
        memory.told_comments.note(item_id for (item_id,) in told)


def _load_newcomers(connection: sqlite3.Connection, memory: Memory, times: Times) -> None:
    for read_at, item in connection.execute(
        "SELECT read_at, item FROM newcomers WHERE read_at >= ?",
        (times.to_text(times.now - YOUTH),),
    ):
        comment = restore_item(json.loads(item))
        memory.newcomers.add(comment, times.to_seconds(read_at))
        # An earlier run may have heard that it changed.
        memory.newcomers.mark_stale(comment.id)


def find_followed(connection: sqlite3.Connection, times: Times, seconds: float) -> list[int]:
    """
    Return the posts that were listed in the last *seconds*.
    """
    rows = connection.execute(
        # One that was listed in the future was so by a wrong clock.
        "SELECT story_id FROM trees WHERE listed_at > ? AND listed_at <= ?",
        (times.to_text(times.now - seconds), times.to_text(times.now)),
    )
    return [post_id for (post_id,) in rows]


def find_latest(connection: sqlite3.Connection) -> list[int]:
    """
    Return the post that was counted last, if there is one.
    """
    rows = connection.execute("SELECT max(story_id) FROM counts JOIN trees USING (story_id)")
    return [post_id for (post_id,) in rows if post_id is not None]


def load_discussion(connection: sqlite3.Connection, discussion: Discussion) -> bool:
    """
    Fill an empty discussion with what is in the file; return whether there is something.

    Raises:
        ContradictionError: if its tree is none.
    """
    tree, times = discussion.tree, Times(discussion.clock)
    cursor = connection.execute(LOAD_TREE, (tree.post_id,))
    found = cursor.fetchone()
    if found is None:
        return False
    columns = [name for name, *_ in cursor.description]
    row = dict(zip(columns, found, strict=True))
    with contradictions():
        tree.known, tree.upto, tree.news_from = bool(row["known"]), row["upto"], row["news_from"]
        rows = connection.execute(LOAD_ITEMS, (tree.post_id,))
        plant(tree, rows, stale=json.loads(row["stale"]), times=times)
        tree.post.read_at = times.to_seconds(row["seen_at"])
        for item_id, until in json.loads(row["unlisted"]):
            tree.unlisted[item_id] = times.to_seconds(until, ahead=YOUTH)
        if not tree.unlisted.keys() <= tree.nodes.keys():
            raise ContradictionError("a comment that is not there is not listed")
        restore_discussion(discussion, row, times)
    tree.saved_upto = tree.upto
    return True


def plant(tree: Tree, rows: Iterable[Sequence[Any]], *, stale: Iterable[int], times: Times) -> None:
    """
    Make the nodes of *tree*, with their kids and totals.
    """
    post_id, nodes = tree.post_id, tree.nodes
    # What it is by now is known when it is read; that it was read counts here.
    root = nodes[post_id] = Node(parent=0, state=State.LIVE, stale=False)
    kids: dict[int, list[int]] = {}
    for item_id, parent, name, by, created, seen_at in rows:
        state = STATES[name]
        nodes[item_id] = Node(
            parent,
            state,
            stale=state is State.UNREAD,
            by=by,
            created=created,
            read_at=times.clamp(seen_at) if seen_at else 0.0,
        )
        kids.setdefault(parent, []).append(item_id)
    if nodes[post_id] is not root or not kids.keys() <= nodes.keys():
        raise ContradictionError("a comment is a reply to nothing")
    for parent, below in kids.items():
        nodes[parent].kids = tuple(below)
    for item_id in stale:
        if item_id in nodes:
            nodes[item_id].stale = True
    order = [post_id, *tree.below(post_id)]
    if len(order) != len(nodes):
        raise ContradictionError("comments are replies to each other")
    for item_id in reversed(order):
        tree.settle(item_id)


def restore_discussion(discussion: Discussion, row: dict[str, Any], times: Times) -> None:
    """
    Recall what *row*, of a tree and its story, says besides the tree.
    """
    discussion.item = Item(
        id=discussion.post_id,
        type=row["kind"],
        title=row["title"],
        by=row["by"],
        url=row["url"],
        score=row["score"],
        time=row["created_at"],
        descendants=row["descendants"],
        dead=row["state"] == State.DEAD.value,
        deleted=row["state"] == State.DELETED.value,
    )
    discussion.walked_at = times.to_seconds(row["walked_at"])
    discussion.checked_at = times.to_seconds(row["checked_at"])
    discussion.listed_at = times.to_seconds(row["listed_at"])
    for item_id, due, distance in json.loads(row["again"]):
        discussion.again[item_id] = (times.to_seconds(due, ahead=distance), distance)
    restore_proof(discussion.proof, row, times)
    if row["walking"]:
        discussion.resume_walk()


def restore_proof(proof: Proof, row: dict[str, Any], times: Times) -> None:
    proof.live, proof.gap = row["live"], row["gap"]
    proof.lags_since = times.to_seconds(row["lags_since"]) or None
    proof.unconfirmed_since = times.to_seconds(row["unconfirmed_since"]) or None
    proof.doubted = bool(row["doubted"])
    proof.patience = row["patience"]
    proof.walk_again_at = times.to_seconds(row["walk_again_at"], ahead=proof.patience)
    proof.past = [(live, times.to_seconds(until)) for live, until in json.loads(row["past"])]


def restore_item(values: dict[str, Any]) -> Item:
    return Item(**{**values, "kids": tuple(values.get("kids", ()))})
