"""
A notice in words, as a person wants to read it in a mail or on a phone; and as JSON.
"""

from dataclasses import dataclass
from typing import Any

from ..models import Comment, Crossing, Notice, utc_time
from ..plaintext import clean, plain_title


# Lines of a comment, and comments, in one message at most: it is read on a phone.
MAX_LINES, MAX_COMMENTS = 4, 20

# Characters of a line at most.
MAX_LINE = 300


@dataclass(frozen=True, slots=True)
class Message:
    """
    A *title* of one line, and the text below it.
    """

    title: str
    body: str


def word(notice: Notice) -> Message:
    """
    Return what to say of all that a notice has.
    """
    parts = [*map(word_crossing, notice.crossings), *word_comments(notice.comments)]
    return Message(title_of(notice), "\n\n".join(parts))


def title_of(notice: Notice) -> str:
    """
    Return the most important thing in a line.
    """
    crossings, comments = notice.crossings, notice.comments
    if len(crossings) == 1 and not comments:
        (crossing,) = crossings
        return shorten(f"{count(crossing)}: {name(crossing.title, crossing.story)}")
    facts = []
    if crossings:
        posts = len({crossing.story for crossing in crossings})
        facts.append("1 discussion grows" if posts == 1 else f"{posts} discussions grow")
    if comments:
        facts.append("1 new comment" if len(comments) == 1 else f"{len(comments)} new comments")
    return f"Hacker News: {', '.join(facts)}"


def word_crossing(crossing: Crossing) -> str:
    """
    Return title, figures and link of a post that reached a threshold.
    """
    title = shorten(name(crossing.title, crossing.story))
    return f"{title}\n{count(crossing)} (threshold {crossing.threshold})\n{crossing.link}"


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
    place = f"on {name(comment.title, comment.story)}"
    if comment.parent_by and comment.item.parent != comment.story:
        place = f"to {clean(comment.parent_by)} {place}"
    lines = [line for line in comment.text.splitlines() if line.strip()]
    more = ["..."] if len(lines) > MAX_LINES else []
    text = [shorten(line) for line in lines[:MAX_LINES]]
    return "\n".join([shorten(f"{author} {place}:"), *text, *more, comment.link])


def count(crossing: Crossing) -> str:
    """
    Return how many comments there are, and how many of the last hour.
    """
    growth = "" if crossing.last_hour is None else f", {crossing.last_hour} in the last hour"
    return f"{crossing.comments} comments{growth}"


def name(title: str | None, post_id: int) -> str:
    """
    Return the title of a post as people read it, or its number.
    """
    return plain_title(title or f"post {post_id}")


def shorten(line: str) -> str:
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 3]}..."


def facts(notice: Notice) -> dict[str, Any]:
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
