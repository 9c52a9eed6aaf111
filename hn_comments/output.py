"""
Turn reports into text lines, JSON Lines or CSV. Nothing here prints.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from .models import PollReport, PostReport, Settings


STORY_FIELDS = (
    "poll", "time", "list", "rank", "id", "title", "by", "url", "score", "comments", "live",
    "deleted", "dead", "missing", "descendants", "new", "status", "error", "kind",
    "created", "link", "last_hour",
)  # fmt: skip

# What moves a terminal's cursor or breaks a line (C0, DEL, C1, line and paragraph
# separators), what turns text around (bidirectional controls, UAX 9), and halves of
# surrogate pairs, which JSON can hold but no encoding can write.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """
    Return *text* without what could do more to a terminal than print.
    """
    return UNPRINTABLE.sub("", text)


def format_header(settings: Settings) -> Iterator[str]:
    """
    Yield the lines that stand before all reports.
    """
    if settings.format == "csv":
        yield _csv_line(STORY_FIELDS)


def format_report(report: PollReport, settings: Settings) -> Iterator[str]:
    """
    Yield the lines for *report* in the format that *settings* ask for.
    """
    stories = [story for story in report.stories if not (settings.changes_only and story.new == 0)]
    if settings.format == "text":
        now = datetime.now().astimezone()
        for story in stories:
            yield f"[{now:%H:%M:%S}] {format_post(report.poll, story)}"
        return
    for story in stories:
        fields = story_fields(report, story)
        if settings.format == "csv":
            yield _csv_line(fields[name] for name in STORY_FIELDS)
        else:
            yield json.dumps({"type": "story", **fields})
    if settings.format == "json":
        yield json.dumps({"type": "poll", **poll_fields(report)})


def format_post(poll: int, story: PostReport) -> str:
    """
    Return what *poll* found out about one post, in a sentence.
    """
    if story.count is None:
        return clean(f"Post {story.id} could not be counted ({poll}): {story.error}")
    title = (story.item.title if story.item else None) or "(no title)"
    if story.status == "partial":
        return clean(
            f"Post {story.id} has at least {story.count.comments} comments ({poll})"
            f"  {title}: {story.error}"
        )
    new = f"  {story.new:+d}" if story.new else ""
    return clean(f"Post {story.id} has {story.count.comments} comments ({poll}){new}  {title}")


def story_fields(report: PollReport, story: PostReport) -> dict[str, Any]:
    """
    Return `STORY_FIELDS` of one post; what is not known is None.
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
        error=clean(story.error) if story.error else None,
        link=story.link,
        last_hour=story.last_hour,
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
        if item.time is not None:
            fields["created"] = utc_time(datetime.fromtimestamp(item.time, UTC))
    if story.count is not None:
        for name in ("comments", "live", "deleted", "dead", "missing"):
            fields[name] = getattr(story.count, name)
    return fields


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
        "errors": [clean(error) for error in report.errors],
        "refused": report.refused,
    }


def utc_time(moment: datetime) -> str:
    """
    Return *moment*, which is in UTC, as in "2026-11-20T21:04:05Z" (ISO 8601).
    """
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def _csv_line(values: Any) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()
