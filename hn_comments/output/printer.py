"""
Print reports and events as they come: results to stdout or a file, the rest to stderr.

Only this and the command's own parser print. All of it goes through one `Writer`, so that
nobody who reads slowly holds up the polls.
"""

import collections
import logging
import sys
from collections.abc import Callable

from ..events import Event, NotTold, PollBegan
from ..models import INTERRUPTED, Notice, PollReport
from ..settings import Settings
from .appended import AppendedFile
from .display import Display
from .formats import format_cost, format_header, format_report
from .sentences import say
from .stamps import choose_formatter
from .writer import Stream, Writer, stream_to


logger = logging.getLogger("hn_comments")

# Bytes that wait before lines of the log are left out: a quarter of a million of --verbose.
LOG_ROOM = 16 << 20


class CannotWriteError(Exception):
    """
    The results cannot be written: why, and whether that is a *mistake* of the command line.
    """

    def __init__(self, problem: str, *, mistake: bool) -> None:
        self.mistake = mistake
        super().__init__(problem)


class Printer:
    """
    Prints reports and events; *stop* is called when the results cannot be written any more.
    """

    def __init__(self, settings: Settings, *, stop: Callable[[], None]) -> None:
        self.settings = settings
        self.stop = stop
        self.display = Display(settings)
        self.writer = Writer()
        # The last report in the order of the polls.
        self.last: PollReport | None = None
        # Failed polls in a row before the present one.
        self._failures = 0
        # Whether some news has reached nobody, in spite of all.
        self.not_told = False
        # The polls whose lines may not be written yet: where these end, and the number.
        self._telling: collections.deque[tuple[int, int]] = collections.deque()
        self._told = 0
        self._errors = stream_to(sys.stderr, self.writer)
        self._results: Stream | None = None
        self._file: AppendedFile | None = None
        set_up_logging(settings, self.writer, self._errors, wanted=self.display.filter)

    def open(self) -> None:
        """
        Open what the results are written to.

        Raises:
            CannotWriteError: if there is no such thing.
        """
        header = "".join(f"{line}\n" for line in format_header(self.settings))
        path = self.settings.output
        if path is not None:
            try:
                self._file = AppendedFile(path, header)
            except OSError as exc:
                problem = f"argument --output: cannot append to {path!r}: {exc.strerror}"
                raise CannotWriteError(problem, mistake=True) from exc
            self._results = Stream(self.writer, self._file, on_error=self._give_up)
            return
        self._results = stream_to(sys.stdout, self.writer, on_error=self._give_up)
        if self._results is None:
            problem = "Cannot write the results: standard output is closed"
            raise CannotWriteError(problem, mistake=False)
        self._results.write(header)

    def close(self) -> None:
        """
        Close the file, unless the writer still waits for it.
        """
        if self._file is not None and not self.writer.backlog:
            self._file.close()

    @property
    def error(self) -> OSError | None:
        """
        Why the results could not be written; a reader who has seen enough is no error.
        """
        error = self._results.error if self._results else None
        return None if isinstance(error, BrokenPipeError) else error

    def told(self) -> int:
        """
        Return the number of the last poll whose lines are written.
        """
        written = self._results.written if self._results else 0
        while self._telling and self._telling[0][0] <= written:
            self._told = self._telling.popleft()[1]
        return self._told

    def publish(self, report: PollReport) -> None:
        """
        Print what a poll found, and tell on stderr what that cost.
        """
        # One that was interrupted is nobody's fault, and says nothing about the program's end.
        if report.error != INTERRUPTED and (self.last is None or self.last.poll < report.poll):
            self.last = report
        text = self.display.render(report)
        if text is None:
            text = "".join(f"{line}\n" for line in format_report(report, self.settings))
        self.write(text)
        if self._results is not None:
            self._telling.append((self._results.given, report.poll))
        if self._errors is not None:
            self._errors.write(self.display.status(report))
        if self.display.routine:
            level = logging.DEBUG if self._is_dull(report) else logging.INFO
            logger.log(level, "%s", format_cost(report))

    def _is_dull(self, report: PollReport) -> bool:
        """
        Return whether the cost of a poll is no news: one more failed, or nothing to tell.
        """
        if report.status == "failed":
            return self._failures > 0
        return self.settings.leaves_out and not report.news

    def tell(self, event: Event) -> None:
        """
        Say what happened.
        """
        if isinstance(event, PollBegan):
            self._failures = event.failures
            if not self.display.routine:
                return
        if isinstance(event, Notice) and self.settings.has_receivers:
            return  # They tell it.
        self.not_told = self.not_told or isinstance(event, NotTold)
        for level, sentence in say(event):
            logger.log(level, "%s", sentence)

    def write(self, text: str) -> None:
        """
        Write results.
        """
        if self._results is not None and text:
            self._results.write(text)

    def reopen(self) -> None:
        """
        Have the file closed, and what is at its path opened, as after log rotation.
        """
        self.writer.add(self._reopen)

    def _reopen(self) -> None:
        try:
            if self._file is not None:
                self._file.reopen()
        except OSError as exc:
            if self._results is not None:
                self._results.fail(exc)

    def _give_up(self, error: OSError) -> None:
        """
        Stop; the writer's thread calls this when the results cannot be written.
        """
        # The reader of a closed pipe, as in `| head`, has seen enough.
        if not isinstance(error, BrokenPipeError):
            logger.error("Cannot write the results: %s", error.strerror)
        self.stop()


class LogHandler(logging.StreamHandler[Stream]):
    """
    Gives lines to the writer; those that nobody reads for long are left out, and counted.
    """

    def __init__(self, stream: Stream, writer: Writer) -> None:
        super().__init__(stream)
        self._writer = writer
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        if self._writer.backlog > LOG_ROOM:
            self._left_out += 1
            return
        if self._left_out:
            left_out, self._left_out = self._left_out, 0
            logger.warning("%d lines are left out here, since nobody read them", left_out)
        super().emit(record)


def set_up_logging(
    settings: Settings,
    writer: Writer,
    stream: Stream | None,
    *,
    wanted: Callable[[logging.LogRecord], bool],
) -> None:
    """
    Send what is logged, and is *wanted*, to stderr: what this package says, and others' warnings.
    """
    handler = LogHandler(stream, writer) if stream else logging.NullHandler()
    handler.setFormatter(choose_formatter(settings, sys.stderr))
    handler.addFilter(wanted)
    # The root's handler, so that a warning of asyncio, too, goes through the writer: a stderr
    # that nobody reads would block the event loop.
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(capture=True)
    logger.setLevel(
        logging.WARNING if settings.quiet else logging.DEBUG if settings.verbose else logging.INFO
    )
