"""The form of the output on terminals, in pipes, and by the settings."""

import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import pytest

from hn_comments import Settings
from hn_comments.output.display import Display
from hn_comments.output.driver import LEAVE
from hn_comments.output.progress import ERASE

from .reports import post, pseudo_terminal, report
from .support import eventually, run
from .terminals import User
from .test_progress import WALK


@contextlib.contextmanager
def terminal_stream() -> Iterator[tuple[User, TextIO]]:
    """Give a user, and the stream to the user's terminal."""
    with (
        pseudo_terminal() as (fd, program),
        open(program, "w", encoding="utf-8", closefd=False) as stream,
    ):
        yield User(fd), stream


def line(message: str, level: int = logging.INFO) -> logging.LogRecord:
    """Return a log record."""
    return logging.LogRecord("hn_comments", level, "", 1, message, (), None)


@pytest.fixture(autouse=True)
def _an_able_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")


def test_pipes_get_the_piped_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """FORCE_COLOR does not change that: it is about colour, and a pipe has none."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    display = Display(Settings(), stdout=io.StringIO(), stderr=io.StringIO())

    assert display.render(report(post(1, new=None))) is None
    assert display.status(report(post(1, new=None))) == ""
    assert display.routine
    assert display.last_table() == ""


@pytest.mark.parametrize("settings", [{"format": "json"}, {"format": "csv"}, {"output": "f.txt"}])
def test_results_for_programs_and_files_are_not_fitted(settings: dict[str, Any]) -> None:
    """Even if stdout is a terminal."""
    with terminal_stream() as (_, stream):
        display = Display(Settings(**settings), stdout=stream, stderr=stream)

        assert display.render(report(post(1))) is None


def test_each_stream_is_asked_for_itself() -> None:
    """Results go into a pipe and their cost onto the terminal, or the other way round."""
    one = report(post(1, new=None))
    with terminal_stream() as (_, stream):
        results = Display(Settings(), stdout=io.StringIO(), stderr=stream)
        assert results.render(one) is None
        assert results.status(one).startswith("\x1b[2m> 30 comments in 1 post")

        messages = Display(Settings(), stdout=stream, stderr=io.StringIO())
        assert "Title 1" in (messages.render(one) or "")
        assert messages.status(one) == ""


@pytest.mark.parametrize(
    ("settings", "routine", "status"),
    [({}, False, True), ({"verbose": True}, True, True), ({"quiet": True}, False, False)],
)
def test_a_terminal_is_spared_the_routine(
    settings: dict[str, Any],
    routine: bool,  # noqa: FBT001
    status: bool,  # noqa: FBT001
) -> None:
    """Lines that every poll has are left out, except with --verbose; no others."""
    with terminal_stream() as (_, stream):
        display = Display(Settings(**settings), stdout=stream, stderr=stream)

        assert display.routine is routine
        assert display.filter(line("the API answers again"))
        assert display.filter(line("Waiting", logging.ERROR))
        assert bool(display.status(report(post(1, new=None)))) is status


async def test_progress_is_gone_before_anything_else_is_written() -> None:
    """Before results, log lines, and the end."""
    with terminal_stream() as (user, stream):
        display = Display(Settings(), stdout=stream, stderr=stream)
        async with display.open(stop=user.stop, look=lambda: WALK):
            for write in (
                lambda: display.render(report(post(1))),
                lambda: display.filter(line("x", logging.WARNING)),
                display.restore,
            ):
                user.received = ""
                await eventually(lambda: user.read() and "1,200 of about" in user.received)
                write()
                assert user.read().endswith(ERASE)


async def test_live_shows_all_on_its_own_screen() -> None:
    """Reports and warnings; stderr stays silent on the same terminal until it is over."""
    with terminal_stream() as (user, stream):
        display = Display(Settings(live=True), stdout=stream, stderr=stream)
        async with display.open(stop=user.stop, look=lambda: None):
            assert display.render(report(post(1, new=None))) == ""
            assert display.status(report(post(1, new=None))) == ""
            assert not display.filter(line("Skipped 5", logging.WARNING))
            assert not display.filter(line("Waiting"))
            await eventually(user.sees("Skipped 5"))
            assert user.sees("Title 1")()

            # A second signal leaves at once: the terminal must be on its own screen again.
            display.restore()
            user.read()
            assert user.received.endswith(LEAVE)

        assert user.read() == ""
        assert display.filter(line("Error detected, quitting", logging.ERROR))
        assert "Title 1" in display.last_table()


async def test_piped_runs_import_nothing_that_draws() -> None:
    """Start-up need not wait for it."""
    code = (
        "import sys; from hn_comments.__main__ import main; main(['--demo', '--once'])\n"
        "print([m for m in ('rich', 'textual') if m in sys.modules])"
    )

    _, stdout, _ = await run(sys.executable, "-c", code)

    assert stdout.splitlines()[-1] == "[]"
