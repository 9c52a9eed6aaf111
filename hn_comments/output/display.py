"""
What stands on stdout and stderr where they are terminals: chosen once, by the settings.

The printer asks this first, and writes the piped form of what gets no answer here. What draws is
imported only where there is a terminal.
"""

import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable
from typing import TextIO

from ..errors import ScreenFailed
from ..models import PollReport, Progress
from ..settings import Settings


# A type checker takes this for typing.TYPE_CHECKING.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .fitted import TerminalText
    from .live_runner import LiveTable
    from .progress import ProgressLine
    from .terminal import Terminal


class Display:
    """
    Shows reports on the terminals that there are, as text or as a live table.
    """

    def __init__(
        self, settings: Settings, *, stdout: TextIO | None = None, stderr: TextIO | None = None
    ) -> None:
        self.settings = settings
        text = settings.format == "text" and settings.output is None
        self.out = find_terminal(stdout or sys.stdout) if text else None
        self.err = find_terminal(stderr or sys.stderr)
        self._text: TerminalText | None = None
        self._table: LiveTable | None = None
        self._progress: ProgressLine | None = None
        if settings.live and self.out is not None:
            # Here, since in a coroutine it would hold up the loop for a quarter of a second.
            # Where it is not there, `open` says so.
            with contextlib.suppress(ImportError):
                from . import live_runner  # noqa: F401

    @contextlib.asynccontextmanager
    async def open(
        self, *, stop: Callable[[], None], look: Callable[[], Progress | None]
    ) -> AsyncIterator[None]:
        """
        Have progress shown, or the live table, as long as the context lasts.

        *stop* is called when the user wants no more, *look* tells how far a poll is.
        """
        if self.settings.live and self.out is not None:
            self._table = open_table(self.out, stop=stop, look=look)
            async with self._table.shown():
                yield
        elif self.err is not None and not self.settings.quiet:
            from .progress import ProgressLine

            self._progress = ProgressLine(self.err, look)
            async with self._progress:
                yield
        else:
            yield

    def render(self, report: PollReport) -> str | None:
        """
        Return the lines for stdout, perhaps none; None where it is no terminal.
        """
        if self._table is not None:
            self._table.publish(report)
            return ""
        if self._progress is not None:
            self._progress.clear()
        if self.out is None:
            return None
        from .fitted import TerminalText

        self._text = self._text or TerminalText(self.settings, self.out)
        return self._text.render(report)

    def status(self, report: PollReport) -> str:
        """
        Return what stderr says after the results, with a line feed, if that is a terminal.
        """
        if self.err is None or self._table is not None or self.settings.quiet:
            return ""
        from .fitted import status_line

        line = status_line(report, self.err)
        return f"{line}\n" if line else ""

    def last_table(self) -> str:
        """
        Return what remains of the live table after its screen is gone.
        """
        return "" if self._table is None else self._table.last_table()

    @property
    def routine(self) -> bool:
        """
        Whether stderr says when each poll begins and what it cost: a terminal has `status`.
        """
        return self.err is None or self.settings.verbose

    def filter(self, record: logging.LogRecord) -> bool:
        """
        Return whether stderr is to show *record*: nothing is written over the live table.
        """
        if self.err is None:
            return True
        if self._table is not None and self._table.is_open:
            if record.levelno >= logging.WARNING:
                self._table.warn(record.getMessage())
            return False
        if self._progress is not None:
            self._progress.clear()
        return True

    def restore(self) -> None:
        """
        Give the terminal back, for when the program leaves at once.
        """
        if self._table is not None:
            self._table.restore()
        if self._progress is not None:
            self._progress.clear()


def open_table(
    terminal: "Terminal", *, stop: Callable[[], None], look: Callable[[], Progress | None]
) -> "LiveTable":
    """
    Return a live table for *terminal*, which is not shown yet.

    Raises:
        ScreenFailed: if Textual is not there, or cannot be imported.
    """
    try:
        from .live_runner import LiveTable
    except ImportError as exc:
        raise ScreenFailed(f"Textual cannot be imported ({exc})") from exc
    return LiveTable(terminal, stop=stop, look=look)


def find_terminal(stream: TextIO | None) -> "Terminal | None":
    """
    Return the terminal that *stream* leads to, if it does.
    """
    # Python has no stream where the file descriptor was closed.
    if stream is None or stream.closed or not stream.isatty():
        return None
    from .terminal import Terminal

    return Terminal.of(stream)
