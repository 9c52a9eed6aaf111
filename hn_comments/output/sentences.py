"""
The engine's events in words, and how loud each is said.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from ..durations import describe_duration
from ..events import (
    AlreadyAbove,
    Event,
    HistoryMoved,
    Kind,
    MemoryDropped,
    NoticeTaken,
    NotTold,
    PollBegan,
    PollsLost,
    Serving,
    TaskFailed,
    Trouble,
    WorldChanged,
)
from ..models import Crossing, Notice
from ..plaintext import plain_title
from .formats import MAX_TITLE, cut


# A level of `logging`, and a sentence.
Said = tuple[int, str]


def say(event: Event) -> Iterator[Said]:
    """
    Yield what is said of *event*. While a trouble lasts, it is said for those who want it all.
    """
    yield from SAYINGS[type(event)](event)


def say_begin(event: PollBegan) -> Iterator[Said]:
    """
    Yield that a poll begins, and when the next one does.
    """
    level = logging.DEBUG if event.failures else logging.INFO
    posts = f"{event.list} {event.posts} stories"
    if event.list == "posts":
        posts = "1 post" if event.posts == 1 else f"{event.posts} posts"
    yield level, f"Calculating comments for {posts}. ({event.poll})"
    if event.wait is not None:
        yield level, f"Waiting for {event.wait:g} seconds..."


def say_trouble(trouble: Trouble) -> Iterator[Said]:
    """
    Yield how a trouble begins, goes on, or ends.
    """
    level = LOUDNESS.get(trouble.kind, logging.WARNING)
    if trouble.over:
        yield min(level, logging.WARNING), ENDS[trouble.kind](trouble)
    else:
        yield (level if trouble.first else logging.DEBUG), BEGINNINGS[trouble.kind](trouble)


def say_failed_poll(trouble: Trouble) -> str:
    poll, next_in = (trouble.poll or "a poll").capitalize(), trouble.next_in
    later = "" if next_in is None else f" (next poll in {describe_duration(next_in)})"
    return f"{poll} failed: {trouble.reason}{later}"


def say_recovery(trouble: Trouble) -> str:
    polls = f"{trouble.count} failed poll{'s' if trouble.count > 1 else ''}"
    return f"The API answers again, after {polls} in {describe_duration(trouble.seconds)}"


def say_written(trouble: Trouble) -> str:
    polls = "poll that was" if trouble.count == 1 else f"{trouble.count} polls that were"
    return f"{trouble.subject} can be written again: it has the {polls} not in it"


def say_world(event: WorldChanged) -> Iterator[Said]:
    file = f"; the history until now is kept in {event.kept}" if event.kept else ""
    sentence = f"The API is not what it was ({event.reason}): reading everything anew{file}"
    yield logging.WARNING, sentence


def say_dropped(event: MemoryDropped) -> Iterator[Said]:
    about = "" if event.post is None else f" of post {event.post}"
    memory = f"What {event.path} remembers{about}"
    yield logging.WARNING, f"{memory} contradicts itself ({event.reason}): reading it anew"


def say_lost(event: PollsLost) -> Iterator[Said]:
    yield logging.WARNING, f"{event.path} lacks {event.polls} polls: it could not be written"


def say_moved(event: HistoryMoved) -> Iterator[Said]:
    moved = f"{event.path} was moved, replaced or deleted"
    yield logging.WARNING, f"{moved}: going on with what is there now, or with a new file"


def say_not_told(event: NotTold) -> Iterator[Said]:
    what = "1 piece of news has" if event.news == 1 else f"{event.news} pieces of news have"
    yield logging.ERROR, f"{what} reached nobody; the next run with {event.path} tells them"


def say_above(event: AlreadyAbove) -> Iterator[Said]:
    stand = "1 post is" if event.posts == 1 else f"{event.posts} posts are"
    yield logging.INFO, f"Threshold {event.threshold} is new: {stand} above it already, no news"


def say_taken(event: NoticeTaken) -> Iterator[Said]:
    yield logging.DEBUG, f"{event.receiver} took a notice"


def say_serving(event: Serving) -> Iterator[Said]:
    # Nobody knows a port that the system chose, unless it is said.
    yield (logging.WARNING if event.chosen else logging.INFO), f"Serving {event.url}"


def say_failed_task(event: TaskFailed) -> Iterator[Said]:
    yield logging.ERROR, f"The {event.task} ended: {event.reason}"


def say_notice(notice: Notice) -> Iterator[Said]:
    """
    Yield which posts have reached which thresholds.
    """
    for crossing in notice.crossings:
        yield logging.WARNING, say_crossing(crossing)


def say_crossing(crossing: Crossing) -> str:
    number, _, an_hour = crossing.threshold.partition("/")
    title = cut(plain_title(crossing.title or "(no title)"), MAX_TITLE)
    return (
        f"Post {crossing.story} has reached {number} comments{' in an hour' if an_hour else ''}:"
        f" {crossing.comments}, {crossing.last_hour or 0} of them in the last hour"
        f"  {title}  {crossing.link}"
    )


SAYINGS: dict[type, Callable[[Any], Iterator[Said]]] = {
    PollBegan: say_begin,
    Trouble: say_trouble,
    WorldChanged: say_world,
    MemoryDropped: say_dropped,
    PollsLost: say_lost,
    HistoryMoved: say_moved,
    NotTold: say_not_told,
    AlreadyAbove: say_above,
    NoticeTaken: say_taken,
    Serving: say_serving,
    TaskFailed: say_failed_task,
    Notice: say_notice,
}


def say_whether_again(trouble: Trouble) -> str:
    return "" if trouble.next_in is None else " (it is tried again)"


# How loud a trouble is, if not a warning.
LOUDNESS: dict[Kind, int] = {"polls": logging.ERROR, "descendants": logging.INFO}

# What goes wrong.
BEGINNINGS: dict[Kind, Callable[[Trouble], str]] = {
    "polls": say_failed_poll,
    "ticks": lambda t: f"Skipped a poll, {t.reason} ({t.count} skipped so far)",
    "updates": lambda t: f"Cannot see which items changed: {t.reason}",
    "history": lambda t: (
        f"Cannot write to {t.subject}: {t.reason}; what is reported now is not in it until a later"
        " poll can write it"
    ),
    "descendants": lambda t: f"Post {t.subject}: {t.reason}",
    "receiver": lambda t: f"Cannot tell {t.subject}: {t.reason}{say_whether_again(t)}",
    "heartbeat": lambda t: f"The heartbeat is not heard at {t.subject}: {t.reason}",
    "socket": lambda t: f"Reading over HTTP, without a socket: {t.reason} (it is tried again)",
    "metrics": lambda t: f"Cannot write {t.subject}: {t.reason} (it is tried again)",
}

# What goes well again.
ENDS: dict[Kind, Callable[[Trouble], str]] = {
    "polls": say_recovery,
    "ticks": lambda t: f"Polls start on time again ({t.count} skipped so far)",
    "updates": lambda t: (
        f"What changed can be seen again, after {t.count} poll{'s' if t.count > 1 else ''} without"
    ),
    "history": say_written,
    "descendants": lambda t: f"Post {t.subject}: Hacker News now says what was counted",
    "receiver": lambda t: f"{t.subject} takes notices again, after {describe_duration(t.seconds)}",
    "heartbeat": lambda t: f"The heartbeat is heard again at {t.subject}",
    "socket": lambda t: f"The socket is back, after {describe_duration(t.seconds)}",
    "metrics": lambda t: f"{t.subject} can be written again",
}
