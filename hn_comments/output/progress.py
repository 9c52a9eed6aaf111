"""
Show a line on stderr during a long walk, and erase it before anything else is written.
"""

import asyncio
import os
import select
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from ..durations import describe_duration
from ..models import Progress
from ..tasks import stop_tasks
from .fitted import fit_facts, plural
from .terminal import Terminal


# Seconds before a walk shows its progress.
PATIENCE = 1.0

# Seconds between two updates: numbers that change faster cannot be read.
INTERVAL = 0.5

# Goes to the start of the line, and erases it.
ERASE = "\r\x1b[K"


class ProgressLine:
    """
    Shows how far a walk is, if it takes longer than `PATIENCE`.

    *look* gives the progress of the running poll, or None. Call `clear` before writing anything
    else to the terminal.
    """

    def __init__(self, terminal: Terminal, look: Callable[[], Progress | None]) -> None:
        self.terminal = terminal
        self.look = look
        self._shown = ""
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        # A terminal that cannot erase a line would get a new one each time.
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
        # One cell less: some terminals go to the next line once the last cell is filled.
        line = describe_progress(progress, self.terminal.size().columns - 1)
        if line != self._shown and self._write(ERASE + line):
            self._shown = line

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            self.update()

    def _write(self, text: str) -> bool:
        # Skipped while the terminal takes nothing (Ctrl-S, a slow line), or the event loop
        # would wait.
        try:
            if not select.select([], [self.terminal.fd], [], 0)[1]:
                return False
            os.write(self.terminal.fd, text.encode(self.terminal.encoding, "replace"))
        except (OSError, ValueError):
            # The terminal was closed; writing results will report that.
            return False
        return True


def describe_progress(progress: Progress, width: int) -> str:
    """
    Return how far a walk is, in at most *width* cells.
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
            yield f"{describe_duration(progress.seconds_left, short=True)} left"
    else:
        yield f"{plural(progress.comments, 'comment')} so far"
    yield f"{progress.posts_done} of {plural(progress.posts, 'post')}"
    if progress.seconds > 0:
        yield f"{progress.fetches / progress.seconds:,.0f} requests/s"
