"""
The memory as rows of the history file, and back.

A tree is saved by its differences: what was added, changed or dropped since it was saved
last. So several processes can save the same tree, and nobody removes what another has read.
Where that does not work out (a parent that another one has seen dropped) the tree is
written whole; it is true by itself.

Kids are derived from parents, and totals from kids, so a loaded tree cannot disagree with
itself. Times are clamped to the present: a clock can be set back between two runs.
"""

import json
import random
import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from .memory import Discussion, Memory, Pending
from .models import Item
from .replies import YOUTH
from .totals import DEAD, DELETED, LIVE, MISSING, NOTHING, UNREAD, Node
from .tree import Tree


# By identity: what is unread equals what counts nothing.
STATES = {"live": LIVE, "deleted": DELETED, "dead": DEAD, "missing": MISSING, "unread": UNREAD}
NAMES = {id(own): name for name, own in STATES.items()}

LOAD_TREE = """
    SELECT trees.*, kind, title, "by", url, score,
        CAST(strftime('%s', created_at) AS INTEGER) AS created_at
    FROM trees JOIN stories USING (story_id) WHERE story_id = ?
"""
# SQLite turns text into seconds, with their fraction, and back in a tenth of our time.
LOAD_ITEMS = """
    SELECT item_id, parent_id, state, "by", CAST(strftime('%s', created_at) AS INTEGER),
        CAST(strftime('%s', seen_at) || substr(seen_at, 20, 4) AS REAL)
    FROM items WHERE story_id = ?
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

# The beginning of time, which needs no time zone to be added to.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ContradictionError(ValueError):
    """
    A saved tree is none.
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
    Saves and loads the memory in a database. All its methods need a transaction around them.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        # Tells this process from the others that use the file.
        self.writer = random.getrandbits(62)
        # Up to where the file was complete when a tree was loaded, or saved last.
        self.based: weakref.WeakKeyDictionary[Tree, int] = weakref.WeakKeyDictionary()
        self.touched: list[tuple[Tree, int]] = []
        self.newcomers: set[int] = set()

    def save(self, memory: Memory, now: str) -> None:
        """
        Write what is not in the file; *now* is when a story was seen that is not there yet.
        """
        self.touched.clear()
        complete = min(memory.pending, default=1 << 62) - 1
        for discussion in memory.discussions.values():
            if discussion.item is not None:
                self._save_tree(discussion, min(discussion.tree.upto, complete), now)
        self._save_newcomers(memory)
        for name, value in (
            # Not what is known of them: they are above `upto`. But a run that polls once would
            # wait for ever for one that never comes.
            ("pending", [(i, to_text(pending.since)) for i, pending in memory.pending.items()]),
            ("given_up", [*memory.given_up]),
            ("denied_since", to_text(memory.denied_since)),
            ("polled_at", to_text(memory.polled_at)),
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
            self.based[tree] = upto
        self.touched.clear()

    def _save_tree(self, discussion: Discussion, upto: int, now: str) -> None:
        tree, post_id = discussion.tree, discussion.post_id
        found = self.connection.execute(
            "SELECT writer, upto, stale FROM trees WHERE story_id = ?", (post_id,)
        ).fetchone()
        stored = Stored(*found) if found else None
        stale = [] if tree.settled else sorted(find_stale(tree))
        if stored is None or tree not in self.based:
            if stored is not None and stale:
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
                if tree.unsaved and self._has_orphans(post_id):
                    self._write_whole(tree)
                elif upto >= self.based[tree]:
                    upto, stale = merge(stored, upto, stale)
                # Else we know that less is complete than was thought: another world.
        self._write_row(discussion, upto, stale)
        self.touched.append((tree, upto))

    def _write_whole(self, tree: Tree) -> None:
        self.connection.execute("DELETE FROM items WHERE story_id = ?", (tree.post_id,))
        self._write_items(tree, tree.nodes)

    def _write_changes(self, tree: Tree) -> None:
        """
        Write the nodes that changed, with the kids that they list and nobody has read.
        """
        changed = {item_id: tree.nodes[item_id] for item_id in tree.unsaved & tree.nodes.keys()}
        unread = {
            kid for node in changed.values() for kid in node.kids if tree.nodes[kid].own is UNREAD
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
                    post_id, item_id, node.parent, NAMES[id(node.own)], printable(node.by),
                    node.created, node.read_at or None,
                )
                for item_id in ids
                if item_id != post_id
                for node in (nodes[item_id],)
            ),
        )  # fmt: skip

    def _has_orphans(self, post_id: int) -> bool:
        return self.connection.execute(FIND_ORPHAN, {"id": post_id}).fetchone() is not None

    def _write_row(self, discussion: Discussion, upto: int, stale: Sequence[int]) -> None:
        tree, proof, item = discussion.tree, discussion.proof, discussion.item
        values = {
            "story_id": tree.post_id,
            "writer": self.writer,
            "upto": upto,
            "known": tree.known,
            "walking": discussion.before is not None,
            "stale": json.dumps(stale),
            "unlisted": json.dumps(sorted(tree.unlisted)),
            "again": json.dumps([(i, to_text(t), far) for i, (t, far) in discussion.again.items()]),
            "descendants": item.descendants if item else None,
            "live": proof.live,
            "past": json.dumps([(live, to_text(until)) for live, until in proof.past]),
            "gap": proof.gap,
            "lags": proof.lags,
            "doubted": proof.doubted,
            "patience": proof.patience,
            "walk_again_at": to_text(proof.walk_again_at or None),
            "seen_at": to_text(tree.nodes[tree.post_id].read_at or None),
            "walked_at": to_text(discussion.walked_at or None),
            "checked_at": to_text(discussion.checked_at or None),
            "listed_at": to_text(discussion.listed_at or None),
        }
        columns, places = ", ".join(values), ", ".join("?" * len(values))
        self.connection.execute(
            f"REPLACE INTO trees ({columns}) VALUES ({places})",  # noqa: S608 - names of ours
            [*values.values()],
        )

    def _save_newcomers(self, memory: Memory) -> None:
        read_at = memory.newcomers_read_at
        for siblings in memory.newcomers.values():
            for item_id, item in siblings.items():
                if item_id not in self.newcomers:
                    values = {name: value for name, value in asdict(item).items() if value}
                    row = (item_id, to_text(read_at[item_id]), json.dumps(values))
                    self.connection.execute("REPLACE INTO newcomers VALUES (?, ?, ?)", row)
        self.newcomers = {*read_at}
        since = to_text(memory.clock() - YOUTH)
        self.connection.execute("DELETE FROM newcomers WHERE read_at < ?", (since,))

    def load(self, memory: Memory) -> None:
        """
        Recall what does not belong to one tree. For a memory in which nothing is yet.
        """
        now = memory.clock()
        rows = self.connection.execute("SELECT name, value FROM memory")
        values = {name: json.loads(value) for name, value in rows}
        for item_id, since in values.get("pending") or ():
            memory.pending[item_id] = Pending(since=to_seconds(since, now) or None)
        memory.given_up = dict.fromkeys(values.get("given_up") or ())
        memory.denied_since = to_seconds(values.get("denied_since"), now) or None
        memory.polled_at = to_seconds(values.get("polled_at"), now) or None
        for item_id, read_at, item in self.connection.execute(
            "SELECT item_id, read_at, item FROM newcomers WHERE read_at >= ?",
            (to_text(now - YOUTH),),
        ):
            comment = restore_item(json.loads(item))
            memory.newcomers.setdefault(comment.parent or 0, {})[item_id] = comment
            memory.newcomers_read_at[item_id] = to_seconds(read_at, now)

    def followed(self, since: float) -> list[int]:
        """
        Return the posts that were listed after *since*.
        """
        rows = self.connection.execute(
            "SELECT story_id FROM trees WHERE listed_at > ?", (to_text(since),)
        )
        return [post_id for (post_id,) in rows]

    def load_tree(self, tree: Tree) -> Discussion | None:
        """
        Fill an empty tree with what is in the file, and return what else is known of its post.

        Raises:
            ContradictionError: if that is no tree.
        """
        cursor = self.connection.execute(LOAD_TREE, (tree.post_id,))
        found = cursor.fetchone()
        if found is None:
            return None
        columns = [name for name, *_ in cursor.description]
        row = dict(zip(columns, found, strict=True))
        now = tree.clock()
        try:
            tree.known, tree.upto = bool(row["known"]), row["upto"]
            rows = self.connection.execute(LOAD_ITEMS, (tree.post_id,))
            plant(tree, rows, stale=json.loads(row["stale"]), now=now)
            tree.nodes[tree.post_id].read_at = to_seconds(row["seen_at"], now)
            tree.unlisted.update(json.loads(row["unlisted"]))
            if not tree.unlisted <= tree.nodes.keys():
                raise ContradictionError("a comment that is not there is not listed")
            discussion = restore_discussion(tree, row, now)
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise ContradictionError(str(exc)) from exc
        self.based[tree] = tree.upto
        return discussion


def find_stale(tree: Tree) -> Iterator[int]:
    """
    Yield the nodes that are to be read before they are believed, besides the unread ones.
    """
    for item_id, node in tree.nodes.items():
        if (node.stale and node.own is not UNREAD) or node.unfollowed:
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


def plant(tree: Tree, rows: Iterable[Sequence[Any]], *, stale: Iterable[int], now: float) -> None:
    """
    Make the nodes of *tree*, with their kids and totals.
    """
    post_id, nodes = tree.post_id, tree.nodes
    root = nodes[post_id] = Node(parent=0, own=NOTHING, stale=False)
    kids: dict[int, list[int]] = {}
    for item_id, parent, state, by, created, seen_at in rows:
        own = STATES[state]
        nodes[item_id] = Node(
            parent, own, stale=own is UNREAD, by=by, created=created, read_at=min(seen_at or 0, now)
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
        if nodes[item_id].kids:
            tree.settle(item_id)
        elif not nodes[item_id].stale:
            nodes[item_id].below = NOTHING


def restore_discussion(tree: Tree, row: dict[str, Any], now: float) -> Discussion:
    """
    Return what *row*, of a tree and its story, says besides the tree.
    """
    item = Item(
        id=tree.post_id,
        type=row["kind"],
        title=row["title"],
        by=row["by"],
        url=row["url"],
        score=row["score"],
        time=row["created_at"],
        descendants=row["descendants"],
    )
    discussion = Discussion(tree, item=item)
    discussion.walked_at = to_seconds(row["walked_at"], now)
    discussion.checked_at = to_seconds(row["checked_at"], now)
    discussion.listed_at = to_seconds(row["listed_at"], now)
    for item_id, due, distance in json.loads(row["again"]):
        discussion.again[item_id] = (to_seconds(due, now + distance), distance)
    proof = discussion.proof
    proof.live, proof.gap = row["live"], row["gap"]
    proof.lags, proof.doubted = bool(row["lags"]), bool(row["doubted"])
    proof.patience = row["patience"]
    proof.walk_again_at = to_seconds(row["walk_again_at"], now + proof.patience)
    proof.past = [(live, to_seconds(until, now)) for live, until in json.loads(row["past"])]
    if row["walking"]:
        discussion.resume_walk()
    return discussion


def restore_item(values: dict[str, Any]) -> Item:
    return Item(**{**values, "kids": tuple(values.get("kids", ()))})


def to_text(seconds: float | None) -> str | None:
    """
    Return a time as text in UTC, to the millisecond.
    """
    if seconds is None:
        return None
    moment = EPOCH + timedelta(milliseconds=int(seconds * 1000))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_seconds(text: str | None, latest: float) -> float:
    """
    Return the time in *text*, at most *latest*; 0 for none.
    """
    if text is None:
        return 0.0
    return min((datetime.fromisoformat(text) - EPOCH) / timedelta(seconds=1), latest)


def printable(text: str | None) -> str | None:
    """
    Return *text* without halves of surrogate pairs, which JSON can hold but no file.
    """
    if text is None or text.isascii():
        return text
    return text.encode(errors="ignore").decode()
