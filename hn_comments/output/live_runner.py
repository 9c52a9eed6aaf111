"""
The live table, beside the polls in their event loop: reports in, drawings out where they differ.
"""

import asyncio
import contextlib
import functools
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

from textual.app import App
from textual.driver import Driver

from ..errors import ScreenFailed
from ..models import PollReport, Progress
from .driver import TerminalDriver, open_terminal
from .live import TableApp
from .table import draw_last
from .terminal import Terminal


class LiveTable:
    """
    Shows each report that is published, while `shown`; then the last table is ordinary text.

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
        self.app = TableApp(terminal, stop=stop, look=look)
        self.board = self.app.board
        self.driver: TerminalDriver | None = None
        self.is_open = False

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """
        Take over the terminal as long as the context lasts.

        Raises:
            ScreenFailed: if that is not possible, or if it broke.
        """
        self.app.task_factory = asyncio.get_running_loop().get_task_factory()
        with self._terminal_opened():
            running = asyncio.create_task(self.app.run_async(), name="live table")
            running.add_done_callback(self._end)
            try:
                await self.app.ready.wait()
                self.is_open = not running.done()
                yield
            finally:
                self.is_open = False
                self.app.exit(return_code=self.app.return_code or 0)
                await running
        if self.app.return_code:
            raise ScreenFailed("it broke")

    def publish(self, report: PollReport) -> None:
        """
        Take in a report; where it has no news, nothing is drawn.
        """
        if self.board.take(report):
            self.app.call_later(self.app.draw)

    def warn(self, message: str) -> None:
        """
        Show *message* until the next report. Other threads may say something, too.
        """
        self.board.warnings.append(message)
        self.app.call_later(self.app.draw)

    def last_table(self) -> str:
        """
        Return the table as it is, as ordinary lines.
        """
        width = self.terminal.size().columns
        lines = draw_last(self.board, self.terminal, width=width)
        table = "".join(f"{self.terminal.paint(line, width=width)[0]}\n" for line in lines)
        # Where the screen could not be left in time, that comes first.
        return f"{self.driver.rest if self.driver else ''}{table}"

    def restore(self) -> None:
        """
        Give the terminal back, for when the program leaves at once.
        """
        if self.driver is not None:
            self.driver.restore()

    @contextlib.contextmanager
    def _terminal_opened(self) -> Iterator[None]:
        """
        Have the app draw on the terminal; where there is no termios, Textual's own driver does.
        """
        if sys.platform == "win32":
            yield
            return
        try:
            fd = open_terminal(self.terminal.fd)
        except OSError as exc:
            raise ScreenFailed(f"the terminal cannot be opened ({exc.strerror})") from exc
        self.app.driver_class = cast("type[Driver]", functools.partial(self._make_driver, fd))
        try:
            yield
        finally:
            self.restore()
            os.close(fd)

    def _make_driver(self, fd: int, app: App[Any], **options: Any) -> Driver:
        self.driver = TerminalDriver(app, self.terminal, fd, on_closed=self.stop, **options)
        return self.driver

    def _end(self, _: asyncio.Task[None]) -> None:
        # However it came to that: nobody watches any more.
        self.app.ready.set()
        self.stop()
