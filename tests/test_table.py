"""How the live table is worded."""

import dataclasses
import re
from datetime import datetime
from itertools import pairwise

import pytest
from rich.cells import cell_len

from hn_comments import Item, PollReport, PostReport
from hn_comments.models import Progress
from hn_comments.output.board import Board
from hn_comments.output.table import (
    HELP,
    bars,
    draw_footer,
    draw_header,
    draw_last,
    draw_pane,
    draw_stories,
)
from hn_comments.output.terminal import Terminal
from hn_comments.plaintext import UNPRINTABLE

from .reports import AGE, BORN, comment, partial, post, report, terminal, titled
from .support import Clock


WIDTHS = (20, 40, 46, 54, 60, 64, 72, 80, 84, 104, 118, 140, 190, 250)

# Titles that are long in characters, in cells, and in characters of no cells.
LONG = ("x" * 300, "日本語のタイトル" * 30, "🎉 👩‍💻 " * 50)


def board(*reports: PollReport) -> Board:
    """Return a board that took *reports*, when they were made."""
    known = Board(Clock(now=BORN + AGE))
    for one in reports:
        known.take(one)
    return known


def draw(known: Board, width: int = 80, height: int = 24, plain: Terminal | None = None) -> str:
    """Return all that is on the screen, one below the other."""
    plain = plain or terminal()
    lines = [
        draw_header(known, width=width),
        *draw_stories(known, known.shown, plain, width=width),
        *(draw_pane(known, plain, width=width) if known.pane else ()),
        *draw_footer(known, plain, width=width, height=height),
    ]
    assert max(cell_len(line.plain) for line in lines) <= width
    return "\n".join(line.plain.rstrip() for line in lines)


def row(known: Board, width: int = 80, plain: Terminal | None = None) -> str:
    """Return the line of the first story."""
    return draw(known, width, plain=plain).splitlines()[1]


def at(seconds: float) -> str:
    """Return the time of day so many seconds after the reports."""
    return f"{datetime.fromtimestamp(BORN + AGE + seconds).astimezone():%H:%M}"


def test_a_story_has_a_line_with_all_that_is_known() -> None:
    """On a wide screen; a narrow one has the count, what is new, and the title."""
    item = Item(id=1, title="Title 1", by="alice", time=BORN, score=100)
    known = board(report(post(1, 30, new=None)), report(post(1, 35, new=5, item=item)))

    since = f"new since {at(0)}".rjust(120 - 77)
    assert draw(known, width=120).splitlines()[:2] == [
        f" #     comments   new   1h        hours score  age author        status title{since}",
        " 1           35    +5    4          ▂▁█   100   3h alice          exact Title 1",
    ]
    assert draw(known, width=45).splitlines()[:2] == [
        f" #   all   new title          new since {at(0)}",
        " 1    35    +5 Title 1",
    ]


def test_columns_come_with_the_width() -> None:
    """A wider screen never shows less; ranks of three digits have their room."""
    known = board(report(*(post(number) for number in range(1, 120))))

    shown = [set(draw(known, width).splitlines()[0].split()) - {"all"} for width in WIDTHS]

    assert all(fewer <= more for fewer, more in pairwise(shown[1:]))
    assert {"comments", "new", "1h", "hours", "age"} <= shown[WIDTHS.index(80)]
    assert {"score", "author", "status"} <= shown[WIDTHS.index(118)]
    assert "\n119" in draw(known, 20)


def test_a_screen_that_is_wide_shows_more_hours() -> None:
    """Twelve bars, a day, two days."""
    known = board(report(post(1, hours=(1,) * 48)))

    assert [row(known, width).count("█") for width in (72, 140, 190)] == [12, 24, 48]


def test_a_move_stays_beside_the_rank_for_a_while() -> None:
    """It says by how much a story rose or fell; later that is no news."""
    clock = Clock()
    known = Board(clock)
    known.take(report(post(1), post(2, rank=4)))

    known.take(report(post(2, rank=1), post(1, rank=2)))
    known.take(report(post(2, rank=1), post(1, rank=2)))

    assert [line[3:6] for line in draw(known).splitlines()[1:3]] == [" ▲3", " ▼1"]
    clock.now += 3600
    assert [line[3:6] for line in draw(known).splitlines()[1:3]] == ["   ", "   "]


def test_what_is_not_exact_is_seen_and_explained() -> None:
    """A sign at the count, and the errors below as they stand: gone when they are."""
    known = board(report(partial(1, 37), post(2, None), post(3)))

    lines = draw(known, 120).splitlines()
    assert " 37+ " in lines[1]
    assert " partial " in lines[1]
    assert " ? " in lines[2]
    assert " failed " in lines[2]
    assert lines[4:6] == ["post 1: item/7.json: HTTP 500", "post 2: HTTP 500"]

    known.take(report(post(1), post(2), post(3)))
    assert "HTTP 500" not in draw(known)


def test_a_story_that_is_not_counted_yet_has_hacker_news_own_number() -> None:
    """Marked as such, with all else that is known; one that has none says so."""
    told = Item(id=1, title="Told", by="alice", time=BORN, score=100, descendants=128)
    stories = (
        post(1, None, item=told, error=None, hours=(), last_hour=None),
        post(2, None, error=None),
        post(3),
    )
    known = Board(Clock(now=BORN + AGE))
    known.look(Progress(poll=1, posts=3, posts_done=1, comments=9, expected=40, fetches=9,
                        seconds=0.5, stories=stories))  # fmt: skip

    lines = draw(known, 120).splitlines()

    assert " ~128 " in lines[1]
    assert re.search(r" 100 +3h alice +reading Told$", lines[1])
    assert " ? " in lines[2]
    assert " 30 " in lines[3]
    assert lines[4] == "Reading..."


def test_only_so_many_errors_stand_below() -> None:
    """Three, or one on a low screen; the rest is counted."""
    known = board(report(*(post(number, None) for number in range(1, 6)), post(6)))
    known.warnings.append("Skipped 5")

    assert draw(known).splitlines()[7:11] == [
        "post 1: HTTP 500", "post 2: HTTP 500", "post 3: HTTP 500", "and 3 more",
    ]  # fmt: skip
    assert draw(known, height=15).splitlines()[7:9] == ["post 1: HTTP 500", "and 5 more"]


def test_the_poll_says_what_it_cost_and_how_old_that_is() -> None:
    """Old data is called old; after a day in hours, and "since" is a date."""
    clock = Clock(now=BORN + AGE)
    known = Board(clock)
    known.take(report(post(1), refused=2))
    assert draw(known).splitlines()[-2] == f"{at(0)}:20, 250 ms, 3 requests, 2 refused, 1 story"

    clock.now += 600
    assert draw(known).splitlines()[-2].startswith(f"{at(0)}:20, 10 min old, 250 ms")
    clock.now += 30 * 3600
    assert " 30 h old" in draw(known)
    assert f"new since {datetime.fromtimestamp(BORN + AGE).astimezone():%d %b}" in draw(known)


def test_polls_that_fail_say_since_when_there_is_no_answer() -> None:
    """The rows stay."""
    clock = Clock(now=BORN + AGE)
    known = Board(clock)
    known.take(report(post(1)))
    clock.now += 600

    known.take(report(failed=True, error="topstories.json: HTTP 500"))

    lines = draw(known).splitlines()
    assert "Title 1" in lines[1]
    assert lines[2] == "topstories.json: HTTP 500"
    assert lines[3] == f"no answer since {at(0)}, 250 ms, 3 requests, 1 story"


def test_a_poll_that_takes_its_time_says_how_far_it_is() -> None:
    """In the place of what the last one cost."""
    known = board(report(post(1)))
    known.look(Progress(poll=2, posts=5, posts_done=1, comments=10, expected=40, fetches=9,
                        seconds=5.0, seconds_left=15.0))  # fmt: skip

    line = draw(known).splitlines()[-2]

    assert line == f"{at(0)}:20, 10 of about 40 comments, 15 s left, 1 of 5 posts, 2 requests/s"


def test_keys_are_told_as_far_as_there_is_room() -> None:
    """The help first; an address takes their place, and is folded where it is too long."""
    known = board(report(post(1)))
    assert "s sort: rank, / filter, o open" in draw(known, 80)
    assert draw(known, 20).endswith("\nq quit, ? help")

    known.message = "https://news.ycombinator.com/item?id=40000008"

    assert draw(known, 80).endswith(f"\n{known.message}")
    assert draw(known, 40).endswith("\nhttps://news.ycombinator.com/item?id=400\n00008")


@pytest.mark.parametrize(
    ("hours", "cells", "shown"),
    [
        ((), 12, ""),
        ((0, 0), 12, "▁▁"),
        ((1, 0, 7), 12, "▂▁█"),
        ((9, 1, 1, 2, 2), 2, "█▅"),
        (tuple(range(48)), 12, "▂▂▃▄▄▅▅▆▇▇██"),
    ],
)
def test_bars_show_the_hours(hours: tuple[int, ...], cells: int, shown: str) -> None:
    """The newest last; several to a bar where there are many, and the last bar whole."""
    assert bars(hours, cells, terminal()) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0m"), (59 * 60, "59m"), (47 * 3600, "47h"), (72 * 3600, "3d"), (5 * 366 * 86400, "5y")],
)
def test_age_is_told_in_its_largest_unit(seconds: int, shown: str) -> None:
    """A clock that is behind makes no story younger than new."""
    known = board(report(titled(1, "Title 1")))
    known.clock = lambda: BORN + seconds

    assert f" {shown} Title 1" in row(known)


def test_the_pane_has_the_new_comments_with_their_age() -> None:
    """The newest first: who wrote, to whom, when, and what; or since when there are none."""
    old = Item(id=50, by="carol", text="First<p>of all", parent=1, time=BORN + AGE - 7200)
    new = Item(id=51, by="alice", text="It&#x27;s so", parent=50, time=BORN + AGE - 150)
    known = board(report(post(1), post(2), comments=(comment(50, "", item=old),
                                                     comment(51, "", item=new))))  # fmt: skip
    known.toggle("comments")

    assert [line.plain for line in draw_pane(known, terminal(), width=80)] == [
        "New comments on Title 1",
        "alice to bob, 2 min ago",
        "  It's so",
        "carol, 2 h ago",
        "  First",
        "  ",
        "  of all",
    ]
    known.choose(1)
    assert [line.plain for line in draw_pane(known, terminal(), width=80)] == [
        "New comments on Title 2",
        f"  none since {at(0)}",
    ]


def test_help_tells_every_sign() -> None:
    """Of the keys, and of the counts."""
    known = board(report(post(1)))
    known.toggle("help")

    assert HELP in draw(known, 120)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("pane", ["", "comments", "help"])
def test_no_line_is_wider_than_the_screen(width: int, pane: str) -> None:
    """Titles are cut at their end, in cells; comments are folded, addresses too."""
    long = comment(51, "<p>" + "日本語の長い文章 words https://example.org/" + "x" * 300)
    stories = [titled(number, LONG[number % 3], new=3) for number in range(1, 101)]
    known = board(report(*stories, partial(999, 5), post(1000, None), comments=(long,) * 9))
    known.toggle(pane)

    # What draws looks at the width itself.
    shown = draw(known, width)

    assert "…" in shown
    if pane == "comments":
        assert len(re.findall("x", shown)) > 9 * 300


def test_nothing_from_the_network_moves_the_cursor() -> None:
    """Titles, names, reasons and texts are cleaned."""
    evil = "a\x1b[2J\x9b1A\u202eb\r\n"
    item = Item(id=1, title=evil, by=evil, time=BORN)
    known = board(
        report(
            post(1, item=item),
            titled(2, evil, count=None, error=evil),
            comments=(comment(51, evil + "&#27;[2J", parent_by=evil, title=evil),),
        )
    )
    known.warnings.append(evil)
    known.toggle("comments")

    shown = draw(known, 120)

    assert shown.count("a[2J1Ab") >= 6
    assert not UNPRINTABLE.search(shown.replace("\n", ""))


def test_an_old_encoding_gets_what_it_knows() -> None:
    """Titles are as wide as what stands for them; bars and moves are other signs."""
    item = Item(id=1, title="日本 é", by="é", time=BORN)
    known = board(report(post(1), post(2)), report(post(2, rank=1, item=item), post(1, rank=2)))
    known.moves[2] = (3, BORN + AGE)
    ascii_only = terminal(encoding="ascii")

    line = row(known, 120, ascii_only)

    assert line.isascii()
    assert re.search(r"^ 1  \^3 .* \._# .* \?  .* exact \?\? \?$", line)


def test_titles_are_no_markup() -> None:
    """What means something to the library that draws means nothing in a title."""
    title = "[red]a[/red] :smile: [/]"
    known = board(report(titled(1, title), titled(2, title)))
    known.toggle("comments")

    assert draw(known).count(title) == 3


def test_the_last_table_has_all_stories_and_none_is_chosen() -> None:
    """Whatever the filter shows; before the first report there is none."""
    known = board(report(post(1), post(2)))
    known.find("Title 2")

    lines = draw_last(known, terminal(), width=80)

    assert [line.plain.split()[0] for line in lines[1:3]] == ["1", "2"]
    assert lines[-1].plain.endswith("1 story") is False
    assert lines[-1].plain.endswith("2 stories")
    assert not any(span.style == "reverse" for line in lines for span in line.spans)
    assert draw_last(board(), terminal(), width=80) == []


def test_a_story_off_the_list_has_no_rank_and_stands_last() -> None:
    """It is still counted (`--follow`)."""
    known = board(report(dataclasses.replace(post(1), rank=None), post(2)))

    lines = draw(known).splitlines()

    assert "Title 2" in lines[1]
    assert lines[2].startswith(" - ")


def test_a_post_of_which_nothing_is_known_has_a_name() -> None:
    """Nothing was read of it yet."""
    unread = PostReport(rank=2, id=7, item=None, count=None, new=None, error="HTTP 500")

    line = draw(board(report(post(1), unread)), 120).splitlines()[2]

    assert re.search(r"^ 2 +\? +failed post 7$", line)
