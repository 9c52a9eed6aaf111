"""
The command line: what there is to say, and what is said to a mistake.

It ends in one frozen `Settings`, which checks itself; nothing below `cli` ever sees an
argparse namespace.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .. import __version__
from ..models import Settings
from ..settings import (
    API_URL,
    ERROR_POLICIES,
    FORMATS,
    MAX_LIMIT,
    STORY_LISTS,
    BadSetting,
    check_together,
    show,
)
from .arguments import FileProblem, Origins, duration, expand_files, one_of, post, suggest, whole


# Where the API is, if --api-url does not say.
API_URL_VARIABLE = "HN_COMMENTS_API_URL"

# Shells that --print-completion knows.
SHELLS = ("bash", "zsh", "fish")

# Where all of it is explained.
PROJECT_URL = "https://github.com/hn-comments/hn-comments"

EPILOG = f"""\
A DURATION is in seconds, or has a unit: 5, 0.5, 30s, 5m, 1h, 1d.
An argument @FILE stands for the arguments in that file.
{API_URL_VARIABLE} in the environment stands in for --api-url.

examples:
  the front page, once a minute:
    hn-comments --limit 30 --period 1m
  one discussion, each new comment with its text:
    hn-comments --comments 'https://news.ycombinator.com/item?id=8863'
  what changed since the last run, from cron:
    hn-comments --once --history hn.db --changes-only --quiet

exit codes: 0 done; 1 stopped by errors, or nothing could be counted; 2 usage;
3 done, but the last poll was partial; 129, 130 and 143 for SIGHUP, SIGINT and
SIGTERM.

{PROJECT_URL}
"""


class Parser(argparse.ArgumentParser):
    """
    An `ArgumentParser` that answers a mistake with one sentence.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.origins = Origins()

    def suggest(self, word: str) -> str:
        """
        Return which option *word* may be meant to be.
        """
        names = [name[2:] for name in self._option_string_actions if name.startswith("--")]
        return suggest(word.lstrip("-").lower(), names).replace("mean ", "mean --")

    def error(self, message: str) -> NoReturn:
        message = re.sub(
            "(argument .*: )ignored explicit argument (.*)", r"\1takes no value, not \2", message
        )
        self.exit(2, f"{self.prog}: error: {self.origins.of(message)}{message} (see --help)\n")


class PrintCompletion(argparse.Action):
    """
    Print what a shell needs to complete our options, and exit.
    """

    def __call__(self, parser: argparse.ArgumentParser, *given: Any) -> NoReturn:
        try:
            import shtab
        except ImportError:
            parser.error(
                "argument --print-completion: needs shtab: pip install 'hn-comments[completion]'"
            )
        for action in parser._actions:  # noqa: SLF001
            if action.metavar == "FILE":
                vars(action)["complete"] = shtab.FILE
        sys.stdout.write(shtab.complete(parser, shell=given[1]) + "\n")
        parser.exit()


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
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "posts",
        nargs="*",
        metavar="POST",
        help="an item's id or URL; without one, the stories of a list",
    )

    add = parser.add_argument_group("stories").add_argument
    add(
        "--stories",
        type=one_of(STORY_LISTS),
        choices=STORY_LISTS,
        help="which list (default: top)",
    )
    add("--limit", type=whole, metavar="N", help="how many of it (default: 5)")
    add(
        "--follow",
        type=duration,
        metavar="DURATION",
        help="go on counting a story this long after it left the list (default: 0)",
    )

    add = parser.add_argument_group("polling").add_argument
    add("--period", type=duration, metavar="DURATION", help="from start to start (default: 5)")
    add("--once", action="store_true", help="poll once, and exit")
    add("--polls", type=whole, metavar="N", help="exit after N polls")
    add("--max-running", type=whole, metavar="N", help="polls at a time (default: 2)")
    add("--poll-timeout", type=duration, metavar="DURATION", help="report what there is by then")

    add = parser.add_argument_group("fetching").add_argument
    add("--api-url", metavar="URL", help=f"default: {API_URL}")
    add("--connections", type=whole, metavar="N", help="in flight at most (default: 100)")
    add("--fetch-timeout", type=duration, metavar="DURATION", help="per request (default: 10)")
    add("--retries", type=whole, metavar="N", help="per request (default: 3)")
    add("--max-fetches", type=whole, metavar="N", help="requests per poll at most")
    add("--full-walk", action="store_true", help="read every comment in every poll")
    add(
        "--refresh",
        type=duration,
        metavar="DURATION",
        help="walk a story whole again when this old (default: 24h)",
    )

    add = parser.add_argument_group("errors").add_argument
    add(
        "--on-error",
        type=one_of(ERROR_POLICIES),
        choices=ERROR_POLICIES,
        help="count the rest, or cancel the poll (default: partial)",
    )
    add(
        "--max-errors",
        type=whole,
        metavar="N",
        help="quit after N failed polls in a row; 0: never (default: 3)",
    )

    add = parser.add_argument_group("output").add_argument
    add("--format", type=one_of(FORMATS), choices=FORMATS, help="default: text")
    add("--output", metavar="FILE", help="append to FILE, instead of writing to stdout")
    add("--changes-only", action="store_true", help="leave out posts whose count is the same")
    add("--comments", action="store_true", help="each new comment, with its text")
    add("--live", action="store_true", help="a table that follows what happens")
    add("-q", "--quiet", action="store_true", help="only results, warnings and errors")
    add("-v", "--verbose", action="store_true", help="a line per item, too")

    add = parser.add_argument_group("background").add_argument
    add("--history", metavar="FILE", help="keep what was found there, and go on from it")

    add = parser.add_argument_group("other").add_argument
    add("--demo", action="store_true", help="poll a built-in simulator: needs no network")
    add(
        "--print-completion",
        action=PrintCompletion,
        choices=SHELLS,
        help="what a shell needs to complete these options",
    )
    add("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def parse_settings(argv: Sequence[str] | None = None) -> Settings:
    """
    Return what the command line asks for.

    Raises:
        SystemExit: with code 2 and a sentence on stderr for a mistake; with code 0 after
            --help, --version and --print-completion.
    """
    parser = build_parser()
    given = parse(parser, sys.argv[1:] if argv is None else argv)
    source = take_api_url(given)
    try:
        check_options(parser, given)
        settings = Settings(**given)
    except BadSetting as exc:
        # The field and the others that the problem names, as the user wrote them.
        name = source if exc.field == "api_url" else f"argument {option(exc.field)}"
        problem = re.sub("`([a-z_]+)`", lambda match: option(match[1]), exc.problem)
        parser.error(f"{name}: {problem}")
    check_surroundings(parser, settings)
    return settings


def parse(parser: Parser, argv: Sequence[str]) -> dict[str, Any]:
    """
    Return the options given in *argv*, by the names of the settings, and "once".
    """
    try:
        arguments = list(expand_files(argv, parser.origins))
    except FileProblem as exc:
        parser.error(str(exc))
    namespace, rest = parser.parse_known_intermixed_args(arguments)
    # An unknown option first: a word beside it may just be its value.
    if unknown := [word for word in rest if word.startswith("-")]:
        name = unknown[0].partition("=")[0]
        parser.error(f"unknown option {name}{parser.suggest(name)}")
    given = vars(namespace)
    words = given.pop("posts", None) or []
    if words:
        given["posts"] = tuple(dict.fromkeys(read_post(parser, word) for word in words))
    return given


def read_post(parser: Parser, word: str) -> int:
    """
    Return the id of the post that *word* names.
    """
    item_id = post(word)
    if item_id is None:
        hint = parser.suggest(word)
        if word.lower() in STORY_LISTS:
            hint = f": did you mean --stories {word.lower()}?"
        parser.error(
            f"argument POST: {show(word)} is neither an item id nor the URL of an item's page{hint}"
        )
    return item_id


def take_api_url(given: dict[str, Any]) -> str:
    """
    Put the API's address into *given* as the user means it, and return who named it.
    """
    source = "argument --api-url"
    if "api_url" not in given and "demo" not in given and os.environ.get(API_URL_VARIABLE):
        source = f"environment variable {API_URL_VARIABLE}"
        given["api_url"] = os.environ[API_URL_VARIABLE]
    if "api_url" in given:
        given["api_url"] = given["api_url"].rstrip("/")
    return source


def check_options(parser: Parser, given: dict[str, Any]) -> None:
    """
    Refuse options that contradict each other, also where they only repeat a default.
    """
    for name, other in (("polls", "once"), ("api_url", "demo")):
        if name in given and other in given:
            raise BadSetting(name, f"is not allowed with `{other}`")
    if given.pop("once", False):
        given["polls"] = 1
    check_together(given)
    posts = given.get("posts", ())
    # A mocked API may well have such ids; on the real one nobody follows them any more.
    if len(posts) == 1 and posts[0] <= MAX_LIMIT and "api_url" not in given:
        parser.error(
            f"argument POST: {posts[0]} looks like a limit: did you mean --limit {posts[0]}?"
            f" (the item is https://news.ycombinator.com/item?id={posts[0]})"
        )


def check_surroundings(parser: Parser, settings: Settings) -> None:
    """
    Refuse what the place where the program runs cannot show.
    """
    if settings.live and not (sys.stdout and sys.stdout.isatty()):
        parser.error("argument --live: needs a terminal, and standard output is none")
    if settings.live and os.environ.get("TERM") == "dumb":
        parser.error("argument --live: needs a terminal that can do more than TERM=dumb")


def option(field: str) -> str:
    """
    Return how the setting *field* is written on the command line.
    """
    return "POST" if field == "posts" else f"--{field.replace('_', '-')}"
