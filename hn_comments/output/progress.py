"""
A line on stderr while a walk takes its time; gone when there is something to read.
"""

import asyncio
import os
import select
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from ..models import Progress
from ..tasks import stop_tasks
from .fitted import fit_facts, plural
from .terminal import Terminal


# Seconds that a walk may take in silence.
PATIENCE = 1.0

# Seconds between two looks at how far it is; numbers that change faster cannot be read.
INTERVAL = 0.5

# To the start of the line, and erase it.
ERASE = "\r\x1b[K"


class ProgressLine:
    """
    Shows how far a walk is, from the second second on.

    *look* gives the progress of the poll that runs, or None. Whoever else writes to the
    terminal calls `clear` before.
    """

    def __init__(self, terminal: Terminal, look: Callable[[], Progress | None]) -> None:
        self.terminal = terminal
        self.look = look
        self._shown = ""
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        # A terminal that cannot go back in its line would get one line after the other.
        if self.terminal.control:
            self._task = asyncio.create_task(self._run(), name="progress line")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            await stop_tasks([self._task])
        self.clear()

    def clear(self) -> None:
        """
        Erase the line, if there is one.
        """
        if self._shown:
            self._shown = ""
            self._write(ERASE)

    def update(self) -> None:
        """
        Show how far the walk is, or erase the line when it is over.
        """
        progress = self.look()
        if progress is None or progress.seconds < PATIENCE:
            self.clear()
            return
        # One cell less: in the last one, some terminals go to the next line at once.
        line = describe_progress(progress, self.terminal.size().columns - 1)
        if line != self._shown and self._write(ERASE + line):
            self._shown = line

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            self.update()

    def _write(self, text: str) -> bool:
        # Ctrl-S, or a slow line, must not hold up the event loop: then this one is left out.
        try:
            if not select.select([], [self.terminal.fd], [], 0)[1]:
                return False
            os.write(self.terminal.fd, text.encode(self.terminal.encoding, "replace"))
        except (OSError, ValueError):
            # The terminal was closed; the results will notice.
            return False
        return True


def describe_progress(progress: Progress, width: int) -> str:
    """
    Return how far a walk is in at most *width* cells, the most important first.
    """
    return fit_facts(progress_facts(progress), width)


def progress_facts(progress: Progress) -> Iterator[str]:
    """
    Yield comments so far, time left, posts done, and requests a second.
    """
    if not progress.posts:
        yield "reading which posts there are"
        return
    expected = progress.expected or 0
    if expected > progress.comments:
        yield f"{progress.comments:,} of about {plural(expected, 'comment')}"
        if progress.seconds_left is not None:
            yield f"{describe_seconds(progress.seconds_left)} left"
    else:
        yield f"{plural(progress.comments, 'comment')} so far"
    yield f"{progress.posts_done} of {plural(progress.posts, 'post')}"
    if progress.seconds > 0:
        yield f"{progress.fetches / progress.seconds:,.0f} requests/s"


def describe_seconds(seconds: float) -> str:
    """
    Return a duration as coarse as a guess is: "8 s", "3 min", "2 h".
    """
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    if seconds < 36 * 3600:
        return f"{round(seconds / 3600)} h"
    return f"{round(seconds / 86400)} d"
