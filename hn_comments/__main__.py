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
    # Before the slow imports: there is nothing to clean up during them, and Python would
    # answer Ctrl-C with a traceback.
    catch_signals(leave_at_once)

    from .command.options import parse_settings

    # --help ends here, before aiohttp is imported.
    settings = parse_settings(argv)

    from .command.run import run

    return run(settings)


if __name__ == "__main__":
    sys.exit(main())
