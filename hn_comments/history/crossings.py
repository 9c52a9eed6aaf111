"""
Thresholds that posts reached, as rows of the history file: each is told once.
"""

import sqlite3
from collections.abc import Iterable, Sequence

from ..memory import Crossings
from ..models import Crossing, Notice


ABOVE = """
    INSERT OR IGNORE INTO notices
    SELECT story_id, :threshold, :now, :now, comments, NULL FROM told WHERE comments >= :number
"""


def save_crossings(
    connection: sqlite3.Connection, crossings: Iterable[Crossing], now: str
) -> list[Crossing]:
    """
    Note what was reached at the time *now*; return what another process has noted before.
    """
    known = []
    for crossing in crossings:
        row = (
            crossing.story, crossing.threshold, now, crossing.comments, crossing.last_hour,
        )  # fmt: skip
        cursor = connection.execute("INSERT OR IGNORE INTO notices SELECT ?, ?, NULL, ?, ?, ?", row)
        if not cursor.rowcount:
            known.append(crossing)
    return known


def save_sent(connection: sqlite3.Connection, notice: Notice, now: str) -> None:
    """
    Note that a receiver took a notice.
    """
    connection.executemany(
        "UPDATE notices SET sent_at = ? WHERE story_id = ? AND threshold = ? AND sent_at IS NULL",
        [(now, crossing.story, crossing.threshold) for crossing in notice.crossings],
    )


def forget_rearmed(
    connection: sqlite3.Connection, rearmed: set[tuple[int, str]]
) -> set[tuple[int, str]]:
    """
    Forget what may be reached again; return that without what nobody was told yet, which stays.
    """
    connection.executemany(
        "DELETE FROM notices WHERE story_id = ? AND threshold = ? AND sent_at IS NOT NULL",
        [*rearmed],
    )
    unsent = connection.execute("SELECT story_id, threshold FROM notices WHERE sent_at IS NULL")
    return rearmed - {*unsent}


def load_crossings(
    connection: sqlite3.Connection, crossings: Crossings, ids: Iterable[int]
) -> None:
    """
    Recall what the posts *ids* have reached.
    """
    for post_id in ids:
        rows = connection.execute("SELECT threshold FROM notices WHERE story_id = ?", (post_id,))
        for (threshold,) in rows:
            crossings.note((post_id, threshold))


def load_unsent(connection: sqlite3.Connection) -> list[Crossing]:
    """
    Return what was reached and taken by no receiver.
    """
    rows = connection.execute(
        "SELECT story_id, title, threshold, comments, last_hour"
        " FROM notices JOIN stories USING (story_id) WHERE sent_at IS NULL ORDER BY crossed_at"
    )
    return [
        Crossing(
            story=story, title=title, threshold=threshold, comments=comments, last_hour=last_hour
        )
        for story, title, threshold, comments, last_hour in rows
    ]


def add_threshold(connection: sqlite3.Connection, threshold: str, now: str) -> int:
    """
    Note that what stands above a new threshold is no news; return how many posts that are.
    """
    if threshold.endswith("/h"):
        return 0
    values = {"threshold": threshold, "number": int(threshold), "now": now}
    return connection.execute(ABOVE, values).rowcount


def read_thresholds(connection: sqlite3.Connection) -> Sequence[str] | None:
    """
    Return the thresholds that the file knows; None for a file without polls.
    """
    if connection.execute("SELECT 1 FROM polls LIMIT 1").fetchone() is None:
        return None
    rows = connection.execute("SELECT threshold FROM thresholds").fetchall()
    return [threshold for (threshold,) in rows]
