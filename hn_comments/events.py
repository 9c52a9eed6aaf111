"""
What the engine says besides its reports: values, which `output` puts into words.

Nothing here writes. An event is told by calling a function with it, in the event loop's thread;
who listens must not block.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from .models import Notice


# What can go wrong again and again: polls fail, ticks have no poll, `updates` cannot be read, the
# history file cannot be written, Hacker News' own number of a post is not what was counted, a
# receiver does not take notices, the heartbeat is not heard, the metrics file cannot be written,
# there is no socket.
Kind = Literal[
    "polls",
    "ticks",
    "updates",
    "history",
    "descendants",
    "receiver",
    "heartbeat",
    "metrics",
    "socket",
]

# Troubles that are remembered at once: twice as many as a list has stories.
MAX_TROUBLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PollBegan:
    """
    A poll was launched, of at most *posts* posts of a *list* ("posts" if the user named them).

    The next one is due *wait* seconds later; None if this is the last one. *failures* are the
    failed polls in a row before it, also those of earlier runs with the same history.
    """

    poll: int
    list: str
    posts: int
    wait: float | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """
    Something went wrong for the *count*-th time in a row, or is *over* after so many times.

    *first* says that this is how it began. *subject* is the post or the file concerned, *seconds*
    how long it has lasted. Of failed polls *poll* is the last one's name. *next_in* are the seconds
    until the next poll, or until a receiver is tried again, if that is to be. `output` says the
    first time and the end.
    """

    kind: Kind
    reason: str
    subject: int | str | None = None
    count: int = 1
    first: bool = True
    seconds: float = 0.0
    poll: str | None = None
    next_in: float | None = None
    over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldChanged:
    """
    The API shows another world than before, for this *reason*: everything is read anew.

    The history of the world before is *kept* in the file of this name, if there was one.
    """

    reason: str
    kept: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryDropped:
    """
    The history file *path* remembers something that cannot be true: it is read anew.

    It is about *post*, or about no post in particular.
    """

    path: str
    post: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PollsLost:
    """
    The history file *path* lacks so many *polls*: it could not be written for too long.
    """

    path: str
    polls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryMoved:
    """
    The history file *path* was moved, replaced or deleted: what is there now is used, or made.
    """

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTold:
    """
    The program ends, and so much *news* (counts and comments) has reached nobody.

    The next run with the history file *path* tells it.
    """

    path: str
    news: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyAbove:
    """
    So many *posts* stood above a *threshold* when it was added to a history: no news.
    """

    threshold: str
    posts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeTaken:
    """
    A *receiver*, whose name shows no password, has taken a notice.
    """

    receiver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """
    The port is open: the page is at this *url*. The system has *chosen* the port, or the user.
    """

    url: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailed:
    """
    A task in the background ended with an error that nobody expected.
    """

    task: str
    reason: str


# A notice is told like any other event. Its receivers get it besides.
Event = (
    PollBegan
    | Trouble
    | WorldChanged
    | MemoryDropped
    | PollsLost
    | HistoryMoved
    | NotTold
    | AlreadyAbove
    | NoticeTaken
    | Serving
    | TaskFailed
    | Notice
)

Tell = Callable[[Event], object]


class Troubles:
    """
    All that goes wrong again and again: each beginning is told, then counted, and its end told.
    """

    def __init__(
        self, tell: Tell = lambda _: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.tell = tell
        self.clock = clock
        self._now: dict[tuple[Kind, int | str | None], tuple[Trouble, float, float]] = {}

    def count(self, kind: Kind, subject: int | str | None = None) -> int:
        """
        Return how often something went wrong in a row; 0 if all is well.
        """
        return self._now[kind, subject][0].count if (kind, subject) in self._now else 0

    def note(
        self,
        kind: Kind,
        reason: str,
        *,
        subject: int | str | None = None,
        times: int = 1,
        poll: str | None = None,
        next_in: float | None = None,
    ) -> None:
        """
        Tell that something went wrong, perhaps not for the first time, or several times at once.
        """
        now = self.clock()
        last, since, _ = self._now.get((kind, subject), (None, now, now))
        trouble = Trouble(
            kind=kind,
            reason=reason,
            subject=subject,
            count=times + (last.count if last else 0),
            first=last is None,
            seconds=now - since,
            poll=poll,
            next_in=next_in,
        )
        self._now[kind, subject] = trouble, since, now
        if len(self._now) > MAX_TROUBLES:
            del self._now[next(iter(self._now))]
        self.tell(trouble)

    def resume(
        self, kind: Kind, *, subject: int | str | None = None, count: int = 1, seconds: float = 0.0
    ) -> None:
        """
        Take up a trouble that an earlier run has told, so many *seconds* ago.
        """
        if (kind, subject) not in self._now:
            trouble = Trouble(kind=kind, reason="", subject=subject, count=count)
            now = self.clock()
            self._now[kind, subject] = trouble, now - seconds, now

    def end(self, kind: Kind, subject: int | str | None = None, *, calm: float = 0.0) -> None:
        """
        Tell that something goes well again, if it went wrong, but not in the last *calm* seconds.
        """
        if (kind, subject) not in self._now:
            return
        trouble, since, latest = self._now[kind, subject]
        if self.clock() - latest >= calm:
            del self._now[kind, subject]
            self.tell(
                replace(trouble, first=False, seconds=self.clock() - since, next_in=None, over=True)
            )
