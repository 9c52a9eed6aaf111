"""
What can be asked for: one table of all settings, and which of them make no sense together.

The checks, the command line with its help, and the table in docs/library.md are made from the
fields of `Settings`: whoever adds one adds its line here, and the code that obeys it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args

from .kinds import (
    ADDRESS,
    API_URL,
    COMMAND,
    DURATION,
    DURATION_OR_0,
    FILE,
    FLAG,
    LISTEN,
    POSTS,
    SECRET,
    THRESHOLD,
    Kind,
    many,
    one_of,
    optional,
    whole,
)


T = TypeVar("T")

OnError = Literal["partial", "cancel"]
Format = Literal["text", "json", "csv"]
# What carries requests and answers: HTTP, or a websocket.
SourceName = Literal["http", "socket"]

# The story lists the API offers.
STORY_LISTS = ("top", "new", "best", "ask", "show", "job")

# Story ids in a list of the API at most.
MAX_LIMIT = 500

# Comments that are shown at the start at most: what a screen can scroll back.
MAX_LAST = 1000

# Upper bounds that only a slip of the finger exceeds.
MAX_CONNECTIONS = 1000

MAX_RETRIES = 20

# Files that are open besides connections: standard streams, history, port, receivers, names.
OTHER_FILES = 100

# Pages that can listen to the port at once, each over a connection: more than a house has tabs.
MAX_STREAMS = 200


class BadSetting(ValueError):
    """
    The setting *field* is wrong. *problem* says why, and names other settings in `backticks`.
    """

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(field, problem)

    def __str__(self) -> str:
        return f"`{self.field}` {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """
    What there is to know of a setting: its *default*, what it may be, and what it *does*.

    On the command line a *letter* is its short form, and a *group* begins with it in the help.
    """

    default: Any
    kind: Kind
    does: str
    letter: str | None
    group: str | None


def setting(
    default: T, kind: Kind, does: str, *, letter: str | None = None, group: str | None = None
) -> T:
    """
    Return the field of a setting, as `Option` explains it.
    """
    option = Option(default=default, kind=kind, does=does, letter=letter, group=group)
    # A password is not shown where somebody prints the settings.
    shown = "password" not in kind.what
    return field(default=default, repr=shown, metadata={"option": option})


def flag(does: str, *, letter: str | None = None, group: str | None = None) -> bool:
    """
    Return the field of a setting that is off unless asked for.
    """
    return setting(default=False, kind=FLAG, does=does, letter=letter, group=group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    What the user asked for. Durations are in seconds; None means no limit.

    Raises:
        BadSetting: a ValueError, for a value out of range or of a wrong type, and for
            settings that contradict each other.
    """

    posts: tuple[int, ...] = setting(
        (), POSTS, "watch this item, named by its id or URL; without one, the stories of a list"
    )

    stories: str = setting(
        "top", one_of(*STORY_LISTS), "watch the stories of this list", group="stories"
    )
    limit: int = setting(5, whole(1, MAX_LIMIT), "watch the first N stories of the list")
    follow: float = setting(
        0.0,
        DURATION_OR_0,
        "go on counting a story for this long after it left the list (default: not at all)",
    )

    period: float = setting(
        5.0, DURATION, "start a poll this often, counted from start to start", group="polling"
    )
    polls: int | None = setting(
        None, optional(whole(1)), "exit after N polls (default: go on for ever)"
    )
    max_running: int = setting(2, whole(1), "skip a poll while N earlier ones run")
    poll_timeout: float | None = setting(
        None,
        optional(DURATION),
        "end a poll after this long, and report what it has counted by then",
    )

    api_url: str = setting(
        API_URL, ADDRESS, "ask the Hacker News API, or a stand-in, at this URL", group="fetching"
    )
    source: SourceName = setting(
        "http",
        one_of(*get_args(SourceName)),
        "ask over HTTP, or over the database's own socket, which tells of changes at once",
    )
    check: bool = flag("try that source now, say what it answers, and exit")
    connections: int = setting(500, whole(1, MAX_CONNECTIONS), "have at most N requests under way")
    fetch_timeout: float = setting(10.0, DURATION, "wait at most this long for an answer")
    retries: int = setting(3, whole(0, MAX_RETRIES), "repeat a failed request up to N times")
    max_fetches: int | None = setting(
        None,
        optional(whole(1)),
        "send at most N requests in a poll, and report what it has counted by then",
    )
    full_walk: bool = flag("read every comment in every poll, not only what changed")
    refresh: float = setting(
        86400.0,
        DURATION,
        "read a story whole again after this long, even where nothing seems to have changed",
    )

    on_error: OnError = setting(
        "partial",
        one_of(*get_args(OnError)),
        "partial: go on without what cannot be read; cancel: end the poll as failed",
        group="errors",
    )
    max_errors: int | None = setting(
        None,
        optional(whole(0)),
        "quit after N failed polls in a row; with 0, never (default: 3 until one has succeeded)",
    )

    format: Format = setting(
        "text",
        one_of(*get_args(Format)),
        "write text, JSON Lines or CSV",
        group="output",
    )
    output: str | None = setting(
        None, optional(FILE), "append results to FILE, not to standard output"
    )
    changes_only: bool = flag("leave out posts whose count did not change since the last poll")
    min_new: int = setting(
        0,
        whole(0),
        "leave out posts with fewer than N new comments since they were last shown",
    )
    last: int = setting(
        0, whole(0, MAX_LAST), "show the last N comments, too, when the program starts"
    )
    comments: bool = flag("show each new comment, with its author and text")
    live: bool = flag("fill the screen with a table that is kept up to date")
    quiet: bool = flag("say nothing but results, warnings and errors", letter="q")
    verbose: bool = flag("say more: a line for each item that is read", letter="v")

    threshold: tuple[str, ...] = setting(
        (),
        many(THRESHOLD, "a tuple of thresholds, as '300' or '60/h'"),
        "tell when a post first has N comments, or N in an hour; may be repeated",
        group="notices",
    )
    notify: tuple[str, ...] = setting(
        (),
        many(SECRET, "a tuple of addresses, which may hold passwords"),
        "send notices to this address of an Apprise service; may be repeated",
    )
    notify_command: str | None = setting(
        None, optional(COMMAND), "run this for each notice, with its facts as JSON on stdin"
    )
    notify_test: bool = flag("send a notice now, say who took it, and exit")
    heartbeat: str | None = setting(
        None,
        optional(SECRET),
        "ask for this address after each poll, with /fail at its end if the poll failed",
    )

    history: str | None = setting(
        None,
        optional(FILE),
        "keep what was found in FILE, an SQLite database, and go on from it in the next run",
        group="background",
    )
    keep: float | None = setting(
        None,
        optional(DURATION),
        "remove from the history what belongs to stories last seen longer ago than this",
    )
    serve: str | None = setting(
        None,
        optional(LISTEN),
        "serve a page, metrics and health at this port, of 127.0.0.1 unless HOST is named",
    )
    metrics_file: str | None = setting(
        None, optional(FILE), "write Prometheus' metrics to FILE (*.prom) after each poll"
    )

    demo: bool = flag("watch a simulated Hacker News, which needs no network", group="other")

    def __post_init__(self) -> None:
        given = {}
        for name, option in OPTIONS.items():
            value = getattr(self, name)
            if problem := option.kind.problem(value):
                raise BadSetting(name, problem)
            if value != option.default:
                given[name] = value
        check_together(given)

    @property
    def leaves_out(self) -> bool:
        """
        Whether posts without news are left out.
        """
        return self.changes_only or self.min_new > 0

    @property
    def has_receivers(self) -> bool:
        """
        Whether anybody is named who gets notices.
        """
        return bool(self.notify or self.notify_command)

    @property
    def other_files(self) -> int:
        """
        How many files can be open besides connections to the API.
        """
        return OTHER_FILES + (MAX_STREAMS if self.serve is not None else 0)

    @property
    def list_name(self) -> str:
        """
        What the posts are taken from: a story list, or "posts" named by the user.
        """
        return "posts" if self.posts else self.stories


# The table: each setting by its name.
OPTIONS: Mapping[str, Option] = {one.name: one.metadata["option"] for one in fields(Settings)}

# The first of each pair is what a message is about, since it is the narrower one.
CONTRADICTIONS = (
    ("limit", "posts"),
    ("stories", "posts"),
    ("follow", "posts"),
    # A full walk remembers nothing: no comment is new to it, no story left behind.
    ("follow", "full_walk"),
    ("refresh", "full_walk"),
    ("comments", "full_walk"),
    # The demo is its own API. Each is another world, whose ids are the same.
    ("api_url", "demo"),
    ("history", "demo"),
    ("check", "demo"),
    ("verbose", "quiet"),
    # The table takes the whole screen, and shows every story.
    ("output", "live"),
    ("changes_only", "live"),
    ("min_new", "live"),
    ("quiet", "live"),
    ("verbose", "live"),
    # These formats have no place for it.
    ("comments", "format csv"),
    ("live", "format json"),
    ("live", "format csv"),
)

# What makes something to tell.
OCCASIONS = frozenset({"threshold", "comments", "notify_test"})

# Settings that mean nothing without one of some others, and how to say it.
NEEDED = (
    ("last", {"comments"}, "needs `comments`"),
    ("keep", {"history"}, "needs `history`"),
    ("notify", OCCASIONS, "has no effect without `threshold` or `comments`"),
    ("notify_command", OCCASIONS, "has no effect without `threshold` or `comments`"),
)

# What only a poll before this one, in this run or in the history, gives a meaning.
NEED_A_PAST = ("refresh", "follow", "changes_only", "min_new", "comments")


def check_together(given: Mapping[str, object]) -> None:
    """
    Refuse settings that contradict each other, or do nothing together.

    *given* are those that differ from their defaults, or were named by the user.

    Raises:
        BadSetting: for the first that does not fit.
    """
    present = {*given, f"format {given.get('format')}"}
    for name, other in CONTRADICTIONS:
        if name in given and other in present:
            named, _, value = other.partition(" ")
            raise BadSetting(name, f"is not allowed with `{named}` {value}".rstrip())
    for name, others, problem in NEEDED:
        if name in given and not given.keys() & others:
            raise BadSetting(name, problem)
    if given.get("polls") == 1:
        check_single(given)


def check_single(given: Mapping[str, object]) -> None:
    """
    Refuse settings that do nothing in a single poll.
    """
    if "serve" in given:
        raise BadSetting("serve", "has no effect in a single poll")
    for name in NEED_A_PAST:
        if name in given and not given.keys() & {"history", "last"}:
            raise BadSetting(name, "has no effect in a single poll without `history`")
