"""
Turn reports into text lines, JSON Lines or CSV. Nothing here prints.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from ..durations import describe_duration
from ..models import Comment, Item, PollReport, PostReport, State, utc_time
from ..plaintext import clean, plain_title
from ..settings import Settings


STORY_FIELDS = (
    "poll", "time", "list", "rank", "id", "title", "by", "url", "score", "comments", "live",
    "deleted", "dead", "missing", "descendants", "new", "status", "error", "kind",
    "created", "link", "last_hour", "state",
)  # fmt: skip

COMMENT_FIELDS = (
    "poll", "time", "id", "story", "parent", "by", "created", "text", "link", "parent_by",
    "parent_text",
)  # fmt: skip

# States of a post that people are told, as the site does.
GONE = {State.DEAD, State.DELETED}

# Characters of a title in a line of text. Hacker News allows 80.
MAX_TITLE = 300

# Characters of a reason, whose beginning says the most.
MAX_REASON = 200

# Before each line of a comment's text, which could pass for a line of ours without it.
INDENT = "    "


def cut(text: str, most: int) -> str:
    """
    Return *text*, cleaned, in at most *most* characters.
    """
    text = clean(text)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def format_header(settings: Settings) -> Iterator[str]:
    """
    Yield the lines before the first report.
    """
    if settings.format == "csv":
        yield ",".join(STORY_FIELDS)


def format_report(report: PollReport, settings: Settings) -> Iterator[str]:
    """
    Yield the lines for *report* in the format that *settings* ask for.
    """
    stories = [story for story in report.stories if story.shown]
    comments = report.comments if settings.comments else ()
    if settings.format == "text":
        yield from _text_lines(report, stories, comments)
    elif settings.format == "csv":
        for story in stories:
            fields = story_fields(report, story)
            yield _csv_line(fields[name] for name in STORY_FIELDS)
    else:
        for story in stories:
            yield json.dumps({"type": "story", **story_fields(report, story)})
        for comment in comments:
            yield json.dumps({"type": "comment", **comment_fields(report, comment)})
        if report.news or not settings.leaves_out:
            yield json.dumps({"type": "poll", **poll_fields(report)})


def _text_lines(
    report: PollReport, stories: Iterable[PostReport], comments: Iterable[Comment]
) -> Iterator[str]:
    now = datetime.now().astimezone()
    for story in stories:
        yield f"[{now:%H:%M:%S}] {format_post(report.poll, story)}"
    for comment in comments:
        yield f"[{now:%H:%M:%S}] {format_comment(comment, now)}"
        if comment.parent_text:
            yield f"{INDENT}> {cut(comment.parent_text, MAX_TITLE)}"
        for line in comment.text.splitlines():
            yield f"{INDENT}{clean(line)}".rstrip()


def format_post(poll: int, story: PostReport) -> str:
    """
    Return the result of *poll* for one post, in a sentence.
    """
    reason = cut(story.error or "", MAX_REASON)
    if story.count is None:
        return f"Post {story.id} could not be counted ({poll}): {reason}"
    title = cut(title_of(story, "(no title)"), MAX_TITLE)
    if story.status == "partial":
        return (
            f"Post {story.id} has at least {story.count.comments} comments ({poll})"
            f"  {title}: {reason}"
        )
    new = f"  {story.new:+d}" if story.new else ""
    return f"Post {story.id} has {story.count.comments} comments ({poll}){new}  {title}"


def title_of(story: PostReport, untitled: str) -> str:
    """
    Return the title as people read it, or *untitled*; that of a dead or deleted post says so.
    """
    title = plain_title((story.item and story.item.title) or untitled)
    return f"[{story.state.value}] {title}" if story.state in GONE else title


def format_comment(comment: Comment, now: datetime) -> str:
    """
    Return who wrote a comment, how long ago, where, and where to read it.
    """
    item = comment.item
    by = cut(item.by or "(nobody)", MAX_TITLE)
    title = cut(plain_title(comment.title or "(no title)"), MAX_TITLE)
    reply = ""
    if item.parent != comment.story and comment.parent_by:
        reply = f" in reply to {cut(comment.parent_by, MAX_TITLE)}"
    author = f"Comment {item.id} by {by}{format_age(item, now)}{reply}"
    return f"{author} on post {comment.story}  {title}  {comment.link}"


def format_age(item: Item, now: datetime, *, short: bool = False) -> str:
    """
    Return how long ago *item* was written, as in ", 2 minutes ago", if that is known.
    """
    if item.time is None:
        return ""
    age = max(now.timestamp() - item.time, 0.0)
    return f", {describe_duration(age, short=short)} ago"


def format_cost(report: PollReport) -> str:
    """
    Return the cost of a poll, in a sentence.
    """
    refused = f", {report.refused} refused" if report.refused else ""
    return (
        f"> Calculating comments took {report.seconds:.2f} seconds and {report.fetches} fetches"
        f"{refused}"
    )


def story_fields(report: PollReport, story: PostReport) -> dict[str, Any]:
    """
    Return `STORY_FIELDS` of one post; unknown ones are None.
    """
    fields: dict[str, Any] = dict.fromkeys(STORY_FIELDS)
    fields.update(
        poll=report.poll,
        time=utc_time(report.started),
        list=report.list,
        rank=story.rank,
        id=story.id,
        new=story.new,
        status=story.status,
        error=cut(story.error, MAX_REASON) if story.error else None,
        link=story.link,
        last_hour=story.last_hour,
        state=story.state.value if story.state else None,
    )
    if story.item is not None:
        item = story.item
        for name, text in (
            ("title", item.title),
            ("by", item.by),
            ("url", item.url),
            ("kind", item.type),
        ):
            fields[name] = clean(text) if text is not None else None
        fields.update(score=item.score, descendants=item.descendants)
        fields["created"] = created(item)
    if story.count is not None:
        for name in ("comments", "live", "deleted", "dead", "missing"):
            fields[name] = getattr(story.count, name)
    return fields


def comment_fields(report: PollReport, comment: Comment) -> dict[str, Any]:
    """
    Return `COMMENT_FIELDS` of one comment; unknown ones are None.
    """
    item = comment.item
    return {
        "poll": report.poll,
        "time": utc_time(report.started),
        "id": item.id,
        "story": comment.story,
        "parent": item.parent,
        "by": clean(item.by) if item.by is not None else None,
        "created": created(item),
        "text": comment.text if item.text is not None else None,
        "link": comment.link,
        "parent_by": clean(comment.parent_by) if comment.parent_by is not None else None,
        "parent_text": comment.parent_text,
    }


def poll_fields(report: PollReport) -> dict[str, Any]:
    """
    Return the fields of the line that ends a poll.
    """
    return {
        "poll": report.poll,
        "time": utc_time(report.started),
        "list": report.list,
        "seconds": round(report.seconds, 3),
        "fetches": report.fetches,
        "retries": report.retries,
        "stories": len(report.stories),
        "skipped": report.skipped,
        "mode": report.mode,
        "changed": report.changed,
        "drift": report.drift,
        "status": report.status,
        "errors": [cut(error, MAX_REASON) for error in report.errors],
        "refused": report.refused,
        "source": report.source,
    }


def created(item: Item) -> str | None:
    """
    Return when *item* was written; None if that is unknown.
    """
    return None if item.time is None else utc_time(datetime.fromtimestamp(item.time, UTC))


def _csv_line(values: Iterable[object]) -> str:
    """
    Return a line of CSV, in which text is always quoted.
    """
    # DuckDB decides by the first lines whether there are quotes at all.
    return ",".join(map(_csv_field, values))


def _csv_field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        quoted = value.replace('"', '""')
        return f'"{quoted}"'
    return str(value)
