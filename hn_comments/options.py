"""
The command line: what there is to say, and every check of what was said.

It ends in one frozen `Settings`; nothing below `cli` ever sees an argparse namespace.
"""

import argparse
import os
import re
import shlex
from collections.abc import Callable, Sequence
from typing import Any, NoReturn
from urllib.parse import urlsplit

from . import __version__
from .models import API_URL, STORY_LISTS, Settings


# Where the API is, if --api-url does not say.
API_URL_VARIABLE = "HN_COMMENTS_API_URL"

# Seconds in each unit of a duration.
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}

# Seconds of any duration at most: a year. Event loops cannot wait for ever.
MAX_DURATION = 365 * 24 * 3600

# Story ids in a list of the API at most.
MAX_LIMIT = 500

# Upper bounds that only a slip of the finger exceeds.
MAX_CONNECTIONS = 1000
MAX_RETRIES = 20
MAX_NUMBER = 10**9

EPILOG = f"""\
A DURATION is in seconds, or has a unit: 5, 0.5, 30s, 5m, 1h.
An argument @FILE stands for the arguments in that file.
{API_URL_VARIABLE} in the environment stands in for --api-url.

exit codes: 0 done; 1 stopped by errors, or nothing could be counted; 2 usage;
3 done, but the last poll was partial; 130 and 143 for SIGINT and SIGTERM.
"""


class Parser(argparse.ArgumentParser):
    """
    An `ArgumentParser` that answers a mistake with one sentence.

    An @FILE reads like a shell command: several arguments a line, quotes, # comments.
    """

    def convert_arg_line_to_args(self, arg_line: str) -> list[str]:
        try:
            return shlex.split(arg_line, comments=True)
        except ValueError as exc:
            self.error(f"{arg_line!r} in an @FILE: {exc}")

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


def build_parser() -> Parser:
    """
    Return the parser of the command line.
    """
    parser = Parser(
        prog="hn-comments",
        usage="%(prog)s [options] [POST ...]",
        description="Poll Hacker News and report how many comments each story has.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        fromfile_prefix_chars="@",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "posts",
        nargs="*",
        type=post,
        metavar="POST",
        help="an item's id or URL; without one, the stories of a list",
    )

    add = parser.add_argument_group("stories").add_argument
    add("--stories", choices=STORY_LISTS, help="which list (default: top)")
    add("--limit", type=whole(1, MAX_LIMIT), metavar="N", help="how many of it (default: 5)")

    add = parser.add_argument_group("polling").add_argument
    add("--period", type=duration, metavar="DURATION", help="from start to start (default: 5)")
    add("--once", action="store_true", help="poll once, and exit")
    add("--polls", type=whole(1), metavar="N", help="exit after N polls")
    add("--max-running", type=whole(1), metavar="N", help="polls at a time (default: 2)")
    add("--poll-timeout", type=duration, metavar="DURATION", help="report what there is by then")

    add = parser.add_argument_group("fetching").add_argument
    add("--api-url", type=api_url, metavar="URL", help=f"default: {API_URL}")
    add(
        "--connections",
        type=whole(1, MAX_CONNECTIONS),
        metavar="N",
        help="requests in flight at most (default: 100)",
    )
    add("--fetch-timeout", type=duration, metavar="DURATION", help="per request (default: 10)")
    add("--retries", type=whole(0, MAX_RETRIES), metavar="N", help="per request (default: 3)")
    add("--max-fetches", type=whole(1), metavar="N", help="requests per poll at most")

    add("--full-walk", action="store_true", help="read every comment in every poll")
    add(
        "--refresh",
        type=duration,
        metavar="DURATION",
        help="walk a story whole again when this old (default: 900)",
    )

    add = parser.add_argument_group("errors").add_argument
    add(
        "--on-error",
        choices=("partial", "cancel"),
        help="count the rest, or cancel the poll (default: partial)",
    )
    add(
        "--max-errors",
        type=whole(0),
        metavar="N",
        help="quit after N failed polls in a row; 0: never (default: 3)",
    )

    add = parser.add_argument_group("output").add_argument
    add("--format", choices=("text", "json", "csv"), help="default: text")
    add("--changes-only", action="store_true", help="leave out posts whose count is the same")
    add("-q", "--quiet", action="store_true", help="only results, warnings and errors")
    add("-v", "--verbose", action="store_true", help="a line per item, too")

    add = parser.add_argument_group("background").add_argument
    add("--history", metavar="FILE", help="keep figures and memory in this SQLite file")

    add = parser.add_argument_group("other").add_argument
    add("--demo", action="store_true", help="poll a built-in simulator: needs no network")
    add("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def parse_settings(argv: Sequence[str] | None = None) -> Settings:
    """
    Return what the command line asks for.

    Raises:
        SystemExit: with code 2 and a sentence on stderr for a mistake; with code 0 after
            --help and --version.
    """
    parser = build_parser()
    try:
        given = vars(parser.parse_intermixed_args(argv))
    except RecursionError:
        parser.error("an @FILE includes itself")
    check_together(parser, given)

    if given.pop("once", False):
        given["polls"] = 1
    given["posts"] = tuple(dict.fromkeys(given.get("posts") or ()))
    if "api_url" not in given and "demo" not in given and os.environ.get(API_URL_VARIABLE):
        try:
            given["api_url"] = api_url(os.environ[API_URL_VARIABLE])
        except argparse.ArgumentTypeError as exc:
            parser.error(f"environment variable {API_URL_VARIABLE}: {exc}")
    return Settings(**given)


def check_together(parser: Parser, given: dict[str, Any]) -> None:
    """
    Refuse options that contradict each other.
    """
    for one, other in (
        ("once", "polls"),
        ("quiet", "verbose"),
        ("demo", "api_url"),
        ("posts", "stories"),
        ("posts", "limit"),
        ("full_walk", "refresh"),
    ):
        if given.get(one) and other in given:
            name = "POST" if one == "posts" else f"--{one.replace('_', '-')}"
            parser.error(f"argument --{other.replace('_', '-')}: not allowed with {name}")


def post(text: str) -> int:
    """
    Return the id in "8863" or "https://news.ycombinator.com/item?id=8863".
    """
    match = re.fullmatch(
        r"(?:https?://news\.ycombinator\.com/item\?(?:[^#]*&)?id=)?([0-9]{1,18})(?:[&#].*)?", text
    )
    if not match or not int(match[1]):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither an item id nor a https://news.ycombinator.com/item?id=... URL"
        )
    return int(match[1])


def whole(least: int, most: int = MAX_NUMBER) -> Callable[[str], int]:
    """
    Return a check for whole numbers from *least* to *most*.
    """

    def check(text: str) -> int:
        if not re.fullmatch("[0-9]{1,18}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {least} to {most}"
            )
        return int(text)

    return check


def duration(text: str) -> float:
    """
    Return the seconds in "5", "0.5", "30s", "5m" or "1h".
    """
    match = re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)([smh]?)", text)
    seconds = float(match[1]) * UNITS[match[2]] if match else 0.0
    if not 0 < seconds <= MAX_DURATION:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a duration such as 5, 0.5, 30s, 5m or 1h, of a year at most"
        )
    return seconds


def api_url(text: str) -> str:
    """
    Return the address of an API, without a slash at its end.
    """
    try:
        url = urlsplit(text)
        valid = url.scheme in {"http", "https"} and url.hostname and url.port != 0
    except ValueError:
        valid = False
    if not valid or url.query or url.fragment or url.username or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is not an http(s) address such as {API_URL}")
    return text.rstrip("/")
