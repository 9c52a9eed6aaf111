"""
A notice in words, as a person wants to read it in a mail or on a phone; and as JSON.

And what it is when a receiver does not take it.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from ..models import Comment, Crossing, Notice, utc_time
from ..plaintext import clean, plain_title


# Lines of a comment, and comments, in one message at most: it is read on a phone.
MAX_LINES, MAX_COMMENTS = 4, 20

# Characters of a line at most.
MAX_LINE = 300

# Seconds that a receiver has for one message.
SECONDS_TO_TAKE = 30.0


class NotTaken(Exception):
    """
    A receiver did not take a message, for this reason.
    """


@dataclass(frozen=True, slots=True)
class Message:
    """
    A *title* of one line, and the text below it.
    """

    title: str
    body: str


def word(notice: Notice, *, room: int = sys.maxsize) -> Message:
    """
    Return what to say of all that a notice has, in *room* characters.
    """
    posts: dict[int, list[Crossing]] = {}
    for crossing in notice.crossings:
        posts.setdefault(crossing.story, []).append(crossing)
    parts = [*map(word_crossings, posts.values()), *word_comments(notice.comments)]
    title = title_of(notice)
    return Message(title, join_what_fits(parts, room - len(title)))


def join_what_fits(parts: Sequence[str], room: int) -> str:
    """
    Return the first of *parts* that have room, and how many more there are.
    """
    # Each is followed by an empty line; the last line needs some 20 characters.
    ends = [*accumulate(len(part) + 2 for part in parts)]
    kept = len(parts) if ends[-1] <= room else sum(end + 20 <= room for end in ends)
    more = [f"and {len(parts) - kept} more"] if kept < len(parts) else []
    return "\n\n".join([*parts[:kept], *more])


def title_of(notice: Notice) -> str:
    """
    Return the most important thing in a line.
    """
    crossings, comments = notice.crossings, notice.comments
    posts = len({crossing.story for crossing in crossings})
    if posts == 1 and not comments:
        return shorten(
            f"{word_count(crossings[0])}: {word_title(crossings[0].title, crossings[0].story)}"
        )
    facts = []
    if posts:
        facts.append("1 discussion grows" if posts == 1 else f"{posts} discussions grow")
    if comments:
        facts.append("1 new comment" if len(comments) == 1 else f"{len(comments)} new comments")
    return f"Hacker News: {', '.join(facts)}"


def word_crossings(crossings: list[Crossing]) -> str:
    """
    Return title, figures and link of a post that reached one threshold or more.
    """
    last = crossings[-1]
    title = shorten(word_title(last.title, last.story))
    # Growth in an hour can have been told again meanwhile.
    thresholds = dict.fromkeys(crossing.threshold for crossing in crossings)
    which = "threshold" if len(thresholds) == 1 else "thresholds"
    return f"{title}\n{word_count(last)} ({which} {', '.join(thresholds)})\n{last.link}"


def word_comments(comments: tuple[Comment, ...]) -> list[str]:
    """
    Return author, first lines and link of each new comment, the latest ones if there are many.
    """
    told = [*map(word_comment, comments[-MAX_COMMENTS:])]
    if len(comments) > MAX_COMMENTS:
        told.insert(0, f"The last {MAX_COMMENTS} of {len(comments)} new comments:")
    return told


def word_comment(comment: Comment) -> str:
    author = clean(comment.item.by or "(nobody)")
    place = f"on {word_title(comment.title, comment.story)}"
    if comment.parent_by and comment.item.parent != comment.story:
        place = f"to {clean(comment.parent_by)} {place}"
    lines = [line for line in comment.text.splitlines() if line.strip()]
    more = ["..."] if len(lines) > MAX_LINES else []
    text = [shorten(line) for line in lines[:MAX_LINES]]
    return "\n".join([shorten(f"{author} {place}:"), *text, *more, comment.link])


def word_count(crossing: Crossing) -> str:
    """
    Return how many comments there are, and how many of the last hour.
    """
    growth = "" if crossing.last_hour is None else f", {crossing.last_hour} in the last hour"
    return f"{crossing.comments} comments{growth}"


def word_title(title: str | None, post_id: int) -> str:
    """
    Return the title of a post as people read it, or its number.
    """
    return plain_title(title or f"post {post_id}")


def shorten(line: str) -> str:
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 3]}..."


def collect_facts(notice: Notice) -> dict[str, Any]:
    """
    Return what a notice says, for JSON.
    """
    return {
        "time": utc_time(notice.time),
        "crossings": [*map(crossing_facts, notice.crossings)],
        "comments": [*map(comment_facts, notice.comments)],
    }


def crossing_facts(crossing: Crossing) -> dict[str, Any]:
    return {
        "story": crossing.story,
        "title": crossing.title,
        "threshold": crossing.threshold,
        "comments": crossing.comments,
        "last_hour": crossing.last_hour,
        "link": crossing.link,
    }


def comment_facts(comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.item.id,
        "story": comment.story,
        "parent": comment.item.parent,
        "by": comment.item.by,
        "text": comment.text,
        "link": comment.link,
    }
