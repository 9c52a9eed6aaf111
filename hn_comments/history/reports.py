"""
What each poll found, as rows of the history file: for whoever asks it later.
"""

import sqlite3
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from ..models import PollReport, PostReport, utc_time
from .rows import printable


SAVE_STORY = """
    INSERT INTO stories VALUES
        (:id, :kind, :title, :by, :url, :score, :created, :seen, :seen)
    ON CONFLICT DO UPDATE SET
        kind = coalesce(excluded.kind, kind), title = coalesce(excluded.title, title),
        "by" = coalesce(excluded."by", "by"), url = coalesce(excluded.url, url),
        score = coalesce(excluded.score, score),
        created_at = coalesce(excluded.created_at, created_at),
        first_seen = min(first_seen, excluded.first_seen),
        last_seen = max(last_seen, excluded.last_seen)
"""
LAST_ROW = """
    SELECT rank, comments, live, deleted, dead, missing, descendants, score, status
    FROM counts WHERE story_id = ? ORDER BY poll_id DESC LIMIT 1
"""
LAST_COUNT = """
    SELECT comments FROM counts
    WHERE story_id = ? AND status = 'exact' ORDER BY poll_id DESC LIMIT 1
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


def last_counts(connection: sqlite3.Connection, ids: Collection[int]) -> dict[int, int]:
    """
    Return the last exact count of each post that has one.
    """
    rows: Iterable[tuple[int, tuple[int] | None]] = (
        (post_id, connection.execute(LAST_COUNT, (post_id,)).fetchone()) for post_id in ids
    )
    return {post_id: row[0] for post_id, row in rows if row}
