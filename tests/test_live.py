"""The live table: what the keys, the mouse and the reports do to the screen."""

import asyncio
import dataclasses
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from hn_comments import Item, PollReport
from hn_comments.errors import ScreenFailed
from hn_comments.models import Progress
from hn_comments.output import live, live_runner
from hn_comments.output.driver import ENTER, LEAVE
from hn_comments.output.live import browse
from hn_comments.output.live_runner import LiveTable
from hn_comments.output.terminal import Terminal
from hn_comments.simulator import Simulator, World

from .reports import comment, post, pseudo_terminal, report, titled
from .support import COMMAND, DEADLINE, Clock, eventually
from .terminals import User, modes_of


# The command as users start it: it is there sooner than in the strictest mode, and asyncio
# writes nothing about slow callbacks to the terminal.
PLAIN = (sys.executable, "-m", "hn_comments")

LINK = "https://news.ycombinator.com/item?id=2"


@asynccontextmanager
async def watching(
    *reports: PollReport,
    columns: int = 80,
    lines: int = 24,
    progress: Callable[[], Progress | None] = lambda: None,
) -> AsyncIterator[tuple[User, LiveTable]]:
    """Give a user before a live table with *reports*, which have been drawn."""
    with pseudo_terminal(columns, lines) as (fd, program):
        user = User(fd, columns, lines)
        table = LiveTable(Terminal(fd=program, colour=False), stop=user.stop, look=progress)
        async with table.shown():
            for one in reports:
                table.publish(one)
            await eventually(user.sees("250 ms" if reports else "Reading..."))
            yield user, table


async def test_keys_choose_follow_and_print() -> None:
    """Arrows and letters; the pane follows the chosen story, and its link can be copied."""
    reply = comment(51, "It&#x27;s so", story=2)
    async with watching(report(post(1), post(2, new=1), comments=(reply,))) as (user, _):
        user.type("j\r")

        await eventually(user.sees("New comments on Title 2"))
        assert user.sees("alice to bob")()
        assert user.sees("  It's so")()
        user.type("o")
        await eventually(user.sees(LINK))
        user.type("k")
        await eventually(user.sees("none since"))
        user.type("\r\x1b[15~xyz")
        await eventually(lambda: not user.sees("none since")())
        user.type("\x1b[B\r")
        await eventually(user.sees("New comments on Title 2"))
        user.type("\x1b")
        await eventually(lambda: not user.sees("New comments on Title 2")())
        assert user.stopped == 0
        user.type("q")
        await eventually(lambda: user.stopped)


async def test_the_screen_is_filled_at_any_size() -> None:
    """With the pane below the table, or, on a low screen, below the chosen story alone."""
    stories = report(*(post(number) for number in range(1, 31)))
    async with watching(stories, columns=120, lines=20) as (user, _):
        await eventually(lambda: user.rows[17].startswith("17 "))
        user.type("j\r")
        # Header, caption, two lines below: the rest is shared.
        await eventually(lambda: user.rows[9] == "New comments on Title 2")
        await eventually(lambda: user.rows[8].startswith(" 8 "))
        assert user.rows[18].endswith("30 stories")
        assert user.rows[19].startswith("q quit")
    async with watching(stories, columns=40, lines=10) as (user, _):
        user.type("jj\r")
        await eventually(lambda: user.rows[2] == "New comments on Title 3")
        await eventually(lambda: user.rows[1].startswith(" 3 "))
        assert user.rows[9] == "q quit, ? help, j/k choose"


async def test_without_news_nothing_is_written() -> None:
    """A quiet minute costs next to nothing, on any line."""
    first = report(post(1), post(2))
    async with watching(first) as (user, table):
        table.board.clock = Clock()
        await asyncio.sleep(0.2)
        user.read()
        for number in range(12):
            table.publish(dataclasses.replace(first, poll=number, seconds=number / 100))
        await asyncio.sleep(0.1)
        assert user.read() == ""

        table.publish(report(post(1), post(2, 31, new=1)))

        await eventually(user.sees("+1"))
        # Two lines: the story, and what the poll cost.
        assert user.received.count("\x1b[3;1H") < user.received.count("\x1b[2;1H") + 2
        assert "Title 1" not in user.received.rpartition("\x1b[3;1H")[2]


async def test_a_new_minute_is_drawn_though_nothing_happened() -> None:
    """Ages go on, and old data is called old."""
    async with watching(report(post(1))) as (user, table):
        clock = Clock()
        clock.now += 300
        table.board.clock = clock

        await eventually(user.sees("5 min old"))


async def test_the_first_poll_is_seen_while_it_runs() -> None:
    """Titles and Hacker News' own numbers at once, how far it is after a second."""
    item = Item(id=1, title="Title 1", descendants=128)
    told = post(1, None, item=item, error=None, hours=(), last_hour=None)
    walk = Progress(
        poll=1, posts=5, posts_done=0, comments=10, expected=40, fetches=9, seconds=0.5,
        stories=(told,),
    )  # fmt: skip
    seen = [walk]
    async with watching(progress=lambda: seen[-1]) as (user, table):
        await eventually(user.sees("~128"))
        assert user.sees("Title 1")()
        assert user.sees("Reading...")()
        seen.append(dataclasses.replace(walk, seconds=5.0, seconds_left=15.0))
        await eventually(user.sees("10 of about 40 comments, 15 s left"))

        table.publish(report(post(1, 131)))

        await eventually(user.sees("250 ms, 3 requests, 1 story"))
        assert user.sees(" 131 ")()


async def test_warnings_stand_below_until_the_next_report() -> None:
    """Nothing is logged over the table; other threads may log, too."""
    async with watching() as (user, table):
        await asyncio.to_thread(table.warn, "Skipped 5")
        await eventually(user.sees("Skipped 5"))

        table.publish(report(post(1)))

        await eventually(lambda: user.sees("Title 1")() and not user.sees("Skipped 5")())


async def test_the_filter_is_typed_kept_and_closed() -> None:
    """What is typed at once after the slash is in it; a slash in it is one; Esc ends it."""
    titles = ("Rust", "Python", "TCP/IP", "quick")
    async with watching(report(*(titled(n, t) for n, t in enumerate(titles, 1)))) as (user, table):
        user.type("/p/i")
        await eventually(lambda: not user.sees("Rust")() and user.sees("TCP/IP")())
        assert not user.sees("Python")()
        assert "p/i" in user.rows
        # The filter stays, and keys are commands again.
        user.type("\r")
        await eventually(lambda: not table.app.input.has_focus)
        user.type("s")
        await eventually(user.sees("s sort: new"))
        assert not user.sees("Rust")()

        user.type("\x1b")

        await eventually(user.sees("Rust"))
        assert "p/i" not in user.rows
        # Now for a "q", and Esc while it is typed; the pane stays open.
        user.type("\r")
        await eventually(user.sees("New comments on Rust"))
        user.type("/")
        await eventually(lambda: table.app.input.has_focus)
        user.type("q")
        await eventually(lambda: "q" in user.rows and not user.sees("Python")())
        user.type("\x1b")
        await eventually(user.sees("Python"))
        assert user.sees("New comments on Rust")()
        assert user.stopped == 0


async def test_help_comes_and_goes() -> None:
    """With its key, with Esc, and in the place of the comments."""
    async with watching(report(post(1))) as (user, _):
        user.type("?")
        await eventually(user.sees("quit, as Ctrl-C does"))
        user.type("\r")
        await eventually(user.sees("New comments on Title 1"))
        user.type("?")
        await eventually(user.sees("quit, as Ctrl-C does"))
        user.type("?")
        await eventually(lambda: not user.sees("quit, as Ctrl-C does")())


async def test_far_jumps_choose_in_the_table() -> None:
    """A screen up or down, the first line, the last: what is chosen is seen."""
    stories = report(*(post(number) for number in range(1, 101)))
    async with watching(stories, columns=40, lines=13) as (user, table):

        def at(place: int) -> Callable[[], bool]:
            return lambda: table.board.place == place

        for keys, place in (("\x1b[6~", 9), ("\x1b[6~", 18), ("\x1b[5~", 9), ("\x1b[F", 99),
                            ("\x1b[5~", 90), ("\x1b[H", 0)):  # fmt: skip
            user.type(keys)
            await eventually(at(place))
            await eventually(user.sees(f"Title {place + 1}"))


async def test_the_pane_scrolls_with_the_same_keys_and_the_table_stays() -> None:
    """The newest comment is on top; who reads on below stays there when another comes."""
    comments = tuple(comment(number, f"Text {number}") for number in range(1, 31))
    first = report(post(1, new=30), post(2), comments=comments)
    async with watching(first, columns=40) as (user, table):
        user.type("\r")
        await eventually(user.sees("Text 30"))
        for keys, text in (("\x1b[6~", "Text 24"), ("\x1b[F", "Text 1"), ("\x1b[H", "Text 30"),
                           ("\x1b[B\x1b[B", "Text 25")):  # fmt: skip
            user.type(keys)
            await eventually(user.sees(f"  {text}"))
        assert not user.sees("Text 30")()
        assert table.board.place == 0
        before = user.rows[13:22]

        table.publish(report(post(1, new=1), post(2), comments=(comment(31, "Text 31"),)))

        await eventually(user.sees("+31"))
        await asyncio.sleep(0.1)
        assert user.rows[13:22] == before
        # Another story begins at its top.
        user.type("j")
        await eventually(user.sees("none since"))
        user.type("k")
        await eventually(user.sees("Text 31"))


async def test_the_mouse_chooses_and_scrolls() -> None:
    """A click on a line; the wheel in the table leaves what is chosen, and in the pane."""
    comments = tuple(comment(number, f"Text {number}", story=3) for number in range(1, 31))
    stories = report(*(post(number) for number in range(1, 101)), comments=comments)
    async with watching(stories, columns=40) as (user, table):
        user.type("\x1b[<0;5;9M\x1b[<0;5;9m")
        await eventually(lambda: table.board.chosen == 8)
        user.type("\x1b[<0;5;4M\x1b[<0;5;4m")
        await eventually(lambda: table.board.chosen == 3)
        assert not user.sees("Text")()

        user.type("\x1b[<65;5;4M" * 20)
        await eventually(user.sees("Title 50"))
        assert table.board.chosen == 3
        table.publish(dataclasses.replace(stories, error="HTTP 500", comments=()))
        await eventually(user.sees("HTTP 500"))
        assert user.sees("Title 50")()

        user.type("\r")
        await eventually(user.sees("Text 30"))
        await eventually(user.sees("Title 3"))
        user.type("\x1b[<65;5;16M" * 5)
        await eventually(lambda: user.sees("Text 25")() and not user.sees("Text 30")())
        # Nothing is there to be clicked: neither in the pane, nor below the last story.
        user.type("\x1b[<0;5;16M\x1b[<0;5;16m")
        user.type("j")
        await eventually(lambda: table.board.chosen == 4)
        user.type("\x1b")
        table.publish(report(post(1), post(4), post(9)))
        await eventually(lambda: not user.sees("Title 3")())
        user.type("\x1b[<0;5;9M\x1b[<0;5;9m")
        user.type("k")
        await eventually(lambda: table.board.chosen == 1)


async def test_a_link_is_shown_whole_and_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """On two lines where one is too short; the next key takes it away."""
    opened: list[str] = []
    monkeypatch.setattr(live, "browse", opened.append)
    async with watching(report(post(1), post(2)), columns=30) as (user, _):
        user.type("jo")

        await eventually(user.sees("tem?id=2"))
        assert LINK in "".join(user.rows)
        assert opened == [LINK]
        user.type("j")
        await eventually(lambda: not user.sees("tem?id=2")())


@pytest.mark.parametrize(
    ("environ", "opens"),
    [
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({}, False),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}, False),
    ],
)
@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="there is always a screen")
async def test_a_browser_is_opened_where_there_is_a_screen_for_it(
    environ: dict[str, str],
    opens: bool,  # noqa: FBT001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not far away, and not in the terminal: it has none, and nobody waits for it."""
    seen = tmp_path / "seen"
    monkeypatch.setattr(
        live,
        "BROWSE",
        "import os, sys\n"
        f"with open({str(seen)!r}, 'w') as f:\n"
        "    print(sys.argv[1], os.getsid(0) == os.getpid(), os.isatty(1), file=f)\n"
        "print('noise'); os.write(2, b'noise')",
    )

    browse(LINK, environ)

    if opens:
        await eventually(lambda: seen.exists() and seen.read_text().endswith("\n"))
        assert seen.read_text() == f"{LINK} True False\n"
    else:
        await asyncio.sleep(0.2)
        assert not seen.exists()


async def test_a_terminal_that_cannot_be_opened_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is shown, and nothing runs."""
    pytest.importorskip("termios")

    def refuse(_: int) -> int:
        raise OSError(6, "No such device or address")

    monkeypatch.setattr(live_runner, "open_terminal", refuse)
    table = LiveTable(Terminal(fd=-1), stop=lambda: None)

    with pytest.raises(ScreenFailed, match=r"the terminal cannot be opened \(No such device"):
        async with table.shown():
            pytest.fail("it was shown")

    assert not table.is_open
    assert len(asyncio.all_tasks()) == 1


async def test_a_table_that_breaks_stops_the_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says where, and the terminal is given back before."""
    with pseudo_terminal() as (fd, program):
        user = User(fd)
        table = LiveTable(Terminal(fd=program), stop=user.stop)

        def broken(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError

        with pytest.raises(ScreenFailed, match="it broke"):  # noqa: PT012
            async with table.shown():
                monkeypatch.setattr(live, "draw_footer", broken)
                table.publish(report(post(1)))
                await eventually(lambda: user.stopped)

        user.read()
        assert user.received.endswith(LEAVE)
        assert "ZeroDivisionError" in capsys.readouterr().err


async def test_tasks_of_others_begin_in_their_turn() -> None:
    """Textual would have all tasks of the loop start at once, on Python 3.12 and later."""
    begun: list[int] = []

    async def begin() -> None:
        begun.append(1)

    async with watching():
        task = asyncio.create_task(begin())
        assert not begun
        await task


def run_python(code: str, fd: int) -> subprocess.CompletedProcess[bytes]:
    """Run *code* on a terminal, and return how it ended."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code],
        stdin=fd, stdout=fd, stderr=fd, check=False, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ("sys.modules['textual'] = None", "Textual cannot be imported"),
        ("os.ttyname = os.open = refuse", "the terminal cannot be opened"),
    ],
)
def test_what_is_missing_for_the_table_is_a_sentence(trouble: str, sentence: str) -> None:
    """Not a traceback; the exit code is that of a wrong command line."""
    with pseudo_terminal() as (fd, program):
        code = (
            "import os, sys\n"
            "from hn_comments.__main__ import main\n"
            "def refuse(*_): raise OSError(6, 'No such device')\n"
            f"{trouble}\n"
            "sys.exit(main(['--demo', '--live', '--limit', '1']))"
        )

        ended = run_python(code, program)

        user = User(fd)
        assert ended.returncode == 2
        assert user.sees(f"cannot show the live table: {sentence}")()
        assert "Traceback" not in user.received


def test_without_termios_the_table_can_still_be_imported() -> None:
    """As on Windows, which has no such module, nor these signals."""
    code = (
        "import signal, sys\n"
        "sys.modules.update(dict.fromkeys(('termios', 'tty', 'fcntl', 'pty')))\n"
        "for name in ('SIGTSTP', 'SIGWINCH', 'SIGCONT', 'SIGHUP'): delattr(signal, name)\n"
        "import hn_comments.output.live_runner, hn_comments.output.display\n"
        "import hn_comments.command.run\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def set_signals(ignored: tuple[int, ...]) -> None:
    """Have a process begin with signals as a shell has them, however the tests were started."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)


@asynccontextmanager
async def running(
    program: int, *options: str, ignored: tuple[int, ...] = (), command: Sequence[str] = PLAIN
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Give the command that runs on a terminal."""
    process = await asyncio.create_subprocess_exec(
        *command, "--live", *options, stdin=program, stdout=program, stderr=program,
        env={**os.environ, "TERM": "xterm"},
        preexec_fn=lambda: set_signals(ignored),
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def ended(process: asyncio.subprocess.Process) -> int:
    """Return the exit code when there is one."""
    async with asyncio.timeout(DEADLINE):
        return await process.wait()


async def test_the_command_follows_comments_and_leaves_its_last_table() -> None:
    """From the first titles to SIGTERM."""
    with pseudo_terminal(lines=50) as (fd, program):
        user, before = User(fd, lines=50), modes_of(program)
        options = ("--demo", "--limit", "3", "--period", "0.2")
        async with running(program, *options, command=COMMAND) as process:
            await eventually(user.sees("3 stories"))
            user.type("s\r")
            # Whoever has something new stands first, but was not chosen.
            user.type("k" * 3)
            await eventually(lambda: user.sees("user")() and user.sees("New comments on")())
            await eventually(user.sees(" ago"))

            process.terminate()

            assert await ended(process) == 143
        user.read()
        screen, _, after = user.received.partition(LEAVE)
        # On a busy machine asyncio may have said before that something took its time.
        assert ENTER in screen
        assert "3 stories" in after
        assert "Traceback" not in after
        assert modes_of(program) == before


@pytest.mark.parametrize(("keys", "code"), [("q", 0), ("\x03", 130)])
async def test_the_command_ends_with_its_keys(keys: str, code: int) -> None:
    """Ctrl-C is what it is elsewhere: the terminal makes a signal of it."""
    with pseudo_terminal() as (fd, program):
        user = User(fd)
        options = ("--demo", "--limit", "1", "--period", "30")
        async with running(program, *options) as process:
            await eventually(user.sees("1 story"))
            if keys == "\x03":
                # This terminal controls no process, so nobody makes a signal of the key.
                process.send_signal(signal.SIGINT)
            else:
                user.type(keys)

            assert await ended(process) == code
        await eventually(lambda: user.read() is not None and "1 story" in user.received)


async def test_who_quits_in_the_middle_of_a_poll_gets_no_error() -> None:
    """What that poll had found is printed; it did not fail."""
    async with Simulator(World(stories=2), latency=0.3) as simulator:
        with pseudo_terminal() as (fd, program):
            user = User(fd)
            options = ("--api-url", simulator.url, "--limit", "2", "--period", "60")
            async with running(program, *options) as process:
                await eventually(user.sees("q quit"))
                user.type("q")

                assert await ended(process) == 0


async def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_back() -> None:
    """What was on the screen is drawn anew."""
    with pseudo_terminal() as (fd, program):
        user, before = User(fd), modes_of(program)
        async with running(program, "--demo", "--limit", "1", "--period", "0.2") as process:
            await eventually(user.sees("1 story"))
            process.send_signal(signal.SIGTSTP)
            await eventually(lambda: user.read() is not None and user.received.endswith(LEAVE))
            await eventually(lambda: modes_of(program) == before)
            await eventually(
                lambda: os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
            )
            user.screen.reset()
            process.send_signal(signal.SIGCONT)

            await eventually(user.sees("q quit"))
            assert user.sees("1 story")()
            assert user.sees("title")()
            process.terminate()
            assert await ended(process) == 143


async def test_a_terminal_that_nobody_reads_stops_neither_polls_nor_signals() -> None:
    """After Ctrl-S, or at the end of a dead line: polls go on, and SIGTERM ends it."""
    with pseudo_terminal(200, 50) as (_, program):
        before = modes_of(program)
        async with Simulator(World(seed=1, stories=10, rate=6000)) as simulator:
            options = ("--api-url", simulator.url, "--limit", "10", "--period", "0.1")
            async with running(program, *options) as process:
                await eventually(lambda: not select.select([], [program], [], 0)[1])
                requests = simulator.requests
                await eventually(lambda: simulator.requests > requests + 100)
                assert not select.select([], [program], [], 0)[1]

                process.terminate()

                assert await ended(process) == 143
        assert modes_of(program) == before


async def test_the_command_ends_with_its_terminal() -> None:
    """Also where SIGHUP is ignored: there is nobody left to watch."""
    pytest.importorskip("termios")
    fd, program = os.openpty()
    user = User(fd)
    options = ("--demo", "--limit", "1", "--period", "0.2")
    async with running(program, *options, ignored=(signal.SIGHUP,)) as process:
        os.close(program)
        await eventually(user.sees("1 story"))

        os.close(fd)

        # What cannot be written any more is an error.
        assert await ended(process) in {0, 1}
