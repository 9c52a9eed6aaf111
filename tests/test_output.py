"""Reports as text, JSON Lines and CSV, to the letter."""

import csv
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hn_comments import Comment, Count, Item, PollReport, PostReport, Settings
from hn_comments.output.formats import (
    COMMENT_FIELDS,
    MAX_REASON,
    MAX_TITLE,
    STORY_FIELDS,
    cut,
    format_cost,
    format_header,
    format_report,
)
from hn_comments.output.printer import Printer
from hn_comments.plaintext import clean

from .support import DEADLINE


ITEM = Item(
    id=8863,
    type="story",
    time=1175714200,
    by="dhouston",
    title="My YC app: Dropbox",
    url="http://www.getdropbox.com/",
    score=111,
    descendants=71,
)
COUNT = Count(live=71, deleted=1)


def post(**changes: Any) -> PostReport:
    fields = {"rank": 1, "id": 8863, "item": ITEM, "count": COUNT, "new": None, "error": None}
    return PostReport(**{**fields, **changes})


def poll(*stories: PostReport, **changes: Any) -> PollReport:
    fields = {
        "poll": 2,
        "started": datetime(2026, 11, 20, 9, 14, 3, 999_999, tzinfo=UTC),
        "list": "top",
        "seconds": 2.9649,
        "fetches": 244,
        "retries": 3,
        "stories": stories,
        "skipped": 1,
        "mode": "delta",
        "changed": 4,
        "drift": 0,
        "failed": False,
        "error": None,
    }
    return PollReport(**{**fields, **changes})


def lines(report: PollReport, **settings: Any) -> list[str]:
    return list(format_report(report, Settings(**settings)))


def text(story: PostReport) -> str:
    (line,) = lines(poll(story))
    assert line[0] == "["
    datetime.strptime(line[1:9], "%H:%M:%S").astimezone()
    return line[9:]


PARTIAL = Count(live=37, unread=1, reason="item/5.json: HTTP 500")


def test_exact_count() -> None:
    """The first time."""
    assert text(post()) == "] Post 8863 has 72 comments (2)  My YC app: Dropbox"


@pytest.mark.parametrize(("new", "shown"), [(3, "  +3"), (-2, "  -2"), (0, "")])
def test_new_comments(new: int, shown: str) -> None:
    """The difference to the last count, if there is one."""
    assert text(post(new=new)) == f"] Post 8863 has 72 comments (2){shown}  My YC app: Dropbox"


def test_lower_bound() -> None:
    """With the reason."""
    assert text(post(count=PARTIAL, error=PARTIAL.error)) == (
        "] Post 8863 has at least 37 comments (2)  My YC app: Dropbox: item/5.json: HTTP 500"
    )


def test_failed_post() -> None:
    """No number, but the reason."""
    assert text(post(item=None, count=None, error="item/8863.json: HTTP 500")) == (
        "] Post 8863 could not be counted (2): item/8863.json: HTTP 500"
    )


def test_post_without_a_title() -> None:
    """A comment that is polled like a post."""
    assert text(post(item=Item(id=8863))) == "] Post 8863 has 72 comments (2)  (no title)"


def test_titles_are_decoded_where_people_read_them() -> None:
    """For programs they stay as the API sent them."""
    title = "Why &lt;canvas&gt; &amp; &#27;not SVG"
    item = Item(id=9224, type="comment", parent=8863)
    comment = Comment(item=item, story=8863, title=title, parent_by=None)
    report = poll(post(item=Item(id=8863, title=title)), comments=(comment,))

    told, said = lines(report, comments=True)

    assert told.endswith("  Why <canvas> & not SVG")
    assert "on post 8863  Why <canvas> & not SVG  https:" in said
    assert json.loads(lines(report, format="json")[0])["title"] == title
    assert title in lines(report, format="csv")[0]


def test_control_characters_never_reach_a_terminal() -> None:
    """Nor do controls that turn text around, nor halves of characters, in any format."""
    title = "a\x1b]0;b\x07c\r\n\x9b2Jd\x7f\u2028\u202ee\u2066\ud800f\U0001f600"
    story = post(item=Item(id=8863, title=title, by="x\x00y", url="z\x1b"))

    assert clean(title) == "a]0;bc2Jdef\U0001f600"
    assert text(story).endswith("  a]0;bc2Jdef\U0001f600")
    for line in [*lines(poll(story), format="csv"), *lines(poll(story), format="json")]:
        assert line.isprintable()
    fields = json.loads(lines(poll(story), format="json")[0])
    assert (fields["by"], fields["url"]) == ("xy", "z")


@pytest.mark.parametrize(
    "control", "\xad\u061c\u200b\u200e\u200f\u202a\u2060\u206f\ufeff\U000e0041"
)
def test_invisible_controls_are_left_out(control: str) -> None:
    """They turn text around, or hide some in it."""
    assert clean(f"a{control}b") == "ab"


@pytest.mark.parametrize(
    "whole", ["\u0645\u06cc\u200c\u0634", "\U0001f469\u200d\U0001f4bb", "é\ufe0f"]
)
def test_what_scripts_and_emoji_need_stays(whole: str) -> None:
    """The joiners are invisible, too, but join visible characters."""
    assert clean(whole) == whole


def test_endless_titles_and_reasons_are_cut() -> None:
    """Unprintable characters are left out first, and count for nothing."""
    reason = "\0" * 25_000 + "x" * 25_000
    story = post(item=Item(id=8863, title="t" * 10**6), count=PARTIAL, error=reason)

    line = text(story)
    assert f"  {'t' * (MAX_TITLE - 3)}...: " in line
    assert line.endswith(f": {'x' * (MAX_REASON - 3)}...")
    for fields in map(json.loads, lines(poll(story), format="json")):
        assert all(
            len(error) == MAX_REASON
            for error in [fields.get("error"), *fields.get("errors", ())]
            if error
        )
    assert len(text(post(count=None, error=reason))) < 300


COMMENT = Comment(
    item=Item(
        id=9224,
        by="BrandonM",
        parent=8863,
        time=1175786214,
        text="I have a few qualms:<p>1. FTP\x1b[2J &amp; curlftpfs",
    ),
    story=8863,
    title="My YC app: Dropbox",
    parent_by="dhouston",
)


def test_comments_as_text() -> None:
    """The text is indented: none of its lines can pass for one of ours."""
    head, *body = lines(poll(comments=(COMMENT,)), comments=True)

    link = "https://news.ycombinator.com/item?id=9224"
    where = f" on post 8863  My YC app: Dropbox  {link}"
    assert re.fullmatch(r"\] Comment 9224 by BrandonM, \d+ days ago" + re.escape(where), head[9:])
    assert body == ["    I have a few qualms:", "", "    1. FTP[2J & curlftpfs"]


def test_reply_names_whom_it_answers() -> None:
    """Only where that is another comment."""
    item = Item(id=9225, by="drew", parent=9224)
    reply = Comment(
        item=item,
        story=8863,
        title=None,
        parent_by="Brandon\nM",
        parent_text="A few\x1b[2J qualms:",
    )

    line, parent = lines(poll(comments=(reply,)), comments=True)

    assert parent == "    > A few[2J qualms:"
    assert "] Comment 9225 by drew in reply to BrandonM on post 8863  (no title)  https" in line


def test_comments_as_json() -> None:
    """They stand between the posts and the poll, a line each."""
    _, line, end = lines(poll(post(), comments=(COMMENT,)), comments=True, format="json")

    assert json.loads(line) == {
        "type": "comment",
        "poll": 2,
        "time": "2026-11-20T09:14:03Z",
        "id": 9224,
        "story": 8863,
        "parent": 8863,
        "by": "BrandonM",
        "created": "2007-04-05T15:16:54Z",
        "text": "I have a few qualms:\n\n1. FTP[2J & curlftpfs",
        "link": "https://news.ycombinator.com/item?id=9224",
        "parent_by": "dhouston",
        "parent_text": None,
    }
    assert list(json.loads(line)) == ["type", *COMMENT_FIELDS]
    assert json.loads(end)["type"] == "poll"


def test_comments_nobody_asked_for() -> None:
    """They are not shown."""
    assert lines(poll(comments=(COMMENT,))) == []


def test_cost_of_a_poll() -> None:
    """Refusals are said if there were any."""
    assert format_cost(poll()) == "> Calculating comments took 2.96 seconds and 244 fetches"
    assert format_cost(poll(refused=3)).endswith(" seconds and 244 fetches, 3 refused")


def test_json_lines() -> None:
    """A line per post, then one for the poll, with the fields in their order."""
    story, end = lines(poll(post(new=3, last_hour=2)), format="json")

    assert json.loads(story) == {
        "type": "story",
        "poll": 2,
        "time": "2026-11-20T09:14:03Z",
        "list": "top",
        "rank": 1,
        "id": 8863,
        "title": "My YC app: Dropbox",
        "by": "dhouston",
        "url": "http://www.getdropbox.com/",
        "score": 111,
        "comments": 72,
        "live": 71,
        "deleted": 1,
        "dead": 0,
        "missing": 0,
        "descendants": 71,
        "new": 3,
        "status": "exact",
        "error": None,
        "kind": "story",
        "created": "2007-04-04T19:16:40Z",
        "link": "https://news.ycombinator.com/item?id=8863",
        "last_hour": 2,
        "state": "live",
    }
    assert list(json.loads(story)) == ["type", *STORY_FIELDS]
    assert json.loads(end) == {
        "type": "poll",
        "poll": 2,
        "time": "2026-11-20T09:14:03Z",
        "list": "top",
        "seconds": 2.965,
        "fetches": 244,
        "retries": 3,
        "stories": 1,
        "skipped": 1,
        "mode": "delta",
        "changed": 4,
        "drift": 0,
        "status": "exact",
        "errors": [],
        "refused": 0,
        "source": "http",
    }


def test_json_of_what_is_not_known() -> None:
    """A failed post has null for everything that could not be read."""
    story, end = lines(
        poll(post(item=None, count=None, error="HTTP 500"), post(id=1)), format="json"
    )[::2]

    fields = json.loads(story)
    known = {"type", "poll", "time", "list", "rank", "id", "status", "error", "link"}
    assert {name for name, value in fields.items() if value is not None} == known
    assert (fields["status"], fields["error"]) == ("failed", "HTTP 500")
    assert json.loads(end)["errors"] == ["post 8863: HTTP 500"]
    assert json.loads(end)["status"] == "partial"


def test_csv() -> None:
    """One header, the story fields, and quotes where they are needed."""
    title = 'He said "no, thanks"'
    report = poll(post(item=Item(id=8863, title=title)))
    header = list(format_header(Settings(format="csv")))

    rows = list(csv.DictReader([*header, *lines(report, format="csv")]))

    assert tuple(rows[0]) == STORY_FIELDS
    assert rows[0]["title"] == title
    assert rows[0]["comments"] == "72"
    assert rows[0]["new"] == rows[0]["score"] == ""
    assert not list(format_header(Settings()))


def test_csv_quotes_text_and_nothing_else() -> None:
    """DuckDB decides by the first lines what a column is; null is an empty field."""
    story = post(item=replace(ITEM, title='Say "x", y'), new=None)

    (line,) = lines(poll(story), format="csv")

    assert line.startswith('2,"2026-11-20T09:14:03Z","top",1,8863,"Say ""x"", y","dhouston",')
    assert ',71,,"exact",,"story",' in line


@pytest.mark.parametrize("state", ["dead", "deleted"])
def test_post_that_is_gone_says_so(state: str) -> None:
    """As on the site; in JSON it has a field of its own."""
    story = post(item=replace(ITEM, dead=state == "dead", deleted=state == "deleted"))

    assert lines(poll(story))[0].endswith(f"  [{state}] My YC app: Dropbox")
    assert json.loads(lines(poll(story), format="json")[0])["state"] == state


def test_poll_without_news_says_nothing_if_only_news_is_wanted() -> None:
    """Not even what it cost."""
    silent = poll(post(id=1, shown=False))

    assert lines(silent, format="json", changes_only=True) == []
    assert len(lines(silent, format="json")) == 1


@pytest.mark.parametrize("name", ["text", "json", "csv"])
def test_what_is_not_to_be_told_is_left_out(name: str) -> None:
    """In each form."""
    shown = lines(poll(post(id=1, shown=False), post(id=2), post(id=3)), format=name)

    assert len(shown) == 2 + (name == "json")


@pytest.mark.parametrize(
    ("report", "status"),
    [
        (poll(post()), "exact"),
        (poll(), "exact"),
        (poll(post(), post(count=PARTIAL)), "partial"),
        (poll(post(), post(count=None)), "partial"),
        (poll(post(), error="timed out"), "partial"),
        (poll(post(count=PARTIAL), post(count=PARTIAL)), "partial"),
        (poll(post(count=None), post(count=None)), "failed"),
        (poll(error="no list", failed=True), "failed"),
        (poll(post(), error="post 3: HTTP 500", failed=True), "failed"),
    ],
)
def test_status_of_a_poll(report: PollReport, status: str) -> None:
    """Exact if all its posts are, failed if no post was counted, else partial."""
    assert report.status == status


def test_last_poll_that_was_printed_is_the_last_that_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a later one ended before it: polls that read everything overlap."""
    # What is logged concerns the whole process.
    monkeypatch.setattr("hn_comments.output.printer.set_up_logging", lambda *_, **__: None)
    printer = Printer(Settings(output=str(tmp_path / "lines"), quiet=True), stop=lambda: None)
    printer.open()
    told = []
    for number in (2, 1, 3):
        printer.publish(poll(post(), poll=number))
        assert printer.writer.wait(DEADLINE)
        told.append(printer.told())
    printer.close()

    assert told == [2, 1, 3]


@pytest.mark.parametrize(("text", "shown"), [("12345678", "12345678"), ("123456789", "12345...")])
def test_text_that_fits_is_not_cut(text: str, shown: str) -> None:
    """The dots are part of what may be shown."""
    assert cut(text, 8) == shown
