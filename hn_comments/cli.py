"""
The command `hn-comments`: logging, signals, exit codes. Only this prints.

What is slow to import is imported where it is used, so that --help and --version are not.
"""

import contextlib
import functools
import gc
import io
import logging
import os
import signal
import sys
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from types import FrameType

from .errors import BadProxy, HistoryError, TooManyErrors
from .models import PollReport, Settings
from .options import parse_settings
from .output import clean, format_header, format_report


# A type checker takes this for typing.TYPE_CHECKING.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio

logger = logging.getLogger(__package__)

EXIT_DONE = 0
EXIT_ERRORS = 1
EXIT_USAGE = 2
EXIT_CODES = {"exact": EXIT_DONE, "partial": 3, "failed": EXIT_ERRORS}
# A program that a signal ended has 128 and the signal's number as its exit code.
EXIT_SIGNAL = 128

# Objects made since the last garbage collection that start the next one; Python's own is
# 700. A pending comment has some ten, and cycles are rare: only failures make them.
GC_THRESHOLD = 50_000


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command and return its exit code.
    """
    stopper = Stopper()
    settings = parse_settings(argv)
    set_up_logging(settings)
    printer = Printer(settings, stop=stopper.stop)

    import asyncio

    # Not in a coroutine: importing aiohttp would block its loop for a tenth of a second.
    from .watch import Control, watch

    control = Control()
    code = None
    # The collector would walk thousands of pending tasks again and again, a fifth of the
    # time of a cold walk. What is imported by now stays anyway.
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(publish(watch(settings, control=control), stopper, control.stop, printer))
    except TooManyErrors:
        logger.error("Error detected, quitting")
        code = EXIT_ERRORS
    except (BadProxy, HistoryError) as exc:
        logger.error("%s", exc)
        code = EXIT_USAGE
    return stopper.exit_code or code or printer.exit_code


async def publish(
    reports: AsyncIterable[PollReport],
    stopper: "Stopper",
    stop_polling: Callable[[], None],
    printer: "Printer",
) -> None:
    """
    Print each report as it comes, until there are no more.
    """
    stopper.connect(stop_polling)
    async for report in reports:
        printer.publish(report)


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


class Stopper:
    """
    Stops the program when asked: by `stop`, or cleanly by the first SIGINT or SIGTERM.

    A second signal leaves at once. Until `connect` there is nothing to clean up, and
    `__main__` answers the first one so.
    """

    def __init__(self) -> None:
        self._signal: int | None = None
        self._stopped = False
        self._stop_polling: Callable[[], object] | None = None

    def connect(self, stop_polling: Callable[[], None]) -> None:
        """
        Have *stop_polling* called in the running loop when it is time to stop, or a signal comes.
        """
        import asyncio

        self._stop_polling = functools.partial(
            asyncio.get_running_loop().call_soon_threadsafe, stop_polling
        )
        # signal.signal() and not add_signal_handler(), which Windows does not have.
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, self._handle_signal)
        if self._stopped:
            stop_polling()

    def stop(self) -> None:
        """
        Stop polling, now or as soon as it starts.
        """
        self._stopped = True
        # The loop may just have closed; then there is nothing left to stop.
        with contextlib.suppress(RuntimeError):
            if self._stop_polling is not None:
                self._stop_polling()

    @property
    def exit_code(self) -> int | None:
        return None if self._signal is None else EXIT_SIGNAL + self._signal

    def _handle_signal(self, signum: int, _frame: FrameType | None) -> None:
        if self._signal is not None:
            os._exit(EXIT_SIGNAL + signum)
        self._signal = signum
        self.stop()


class Printer:
    """
    Prints each report as it comes, and remembers what the exit code needs.
    """

    def __init__(self, settings: Settings, *, stop: Callable[[], None]) -> None:
        self.settings = settings
        self.stop = stop
        self.last: PollReport | None = None
        self.failed = False
        self._print(format_header(settings))

    @property
    def exit_code(self) -> int:
        if self.failed:
            return EXIT_ERRORS
        return EXIT_CODES[self.last.status] if self.last else EXIT_DONE

    def publish(self, report: PollReport) -> None:
        """
        Print what a poll found, and tell on stderr what that cost.
        """
        if self.last is None or self.last.poll < report.poll:
            self.last = report
        self._print(format_report(report, self.settings))
        for story in report.stories:
            if story.disputed and story.count and story.item:
                logger.info(
                    "Post %d: counted %d live comments, Hacker News says %d",
                    story.id,
                    story.count.live,
                    story.item.descendants,
                )
        logger.info(
            "> Calculating comments took %.2f seconds and %d fetches",
            report.seconds,
            report.fetches,
        )

    def _print(self, lines: Iterable[str]) -> None:
        text = "\n".join(lines)
        if not text:
            return
        try:
            print(text, flush=True)
        except BrokenPipeError:
            # Whoever read this, as in `| head`, has seen enough.
            self._discard_output()
        except OSError as exc:
            logger.error("Cannot write the results: %s", exc.strerror)
            self.failed = True
            self._discard_output()

    def _discard_output(self) -> None:
        """
        Stop, and keep Python from trying to flush the rest when it exits.

        https://docs.python.org/3/library/signal.html#note-on-sigpipe
        """
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        self.stop()


class LineFormatter(logging.Formatter):
    """
    "[10:14:03] message", safe for a terminal.
    """

    def __init__(self) -> None:
        super().__init__("[%(asctime)s] %(message)s", datefmt="%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return clean(super().format(record))


def set_up_logging(settings: Settings) -> None:
    """
    Send what this package logs to stderr, in the detail that was asked for.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter())
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(
        logging.WARNING if settings.quiet else logging.DEBUG if settings.verbose else logging.INFO
    )
    # A closed stderr is no reason to write there about it.
    logging.raiseExceptions = False
    # A title that the terminal's encoding does not know must not end the program.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
