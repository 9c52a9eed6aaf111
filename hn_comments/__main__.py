"""
Start the command, for `hn-comments` and for `python -m hn_comments`.
"""

import os
import sys
from collections.abc import Sequence

from .command.signals import catch_signals, leave_at_once


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command line *argv* and return its exit code.
    """
    # Before the slow imports: there is nothing to clean up during them, and Python would
    # answer Ctrl-C with a traceback.
    catch_signals(leave_at_once)
    open_closed_descriptors()

    from .command.options import parse_settings

    # --help ends here, before aiohttp is imported.
    settings = parse_settings(argv)

    from .command.run import run

    return run(settings)


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
