"""
Do what the command line asks for: run the engine, print, answer signals, map ends to exit codes.

What is slow to import is imported where it is used, so that --help and --version are not.
"""

import contextlib
import functools
import logging
import sys
from collections.abc import AsyncIterable, Callable
from types import FrameType

from ..errors import (
    BadProxy,
    BadReceiver,
    CannotServe,
    HistoryError,
    ScreenFailed,
    TooManyErrors,
)
from ..events import Event
from ..models import PollReport
from ..output.printer import CannotWriteError, Printer
from ..output.stamps import is_service
from ..output.writer import Writer
from ..settings import Settings
from .environment import drop_nonsense
from .process import fit_process
from .signals import Stopper, catch_signals, has_terminal, leave_at_once


# A type checker takes this for typing.TYPE_CHECKING.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio

    from ..engine import Control
    from ..service import Service

logger = logging.getLogger("hn_comments")

EXIT_DONE = 0
EXIT_ERRORS = 1
EXIT_USAGE = 2
EXIT_CODES = {"exact": EXIT_DONE, "partial": 3, "failed": EXIT_ERRORS}

# Bytes that wait for a slow reader before polls do: a dozen reports of 500 stories.
ROOM = 4 << 20

# Seconds between two looks at a slow reader; at the end, the first ones come sooner, since most
# readers are not slow.
FIRST_LOOK, LOOK = 0.001, 0.05

# The last line of the demo: it has shown what it can.
AFTER_THE_DEMO = "Next, the real front page: hn-comments --limit 30 --period 1m"


def run(settings: Settings) -> int:
    """
    Do what the command line asks for, and return its exit code.
    """
    if settings.notify_test:
        return try_notices(settings)
    if settings.check:
        return try_ways(settings)
    drop_nonsense()
    stopper = Stopper()
    printer = Printer(settings, stop=stopper.stop)
    try:
        printer.open()
        code = poll(settings, printer, stopper)
    except CannotWriteError as exc:
        logger.error("%s", exc)
        code = EXIT_USAGE if exc.mistake else EXIT_ERRORS
    finally:
        drain(printer.writer, stopper)
    printer.close()
    return stopper.exit_code or code or code_of(printer)


def try_notices(settings: Settings) -> int:
    """
    Say who takes a notice now, and return the exit code for that.
    """
    from ..notices.programs import kill_programs
    from .trial import try_receivers

    def leave(signum: int, frame: FrameType | None) -> None:
        kill_programs()
        leave_at_once(signum, frame)

    catch_signals(leave)
    try:
        answers = [*try_receivers(settings)]
    except BadReceiver as exc:
        sys.stderr.write(f"hn-comments: error: {exc}\n")
        return EXIT_USAGE
    for sentence, _ in answers:
        sys.stdout.write(f"{sentence}\n")
    return EXIT_DONE if all(taken for _, taken in answers) else EXIT_ERRORS


def try_ways(settings: Settings) -> int:
    """
    Say what comes over HTTP, and over the socket, and return the exit code for that.
    """
    import asyncio

    from .check import print_check

    try:
        well = asyncio.run(print_check(settings))
    except BadProxy as exc:
        sys.stderr.write(f"hn-comments: error: {exc}\n")
        return EXIT_USAGE
    return EXIT_DONE if well else EXIT_ERRORS


def code_of(printer: Printer) -> int:
    """
    Return the exit code that the last report, or what became of it, asks for.
    """
    if printer.error is not None or printer.not_told:
        return EXIT_ERRORS
    return EXIT_CODES[printer.last.status] if printer.last else EXIT_DONE


def poll(settings: Settings, printer: Printer, stopper: Stopper) -> int:
    """
    Poll and print until it is over, and return an exit code, unless the reports decide.
    """
    try:
        watch_and_print(settings, printer, stopper)
    except TooManyErrors as exc:
        logger.error("Stopped by --max-errors %d: %s", len(exc.messages), exc)
        logger.error("Error detected, quitting")
        return EXIT_ERRORS
    except (BadProxy, BadReceiver, CannotServe, HistoryError, ScreenFailed) as exc:
        logger.error("%s", exc)
        return EXIT_USAGE
    if settings.demo:
        logger.info("%s", AFTER_THE_DEMO)
    return EXIT_DONE


def watch_and_print(settings: Settings, printer: Printer, stopper: Stopper) -> None:
    """
    Run the event loop of the polls.
    """
    import asyncio

    # Not in a coroutine: importing aiohttp would block its loop for a tenth of a second.
    from ..engine import Control, watch

    async def settle() -> None:
        pause = FIRST_LOOK
        while not printer.writer.wait(0) and not stopper.out_of_patience:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LOOK)

    def tell(event: Event) -> None:
        printer.tell(event)
        if service is not None:
            service.tell(event)

    control = Control(told=printer.told, drain=settle)
    service = make_service(settings, control, printer)
    if is_service(settings) and not has_terminal():
        stopper.on_hangup = printer.reopen
    fit_process(settings)
    reports = watch(settings, control=control, on_event=tell)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(publish(reports, control, printer, stopper, service))


def make_service(settings: Settings, control: "Control", printer: Printer) -> "Service | None":
    """
    Return what shows reports elsewhere, if the settings or systemd ask for that.

    Raises:
        CannotServe: if that cannot be done.
    """
    if settings.metrics_file is None and not is_service(settings):
        return None
    from ..service import Service

    return Service(settings, control, printer.tell)


async def publish(
    reports: AsyncIterable[PollReport],
    control: "Control",
    printer: Printer,
    stopper: Stopper,
    service: "Service | None",
) -> None:
    """
    Print each report as it comes, until there are no more.
    """
    import asyncio

    from ..notices.programs import kill_programs

    loop = asyncio.get_running_loop()
    stopper.connect(functools.partial(loop.call_soon_threadsafe, control.stop))
    display = printer.display

    def leave() -> None:
        kill_programs()
        display.restore()

    stopper.on_leaving = leave
    try:
        # The port before the live table, which hides what is said.
        async with (
            service or contextlib.nullcontext(),
            display.open(stop=stopper.stop, look=control.progress),
        ):
            async for report in reports:
                printer.publish(report)
                if service is not None:
                    service.publish(report)
                # Until this report is taken, polls wait.
                await wait_for_room(printer.writer, stopper)
    finally:
        printer.write(display.last_table())


async def wait_for_room(writer: Writer, stopper: Stopper) -> None:
    """
    Return when a slow reader has left no more than `ROOM`, or after a signal.
    """
    import asyncio

    # Looking again and again is simplest: the thread that makes room knows nothing of loops.
    while writer.backlog > ROOM and not stopper.stopped:  # noqa: ASYNC110
        await asyncio.sleep(LOOK)


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
