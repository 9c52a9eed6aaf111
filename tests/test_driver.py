"""The terminal of the live table: taken over, given back, slow, stopped, gone."""

import asyncio
import os
import re
import select
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from hn_comments.output.driver import ENTER, LEAVE, ROOM, open_terminal
from hn_comments.output.live_runner import LiveTable
from hn_comments.output.terminal import Terminal

from .reports import partial, post, pseudo_terminal, report, titled
from .support import eventually
from .terminals import User, modes_of


@asynccontextmanager
async def watching(
    columns: int = 80, lines: int = 24, **fields: Any
) -> AsyncIterator[tuple[User, LiveTable]]:
    """Give a user before a live table."""
    with pseudo_terminal(columns, lines) as (fd, program):
        user = User(fd, columns, lines)
        table = LiveTable(Terminal(fd=program, **fields), stop=user.stop)
        async with table.shown():
            yield user, table


@pytest.mark.parametrize("crash", [False, True])
async def test_the_terminal_is_given_back(crash: bool) -> None:  # noqa: FBT001
    """Screen, cursor, mouse and modes, also after a crash."""
    termios = pytest.importorskip("termios")
    with pseudo_terminal() as (fd, program):
        user, before = User(fd), modes_of(program)
        table = LiveTable(Terminal(fd=program), stop=user.stop)
        with suppress(ZeroDivisionError):
            async with table.shown():
                table.publish(report(post(1)))
                await eventually(user.sees("Title 1"))
                assert not modes_of(program)[3] & termios.ECHO
                # Ctrl-C stays a signal.
                assert modes_of(program)[3] & termios.ISIG
                if crash:
                    raise ZeroDivisionError

        user.read()

        assert user.received.startswith(ENTER)
        assert user.received.endswith(LEAVE)
        assert modes_of(program) == before
        # Ctrl-Z is what it was, too.
        assert signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL


def test_leaving_undoes_what_entering_did() -> None:
    """Each mode that is set is reset, and the other way round."""
    entered = set(re.findall(r"\[\?(\d+)[hl]", ENTER))

    assert entered == set(re.findall(r"\[\?(\d+)[hl]", LEAVE))
    assert {"1049", "25", "7", "1000", "1006", "2004"} == entered


async def test_restore_is_harmless_in_any_state() -> None:
    """Before, twice, and after."""
    with pseudo_terminal() as (fd, program):
        user = User(fd)
        table = LiveTable(Terminal(fd=program), stop=user.stop)
        table.restore()
        async with table.shown():
            table.restore()
            table.restore()
        table.restore()

        user.read()

        assert user.received.count(LEAVE) == 1


async def test_a_resized_window_is_drawn_anew() -> None:
    """For the size that it has now."""
    termios = pytest.importorskip("termios")
    async with watching() as (user, table):
        table.publish(report(*(post(number) for number in range(1, 31))))
        await eventually(user.sees("Title 20"))

        termios.tcsetwinsize(table.terminal.fd, (10, 40))
        user.screen.resize(10, 40)
        os.kill(os.getpid(), signal.SIGWINCH)

        await eventually(lambda: user.rows[7].startswith(" 7    30       Title 7"))
        assert user.rows[0].startswith(" #   all   new title")
        assert user.rows[9] == "q quit, ? help, j/k choose"


async def test_a_terminal_that_takes_nothing_holds_nothing_up() -> None:
    """After Ctrl-S the polls go on; afterwards the newest table is shown, not all of them."""
    async with watching(200, 50) as (user, table):
        await eventually(user.sees("Reading..."))
        for number in range(50):
            table.publish(report(*(post(n, 1000 + number, new=1) for n in range(1, 46))))
            await asyncio.sleep(0.02)
        driver = table.driver
        assert driver is not None
        assert ROOM < len(driver._unwritten) < 10 * ROOM

        before = len(user.received)
        await eventually(user.sees("1049"))

        await eventually(lambda: len([row for row in user.rows if " 1049 " in row]) == 45)
        assert len(user.received) - before < 100_000


async def test_a_terminal_that_takes_nothing_is_left_nevertheless() -> None:
    """Whatever was not written by then is dropped."""
    with pseudo_terminal(200, 50) as (fd, program):
        user, before = User(fd), modes_of(program)
        table = LiveTable(Terminal(fd=program), stop=user.stop)
        async with table.shown():
            for number in range(50):
                table.publish(report(*(post(n, number, new=1) for n in range(1, 46))))
                await asyncio.sleep(0.02)
            assert not select.select([], [program], [], 0)[1]

        assert modes_of(program) == before


async def test_a_closed_terminal_stops_the_program() -> None:
    """There is nobody left to watch, and what is drawn then goes nowhere."""
    pytest.importorskip("termios")
    fd, program = os.openpty()
    user = User(fd)
    try:
        table = LiveTable(Terminal(fd=program), stop=user.stop)
        async with table.shown():
            os.close(fd)
            await eventually(lambda: user.stopped)
            table.publish(report(post(1)))
            await asyncio.sleep(0.05)
            assert "Title 1" in table.last_table()
    finally:
        os.close(program)


async def test_keys_in_pieces_and_esc_alone_are_understood() -> None:
    """A slow line cuts a sequence in two; Esc is a key when nothing follows."""
    async with watching() as (user, table):
        table.publish(report(post(1), post(2)))
        user.type("\x1b[")
        await asyncio.sleep(0.02)
        user.type("B")
        await eventually(lambda: table.board.chosen == 2)
        user.type("?")
        await eventually(user.sees("Keys, and what else stands here"))

        user.type("\x1b")

        await eventually(lambda: not user.sees("Keys, and what else")())


async def test_what_is_pasted_is_no_command() -> None:
    """A page with a "q" in it does not end the program; in the filter it is text."""
    async with watching() as (user, table):
        table.publish(report(post(1), post(2)))
        user.type("\x1b[200~quit\n\x1b[201~/\x1b[200~Title 2\x1b[201~")

        await eventually(lambda: "Title 2" in user.rows and not user.sees("Title 1")())
        assert user.stopped == 0
        assert table.app.input.value == "Title 2"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
async def test_an_old_encoding_gets_what_it_knows(encoding: str) -> None:
    """Nothing else is sent."""
    async with watching(encoding=encoding) as (user, table):
        table.publish(report(post(1), titled(2, "long " * 50)))
        user.type("\r")
        await eventually(user.sees("New comments on"))
        user.type("/")
        await eventually(user.sees("words in the title"))

        assert user.received.isascii()
        # For the three dots at the end of what is cut.
        assert user.sees("~")()


async def test_colours_are_the_users_own_sixteen_or_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """NO_COLOR is for colours: what is chosen is still seen."""
    async with watching(links=False) as (user, table):
        table.publish(report(post(1), post(2, new=1)))
        await eventually(user.sees("Title 2"))
        assert "\x1b[1;32m" in user.received.replace(";49", "")
        assert not re.search(r"[34]8;[25];", user.received)

    monkeypatch.setenv("NO_COLOR", "1")
    async with watching(colour=False) as (user, table):
        table.publish(report(post(1), post(2, new=1)))
        await eventually(user.sees("Title 2"))
        assert not re.search(r"\x1b\[(?:\d+;)*(3[0-7]|9[0-7]|4[0-7]|[34]8)[;m]", user.received)
        assert user.screen.buffer[1][0].reverse


async def test_the_chosen_story_is_in_reverse_video_and_nothing_else() -> None:
    """Colours would be patches there."""
    async with watching() as (user, table):
        table.publish(report(partial(1, 5), partial(2, 5)))
        user.type("j")

        await eventually(lambda: user.rows and user.screen.buffer[2][0].reverse)
        rows = [[user.screen.buffer[row][column] for column in range(80)] for row in (1, 2)]
        assert {cell.fg for cell in rows[0]} == {"default", "brown", "cyan"}
        assert not any(cell.reverse for cell in rows[0])
        assert {(cell.fg, cell.reverse) for cell in rows[1]} == {("default", True)}
        # As is the place where the next letter of the filter goes.
        user.type("/x")
        await eventually(user.sees("x"))
        (row,) = (n for n, line in enumerate(user.rows) if line == "x")
        await eventually(lambda: user.rows and user.screen.buffer[row][1].reverse)
        cell = user.screen.buffer[row][1]
        assert (cell.fg, cell.bg) == ("default", "default")


def test_a_file_is_no_terminal() -> None:
    """Nor is a number behind which there is nothing, where there is no terminal at all."""
    fd = os.open(os.devnull, os.O_RDONLY)
    try:
        for number in (fd, 987):
            with suppress(OSError):
                # Who runs the tests may have one.
                os.close(open_terminal(number))
    finally:
        os.close(fd)
