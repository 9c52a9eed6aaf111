"""
What the engine's events are in words, and how loud they are said.
"""

import logging
from collections.abc import Iterator

from ..durations import describe_duration
from ..events import (
    Event,
    HistoryMoved,
    MemoryDropped,
    NotTold,
    PollBegan,
    PollsLost,
    Trouble,
    WorldChanged,
)


# A level of `logging`, and a sentence.
Said = tuple[int, str]


def say(event: Event) -> Iterator[Said]:
    """
    Yield what is said of *event*. While a trouble lasts, it is said for those who want it all.
    """
    match event:
        case PollBegan():
            yield from say_begin(event)
        case Trouble(over=True):
            yield loudness(event), say_end(event)
        case Trouble():
            yield (loudness(event) if event.first else logging.DEBUG), say_trouble(event)
        case WorldChanged(reason=reason, kept=kept):
            file = f"; the history until now is kept in {kept}" if kept else ""
            sentence = f"The API is not what it was ({reason}): reading everything anew{file}"
            yield logging.WARNING, sentence
        case MemoryDropped(path=path, post=post, reason=reason):
            about = "" if post is None else f" of post {post}"
            sentence = (
                f"What {path} remembers{about} contradicts itself ({reason}): reading it anew"
            )
            yield logging.WARNING, sentence
        case PollsLost(path=path, polls=polls):
            yield logging.WARNING, f"{path} lacks {polls} polls: it could not be written"
        case HistoryMoved(path=path):
            moved = f"{path} was moved, replaced or deleted"
            yield logging.WARNING, f"{moved}: going on with what is there now, or with a new file"
        case NotTold(path=path, news=news):
            what = "1 piece of news has" if news == 1 else f"{news} pieces of news have"
            yield logging.ERROR, f"{what} reached nobody; the next run with {path} tells them"


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


def loudness(trouble: Trouble) -> int:
    """
    Return how loud the beginning and the end of a trouble are said.
    """
    if trouble.kind == "descendants":
        return logging.INFO
    return logging.ERROR if trouble.kind == "polls" and not trouble.over else logging.WARNING


def say_trouble(trouble: Trouble) -> str:
    """
    Return what goes wrong.
    """
    reason, subject = trouble.reason, trouble.subject
    match trouble.kind:
        case "polls":
            poll, next_in = (trouble.poll or "a poll").capitalize(), trouble.next_in
            later = "" if next_in is None else f" (next poll in {describe_duration(next_in)})"
            return f"{poll} failed: {reason}{later}"
        case "ticks":
            return f"Skipped a poll, {reason} ({trouble.count} skipped so far)"
        case "updates":
            return f"Cannot see which items changed: {reason}"
        case "history":
            return (
                f"Cannot write to {subject}: {reason}; what is reported now is not in it until"
                " a later poll can write it"
            )
        case "descendants":
            return f"Post {subject}: {reason}"


def say_end(trouble: Trouble) -> str:
    """
    Return that something goes well again.
    """
    count = trouble.count
    match trouble.kind:
        case "polls":
            polls = f"{count} failed poll{'s' if count > 1 else ''}"
            return f"The API answers again, after {polls} in {describe_duration(trouble.seconds)}"
        case "ticks":
            return f"Polls start on time again ({count} skipped so far)"
        case "updates":
            return f"What changed can be seen again, after {count} polls without"
        case "history":
            polls = "poll that was" if count == 1 else f"{count} polls that were"
            return f"{trouble.subject} can be written again: it has the {polls} not in it"
        case "descendants":
            return f"Post {trouble.subject}: Hacker News now says what was counted"
