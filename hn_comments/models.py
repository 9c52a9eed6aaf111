"""
The values that travel between the modules. All are frozen; behaviour is elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Literal, Self


if TYPE_CHECKING:
    from .settings import SourceName


Status = Literal["exact", "partial", "failed"]


class State(Enum):
    """
    What is known of an item, by the names that the history file has for it.
    """

    UNREAD = "unread"
    LIVE = "live"
    DELETED = "deleted"
    DEAD = "dead"
    # The API answers `null`.
    MISSING = "missing"

    # Each is itself only. Enum's own, in Python, is called for every item a few times.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """
    An item of the API, checked. Absent fields, and those of a wrong type, are None.

    *time* is in seconds since 1970, in UTC; *text* is HTML, as the API gives it.
    """

    id: int
    type: str | None = None
    time: int | None = None
    kids: tuple[int, ...] = ()
    parent: int | None = None
    deleted: bool = False
    dead: bool = False
    by: str | None = None
    title: str | None = None
    text: str | None = None
    url: str | None = None
    score: int | None = None
    descendants: int | None = None

    def is_by(self, by: str | None, time: int | None) -> bool:
        """
        Return whether this can be the item that was by this author, at this time.

        Neither ever changes (https://github.com/HackerNews/API), but a deleted item has no author.
        """
        return (time in {None, self.time} or self.time is None) and (
            by in {None, self.by} or self.by is None
        )

    @property
    def state(self) -> State:
        """
        Whether it is live. One that is both deleted and dead is deleted.
        """
        if self.deleted:
            return State.DELETED
        return State.DEAD if self.dead else State.LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """
    What a walk found: comments by kind, and how many subtrees it could not read.

    The first of the reasons is kept, so that a count of any size stays small.
    """

    live: int = 0
    deleted: int = 0
    dead: int = 0
    missing: int = 0
    unread: int = 0
    reason: str | None = None

    @classmethod
    def total(cls, counts: Iterable[Self]) -> Self:
        """
        Return the sum of *counts*, with the first reason among them.
        """
        live = deleted = dead = missing = unread = 0
        reason = None
        for count in counts:
            live += count.live
            deleted += count.deleted
            dead += count.dead
            missing += count.missing
            unread += count.unread
            reason = reason or count.reason
        return cls(
            live=live, deleted=deleted, dead=dead, missing=missing, unread=unread, reason=reason
        )

    @property
    def comments(self) -> int:
        """
        Every comment reached; a lower bound if the count is not exact.
        """
        return self.live + self.deleted + self.dead + self.missing

    @property
    def exact(self) -> bool:
        return not self.unread

    @property
    def error(self) -> str | None:
        """
        Why the count is not exact, in one sentence.
        """
        if self.unread > 1:
            return f"{self.reason} (and {self.unread - 1} more)"
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PostReport:
    """
    What one poll found out about one post. *count* is None where the post was unreadable.

    *rank* is None for a post that has left the list. *new* is counted from what was last told;
    *shown* says whether this is told, and not left out as the settings ask. *disputed* says that
    Hacker News' own number differs from an exact count, and that this is not just a moment's
    delay. *last_hour* is how many of the comments were written in the hour before the poll,
    *hours* how many in each hour since the post was (the last 48 at most, the newest last; only
    with `Settings.live`).
    """

    rank: int | None
    id: int
    item: Item | None
    count: Count | None
    new: int | None
    error: str | None
    shown: bool = True
    disputed: bool = False
    last_hour: int | None = None
    hours: tuple[int, ...] = ()

    @property
    def status(self) -> Status:
        if self.count is None:
            return "failed"
        return "exact" if self.count.exact else "partial"

    @property
    def unfinished(self) -> bool:
        return self.count is None and self.error is None

    @property
    def exact_comments(self) -> int | None:
        """
        How many comments there are, if that is known exactly.
        """
        return self.count.comments if self.count and self.count.exact else None

    @property
    def state(self) -> State | None:
        """
        What the post itself is: live, dead or deleted; None if it could never be read.
        """
        return self.item.state if self.item else None

    @property
    def link(self) -> str:
        return link(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """
    A comment that is told: the *item*, and where it was written.

    *story* is the post that was polled, *title* its title as HTML. *parent_by* wrote the comment
    that this replies to, and *parent_text* is the first line of that, where it is known. It is
    *new* since the last poll, or the reader is told besides what an earlier one found.
    """

    item: Item
    story: int
    title: str | None
    parent_by: str | None
    parent_text: str | None = None
    new: bool = True

    @property
    def link(self) -> str:
        return link(self.item.id)

    @property
    def text(self) -> str:
        """
        What it says, as plain text with a blank line between paragraphs.
        """
        # Imported here because --help need not wait for its patterns.
        from .plaintext import plain_text

        return plain_text(self.item.text or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """
    A post that reached a *threshold*: "300" comments, or "60/h", so many in an hour.

    *comments* and *last_hour* are what was counted then, *title* is HTML.
    """

    story: int
    title: str | None
    threshold: str
    comments: int
    last_hour: int | None

    @property
    def link(self) -> str:
        return link(self.story)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """
    What one poll has for those who want to be told: thresholds that were reached, and comments.

    *time* is when the poll started, in UTC.
    """

    time: datetime
    crossings: tuple[Crossing, ...] = ()
    comments: tuple[Comment, ...] = ()


# The error of a poll that was stopped, by a signal or with the program.
INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """
    What one poll found out.

    *started* is in UTC, *seconds* the poll's length, *skipped* the ticks skipped since the
    program started. *mode* says whether everything was read or only what changed, *changed*
    how many comments are new or changed, *drift* by how many comments the posts that were
    walked again differed from what was remembered, *refused* how many requests the server
    refused. *comments* are the new ones, oldest first, if the settings ask for them, and
    *crossings* the posts that reached a threshold of theirs. *error* says why the poll failed or
    ended early. *source* is what carried its requests when it ended.
    """

    poll: int
    started: datetime
    list: str
    seconds: float
    fetches: int
    retries: int
    stories: tuple[PostReport, ...]
    skipped: int
    mode: Literal["full", "delta"]
    changed: int
    drift: int
    failed: bool
    error: str | None
    refused: int = 0
    comments: tuple[Comment, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    source: "SourceName" = "http"

    @property
    def status(self) -> Status:
        found = {story.status for story in self.stories}
        if self.failed or found == {"failed"}:
            return "failed"
        return "exact" if self.error is None and found <= {"exact"} else "partial"

    @property
    def news(self) -> int:
        """
        How many counts and comments there are in it that were not told before.
        """
        return sum(story.shown and story.new != 0 for story in self.stories) + len(self.comments)

    @property
    def errors(self) -> tuple[str, ...]:
        """
        What could not be read, each with its reason.
        """
        whole = (self.error,) if self.error else ()
        return (
            *whole,
            *(f"post {story.id}: {story.error}" for story in self.stories if story.error),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """
    How far a poll that still runs has come.

    *comments* is how many need not be read (any more), *expected* how many there are in all,
    *seconds* how long the poll has been at it, *seconds_left* how long it takes from here, None
    where that cannot be said. *stories* are the posts that were read; some are unfinished.
    """

    poll: int
    posts: int
    posts_done: int
    comments: int
    expected: int | None
    fetches: int
    seconds: float
    seconds_left: float | None = None
    stories: tuple[PostReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """
    Requests *in_flight* now, and the *rate* a second that the server was found to allow, if any.
    """

    in_flight: int
    rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """
    How a discussion grew: when the post was *born*, and when each comment was *written*.

    Times are in seconds since 1970. *newest* are the last live comments, the newest first; what
    is remembered of each is its author and its time.
    """

    born: int | None
    written: tuple[int, ...]
    newest: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class PollError:
    """
    A failed poll, in the list of errors: its task's name and the message, no traceback.
    """

    poll: str
    message: str


def link(item_id: int) -> str:
    """
    Return the page of an item.
    """
    return f"https://news.ycombinator.com/item?id={item_id}"


def utc_time(moment: datetime) -> str:
    """
    Return *moment*, which is in UTC, as in "2026-11-20T21:04:05Z" (ISO 8601).
    """
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"
