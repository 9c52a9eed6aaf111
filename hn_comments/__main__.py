"""
Start the command, for `hn-comments` and for `python -m hn_comments`.
"""

import sys
from collections.abc import Sequence

from .command.signals import catch_signals, leave_at_once


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command line *argv* and return its exit code.
    """
    # Importing it takes a moment, in which there is nothing to clean up, and Python's own
    # answer to Ctrl-C would be a traceback.
    catch_signals(leave_at_once)

    from .command.options import parse_settings

    # After --help there is nothing to run, and so no more to import.
    settings = parse_settings(argv)

    from .command.run import run

    return run(settings)


if __name__ == "__main__":
    sys.exit(main())
