"""Events in words, and how loud each is said."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from hn_comments.command.trial import SAMPLE
from hn_comments.events import (
    AlreadyAbove,
    Event,
    HistoryMoved,
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
from hn_comments.models import Notice
from hn_comments.output.sentences import say

from .reports import report


DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR

# The ends of long sentences.
KEPT = "the history until now is kept in h.db.1"
GOING_ON = "going on with what is there now, or with a new file"
FACTS = "71, 12 of them in the last hour"
NOT_IN_IT = "what is reported now is not in it until a later poll can write it"


@pytest.mark.parametrize(
    ("event", "level", "sentence"),
    [
        (
            WorldChanged(reason="item 7 is not what it was"),
            WARNING,
            "The API is not what it was (item 7 is not what it was): reading everything anew",
        ),
        (
            WorldChanged(reason="oops", kept="h.db.1"),
            WARNING,
            "The API is not what it was (oops): reading everything anew; " + KEPT,
        ),
        (
            MemoryDropped(path="h.db", post=None, reason="oops"),
            WARNING,
            "What h.db remembers contradicts itself (oops): reading it anew",
        ),
        (
            MemoryDropped(path="h.db", post=7, reason="oops"),
            WARNING,
            "What h.db remembers of post 7 contradicts itself (oops): reading it anew",
        ),
        (
            PollsLost(path="h.db", polls=3),
            WARNING,
            "h.db lacks 3 polls: it could not be written",
        ),
        (
            HistoryMoved(path="h.db"),
            WARNING,
            "h.db was moved, replaced or deleted: " + GOING_ON,
        ),
        (
            NotTold(path="h.db", news=1),
            ERROR,
            "1 piece of news has reached nobody; the next run with h.db tells them",
        ),
        (
            NotTold(path="h.db", news=2),
            ERROR,
            "2 pieces of news have reached nobody; the next run with h.db tells them",
        ),
        (
            AlreadyAbove(threshold="100", posts=1),
            INFO,
            "Threshold 100 is new: 1 post is above it already, no news",
        ),
        (
            AlreadyAbove(threshold="9/h", posts=2),
            INFO,
            "Threshold 9/h is new: 2 posts are above it already, no news",
        ),
        (NoticeTaken(receiver="ntfy://..."), DEBUG, "ntfy://... took a notice"),
        (Serving(url="http://x/", chosen=False), INFO, "Serving http://x/"),
        (Serving(url="http://x/", chosen=True), WARNING, "Serving http://x/"),
        (TaskFailed(task="heartbeat", reason="oops"), ERROR, "The heartbeat ended: oops"),
        (
            Notice(time=report().started, crossings=(SAMPLE,)),
            WARNING,
            f"Post 8863 has reached 70 comments: {FACTS}  {SAMPLE.title}  {SAMPLE.link}",
        ),
    ],
)
def test_event_has_one_sentence(event: Event, level: int, sentence: str) -> None:
    """With what it is about, in singular and plural."""
    assert [*say(event)] == [(level, sentence)]


@pytest.mark.parametrize(
    ("values", "level", "sentences"),
    [
        ({"list": "top", "posts": 5}, INFO, ["Calculating comments for top 5 stories. (2)"]),
        ({"list": "posts", "posts": 1}, INFO, ["Calculating comments for 1 post. (2)"]),
        (
            {"list": "posts", "posts": 3, "wait": 90.0, "failures": 1},
            DEBUG,
            ["Calculating comments for 3 posts. (2)", "Waiting for 90 seconds..."],
        ),
    ],
)
def test_begin_of_a_poll(values: dict[str, Any], level: int, sentences: list[str]) -> None:
    """After failures it is said only to those who want it all."""
    assert [*say(PollBegan(poll=2, **values))] == [(level, sentence) for sentence in sentences]


@pytest.mark.parametrize(
    ("trouble", "level", "beginning", "end"),
    [
        (
            Trouble(kind="polls", reason="oops", poll="poll 3", count=1, seconds=7200),
            ERROR,
            "Poll 3 failed: oops",
            "The API answers again, after 1 failed poll in 2 hours",
        ),
        (
            Trouble(kind="polls", reason="oops", count=2, seconds=7200, next_in=8.0),
            ERROR,
            "A poll failed: oops (next poll in 8 seconds)",
            "The API answers again, after 2 failed polls in 2 hours",
        ),
        (
            Trouble(kind="ticks", reason="2 polls are still running", count=4),
            WARNING,
            "Skipped a poll, 2 polls are still running (4 skipped so far)",
            "Polls start on time again (4 skipped so far)",
        ),
        (
            Trouble(kind="updates", reason="HTTP 500", count=2),
            WARNING,
            "Cannot see which items changed: HTTP 500",
            "What changed can be seen again, after 2 polls without",
        ),
        (
            Trouble(kind="history", reason="disk full", subject="h.db"),
            WARNING,
            "Cannot write to h.db: disk full; " + NOT_IN_IT,
            "h.db can be written again: it has the poll that was not in it",
        ),
        (
            Trouble(kind="history", reason="disk full", subject="h.db", count=7),
            WARNING,
            "Cannot write to h.db: disk full; " + NOT_IN_IT,
            "h.db can be written again: it has the 7 polls that were not in it",
        ),
        (
            Trouble(kind="descendants", reason="counted 5, not 7", subject=8863),
            INFO,
            "Post 8863: counted 5, not 7",
            "Post 8863: Hacker News now says what was counted",
        ),
        (
            Trouble(kind="receiver", reason="HTTP 500", subject="x", seconds=7200, next_in=1.0),
            WARNING,
            "Cannot tell x: HTTP 500 (it is tried again)",
            "x takes notices again, after 2 hours",
        ),
        (
            Trouble(kind="receiver", reason="HTTP 500", subject="x", seconds=1),
            WARNING,
            "Cannot tell x: HTTP 500",
            "x takes notices again, after 1 second",
        ),
        (
            Trouble(kind="heartbeat", reason="HTTP 500", subject="x"),
            WARNING,
            "The heartbeat is not heard at x: HTTP 500",
            "The heartbeat is heard again at x",
        ),
        (
            Trouble(kind="metrics", reason="no space", subject="x.prom"),
            WARNING,
            "Cannot write x.prom: no space (it is tried again)",
            "x.prom can be written again",
        ),
    ],
)
def test_trouble_is_said_when_it_begins_and_ends(
    trouble: Trouble, level: int, beginning: str, end: str
) -> None:
    """Between, it is said to those who want it all; the end is no louder than a warning."""
    goes_on, over = replace(trouble, first=False), replace(trouble, first=False, over=True)

    assert [*say(trouble)] == [(level, beginning)]
    assert [*say(goes_on)] == [(DEBUG, beginning)]
    assert [*say(over)] == [(min(level, WARNING), end)]
