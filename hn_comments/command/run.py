"""
The command `hn-comments`: logging, signals, exit codes. Only this prints.

What is slow to import is imported where it is used, so that --help and --version are not.
"""

import functools
import gc
import logging
import sys
from collections.abc import AsyncIterable, Callable

from ..errors import BadProxy, HistoryError, ScreenFailed, TooManyErrors
from ..models import PollReport, Settings
from ..output.display import Display
from ..output.formats import Disputes, cut, format_cost, format_header, format_report
from ..output.writer import Stream, Writer, open_to_append, stream_to
from .signals import Stopper


# A type checker takes this for typing.TYPE_CHECKING.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from io import FileIO

    from ..engine import Control

logger = logging.getLogger("hn_comments")

EXIT_DONE = 0
EXIT_ERRORS = 1
EXIT_USAGE = 2
EXIT_CODES = {"exact": EXIT_DONE, "partial": 3, "failed": EXIT_ERRORS}

# Objects made since the last garbage collection that start the next one; Python's own is
# 700. A pending comment has some ten, and cycles are rare: only failures make them.
GC_THRESHOLD = 50_000

# Bytes that wait for a slow reader before polls do: a dozen reports of 500 stories.
ROOM = 4 << 20

# Bytes that wait before lines of the log are left out: a quarter of a million of --verbose.
LOG_ROOM = 16 << 20

# Characters of a line of the log: a sentence, and a reason of at most 200 in it.
MAX_LINE = 500

# Seconds between two looks at a slow reader.
LOOK = 0.05

# The last line of the demo: it has shown what it can.
AFTER_THE_DEMO = "Next, the real front page: hn-comments --limit 30 --period 1m"


def run(settings: Settings) -> int:
    """
    Do what the command line asks for, and return its exit code.
    """
    stopper = Stopper()
    writer = Writer()
    display = Display(settings)
    errors = set_up_logging(settings, writer, wanted=display.filter)
    printer = Printer(settings, display, writer, errors, stop=stopper.stop)
    try:
        code = printer.open() or poll(settings, printer, stopper)
    finally:
        drain(writer, stopper)
    printer.close()
    return stopper.exit_code or code or printer.exit_code


def poll(settings: Settings, printer: "Printer", stopper: Stopper) -> int:
    """
    Poll and print until it is over, and return an exit code, unless the reports decide.
    """
    import asyncio

    # Not in a coroutine: importing aiohttp would block its loop for a tenth of a second.
    from ..engine import Control, watch

    control = Control()
    # The collector would walk thousands of pending tasks again and again, a fifth of the
    # time of a cold walk. What is imported by now stays anyway.
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    reports = watch(settings, control=control)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(publish(reports, control, printer, stopper))
    except TooManyErrors as exc:
        logger.error("Stopped by --max-errors %d: %s", settings.max_errors, exc)
        logger.error("Error detected, quitting")
        return EXIT_ERRORS
    except (BadProxy, HistoryError, ScreenFailed) as exc:
        logger.error("%s", exc)
        return EXIT_USAGE
    if settings.demo:
        logger.info("%s", AFTER_THE_DEMO)
    return EXIT_DONE


async def publish(
    reports: AsyncIterable[PollReport], control: "Control", printer: "Printer", stopper: Stopper
) -> None:
    """
    Print each report as it comes, until there are no more.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    stopper.connect(functools.partial(loop.call_soon_threadsafe, control.stop))
    display = printer.display
    stopper.on_leaving = display.restore
    try:
        async with display.open(stop=stopper.stop, look=control.progress):
            async for report in reports:
                printer.publish(report)
                # Until this report is taken, polls wait. Looking again and again is simplest,
                # since the thread that makes room knows nothing of loops.
                while printer.writer.backlog > ROOM and not stopper.stopped:  # noqa: ASYNC110
                    await asyncio.sleep(LOOK)
    finally:
        printer.write(display.last_table())


def drain(writer: Writer, stopper: Stopper) -> None:
    """
    Wait until all is written; after a signal not for long.
    """
    while not writer.wait(LOOK):
        if stopper.out_of_patience:
            return


def loop_factory() -> "Callable[[], asyncio.AbstractEventLoop] | None":
    """
    Return what makes event loops: uvloop, if the extra `speed` is there, or the default.
    """
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


class Printer:
    """
    Prints each report as it comes, and remembers what the exit code needs.
    """

    def __init__(
        self,
        settings: Settings,
        display: Display,
        writer: Writer,
        errors: Stream | None,
        *,
        stop: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.display = display
        self.writer = writer
        self.errors = errors
        self.stop = stop
        self.last: PollReport | None = None
        self._disputes = Disputes()
        self._results: Stream | None = None
        self._file: FileIO | None = None

    def open(self) -> int:
        """
        Open what the results are written to; return an exit code other than 0 if that fails.
        """
        header = "".join(f"{line}\n" for line in format_header(self.settings))
        path = self.settings.output
        if path is None:
            self._results = stream_to(sys.stdout, self.writer, on_error=self._give_up)
            if self._results is None:
                logger.error("Cannot write the results: standard output is closed")
                return EXIT_ERRORS
        else:
            try:
                self._file, header = open_to_append(path, header)
            except OSError as exc:
                logger.error("argument --output: cannot append to %r: %s", path, exc.strerror)
                return EXIT_USAGE
            self._results = Stream(self.writer, self._file, on_error=self._give_up)
        self._results.write(header)
        return EXIT_DONE

    def close(self) -> None:
        """
        Close the file, unless the writer still waits for it.
        """
        if self._file is not None and not self.writer.backlog:
            self._file.close()

    @property
    def exit_code(self) -> int:
        error = self._results.error if self._results else None
        if error is not None and not isinstance(error, BrokenPipeError):
            return EXIT_ERRORS
        return EXIT_CODES[self.last.status] if self.last else EXIT_DONE

    def publish(self, report: PollReport) -> None:
        """
        Print what a poll found, and tell on stderr what that cost.
        """
        # What one more failed poll cost is no news.
        failing = self.last is not None and self.last.status == report.status == "failed"
        if self.last is None or self.last.poll < report.poll:
            self.last = report
        text = self.display.render(report)
        if text is None:
            text = "".join(f"{line}\n" for line in format_report(report, self.settings))
        self.write(text)
        if self.errors is not None:
            self.errors.write(self.display.status(report))
        for sentence in self._disputes.changes(report):
            logger.info("%s", sentence)
        logger.log(logging.DEBUG if failing else logging.INFO, "%s", format_cost(report))

    def write(self, text: str) -> None:
        """
        Write results.
        """
        if self._results is not None and text:
            self._results.write(text)

    def _give_up(self, error: OSError) -> None:
        """
        Stop; the writer's thread calls this when the results cannot be written.
        """
        # Whoever read this, as in `| head`, has seen enough.
        if not isinstance(error, BrokenPipeError):
            logger.error("Cannot write the results: %s", error.strerror)
        self.stop()


class LineFormatter(logging.Formatter):
    """
    "[10:14:03] message", safe for a terminal, and not too long.
    """

    def __init__(self) -> None:
        super().__init__("[%(asctime)s] %(message)s", datefmt="%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return cut(super().format(record), MAX_LINE)


class LogHandler(logging.StreamHandler[Stream]):
    """
    Gives lines to the writer; those that nobody reads for long are left out, and counted.
    """

    def __init__(self, stream: Stream, writer: Writer) -> None:
        super().__init__(stream)
        self.setFormatter(LineFormatter())
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
    settings: Settings, writer: Writer, *, wanted: Callable[[logging.LogRecord], bool]
) -> Stream | None:
    """
    Send what this package logs, and is *wanted*, to stderr; return the stream to there.
    """
    stream = stream_to(sys.stderr, writer)
    handler = LogHandler(stream, writer) if stream else logging.NullHandler()
    handler.addFilter(wanted)
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(
        logging.WARNING if settings.quiet else logging.DEBUG if settings.verbose else logging.INFO
    )
    return stream
