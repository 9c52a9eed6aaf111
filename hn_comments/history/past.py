"""
What a history knew at a moment: for reports, which are made long after the polls, and for pages.

Nothing here writes, and nothing is thinned: a caller gets every poll and every comment.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from ..errors import HistoryError
from ..models import Growth, Item
from .database import DATABASE_ERRORS, explain
from .readonly import connect_readonly, open_readonly


# Later than any time in a file.
FOR_EVER = "9999"

# A point of a series: seconds since 1970, and a number.
Point = tuple[int, int]

# A moment in seconds since 1970, and a rank, if there was one.
Rank = tuple[int, int | None]

# The last poll that a moment knows of. A clock can have been wrong, so numbers decide.
FIND_LAST = "SELECT max(poll_id), min(started_at) FROM polls WHERE started_at <= ?"
LOAD_POLLS = """
    SELECT started_at, CAST(strftime('%s', started_at) AS INTEGER), list, seconds, fetches, drift,
        status, error
    FROM polls WHERE poll_id <= ? ORDER BY poll_id
"""
# CROSS JOIN keeps the order of the tables: each story looks up its last row, of maybe thousands.
LOAD_STORIES = """
    SELECT story_id AS id, title, "by", url, state, kind, created_at AS created, comments, live,
        deleted, dead, missing, descendants, counts.score, status, :list AS list,
        CAST(strftime('%s', min(last_seen, :time)) AS INTEGER) AS last_seen,
        (SELECT rank FROM counts AS listed JOIN polls USING (poll_id)
            WHERE listed.story_id = stories.story_id AND poll_id <= :poll AND list = :list
            ORDER BY poll_id DESC LIMIT 1) AS rank
    FROM stories CROSS JOIN counts USING (story_id)
    WHERE poll_id = (
        SELECT max(poll_id) FROM counts AS earlier
        WHERE earlier.story_id = stories.story_id AND poll_id <= :poll)
"""
# What is written after a story was counted last is not always known, and in none of its counts.
LOAD_COMMENT_TIMES = """
    SELECT CAST(strftime('%s', items.created_at) AS INTEGER)
    FROM items JOIN stories USING (story_id)
    WHERE story_id = ? AND items.created_at <= min(?, last_seen) ORDER BY items.created_at
"""
LOAD_BIRTH = "SELECT CAST(strftime('%s', created_at) AS INTEGER) FROM stories WHERE story_id = ?"
LOAD_COUNTS = """
    SELECT CAST(strftime('%s', started_at) AS INTEGER), comments
    FROM counts JOIN polls USING (poll_id)
    WHERE story_id = ? AND poll_id <= ? AND counts.status = 'exact' ORDER BY poll_id
"""
LOAD_RANKS = """
    SELECT CAST(strftime('%s', started_at) AS INTEGER), rank
    FROM counts JOIN polls USING (poll_id)
    WHERE story_id = ? AND poll_id <= ? AND list = ? ORDER BY poll_id
"""
LOAD_NEWEST = """
    SELECT item_id, parent_id, "by", CAST(strftime('%s', created_at) AS INTEGER) FROM items
    WHERE story_id = ? AND created_at <= ? AND state = 'live'
    ORDER BY item_id DESC LIMIT ?
"""
COUNT_LATELY = """
    SELECT story_id, count(*),
        sum(items.created_at > strftime('%Y-%m-%dT%H:%M:%SZ', :time, '-1 hour'))
    FROM items JOIN stories USING (story_id)
    WHERE items.created_at <= min(:time, last_seen)
        AND items.created_at > strftime('%Y-%m-%dT%H:%M:%SZ', :time, '-1 day')
    GROUP BY story_id
"""
REMOVALS = """
    sum(to_state = 'dead') AS died, sum(to_state = 'deleted') AS deleted,
    sum(to_state = 'live') AS came_back
    FROM removals
"""
LOAD_REMOVALS_BY_HOUR = f"""
    SELECT CAST(strftime('%s', seen_at) AS INTEGER) / 3600 AS hour, {REMOVALS}
    WHERE seen_at <= :until GROUP BY hour ORDER BY hour
"""
LOAD_REMOVALS_BY_STORY = f"""
    SELECT story_id AS id, title, {REMOVALS} JOIN stories USING (story_id)
    WHERE seen_at <= :until GROUP BY story_id ORDER BY died + deleted DESC, id LIMIT :most
"""


class PastPoll(NamedTuple):
    """
    A poll: what its row in the file says; *at* is its start, too, in seconds since 1970.
    """

    started_at: str
    at: int
    list: str
    seconds: float
    fetches: int
    drift: int
    status: str
    error: str | None


class Past:
    """
    The file *path* as it was after the last poll that began until *as_of*, or as it is now.

    That time is written as in "2026-11-20T21:04:05Z". Use this as a context manager.

    Raises:
        HistoryError: if the file cannot be used, or has no such poll.
    """

    def __init__(self, path: str, as_of: str | None = None) -> None:
        self.path = path
        self.as_of = as_of
        self.connection = open_readonly(path)
        try:
            ((self.last_poll, self.first_time),) = self._ask(FIND_LAST, as_of or FOR_EVER)
            if self.last_poll is None:
                raise self._explain_nothing(as_of)
            self.polls = [PastPoll(*row) for row in self._ask(LOAD_POLLS, self.last_poll)]
        except HistoryError:
            self.connection.close()
            raise
        self.time = self.polls[-1].started_at
        # What was written later than that was not known then; but of now everything is known,
        # whatever the clocks of two machines say.
        self.until = self.time if as_of else FOR_EVER

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _exc: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.connection.close()

    def stories(self, list_name: str) -> list[dict[str, Any]]:
        """
        Return each story with its last count, and its last rank on this list.
        """
        values = {"poll": self.last_poll, "time": self.time, "list": list_name}
        return self._ask(LOAD_STORIES, row_factory=as_dict, **values)

    def growth(self, story_id: int) -> list[Point]:
        """
        Return the comments of a story by the times at which they were written.

        Where a file has figures only (`--full-walk`), return what each poll counted.
        """
        times = [at for (at,) in self._ask(LOAD_COMMENT_TIMES, story_id, self.until)]
        if not times:
            return self._ask(LOAD_COUNTS, story_id, self.last_poll)
        # A story that could never be read has no time.
        born = min(times[0], self._ask(LOAD_BIRTH, story_id)[0][0] or times[0])
        return [(born, 0), *((at, number) for number, at in enumerate(times, start=1))]

    def ranks(self, story_id: int, list_name: str) -> list[Rank]:
        """
        Return since when a story had which rank on this list; None once it has left it.
        """
        return self._ask(LOAD_RANKS, story_id, self.last_poll, list_name)

    def newest(self, story_id: int, most: int) -> list[tuple[int, int, str | None, int | None]]:
        """
        Return the newest live comments: id, parent, author and time.
        """
        return self._ask(LOAD_NEWEST, story_id, self.until, most)

    def lately(self) -> dict[int, tuple[int, int]]:
        """
        Return for each story how many comments were written in the last day, and hour.
        """
        return {story: (day, hour) for story, day, hour in self._ask(COUNT_LATELY, time=self.time)}

    def removals_by_hour(self) -> list[tuple[int, int, int, int]]:
        """
        Return for each hour (since 1970) how many comments died, were deleted, and came back.
        """
        return self._ask(LOAD_REMOVALS_BY_HOUR, until=self.as_of or FOR_EVER)

    def removals_by_story(self, most: int) -> list[dict[str, Any]]:
        """
        Return the stories with most removals.
        """
        values = {"until": self.as_of or FOR_EVER, "most": most}
        return self._ask(LOAD_REMOVALS_BY_STORY, row_factory=as_dict, **values)

    def digest(self) -> tuple[str, bool]:
        """
        Return the SHA-256 of the file, and whether its log (FILE-wal) is read after it.

        There is a log while another process writes, or after one was killed.

        Raises:
            HistoryError: if the file cannot be read any more.
        """
        sha256 = hashlib.sha256()
        log = Path(f"{self.path}-wal")
        has_log = log.exists() and log.stat().st_size > 0
        try:
            for file in (Path(self.path), log) if has_log else (Path(self.path),):
                with file.open("rb") as opened:
                    while chunk := opened.read(1 << 20):
                        sha256.update(chunk)
        except OSError as exc:
            problem = f"cannot be read ({exc.strerror})"
            raise HistoryError(self.path, problem, "check its name and permissions") from exc
        return sha256.hexdigest(), has_log

    def _ask(
        self,
        sql: str,
        *values: object,
        row_factory: Callable[[sqlite3.Cursor, tuple[Any, ...]], Any] | None = None,
        **named: object,
    ) -> list[Any]:
        """
        Return all rows of an answer.

        Raises:
            HistoryError: if the file turns out to be damaged.
        """
        try:
            cursor = self.connection.cursor()
            cursor.row_factory = row_factory
            return cursor.execute(sql, named or values).fetchall()
        except DATABASE_ERRORS as exc:
            raise explain(self.path, exc) from exc

    def _explain_nothing(self, as_of: str | None) -> HistoryError:
        ((_, first),) = self._ask(FIND_LAST, FOR_EVER)
        if first is None:
            return HistoryError(self.path, "has no poll yet", "have hn-comments --history write it")
        return HistoryError(
            self.path, f"has no poll before {as_of}", f"the first one began at {first}"
        )


def read_story(
    path: str, story_id: int, list_name: str, *, newest: int
) -> tuple[Growth, Sequence[Rank]] | None:
    """
    Return how a story grew, with so many *newest* comments, and its ranks; None for an unknown one.

    This reads nothing of the other stories and polls, while somebody else writes the file.

    Raises:
        HistoryError: if the file cannot be read.
    """
    try:
        # All queries see one moment.
        with closing(connect_readonly(path)) as connection:
            ask = connection.execute
            story = ask(LOAD_BIRTH, (story_id,)).fetchone()
            if story is None:
                return None
            (last_poll, _) = ask(FIND_LAST, (FOR_EVER,)).fetchone()
            growth = Growth(
                born=story[0],
                written=tuple(time for (time,) in ask(LOAD_COMMENT_TIMES, (story_id, FOR_EVER))),
                newest=tuple(
                    Item(id=item_id, by=by, time=time)
                    for item_id, _, by, time in ask(LOAD_NEWEST, (story_id, FOR_EVER, newest))
                ),
            )
            return growth, ask(LOAD_RANKS, (story_id, last_poll, list_name)).fetchall()
    except DATABASE_ERRORS as exc:
        raise explain(path, exc) from exc


def as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return {name: value for (name, *_), value in zip(cursor.description, row, strict=True)}
