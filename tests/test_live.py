"""The live table, on a terminal that a test reads and types at."""

import asyncio
import dataclasses
import os
import re
import select
import signal
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from rich.cells import cell_len

from hn_comments.models import Progress
from hn_comments.output.altscreen import ENTER, LEAVE
from hn_comments.output.board import MAX_COMMENTS, Board
from hn_comments.output.live import LiveTable
from hn_comments.output.plaintext import UNPRINTABLE
from hn_comments.output.table import bars, draw_last, draw_screen
from hn_comments.output.terminal import Terminal

from .reports import AGE, BORN, comment, partial, post, pseudo_terminal, report, terminal, titled
from .support import COMMAND, DEADLINE, Clock, eventually


class User:
    """Who sits at the terminal: sees what is drawn, and types."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.received = ""
        self.rows: dict[int, str] = {}
        self.stopped = 0

    def type(self, keys: str) -> None:
        """Press keys, one after the other."""
        os.write(self.fd, keys.encode())

    def stop(self) -> None:
        """Note that the program was asked to stop."""
        self.stopped += 1

    def read(self) -> str:
        """Return what was written since the last look."""
        new = b""
        with suppress(OSError):
            while select.select([self.fd], [], [], 0)[0] and (data := os.read(self.fd, 65536)):
                new += data
        text = new.decode()
        self.received += text
        for row, line in re.findall(r"\x1b\[(\d+)H\x1b\[2K((?:(?!\x1b\[\d+H).)*)", text, re.DOTALL):
            self.rows[int(row)] = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", line)
        return text

    def sees(self, text: str) -> Callable[[], bool]:
        """Return a condition: *text* stands on the screen."""

        def condition() -> bool:
            self.read()
            return any(text in line for line in self.rows.values())

        return condition


@asynccontextmanager
async def watching(
    columns: int = 80, lines: int = 24, progress: Callable[[], Progress | None] = lambda: None
) -> AsyncIterator[tuple[User, LiveTable]]:
    """Give a user before a live table."""
    with pseudo_terminal(columns, lines) as (fd, program):
        user = User(fd)
        screen = Terminal(fd=program, colour=False, control=True)
        async with LiveTable(screen, stop=user.stop, look=progress) as table:
            yield user, table


def board(*reports: Any) -> Board:
    """Return a board that took *reports*."""
    found = Board(clock=lambda: BORN + AGE)
    for one in reports:
        found.take(one)
    return found


def draw(found: Board, width: int = 80, height: int = 24) -> list[str]:
    """Return the screen as plain text."""
    return draw_screen(found, terminal(), width=width, height=height)


def test_a_story_has_a_line_with_all_that_is_known() -> None:
    """On a wide screen; a narrow one has the count, what is new, and the title."""
    known = board(report(post(1, 30, new=None)), report(post(1, 35, new=5)))

    assert [line.rstrip() for line in draw(known, width=120)[:2]] == [
        " #     comments   new   1h        hours score  age  status title",
        " 1           35    +5    4          ▂▁█   100   3h   exact Title 1",
    ]
    assert [line.rstrip() for line in draw(known, width=40)[:2]] == [
        " #   all   new title",
        " 1    35    +5 Title 1",
    ]


def test_new_comments_add_up_while_the_table_is_open() -> None:
    """What was new five seconds ago is new to whoever looks now."""
    known = board(report(post(1, new=None)), report(post(1, new=5)), report(post(1, new=2)))

    assert "+7" in draw(known)[1]


def test_a_move_stays_beside_the_rank_for_a_while() -> None:
    """It says by how much a story rose or fell; later that is no news."""
    clock = Clock()
    known = Board(clock)
    known.take(report(post(1), post(2, rank=4)))

    known.take(report(post(2, rank=1), post(1, rank=2)))
    known.take(report(post(2, rank=1), post(1, rank=2)))

    assert [line[3:6] for line in draw(known)[1:3]] == [" ▲3", " ▼1"]
    clock.now += 3600
    assert [line[3:6] for line in draw(known)[1:3]] == ["   ", "   "]


def test_what_is_not_exact_is_seen_and_explained() -> None:
    """A sign at the count, and the errors below as they stand: gone when they are."""
    known = board(report(partial(1, 37), post(2, None)))

    lines = draw(known)
    assert "37+" in lines[1]
    assert " ? " in lines[2]
    assert "post 1: item/7.json: HTTP 500" in lines[-4]
    assert "post 2: HTTP 500" in lines[-3]

    known.take(report(post(1), post(2)))
    assert "HTTP 500" not in "".join(draw(known))


def test_a_poll_that_failed_leaves_the_stories_and_says_so() -> None:
    """Old data is better than none, as long as it is called old."""
    clock = Clock()
    known = Board(clock)
    known.take(report(post(1)))
    clock.now += 600

    known.take(report(failed=True, error="topstories.json: HTTP 500"))

    lines = draw(known)
    assert "Title 1" in lines[1]
    assert "topstories.json: HTTP 500" in lines[-3]
    assert "10 min old" in lines[-2]


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
    assert bars(hours, cells) == shown


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (200, 50), (250, 60), (20, 4)])
@pytest.mark.parametrize("pane", [False, True])
def test_any_screen_is_filled_and_not_overfilled(size: tuple[int, int], pane: bool) -> None:  # noqa: FBT001
    """Every line fits, and there are as many as the screen has."""
    width, height = size
    titles = ("x" * 300, "日本語のタイトル" * 30, "🎉 👩‍💻 " * 50)
    stories = [titled(number, titles[number % 3], new=3) for number in range(1, 501)]
    long = comment(51, "<p>" + "日本語の長い文章 words https://example.org/" + "x" * 300)
    known = board(report(*stories, partial(999, 5), post(1000, None), comments=(long,) * 99))
    known.pane = pane

    lines = draw(known, width, height)

    assert len(lines) == height
    assert max(map(cell_len, lines)) <= width
    assert len(known.comments[1]) == MAX_COMMENTS


def test_nothing_from_the_network_moves_the_cursor() -> None:
    """Titles, names, reasons and texts are cleaned."""
    evil = "a\x1b[2J\x9b1A\u202eb\r\n"
    known = board(
        report(
            titled(1, evil),
            titled(2, evil, count=None, error=evil),
            comments=(comment(51, evil + "&#27;[2J", parent_by=evil),),
        )
    )
    known.warnings.append(evil)
    known.pane = True

    assert not UNPRINTABLE.search("".join(draw(known)))


def test_titles_are_no_markup() -> None:
    """What means something to the library that draws means nothing in a title."""
    title = "[red]a[/red] :smile: [/]"
    known = board(report(titled(1, title), titled(2, title)))
    known.pane = True

    assert sum(title in line for line in draw(known)) == 3


def test_the_chosen_story_stays_in_view_and_chosen() -> None:
    """However small the screen is, and wherever the story moves; one that left is let go."""
    stories = [post(number) for number in range(1, 31)]
    known = board(report(*stories))
    for _ in range(25):
        known.press("j")

    assert any("Title 26" in line for line in draw(known, height=10))
    moved = [dataclasses.replace(story, rank=31 - story.id) for story in stories]
    known.take(report(*sorted(moved, key=lambda story: story.rank or 0)))
    assert known.chosen == 26
    assert any("Title 26" in line for line in draw(known, height=10))
    known.take(report(post(1), post(2)))
    assert known.chosen == 1
    known.press("k")
    assert known.chosen == 1


def test_s_sorts_by_each_column_and_comes_back() -> None:
    """What has most stands first; equals keep the order of their ranks."""
    known = board(report(post(1, 30, new=1), post(2, 50), post(3, 40, new=9, last_hour=20)))
    orders = {}
    for _ in range(6):
        orders[known.sort] = [story.id for story in known.sorted]
        known.press("s")

    assert orders == {
        "rank": [1, 2, 3],
        "new": [3, 1, 2],
        "last hour": [3, 1, 2],
        "comments": [2, 3, 1],
        "age": [1, 2, 3],
    }


async def test_keys_choose_follow_and_print() -> None:
    """Arrows and letters; the pane follows the chosen story, and its link can be copied."""
    async with watching() as (user, table):
        reply = comment(51, "It&#x27;s so", story=2)
        table.publish(report(post(1), post(2, new=1), comments=(reply,)))
        await eventually(user.sees("Title 2"))

        user.type("\x1b[B\r")

        await eventually(user.sees("New comments on Title 2"))
        assert user.sees("alice to bob")()
        assert user.sees("  It's so")()
        user.type("o")
        await eventually(user.sees("https://news.ycombinator.com/item?id=2"))
        user.type("k")
        await eventually(user.sees("none yet"))
        user.type("\r\x1b[5~\x1bxyz")
        await eventually(lambda: not user.sees("none yet")())
        assert user.stopped == 0
        user.type("q")
        await eventually(lambda: user.stopped)


async def test_without_news_nothing_is_written() -> None:
    """A quiet minute costs next to nothing, on any line."""
    async with watching() as (user, table):
        table.board.clock = Clock()
        first = report(post(1), post(2))
        table.publish(first)
        table.publish(dataclasses.replace(first, poll=2))
        await eventually(user.sees("Title 2"))

        for number in range(12):
            table.publish(dataclasses.replace(first, poll=number))
        user.read()
        table.publish(report(post(1), post(2, 31, new=1)))

        await eventually(user.sees("+1"))
        # Two lines: the story, and what the poll cost.
        assert user.received.count("Title 1") == 1
        assert user.received.count("Title 2") == 2


async def test_a_resized_window_is_drawn_anew() -> None:
    """For the size that it has now."""
    async with watching(80, 24) as (user, table):
        table.publish(report(*(post(number) for number in range(1, 31))))
        await eventually(user.sees("Title 20"))

        user.rows.clear()
        termios.tcsetwinsize(table.terminal.fd, (10, 40))
        os.kill(os.getpid(), signal.SIGWINCH)

        await eventually(user.sees("Title 5"))
        assert max(user.rows) == 10
        assert max(len(line) for line in user.rows.values()) <= 40


async def test_a_long_walk_says_how_far_it_is() -> None:
    """The first table takes its time; nobody sits before an empty screen."""
    walk = Progress(
        poll=1, posts=5, posts_done=1, comments=10, expected=40, fetches=9, seconds=5.0,
        seconds_left=15.0,
    )  # fmt: skip
    async with watching(progress=lambda: walk) as (user, table):
        assert user.sees("Reading...")()
        await eventually(user.sees("10 of about 40 comments, 15 s left"))

        table.publish(report(post(1)))

        await eventually(user.sees("250 ms, 3 requests, 1 story"))


async def test_warnings_stand_below_until_the_next_report() -> None:
    """Nothing is logged over the table; other threads may log, too."""
    async with watching() as (user, table):
        await asyncio.to_thread(table.warn, "Skipped 5")
        await eventually(user.sees("Skipped 5"))

        table.publish(report(post(1)))

        await eventually(lambda: user.sees("Title 1")() and not user.sees("Skipped 5")())


@pytest.mark.parametrize("crash", [False, True])
async def test_the_terminal_is_given_back(crash: bool) -> None:  # noqa: FBT001
    """Screen, cursor and modes, also after a crash; the last table is there to be printed."""
    with pseudo_terminal() as (fd, program):
        user, before = User(fd), termios.tcgetattr(program)
        table = LiveTable(Terminal(fd=program, colour=False), stop=user.stop)
        with suppress(ZeroDivisionError):
            async with table:
                table.publish(report(post(1)))
                assert not termios.tcgetattr(program)[3] & termios.ECHO
                if crash:
                    raise ZeroDivisionError

        received = user.read()

        assert received.startswith(ENTER)
        assert received.endswith(LEAVE)
        assert termios.tcgetattr(program) == before
        assert "Title 1" in table.last_table().splitlines()[1]
        assert table.last_table().endswith("1 story\x1b[0m\n")


def test_before_the_first_report_there_is_no_last_table() -> None:
    """Nothing was learned, nothing is said."""
    assert draw_last(Board(), terminal(), width=80) == []


async def test_a_closed_terminal_stops_the_program() -> None:
    """There is nobody left to watch."""
    fd, program = os.openpty()
    user = User(fd)
    try:
        async with LiveTable(Terminal(fd=program), stop=user.stop) as table:
            os.close(fd)
            await eventually(lambda: user.stopped)
            table.publish(report(post(1)))
    finally:
        os.close(program)


async def test_a_terminal_that_takes_nothing_holds_nothing_up() -> None:
    """After Ctrl-S the polls go on; afterwards the newest table is shown, not all of them."""
    async with watching(200, 50) as (user, table):
        for number in range(30):
            table.publish(report(*(post(n, 1000 + number, new=1) for n in range(1, 46))))
            await asyncio.sleep(0)

        await eventually(user.sees("1029"))
        assert len(user.received) < 50_000


SUSPENDED = """
import asyncio, os, signal, sys
from hn_comments.output.live import LiveTable
from hn_comments.output.terminal import Terminal
from tests.reports import post, report
async def main():
    stop = asyncio.Event()
    async with LiveTable(Terminal.of(sys.stdout), stop=stop.set) as table:
        table.publish(report(post(1)))
        await stop.wait()
asyncio.run(main())
"""


async def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_back() -> None:
    """What was on the screen is drawn anew."""
    with pseudo_terminal() as (fd, program):
        user = User(fd)
        before = termios.tcgetattr(program)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SUSPENDED, stdin=program, stdout=program, stderr=program
        )
        try:
            await eventually(user.sees("Title 1"))
            process.send_signal(signal.SIGTSTP)
            await eventually(lambda: user.read() is not None and user.received.endswith(LEAVE))
            await eventually(lambda: termios.tcgetattr(program) == before)
            user.rows.clear()

            await eventually(
                lambda: os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
            )
            process.send_signal(signal.SIGCONT)

            await eventually(user.sees("Title 1"))
            user.type("q")
            async with asyncio.timeout(DEADLINE):
                assert await process.wait() == 0
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def test_the_command_follows_comments_and_leaves_its_last_table() -> None:
    """From the first report to SIGTERM."""
    with pseudo_terminal(lines=50) as (fd, program):
        user, before = User(fd), termios.tcgetattr(program)
        options = ("--demo", "--live", "--limit", "3", "--period", "0.2")
        process = await asyncio.create_subprocess_exec(
            *COMMAND, *options, stdin=program, stdout=program, stderr=program,
            env={**os.environ, "TERM": "xterm"},
        )  # fmt: skip
        try:
            await eventually(user.sees("3 stories"))
            user.type("s\r")
            # Whoever has something new stands first, but was not chosen.
            user.type("k" * 3)
            await eventually(lambda: user.sees("user")() and user.sees("New comments on")())

            process.terminate()

            async with asyncio.timeout(DEADLINE):
                assert await process.wait() == 143
            user.read()
            screen, _, after = user.received.partition(LEAVE)
            assert screen.startswith(ENTER)
            assert "3 stories" in after
            assert "Traceback" not in after
            assert termios.tcgetattr(program) == before
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
