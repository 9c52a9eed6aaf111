"""
Remove from the history file what is old: a little at a time, so that nobody waits for it.

The file does not shrink by that, but it stops growing: SQLite writes new rows where old ones were.
"""

import itertools
import json
import sqlite3
from collections.abc import Collection
from datetime import datetime, timedelta

from ..models import utc_time


# Rows removed in one transaction: some hundredths of a second, and far more than a poll adds.
MAX_ROWS = 500

# Seconds in which nothing new is old enough, once nothing is: looking reads all stories.
PAUSE = 600.0

# Polls for which a clock that is years ahead removes nothing: after a start, until it is set right.
TRUSTED = 20

FIND_LAST = "SELECT started_at FROM polls ORDER BY poll_id DESC LIMIT ?"

FIND_OLD = """
    SELECT story_id FROM stories
    WHERE last_seen < ? AND story_id NOT IN (SELECT value FROM json_each(?)) LIMIT ?
"""
# What belongs to a story and can be much, with a key of its rows. The rest goes with the story.
LARGE = (("items", "item_id"), ("counts", "poll_id"), ("removals", "rowid"))

# A poll stays as long as the count of some story is from it; the last ones stay to judge the clock.
REMOVE_POLLS = """
    DELETE FROM polls WHERE poll_id IN (
        SELECT poll_id FROM polls WHERE started_at < ? AND NOT EXISTS (
            SELECT 1 FROM counts WHERE counts.poll_id = polls.poll_id
        ) AND poll_id < (SELECT max(poll_id) FROM polls) - ? LIMIT ?
    )
"""


def find_end(connection: sqlite3.Connection, now: datetime, keep: float) -> str:
    """
    Return the time before which all is old: *keep* seconds before *now*, if the clock is right.

    Where it went on by more than that between two of the last polls, it may be wrong, and what is
    old is counted from the first of the two.
    """
    longest, end = timedelta(seconds=keep), now
    rows = connection.execute(FIND_LAST, (TRUSTED + 1,))
    times = [now, *(datetime.fromisoformat(started) for (started,) in rows)]
    for later, earlier in itertools.pairwise(times):
        if later - earlier > longest:
            end = min(end, earlier)
    return utc_time(end - longest)


def remove_old(connection: sqlite3.Connection, before: str, *, besides: Collection[int]) -> int:
    """
    Remove stories last seen *before*, and polls; return how many rows that were, but for a few.

    *besides* are the posts that are remembered: they would be written again at once.
    """
    room = MAX_ROWS
    old = connection.execute(FIND_OLD, (before, json.dumps([*besides]), MAX_ROWS))
    for (story_id,) in old.fetchall():
        room -= remove_story(connection, story_id, room)
        if room <= 0:
            return MAX_ROWS
    room -= connection.execute(REMOVE_POLLS, (before, TRUSTED, room)).rowcount
    return MAX_ROWS - room


def remove_story(connection: sqlite3.Connection, story_id: int, most: int) -> int:
    """
    Remove a story, or so many rows that belong to it; return how many rows that were.
    """
    # First of all: what is left of the comments must not be taken for the whole tree.
    connection.execute("DELETE FROM trees WHERE story_id = ?", (story_id,))
    room = most
    for table, key in LARGE:
        room -= connection.execute(
            f"DELETE FROM {table} WHERE story_id = ? AND {key} IN"  # noqa: S608 - names of ours
            f" (SELECT {key} FROM {table} WHERE story_id = ? LIMIT ?)",
            (story_id, story_id, room),
        ).rowcount
        if room <= 0:
            return most
    connection.execute("DELETE FROM stories WHERE story_id = ?", (story_id,))
    return most - room + 1
