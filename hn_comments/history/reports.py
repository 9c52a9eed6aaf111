"""
What each poll found, as rows of the history file: for whoever asks it later.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from ..memory import Told, Untold
from ..models import Comment, PollReport, PostReport, State, utc_time
from .rows import printable


# A first_seen outside of what is possible was written by a wrong clock.
SAVE_STORY = """
    INSERT INTO stories VALUES
        (:id, :kind, :title, :by, :url, :score, :created, :seen, :seen, :state)
    ON CONFLICT DO UPDATE SET
        kind = coalesce(excluded.kind, kind), title = coalesce(excluded.title, title),
        "by" = coalesce(excluded."by", "by"), url = coalesce(excluded.url, url),
        score = coalesce(excluded.score, score),
        created_at = coalesce(excluded.created_at, created_at),
        first_seen = CASE
            WHEN first_seen BETWEEN coalesce(excluded.created_at, '') AND excluded.last_seen
            THEN first_seen ELSE excluded.last_seen END,
        last_seen = excluded.last_seen, state = excluded.state
"""
LAST_ROW = """
    SELECT rank, comments, live, deleted, dead, missing, descendants, score, status
    FROM counts WHERE story_id = ? ORDER BY poll_id DESC LIMIT 1
"""
# A poll of ten stories says nothing of what another one of thirty saw on rank 17.
FIND_DEPARTED = """
    SELECT story_id FROM listed
    WHERE list = ? AND rank <= ? AND story_id NOT IN (SELECT value FROM json_each(?))
"""
SAVE_DEPARTED = """
    INSERT OR IGNORE INTO counts
    SELECT ?, story_id, NULL, comments, live, deleted, dead, missing, descendants, score, status
    FROM counts WHERE story_id = ? ORDER BY poll_id DESC LIMIT 1
"""


def save_report(connection: sqlite3.Connection, report: PollReport) -> None:
    """
    Write what a poll found; a count only where it differs from the story's last one.
    """
    seen = utc_time(report.started)
    cursor = connection.execute(
        "INSERT INTO polls (started_at, list, seconds, fetches, retries, refused, mode,"
        " changed, drift, status, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            seen, report.list, round(report.seconds, 3), report.fetches, report.retries,
            report.refused, report.mode, report.changed, report.drift, report.status,
            describe_errors(report),
        ),
    )  # fmt: skip
    for story in report.stories:
        save_story(connection, story, seen)
        row = count_row(story)
        if connection.execute(LAST_ROW, (story.id,)).fetchone() != row:
            connection.execute(
                "INSERT INTO counts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (cursor.lastrowid, story.id, *row),
            )
    if report.list != "posts":
        save_ranks(connection, report, cursor.lastrowid)


def save_ranks(connection: sqlite3.Connection, report: PollReport, poll_id: int | None) -> None:
    """
    Note which stories are on the list now; one that left it gets a row without a rank.
    """
    ranks = {story.id: story.rank for story in report.stories if story.rank is not None}
    lowest = max(ranks.values(), default=0)
    departed = connection.execute(FIND_DEPARTED, (report.list, lowest, json.dumps([*ranks])))
    for (story_id,) in departed.fetchall():
        # One that is followed has its row already.
        connection.execute(SAVE_DEPARTED, (poll_id, story_id))
        connection.execute(
            "DELETE FROM listed WHERE list = ? AND story_id = ?", (report.list, story_id)
        )
    connection.executemany(
        "INSERT INTO listed VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET rank = excluded.rank",
        [(report.list, story_id, rank) for story_id, rank in ranks.items()],
    )


def save_story(connection: sqlite3.Connection, story: PostReport, seen: str) -> None:
    item = story.item
    created = item.time if item else None
    connection.execute(
        SAVE_STORY,
        {
            "id": story.id,
            "kind": printable(item.type) if item else None,
            "title": printable(item.title) if item else None,
            "by": printable(item.by) if item else None,
            "url": printable(item.url) if item else None,
            "score": item.score if item else None,
            "created": None if created is None else utc_time(datetime.fromtimestamp(created, UTC)),
            "seen": seen,
            "state": (item.state if item else State.LIVE).value,
        },
    )


def count_row(story: PostReport) -> tuple[int | str | None, ...]:
    """
    Return the columns of `counts` that say something about a post.
    """
    count, item = story.count, story.item
    figures: tuple[int | None, ...] = (None,) * 5
    if count is not None:
        figures = (count.comments, count.live, count.deleted, count.dead, count.missing)
    descendants, score = (item.descendants, item.score) if item else (None, None)
    return (story.rank, *figures, descendants, score, story.status)


def describe_errors(report: PollReport) -> str | None:
    """
    Return the first error of a poll, and how many more there were.
    """
    if not report.errors:
        return None
    more = f" (and {len(report.errors) - 1} more)" if len(report.errors) > 1 else ""
    return printable(f"{report.errors[0]}{more}")


def load_told(connection: sqlite3.Connection, ids: Collection[int]) -> Iterable[tuple[int, Told]]:
    """
    Yield what was last told of each post of which something was.
    """
    for post_id in ids:
        query = "SELECT comments, status FROM told WHERE story_id = ?"
        if row := connection.execute(query, (post_id,)).fetchone():
            yield post_id, Told(*row)


def save_told(connection: sqlite3.Connection, report: PollReport) -> None:
    """
    Note that the lines of a report were written, and its new comments told.
    """
    connection.executemany(
        "INSERT INTO told VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
        " comments = coalesce(excluded.comments, comments), status = excluded.status",
        [(story.id, story.exact_comments, story.status) for story in report.stories if story.shown],
    )
    forget_untold(connection, "reader", [comment.item.id for comment in report.comments])


def save_untold(connection: sqlite3.Connection, audience: str, comments: Iterable[Comment]) -> None:
    """
    Note new comments before they are told.
    """
    connection.executemany(
        "INSERT OR IGNORE INTO untold SELECT ?, ?, story_id FROM stories WHERE story_id = ?",
        [(comment.item.id, audience, comment.story) for comment in comments],
    )


def forget_untold(connection: sqlite3.Connection, audience: str, ids: Iterable[int]) -> None:
    """
    Note that comments were told, or need not be told.
    """
    connection.executemany(
        "DELETE FROM untold WHERE item_id = ? AND audience = ?",
        [(item_id, audience) for item_id in ids],
    )


def load_untold(connection: sqlite3.Connection, audiences: Iterable[str]) -> dict[int, Untold]:
    """
    Return the comments that were found and not told to these *audiences*.
    """
    untold: dict[int, Untold] = {}
    for audience in audiences:
        rows = connection.execute(
            "SELECT item_id, story_id FROM untold WHERE audience = ?", (audience,)
        )
        for item_id, story in rows:
            setattr(untold.setdefault(item_id, Untold(story)), audience, True)
    return untold
