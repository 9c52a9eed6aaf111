"""
The memory to rows of the history file.

A tree is saved by its differences: what was added, changed or dropped since it was saved
last. So several processes can save the same tree, and nobody removes what another has read.
Where that does not work out (a parent that another one has seen dropped) the tree is
written whole; it is true by itself.
"""

import json
import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import NamedTuple

from ..memory import YOUTH, Discussion, Memory, Tree
from ..models import State
from .rows import Times, printable


SAVE_NEWCOMER = """
    INSERT INTO newcomers VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET read_at = excluded.read_at, item = excluded.item
    WHERE read_at <> excluded.read_at
"""
SAVE_ITEM = """
    INSERT INTO items VALUES (?, ?, ?, ?, ?,
        strftime('%Y-%m-%dT%H:%M:%SZ', ?, 'unixepoch'),
        strftime('%Y-%m-%dT%H:%M:%fZ', ?, 'unixepoch'))
    ON CONFLICT DO UPDATE SET parent_id = excluded.parent_id, state = excluded.state,
        "by" = excluded."by", created_at = excluded.created_at, seen_at = excluded.seen_at
"""
FIND_ORPHAN = """
    SELECT 1 FROM items WHERE story_id = :id AND parent_id <> :id AND NOT EXISTS (
        SELECT 1 FROM items AS parent
        WHERE parent.story_id = :id AND parent.item_id = items.parent_id)
"""


class Stored(NamedTuple):
    """
    What the file says about a tree: who wrote it, up to where it is complete, but for what.
    """

    writer: int
    upto: int
    stale: str


class Archive:
    """
    Saves the memory in a database, within the transaction of whoever asks for it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        # Tells this process from the others that use the file.
        self.writer = random.getrandbits(62)
        self.touched: list[tuple[Tree, int]] = []

    def save(self, memory: Memory, now: str) -> None:
        """
        Write what is not in the file; *now* is when a story was seen that is not there yet.
        """
        times = self.times = Times(memory.clock)
        self.touched.clear()
        complete = min(memory.pending.waits, default=1 << 62) - 1
        for discussion in memory.discussions.values():
            if discussion.item is not None:
                self._save_tree(discussion, min(discussion.tree.upto, complete), now)
        self._save_newcomers(memory)
        text = times.to_text
        for name, value in (
            # Not what is known of them: they are above `upto`. But a run that polls once would
            # wait for ever for one that never comes.
            ("pending", [(i, text(wait.since)) for i, wait in memory.pending.waits.items()]),
            ("given_up", [*memory.pending.given_up]),
            ("read_twice", [(i, text(due)) for i, due in memory.updates.twice.items()]),
            ("read_again", [(i, text(due)) for i, due in memory.updates.again.items()]),
            ("denied_since", text(memory.maxitem.denied_since)),
            ("polled_at", text(memory.polled_at)),
        ):
            self.connection.execute(
                "INSERT INTO memory VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
                " WHERE value <> excluded.value",
                (name, json.dumps(value)),
            )

    def committed(self) -> None:
        """
        Note that the last `save` is in the file.
        """
        for tree, upto in self.touched:
            tree.unsaved.clear()
            tree.saved_upto = upto
        self.touched.clear()

    def _save_tree(self, discussion: Discussion, upto: int, now: str) -> None:
        tree, post_id = discussion.tree, discussion.post_id
        found = self.connection.execute(
            "SELECT writer, upto, stale FROM trees WHERE story_id = ?", (post_id,)
        ).fetchone()
        stored = Stored(*found) if found else None
        stale = [] if tree.settled else sorted(find_stale(tree))
        if stored is None or tree.saved_upto is None:
            if stored is not None and not tree.settled:
                return  # what is in the file is worth more than what was half read
            self.connection.execute(
                "INSERT INTO stories (story_id, first_seen, last_seen) VALUES (?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (post_id, now, now),
            )
            self._write_whole(tree)
        else:
            self._write_changes(tree)
            if stored.writer != self.writer:
                if tree.unsaved and has_orphans(self.connection, post_id):
                    self._write_whole(tree)
                elif upto >= tree.saved_upto:
                    upto, stale = merge(stored, upto, stale)
                # Else we know that less is complete than was thought: another world.
        self._write_row(discussion, upto, stale)
        self.touched.append((tree, upto))

    def _write_whole(self, tree: Tree) -> None:
        """
        Write all nodes, and take out those that the tree does not have.
        """
        # Not all are taken out before: `removals` follows the changes of those that are there.
        self.connection.execute(
            "DELETE FROM items WHERE story_id = ? AND item_id NOT IN"
            " (SELECT value FROM json_each(?))",
            (tree.post_id, json.dumps([*tree.nodes])),
        )
        self._write_items(tree, tree.nodes)

    def _write_changes(self, tree: Tree) -> None:
        """
        Write the nodes that changed, with the kids that they list and nobody has read.
        """
        changed = {item_id: tree.nodes[item_id] for item_id in tree.unsaved & tree.nodes.keys()}
        unread = {
            kid
            for node in changed.values()
            for kid in node.kids
            if tree.nodes[kid].state is State.UNREAD
        }
        self._write_items(tree, changed.keys() | unread)
        self.connection.executemany(
            "DELETE FROM items WHERE story_id = ? AND item_id = ?",
            [(tree.post_id, item_id) for item_id in tree.unsaved - tree.nodes.keys()],
        )

    def _write_items(self, tree: Tree, ids: Iterable[int]) -> None:
        post_id, nodes = tree.post_id, tree.nodes
        self.connection.executemany(
            SAVE_ITEM,
            (
                (
                    post_id, item_id, node.parent, node.state.value, printable(node.by),
                    node.created, self.times.to_unix(node.read_at),
                )
                for item_id in ids
                if item_id != post_id
                for node in (nodes[item_id],)
            ),
        )  # fmt: skip

    def _write_row(self, discussion: Discussion, upto: int, stale: Sequence[int]) -> None:
        values = {**describe(discussion, self.times.to_text), "writer": self.writer, "upto": upto}
        values["stale"] = json.dumps(stale)
        columns, places = ", ".join(values), ", ".join("?" * len(values))
        self.connection.execute(
            f"REPLACE INTO trees ({columns}) VALUES ({places})",  # noqa: S608 - names of ours
            [*values.values()],
        )

    def _save_newcomers(self, memory: Memory) -> None:
        for comment, read_at in memory.newcomers:
            values = {name: value for name, value in asdict(comment).items() if value}
            row = (comment.id, self.times.to_text(read_at), json.dumps(values))
            self.connection.execute(SAVE_NEWCOMER, row)
        since = self.times.to_text(self.times.now - YOUTH)
        self.connection.execute("DELETE FROM newcomers WHERE read_at < ?", (since,))


def describe(
    discussion: Discussion, text: Callable[[float | None], str | None]
) -> dict[str, int | float | str | None]:
    """
    Return what there is to say about a post besides its nodes; *text* words a time.
    """
    tree, proof, item = discussion.tree, discussion.proof, discussion.item
    return {
        "story_id": tree.post_id,
        "known": tree.known,
        "walking": discussion.before is not None,
        "news_from": tree.news_from,
        "unlisted": json.dumps([(i, text(until)) for i, until in tree.unlisted.items()]),
        "again": json.dumps([(i, text(t), far) for i, (t, far) in discussion.again.items()]),
        "descendants": item.descendants if item else None,
        "live": proof.live,
        "past": json.dumps([(live, text(until)) for live, until in proof.past]),
        "gap": proof.gap,
        "unconfirmed_since": text(proof.unconfirmed_since),
        "lags_since": text(proof.lags_since),
        "doubted": proof.doubted,
        "patience": proof.patience,
        "walk_again_at": text(proof.walk_again_at),
        "seen_at": text(tree.post.read_at),
        "walked_at": text(discussion.walked_at),
        "checked_at": text(discussion.checked_at),
        "listed_at": text(discussion.listed_at),
    }


def has_orphans(connection: sqlite3.Connection, post_id: int) -> bool:
    return connection.execute(FIND_ORPHAN, {"id": post_id}).fetchone() is not None


def find_stale(tree: Tree) -> Iterator[int]:
    """
    Yield the nodes that are to be read before they are believed, besides the unread ones.
    """
    for item_id, node in tree.nodes.items():
        if (node.stale and node.state is not State.UNREAD) or node.unfollowed:
            yield item_id


def merge(stored: Stored, upto: int, stale: list[int]) -> tuple[int, list[int]]:
    """
    Return what is true of a tree that two processes have written.
    """
    theirs = json.loads(stored.stale)
    if theirs and not stale:
        # What they want to read, we have read, but only up to where we are.
        return min(stored.upto, upto), stale
    return max(stored.upto, upto), sorted({*stale, *theirs}) if stale else stale
