"""The line with the progress of a walk."""

import asyncio
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from hn_comments.models import Progress
from hn_comments.output.progress import ERASE, ProgressLine, describe_progress

from .reports import pseudo_terminal, terminal
from .support import eventually


WALK = Progress(
    poll=1,
    posts=50,
    posts_done=12,
    comments=1200,
    expected=4800,
    fetches=1500,
    seconds=5.0,
    seconds_left=15.0,
)


class Walk:
    """A poll whose progress a test sets, shown on a terminal."""

    def __init__(self, user: int, program: int, *, control: bool = True) -> None:
        self.user = user
        self.progress: Progress | None = None
        self.seen = ""
        self.line = ProgressLine(terminal(program, control=control), lambda: self.progress)

    def read(self) -> str:
        """Return all that has been written."""
        while select.select([self.user], [], [], 0)[0]:
            self.seen += os.read(self.user, 4096).decode()
        return self.seen


@contextmanager
def walk(*, control: bool = True) -> Iterator[Walk]:
    """Yield a walk on a terminal of 80 columns."""
    with pseudo_terminal() as (user, program):
        yield Walk(user, program, control=control)


def test_facts_are_told_by_importance() -> None:
    """A narrow terminal gets the first ones, and none gets a part of one."""
    assert describe_progress(WALK, 80) == (
        "1,200 of about 4,800 comments, 15 s left, 12 of 50 posts, 300 requests/s"
    )
    assert describe_progress(WALK, 45) == "1,200 of about 4,800 comments, 15 s left"
    assert describe_progress(WALK, 10) == ""
    assert describe_progress(replace(WALK, posts=0), 80) == "reading which posts there are"


@pytest.mark.parametrize("expected", [None, 0, 1199, 1200])
def test_no_guess_without_ground(expected: int | None) -> None:
    """No time is foretold where the posts name no number, or one that is passed."""
    described = describe_progress(replace(WALK, expected=expected), 80)

    assert described.startswith("1,200 comments so far, 12 of 50 posts")
    assert describe_progress(replace(WALK, seconds=0.0), 80)
    assert "left" not in describe_progress(replace(WALK, seconds_left=None), 80)


async def test_the_line_comes_with_a_long_walk_and_goes_with_it() -> None:
    """It leaves nothing behind."""
    with walk() as shown:
        async with shown.line:
            shown.progress = WALK
            await eventually(lambda: "1,200 of about 4,800" in shown.read())
            shown.progress = None
            await eventually(lambda: shown.read().endswith(ERASE))
        assert shown.read().endswith(ERASE)


async def test_the_line_is_gone_before_the_results_and_after_a_crash() -> None:
    """The next line starts where it stood."""
    with walk() as shown:
        shown.progress = WALK
        shown.line.update()
        shown.line.clear()
        assert shown.read().endswith(ERASE)

        with suppress(ZeroDivisionError):
            async with shown.line:
                shown.line.update()
                raise ZeroDivisionError
        assert shown.read().endswith(ERASE)


async def test_a_short_poll_is_silent_and_the_same_is_not_said_twice() -> None:
    """Quiet polls take milliseconds; nothing is written for them."""
    with walk() as shown:
        for progress in (None, replace(WALK, seconds=0.9)):
            shown.progress = progress
            shown.line.update()
        assert shown.read() == ""

        shown.progress = WALK
        shown.line.update()
        once = shown.read()
        shown.line.update()
        assert shown.read() == once != ""


async def test_a_dumb_terminal_has_no_line() -> None:
    """It could not be erased there."""
    with walk(control=False) as shown:
        shown.progress = WALK
        async with shown.line:
            assert len(asyncio.all_tasks()) == 1
        assert shown.read() == ""


async def test_a_stopped_or_closed_terminal_holds_nothing_up() -> None:
    """After Ctrl-S, and when the window was closed, the walk goes on."""
    with walk() as shown:
        # A terminal takes some kilobytes that nobody reads; then a write would wait.
        for number in range(2000):
            shown.progress = replace(WALK, comments=number)
            shown.line.update()
    shown.line.update()
