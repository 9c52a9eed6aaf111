"""
The command line: what there is to say, and what is said to a mistake.

The options are those of `settings.OPTIONS`. What is parsed ends in one frozen `Settings`, which
checks itself; nothing else ever sees an argparse namespace.
"""

import argparse
import contextlib
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .. import __version__
from ..durations import describe_duration
from ..kinds import FLAG, POSTS, Kind, hide, show
from ..settings import (
    MAX_LIMIT,
    OCCASIONS,
    OPTIONS,
    STORY_LISTS,
    BadSetting,
    Option,
    Settings,
    check_together,
)
from .arguments import FileProblem, expand_files, post, suggest
from .environment import find_problem


# Where the API is, if --api-url does not say.
API_URL_VARIABLE = "HN_COMMENTS_API_URL"

# More addresses that get notices, one a line or a word: others cannot read them in `ps`.
NOTIFY_VARIABLE = "HN_COMMENTS_NOTIFY"

# Shells for which there is --print-completion.
SHELLS = ("bash", "zsh", "fish")

# The number of the open file that is standard output.
STDOUT = 1

# What SQLite appends to the name of a database for the files it keeps beside that.
SQLITE_SUFFIXES = ("-journal", "-shm", "-wal")

# Where all of it is explained.
PROJECT_URL = "https://github.com/hn-comments/hn-comments"

EPILOG = f"""\
A DURATION is in seconds, or has a unit: 5, 0.5, 30s, 5m, 1h, 1d.
An argument @FILE stands for the arguments in that file.
{API_URL_VARIABLE} in the environment stands in for --api-url, and
{NOTIFY_VARIABLE} has addresses for --notify, which nobody sees in a list of processes.

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
        # In which line of an @FILE an argument stands; "" for the command line itself.
        self.origins: dict[str, str] = {}

    def suggest(self, word: str) -> str:
        """
        Return which option *word* may be meant to be.
        """
        names = [name[2:] for name in self._option_string_actions if name.startswith("--")]
        return suggest(word.lstrip("-").lower(), names).replace("mean ", "mean --")

    def error(self, message: str) -> NoReturn:
        message = re.sub(
            "(argument .*: )ignored explicit argument '(.*)'",
            lambda match: f"{match[1]}takes no value, not '{hide(match[2])}'",
            message,
        )
        named = re.findall(r"--?[a-z][\w-]*|'[^']*'", message)
        origins = (self.origins.get(word.strip("'")) for word in named)
        origin = next(filter(None, origins), "")
        self.exit(2, f"{self.prog}: error: {origin}{message} (see --help)\n")


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
    group: argparse._ActionsContainer = parser
    for name, option in OPTIONS.items():
        if option.group:
            group = parser.add_argument_group(option.group)
        add_option(group, name, option)
    group.add_argument(
        "--print-completion",
        choices=SHELLS,
        help="print a script with which this shell completes the options",
    )
    version = f"%(prog)s {__version__}"
    group.add_argument("--version", action="version", version=version, help="show the version")
    return parser


def add_option(group: argparse._ActionsContainer, name: str, option: Option) -> None:
    """
    Add the setting *name* to *group*.
    """
    if name == "polls":
        # The short way to say --polls 1; argparse refuses both together.
        group = group.add_mutually_exclusive_group()
        group.add_argument(
            "--once", dest=name, action="store_const", const=1, help="poll once, then exit"
        )
    flags = [f"-{option.letter}"] if option.letter else []
    flags.append(name if option.kind is POSTS else written(name))
    group.add_argument(*flags, help=describe(option), **how_to_parse(option.kind))


def describe(option: Option) -> str:
    """
    Return what the help says about an option.
    """
    default = option.default
    if not default:
        # Nothing, no or none: what it does says so, where that is worth a word.
        return option.does
    if option.kind.metavar == "DURATION":
        default = describe_duration(default, short=True).replace(" ", "")
    return f"{option.does} (default: {default})"


def how_to_parse(kind: Kind) -> dict[str, Any]:
    """
    Return what argparse has to know about a kind of value.
    """
    if kind is FLAG:
        return {"action": "store_true"}
    if kind is POSTS:
        return {"nargs": "*", "metavar": kind.metavar}

    def read(text: str) -> object:
        try:
            return kind.read(text)
        except ValueError as exc:
            hint = suggest(text.lower(), kind.choices or ())
            raise argparse.ArgumentTypeError(f"{show(text)} {exc}{hint}") from exc

    # What is read is a tuple in the end; argparse collects it in a list.
    several = {"action": "append"} if kind.many else {}
    return {"type": read, "metavar": kind.metavar, "choices": kind.choices, **several}


def written(name: str) -> str:
    """
    Return how the setting *name* is written on the command line.
    """
    return "POST" if name == "posts" else f"--{name.replace('_', '-')}"


def parse_settings(argv: Sequence[str] | None = None) -> Settings:
    """
    Return what the command line asks for.

    Raises:
        SystemExit: with code 2 and a sentence on stderr for a mistake; with code 0 after
            --help, --version and --print-completion.
    """
    parser = build_parser()
    given = parse(parser, sys.argv[1:] if argv is None else argv)
    if shell := given.pop("print_completion", None):
        from .completion import print_completion

        print_completion(parser, shell)
        parser.exit()
    source = take_api_url(given)
    addresses = os.environ.get(NOTIFY_VARIABLE, "").split()
    # It may be there for other runs, too, which have nothing to tell.
    if addresses and given.keys() & OCCASIONS:
        given["notify"] = (*given.get("notify", ()), *addresses)
    try:
        # An option that repeats a default contradicts others, too; `Settings` cannot see it.
        check_together(given)
        check_limit(parser, given)
        settings = Settings(**given)
    except BadSetting as exc:
        # The field and the others that the problem names, as the user wrote them.
        name = source if exc.field == "api_url" else f"argument {written(exc.field)}"
        problem = re.sub("`([a-z_]+)`", lambda match: written(match[1]), exc.problem)
        parser.error(f"{name}: {problem}")
    check_surroundings(parser, settings)
    return settings


def parse(parser: Parser, argv: Sequence[str]) -> dict[str, Any]:
    """
    Return the options given in *argv*, by the names of the settings.
    """
    try:
        words = list(expand_files(argv, parser.origins))
    except FileProblem as exc:
        parser.error(str(exc))
    namespace, rest = parser.parse_known_intermixed_args(words)
    # An unknown option first: a word beside it may just be its value.
    if unknown := [word for word in rest if word.startswith("-")]:
        name = unknown[0].partition("=")[0]
        parser.error(f"unknown option {name}{parser.suggest(name)}")
    given = vars(namespace)
    for name, option in OPTIONS.items():
        if option.kind.many and name in given:
            given[name] = tuple(given[name])
    posts = given.pop("posts", None) or []
    if posts:
        given["posts"] = tuple(dict.fromkeys(read_post(parser, word) for word in posts))
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


def check_limit(parser: Parser, given: dict[str, Any]) -> None:
    """
    Refuse a post that is probably meant as a limit.
    """
    posts = given.get("posts", ())
    # A mocked API may well have such ids; on the real one nobody follows them any more.
    if len(posts) == 1 and posts[0] <= MAX_LIMIT and "api_url" not in given:
        parser.error(
            f"argument POST: {posts[0]} looks like a limit: did you mean --limit {posts[0]}?"
            f" (the item is https://news.ycombinator.com/item?id={posts[0]})"
        )


def check_surroundings(parser: Parser, settings: Settings) -> None:
    """
    Refuse what the terminal, the file system or the environment does not allow.
    """
    if problem := find_problem():
        parser.error(problem)
    if settings.notify_test and not settings.has_receivers:
        parser.error("argument --notify-test: needs --notify or --notify-command")
    check_terminal(parser, settings)
    check_files(parser, settings)


def check_terminal(parser: Parser, settings: Settings) -> None:
    """
    Refuse a live table where nobody could see it.
    """
    if settings.live and not (sys.stdout and sys.stdout.isatty()):
        parser.error("argument --live: needs a terminal, and standard output is none")
    if settings.live and os.environ.get("TERM") == "dumb":
        parser.error("argument --live: needs a terminal that can do more than TERM=dumb")


def check_files(parser: Parser, settings: Settings) -> None:
    """
    Refuse to write two things to one file.
    """
    if settings.history and is_part_of(settings.output or STDOUT, settings.history):
        name = "argument --output" if settings.output else "standard output"
        parser.error(f"{name}: is a file that --history writes")
    if settings.metrics_file:
        refuse_to_replace(parser, settings, settings.metrics_file)


def refuse_to_replace(parser: Parser, settings: Settings, file: str) -> None:
    """
    Refuse to write metrics to a *file* that has something else.
    """
    for name, other in (("--history", settings.history), ("--output", settings.output)):
        if other and is_part_of(file, other):
            parser.error(f"argument --metrics-file: is a file that {name} writes")


def is_part_of(file: str | int, database: str) -> bool:
    """
    Tell whether *file* is an SQLite database, or one of the files that SQLite keeps beside it.

    It is named, or open with this number. Other spellings and links are looked through, and
    none of the files need exist.
    """
    # SQLite puts its files beside what a symbolic link leads to.
    found = os.path.realpath(database)
    for part in (found, *(f"{found}{suffix}" for suffix in SQLITE_SUFFIXES)):
        if isinstance(file, str) and os.path.realpath(file) == part:
            return True
        # Hard links, and a file system that takes C.DB for c.db.
        with contextlib.suppress(OSError):
            if os.path.samefile(file, part):  # noqa: PTH121 - Path has no open files
                return True
    return False
