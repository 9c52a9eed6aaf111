"""Reports as text on a terminal."""

import re
from typing import Any

import pytest
from rich.cells import cell_len

from hn_comments import Count, Item, PollReport, Settings
from hn_comments.output.fitted import TerminalText, fit_facts, plural, status_line
from hn_comments.plaintext import UNPRINTABLE

from .reports import comment, partial, post, pseudo_terminal, report, terminal, titled


def show(*reports: PollReport, width: int = 80, links: bool = False, **settings: Any) -> list[str]:
    """Return the lines of the last of *reports*, without their times."""
    with pseudo_terminal(columns=width) as (_, program):
        text = TerminalText(Settings(**settings), terminal(program, links=links))
        for one in reports:
            shown = text.render(one)
    return [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in shown.splitlines()]


def test_one_line_a_post_in_columns() -> None:
    """Counts, what is new, and titles stand below each other."""
    lines = show(report(post(1, 1), post(2, 5318, new=12), post(8863, 72, new=-1)))

    assert lines == [
        "       1     1 comment         Title 1",
        "       2  5318 comments  +12   Title 2",
        "    8863    72 comments  -1    Title 8863",
    ]


def test_what_is_not_exact_says_why() -> None:
    """A lower bound has a sign and the reason; a failure the reason alone."""
    lines = show(report(partial(1, 37), post(2, None)))

    assert [line.split(maxsplit=1) for line in lines] == [
        ["1", "37+ comments        Title 1: item/7.json: HTTP 500"],
        ["2", "failed                 Title 2: HTTP 500"],
    ]


@pytest.mark.parametrize("width", [40, 59, 60, 80, 99, 100, 132, 250])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    """Titles are cut at their end, in cells; a reason leaves some of the title."""
    titles = ("x" * 300, "日本語のタイトル" * 30, "🎉 👩‍💻 " * 50)
    reports = report(
        *(titled(number, title) for number, title in enumerate(titles, 1)),
        *(
            titled(number, title, count=None, error="HTTP 500 " * 3)
            for number, title in enumerate(titles, 11)
        ),
        comments=(comment(51, "<p>" + "日本語の長い文章 words " * 50, title="日本" * 200),),
    )

    lines = show(reports, width=width, comments=True)

    # An address stays whole, to be clicked.
    fitted = [line for line in lines if not line.startswith("  https://")]
    assert max(cell_len(line) for line in fitted) <= width
    assert all("…" in line for line in lines[:6])
    assert all("HTTP 500" in line for line in lines[3:6])
    assert "xx" in lines[3]


def test_titles_carry_links_where_the_terminal_can() -> None:
    """Elsewhere the line has the post's id."""
    (linked,) = show(report(post(8863, 72)), links=True)
    (plain,) = show(report(post(8863, 72)))

    assert "\x1b]8;;https://news.ycombinator.com/item?id=8863\x1b\\Title 8863" in linked
    assert " 8863 " not in linked.replace("Title 8863", "")
    assert plain.startswith("    8863 ")


def test_arrivals_and_departures_are_said() -> None:
    """Once, in the poll that saw them; the first poll has neither."""
    first = report(post(1), post(2))
    second = report(post(1), post(3, new=None))

    assert not [line for line in show(first) if re.search(r" (in|out) ", line)]
    assert [line.split() for line in show(first, second)] == [
        ["1", "30", "comments", "Title", "1"],
        ["3", "30", "comments", "in", "Title", "3"],
        ["2", "out", "Title", "2"],
    ]
    assert not [line for line in show(first, second, second) if re.search(r" (in|out) ", line)]


def test_a_story_that_is_followed_off_the_list_has_left_it() -> None:
    """It is still counted; its departure is said once."""
    followed = report(post(1), post(2, rank=None))

    assert sum("out" in line for line in show(report(post(1), post(2)), followed)) == 1
    assert len(show(report(post(1), post(2)), followed, followed)) == 2


def test_a_failed_poll_knows_nothing_of_the_list() -> None:
    """No story has left because the list could not be read."""
    first, failed = report(post(1), post(2)), report(failed=True, error="HTTP 500")

    assert show(first, failed) == []
    assert not [line for line in show(first, failed, first) if " in " in line]


def test_changes_only_leaves_out_what_is_the_same() -> None:
    """As in a pipe, but departures are said."""
    first = report(*(post(number, shown=False) for number in (1, 2, 3)))
    second = report(post(1, shown=False), post(2, new=5))

    lines = show(first, second, changes_only=True)

    assert [line.split()[0] for line in lines] == ["2", "3"]


def test_new_comments_say_who_wrote_where() -> None:
    """A line of context, the text, and the address where no link can carry it."""
    reply = comment(51, "It&#x27;s <i>so</i>")
    top = comment(52, "Yes", item=Item(id=52, by="carol", text="Yes", parent=1))
    both = report(post(1, new=2), comments=(reply, top))

    assert show(both, comments=True)[1:] == [
        "alice to bob on Title 1",
        "  It's so",
        "  https://news.ycombinator.com/item?id=51",
        "carol on Title 1",
        "  Yes",
        "  https://news.ycombinator.com/item?id=52",
    ]
    assert "item?id=51" in show(both, comments=True, links=True)[1]
    assert len(show(both)) == 1


def test_titles_are_decoded() -> None:
    """The titles of posts, and those in the lines of comments."""
    title = "Why &lt;canvas&gt; &amp; not SVG"

    lines = show(report(titled(1, title), comments=(comment(51, "x", title=title),)), comments=True)

    assert lines[0].endswith("  Why <canvas> & not SVG")
    assert lines[1] == "alice to bob on Why <canvas> & not SVG"


def test_nothing_from_the_network_moves_the_cursor() -> None:
    """Titles, names, reasons and texts are cleaned."""
    evil = "a\x1b[2J\x9b1A\u202eb\r\n"
    hostile = comment(
        51, evil + "&#27;[2J", item=Item(id=51, by=evil, text=evil), title=evil, parent_by=evil
    )
    stories = (titled(1, evil), titled(2, evil, count=None, error=evil))

    lines = show(report(*stories, comments=(hostile,)), comments=True)

    assert not UNPRINTABLE.search("".join(lines))


def status(one: PollReport, width: int = 80) -> str | None:
    """Return the status line of *one*."""
    with pseudo_terminal(columns=width) as (_, program):
        return status_line(one, terminal(program))


def test_status_says_what_happened_and_what_it_cost() -> None:
    """One line; none if nothing happened, or the poll failed."""
    first = report(post(1, 1, new=None), post(2, 71, new=None), seconds=2.96, fetches=75)

    assert status(first) == "> 72 comments in 2 posts, 3.0 s, 75 requests"
    assert status(report(post(1, new=1), post(2), fetches=1)) == (
        "> 1 new comment in 1 post, 250 ms, 1 request"
    )
    assert status(report(partial(1, 5), refused=2)) == "> 1 partial, 250 ms, 3 requests, 2 refused"
    assert status(report(post(1), post(2))) is None
    assert status(report(failed=True, error="HTTP 500")) is None
    assert status(first, width=40) == "> 72 comments in 2 posts, 3.0 s"


def test_words_are_singular_and_plural() -> None:
    """One comment, two stories."""
    assert plural(1, "story") == "1 story"
    assert plural(1234, "story") == "1,234 stories"
    assert fit_facts(["one", "two", "three"], 9) == "one, two"
    assert show(report(post(1, count=Count(live=1)))) == ["       1     1 comment         Title 1"]
