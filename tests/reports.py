"""Reports made by hand, for tests of the output."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from hn_comments import Comment, Count, Item, PollReport, PostReport
from hn_comments.output.terminal import Terminal


# The time of the reports' posts, and seconds from then to the reports.
BORN = 1_700_000_000
AGE = 3 * 3600


def post(number: int, comments: int | None = 30, **fields: Any) -> PostReport:
    """Return an exact post; *comments* None makes it a failed one."""
    values: dict[str, Any] = {
        "rank": number,
        "id": number,
        "item": Item(id=number, type="story", title=f"Title {number}", time=BORN, score=100),
        "count": None if comments is None else Count(live=comments),
        "new": 0,
        "error": "HTTP 500" if comments is None else None,
        "last_hour": 4,
        "hours": (1, 0, 9),
    }
    return PostReport(**{**values, **fields})


def titled(number: int, title: str, **fields: Any) -> PostReport:
    """Return a post with a title."""
    return post(number, item=Item(id=number, title=title, time=BORN), **fields)


def partial(number: int, comments: int, **fields: Any) -> PostReport:
    """Return a post whose count is a lower bound."""
    count = Count(live=comments, unread=1, reason="HTTP 500")
    return post(number, count=count, **{"error": "item/7.json: HTTP 500", **fields})


def report(*stories: PostReport, **fields: Any) -> PollReport:
    """Return a poll that found *stories*."""
    values: dict[str, Any] = {
        "poll": 1,
        "started": datetime.fromtimestamp(BORN + AGE, UTC),
        "list": "top",
        "seconds": 0.25,
        "fetches": 3,
        "retries": 0,
        "stories": stories,
        "skipped": 0,
        "mode": "delta",
        "changed": 0,
        "drift": 0,
        "failed": False,
        "error": None,
    }
    return PollReport(**{**values, **fields})


def comment(number: int, text: str, **fields: Any) -> Comment:
    """Return a new comment on post 1, in reply to bob."""
    item = Item(id=number, type="comment", by="alice", text=text, parent=50)
    values: dict[str, Any] = {"item": item, "story": 1, "title": "Title 1", "parent_by": "bob"}
    return Comment(**{**values, **fields})


@contextmanager
def pseudo_terminal(columns: int = 80, lines: int = 24) -> Iterator[tuple[int, int]]:
    """Yield both ends of a terminal: the user's and the program's."""
    # Windows has no such thing.
    termios = pytest.importorskip("termios")
    user, program = os.openpty()
    try:
        termios.tcsetwinsize(program, (lines, columns))
        yield user, program
    finally:
        os.close(user)
        os.close(program)


def terminal(fd: int = -1, **fields: Any) -> Terminal:
    """Return a terminal that shows plain text, unless *fields* say otherwise."""
    return Terminal(fd=fd, **{"colour": False, "control": False, **fields})
