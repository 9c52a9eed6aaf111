"""
The command `hn-comments-report`: make one page that shows what a history holds.

What is slow to import is imported where it is used, so that --help and --version are not.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from .. import __version__
from ..durations import UNITS, read_duration
from ..errors import HistoryError
from ..kinds import show
from ..models import utc_time
from .options import SHELLS, STDOUT, Parser, is_part_of


EXIT_DONE = 0
EXIT_ERRORS = 1
EXIT_USAGE = 2

EPILOG = """\
TIME is in UTC, as in 2026-11-25T06:00:00Z or 2026-11-25, or a duration ago, as in 24h.
The history is only read, and a program may go on writing it. The page needs no network.

exit codes: 0 done; 1 the page cannot be written; 2 usage, or the history cannot be used.
"""


class PrintCompletion(argparse.Action):
    """
    Needs no FILE, as --version needs none.
    """

    def __call__(self, parser: argparse.ArgumentParser, _: Any, shell: Any, __: Any = None) -> None:
        from .completion import print_completion

        print_completion(parser, shell)
        parser.exit()


def build_parser() -> Parser:
    """
    Return the parser of the command line.
    """
    parser = Parser(
        prog="hn-comments-report",
        usage="%(prog)s [options] FILE",
        description="Make one page (HTML) of a history file: plots, tables, removals, costs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("file", metavar="FILE", help="what hn-comments --history FILE writes")
    add(
        "-o",
        "--output",
        metavar="FILE",
        default="report.html",
        help="write the page to FILE, or - for standard output (default: report.html)",
    )
    add("--as-of", metavar="TIME", type=read_moment, help="show what was known then")
    add(
        "--print-completion",
        action=PrintCompletion,
        choices=SHELLS,
        help="print a script with which this shell completes the options",
    )
    version = f"%(prog)s {__version__}"
    add("--version", action="version", version=version, help="show the version")
    return parser


def read_moment(text: str) -> str:
    """
    Return the time that *text* names, as the history writes times.

    Raises:
        argparse.ArgumentTypeError: if it names none.
    """
    # A number alone would be a year to some, and seconds to others.
    unit = text.strip().lower().lstrip("0123456789. ")
    try:
        if unit and unit in UNITS:
            moment = datetime.now(UTC) - timedelta(seconds=read_duration(text))
        else:
            moment = datetime.fromisoformat(text)
        # A time without a zone is in UTC, too.
        return utc_time((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC))
    except (ValueError, OverflowError) as exc:
        example = "a time such as 2026-11-25T06:00:00Z nor a duration ago such as 24h"
        raise argparse.ArgumentTypeError(f"{show(text)} is neither {example}") from exc


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command line *argv* and return its exit code.
    """
    parser = build_parser()
    args = parser.parse_args(argv)
    if is_part_of(STDOUT if args.output == "-" else args.output, args.file):
        parser.error("argument -o/--output: is a file of the history")

    from ..service.report import make_report

    try:
        page = make_report(args.file, args.as_of)
    except HistoryError as exc:
        sys.stderr.write(f"{parser.prog}: error: {exc}\n")
        return EXIT_USAGE
    try:
        write(page, args.output)
    except OSError as exc:
        # A reader who has seen enough is no error.
        if not isinstance(exc, BrokenPipeError):
            sys.stderr.write(
                f"{parser.prog}: error: cannot write {args.output!r}: {exc.strerror}\n"
            )
            return EXIT_ERRORS
    if args.output != "-" and sys.stdout and sys.stdout.isatty():
        sys.stdout.write(f"The page is {args.output}.\n")
    return EXIT_DONE


def write(page: bytes, output: str) -> None:
    """
    Write the page to a file, or to standard output.

    Raises:
        OSError: if that cannot be done.
    """
    from ..output.replaced import replace_file

    if output != "-":
        replace_file(output, page)
        return
    rest = memoryview(page)
    while rest:
        rest = rest[os.write(STDOUT, rest) :]


if __name__ == "__main__":
    sys.exit(main())
