"""
What each setting may be, and which make no sense together.

`models.Settings` asks here whenever one is made, so each range stands in one place; the
command line only says the same in its own words. This module imports nothing of ours.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import TypeGuard


# The official API; https://github.com/HackerNews/API documents it.
API_URL = "https://hacker-news.firebaseio.com/v0"

# The story lists the API offers, by the names of the --stories option.
STORY_LISTS = ("top", "new", "best", "ask", "show", "job")

FORMATS = ("text", "json", "csv")
ERROR_POLICIES = ("partial", "cancel")

# Seconds of any duration at most: a year. Event loops cannot wait for ever.
MAX_DURATION = 365 * 24 * 3600

# Story ids in a list of the API at most.
MAX_LIMIT = 500

# Upper bounds that only a slip of the finger exceeds.
MAX_CONNECTIONS = 1000
MAX_RETRIES = 20
MAX_NUMBER = 10**9

# Item ids have 8 digits today; more than 18 are no number that others can read.
MAX_ID = 10**18

# Characters of a wrong value that are shown.
MAX_SHOWN = 60

# An address that every program reads alike: stricter than urllib or yarl, which disagree.
# Neither pattern is compiled before it is needed: --help would wait for that.
ADDRESS = (
    r"(?ai:https?://(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<host>[a-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/(?:[a-z0-9._~!$&'()*+,;=:/-]|%[0-9a-f]{2})*)?)"
)

# A label of a host name (RFC 1123, and the underscores of container networks).
LABEL = "(?ai:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)"

# Returns what is wrong with a value, as in "must be a number, not 'x'", or None.
Check = Callable[[object], str | None]


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


def check_values(settings: Mapping[str, object]) -> None:
    """
    Refuse the first of the *settings* that is not what it may be.

    Raises:
        BadSetting: with what it may be.
    """
    for name, value in settings.items():
        if problem := CHECKS[name](value):
            raise BadSetting(name, problem)


def check_together(given: Mapping[str, object]) -> None:
    """
    Refuse settings that contradict each other, or do nothing together.

    *given* are those that differ from their defaults, or were named by the user.

    Raises:
        BadSetting: for the first that does not fit.
    """
    for name, other in CONTRADICTIONS:
        if name in given and other in given:
            raise BadSetting(name, f"is not allowed with `{other}`")
    for name, formats in FORMATS_WITHOUT.items():
        if name in given and (chosen := given.get("format", "text")) in formats:
            raise BadSetting(name, f"is not allowed with `format` {chosen}")
    if given.get("polls") == 1 and "history" not in given:
        for name in NEED_A_PAST:
            if name in given:
                raise BadSetting(name, "has no effect in a single poll without `history`")
    if "output" in given and given.get("history") == given["output"]:
        raise BadSetting("output", "is the same file as `history`")


def show(value: object) -> str:
    """
    Return *value* for a message: on one line, not too long.
    """
    try:
        text = repr(value)
    except ValueError:
        # Python refuses to print integers of thousands of digits.
        return "that"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def whole(least: int, most: int = MAX_NUMBER) -> Check:
    """
    Return a check for whole numbers from *least* to *most*.
    """

    def check(value: object) -> str | None:
        # A bool is an int to Python, but not to people.
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return None
        return f"must be a whole number from {least} to {most}, not {show(value)}"

    return check


def duration(value: object) -> str | None:
    """
    Check for seconds that something lasts.
    """
    # Only NaN is not equal to itself.
    if not _is_number(value) or value != value:  # noqa: PLR0124
        return f"must be a number of seconds, not {show(value)}"
    if value <= 0:
        return f"must be more than 0, not {show(value)}"
    if value > MAX_DURATION:
        return f"must be a year at most ({MAX_DURATION} seconds), not {show(value)}"
    return None


def duration_or_0(value: object) -> str | None:
    """
    Check for seconds that something lasts, if at all.
    """
    return None if _is_number(value) and value == 0 else duration(value)


def one_of(choices: tuple[str, ...]) -> Check:
    """
    Return a check for one of a few words.
    """

    def check(value: object) -> str | None:
        if value in choices:
            return None
        return f"must be one of {', '.join(choices)}, not {show(value)}"

    return check


def flag(value: object) -> str | None:
    """
    Check for True or False.
    """
    return None if isinstance(value, bool) else f"must be True or False, not {show(value)}"


def optional(check: Check) -> Check:
    """
    Return a check that also allows None.
    """
    return lambda value: None if value is None else check(value)


def item_ids(value: object) -> str | None:
    """
    Check for a tuple of item ids.
    """
    if not isinstance(value, tuple):
        return f"must be a tuple of item ids, not {show(value)}"
    check = whole(1, MAX_ID)
    wrong = [item_id for item_id in value if check(item_id)]
    return f"must be item ids, not {show(wrong[0])}" if wrong else None


def path(value: object) -> str | None:
    """
    Check for the name of a file.
    """
    if not isinstance(value, str) or not value or "\0" in value:
        return f"must be the name of a file, not {show(value)}"
    return "must be the name of a file; without it, standard output" if value == "-" else None


def address(value: object) -> str | None:
    """
    Check for the address of an API, without a slash at its end.
    """
    if isinstance(value, str) and "@" in value:
        # What stands before it may be a password: it is not shown.
        return f"must not contain a user or a password (...@{show(value.rpartition('@')[2])[1:-1]})"
    if not isinstance(value, str) or not _is_address(value):
        return f"must be an http(s) address such as {API_URL}, not {show(value)}"
    return "must not end with a slash" if value.endswith("/") else None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_address(text: str) -> bool:
    found = re.fullmatch(ADDRESS, text)
    if not found or (found["port"] and not 0 < int(found["port"]) < 65536):
        return False
    if found["host"]:
        labels = found["host"].removesuffix(".").split(".")
        return len(found["host"]) <= 253 and all(_is_label(label) for label in labels)
    try:
        return bool(ipaddress.IPv6Address(found["ipv6"]))
    except ValueError:
        return False


def _is_label(label: str) -> bool:
    try:
        # What begins with "xn--" stands for other letters, or for none.
        return bool(re.fullmatch(LABEL, label)) and (
            not label.lower().startswith("xn--") or bool(label.encode().decode("idna"))
        )
    except UnicodeError:
        return False


CHECKS: Mapping[str, Check] = {
    "posts": item_ids,
    "stories": one_of(STORY_LISTS),
    "limit": whole(1, MAX_LIMIT),
    "follow": duration_or_0,
    "period": duration,
    "polls": optional(whole(1)),
    "max_running": whole(1),
    "poll_timeout": optional(duration),
    "api_url": address,
    "demo": flag,
    "connections": whole(1, MAX_CONNECTIONS),
    "fetch_timeout": duration,
    "retries": whole(0, MAX_RETRIES),
    "max_fetches": optional(whole(1)),
    "full_walk": flag,
    "refresh": duration,
    "on_error": one_of(ERROR_POLICIES),
    "max_errors": whole(0),
    "format": one_of(FORMATS),
    "output": optional(path),
    "changes_only": flag,
    "comments": flag,
    "live": flag,
    "quiet": flag,
    "verbose": flag,
    "history": optional(path),
}

# The first of each pair is what a message is about, since it is the narrower one.
CONTRADICTIONS = (
    ("limit", "posts"),
    ("stories", "posts"),
    ("follow", "posts"),
    # A full walk remembers nothing: no comment is new to it, no story left behind.
    ("follow", "full_walk"),
    ("refresh", "full_walk"),
    ("comments", "full_walk"),
    # Each demo is another world, whose ids are the same.
    ("history", "demo"),
    ("verbose", "quiet"),
    # The table takes the whole screen, and shows every story.
    ("output", "live"),
    ("changes_only", "live"),
    ("quiet", "live"),
    ("verbose", "live"),
)

# Settings that some formats have no place for.
FORMATS_WITHOUT = {"comments": ("csv",), "live": ("json", "csv")}

# What only a poll before this one, in this run or in the history, gives a meaning.
NEED_A_PAST = ("refresh", "follow", "changes_only", "comments")
