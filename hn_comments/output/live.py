"""
The live table on the alternate screen: reports and keys in, a drawing out where it changed.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ..models import PollReport, Progress
from ..tasks import stop_tasks
from .altscreen import AlternateScreen
from .board import Board
from .progress import PATIENCE, describe_progress
from .table import OLD, draw_last, draw_screen
from .terminal import Terminal


# Seconds between two looks at how far a poll is, and at how old the data is.
INTERVAL = 1.0


class LiveTable:
    """
    Shows each report that is published, until left; then the last table is ordinary text.

    *stop* is called when the user is done, or the terminal is gone. *look* gives the progress
    of the poll that runs, or None.
    """

    def __init__(
        self,
        terminal: Terminal,
        *,
        stop: Callable[[], None],
        look: Callable[[], Progress | None] = lambda: None,
    ) -> None:
        self.terminal = terminal
        self.stop = stop
        self.look = look
        self.board = Board()
        self.screen = AlternateScreen(
            terminal, on_key=self._press, on_resize=self._draw, on_closed=stop
        )
        self._minutes = 0
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def open(self) -> bool:
        return self._loop is not None

    async def __aenter__(self) -> Self:
        self.screen.enter()
        self._loop = asyncio.get_running_loop()
        self._draw()
        self._task = asyncio.create_task(self._keep_time(), name="live table")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._task is not None:
                await stop_tasks([self._task])
        finally:
            self._loop = None
            self.screen.leave()

    def last_table(self) -> str:
        """
        Return the table as it is, as ordinary lines.
        """
        width = self.terminal.size().columns
        return "".join(line + "\n" for line in draw_last(self.board, self.terminal, width=width))

    def publish(self, report: PollReport) -> None:
        """
        Take in a report; where it has no news, nothing is drawn.
        """
        waited = bool(self.board.wait)
        # The minute of the clock below the table is news of its own.
        if self.board.take(report) or waited or self._minute_passed():
            self._draw()

    def warn(self, message: str) -> None:
        """
        Show *message* until the next report.
        """
        # Other threads log, too.
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._warn, message)

    def _warn(self, message: str) -> None:
        self.board.warnings.append(message)
        self._draw()

    def _press(self, key: str) -> None:
        if key == "q":
            self.stop()
            return
        self.board.press(key)
        self._draw()

    def _draw(self) -> None:
        self._minutes = int(self.board.clock() // 60)
        size = self.terminal.size()
        self.screen.draw(
            draw_screen(self.board, self.terminal, width=size.columns, height=size.lines)
        )

    def _minute_passed(self) -> bool:
        return int(self.board.clock() // 60) != self._minutes

    async def _keep_time(self) -> None:
        """
        Say how far a poll is that takes its time, and how old the data is if none comes.
        """
        while True:
            await asyncio.sleep(INTERVAL)
            wait = ""
            if (progress := self.look()) is not None and progress.seconds >= PATIENCE:
                wait = describe_progress(progress, self.terminal.size().columns)
            old = self.board.clock() - self.board.taken >= OLD and self._minute_passed()
            if wait != self.board.wait or old:
                self.board.wait = wait
                self._draw()
