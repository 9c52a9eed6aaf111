"""
Start the commands, and `python -m hn_comments`.

This module imports only what Python has built in or imported itself, since it answers a Ctrl-C
during imports with a traceback.
"""

import gc
import os
import sys


# Objects made since the last garbage collection that start the next one; Python's own is
# 700. A pending comment has some ten, and cycles are rare: only failures make them.
GC_THRESHOLD = 50_000

# A type checker takes this for typing.TYPE_CHECKING.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: "Sequence[str] | None" = None) -> int:
    """
    Run the command line *argv* of `hn-comments`, and return its exit code.
    """
    leave_at_signals()
    open_closed_descriptors()
    # The collector would walk what is imported, and then thousands of pending tasks, again and
    # again: a fifth of the time of a cold walk.
    gc.set_threshold(GC_THRESHOLD)

    from .command.options import parse_settings

    # --help ends here, before aiohttp is imported.
    settings = parse_settings(argv)

    from .command.run import run

    return run(settings)


def report(argv: "Sequence[str] | None" = None) -> int:
    """
    Run the command line *argv* of `hn-comments-report`, and return its exit code.
    """
    leave_at_signals()

    from .command.report import main

    return main(argv)


def simulate(argv: "Sequence[str] | None" = None) -> int:
    """
    Run the command line *argv* of `hn-comments-simulator`, and return its exit code.
    """
    leave_at_signals()

    from .simulator import main

    return main(argv)


def leave_at_signals() -> None:
    """
    Have signals end the program at once: during the imports there is nothing to clean up.
    """
    try:
        from .command.signals import catch_signals, leave_at_once

        catch_signals(leave_at_once)
    except KeyboardInterrupt:
        # The number is in the module that was not imported.
        os._exit(130)


def open_closed_descriptors() -> None:
    """
    Open on nothing those of the descriptors 0 to 2 that are closed, as by `2>&-`.

    Otherwise the next file or socket gets such a number, and what a library writes to stderr.
    libuv aborts where it has to close one. `sys.stdout` and its like stay None.
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            # A file gets the lowest number that is free: this one.
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    sys.exit(main())
