"""
The kinds of values that settings have: what each may be, and how it is written.

Nothing here knows which settings there are.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeGuard

from .durations import read_duration


# The official API; https://github.com/HackerNews/API documents it.
API_URL = "https://hacker-news.firebaseio.com/v0"

# Seconds of any duration at most: a year. Event loops cannot wait for ever.
MAX_DURATION = 365 * 24 * 3600

# An upper bound that only a slip of the finger exceeds.
MAX_NUMBER = 10**9

# Item ids have 8 digits today; more than 18 are no number that others can read.
MAX_ID = 10**18

# Characters of a wrong value that are shown.
MAX_SHOWN = 60

# An address that every program reads alike: stricter than urllib or yarl, which disagree.
# Neither pattern is compiled before it is needed: --help would wait for that.
ADDRESS_PATTERN = (
    r"(?ai:https?://(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<host>[a-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/(?:[a-z0-9._~!$&'()*+,;=:/-]|%[0-9a-f]{2})*)?)"
)

# A label of a host name (RFC 1123, and the underscores of container networks).
LABEL_PATTERN = "(?ai:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)"


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One kind of value, and *what* it may be.

    *problem* returns what is wrong with a value, as in "must be a number, not 'x'", or None.
    On the command line, *read* turns a text into a value, or raises a ValueError that says
    what the text is not. The help calls it *metavar*, or lists the *choices*. Of some kinds there
    are *many* values in one, each given by an option of its own.
    """

    what: str
    problem: Callable[[object], str | None]
    read: Callable[[str], object] = str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    many: bool = False


def whole(least: int, most: int = MAX_NUMBER) -> Kind:
    """
    Return the kind of the whole numbers from *least* to *most*.
    """

    def fits(value: object) -> bool:
        return _is_number(value) and isinstance(value, int) and least <= value <= most

    what = f"a whole number from {least} to {most}"
    return Kind(what, _problem(what, fits), _read_whole, "N")


def one_of(*choices: str) -> Kind:
    """
    Return the kind of a few words, which may be typed in any case, singular or plural.
    """

    def read(text: str) -> str:
        word = text.lower()
        for choice in (word, word.removesuffix("s"), word.removesuffix("stories")):
            if choice in choices:
                return choice
        raise ValueError(f"is not one of {', '.join(choices)}")

    what = f"one of {', '.join(choices)}"
    return Kind(what, _problem(what, choices.__contains__), read, choices=choices)


def optional(kind: Kind) -> Kind:
    """
    Return the kind of what *kind* allows, and of None.
    """
    return replace(
        kind,
        what=f"{kind.what}, or None",
        problem=lambda value: None if value is None else kind.problem(value),
    )


def many(kind: Kind, what: str) -> Kind:
    """
    Return the kind of several values of a *kind*, as a tuple.
    """

    def problem(value: object) -> str | None:
        if not isinstance(value, tuple):
            return f"must be {what}"
        return next((found for one in value if (found := kind.problem(one))), None)

    return replace(kind, what=what, problem=problem, many=True)


def hide(text: str) -> str:
    """
    Return *text* without what may be a password, as the address of a receiver has one.
    """
    scheme, is_address, rest = text.partition("://")
    if is_address and ("@" in rest or scheme not in {"http", "https"}):
        return f"{scheme}://..."
    return text


def show(value: object) -> str:
    """
    Return *value* for a message: on one line, not too long, without a password.
    """
    try:
        text = repr(hide(value) if isinstance(value, str) else value)
    except ValueError:
        # Python refuses to print integers of thousands of digits.
        return "that"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _problem(what: str, fits: Callable[[object], bool]) -> Callable[[object], str | None]:
    return lambda value: None if fits(value) else f"must be {what}, not {show(value)}"


def _is_number(value: object) -> TypeGuard[float]:
    # A bool is an int to Python, but not to people.
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_whole(text: str) -> int:
    if not re.fullmatch("-?[0-9]{1,99}", text):
        raise ValueError("is not a whole number")
    return int(text)


def _duration_problem(value: object) -> str | None:
    # Only NaN is not equal to itself.
    if not _is_number(value) or value != value:  # noqa: PLR0124
        return f"must be a number of seconds, not {show(value)}"
    if value <= 0:
        return f"must be more than 0, not {show(value)}"
    if value > MAX_DURATION:
        return f"must be a year at most ({MAX_DURATION} seconds), not {show(value)}"
    return None


def _duration_or_0_problem(value: object) -> str | None:
    return None if _is_number(value) and value == 0 else _duration_problem(value)


def _posts_problem(value: object) -> str | None:
    if not isinstance(value, tuple):
        return f"must be a tuple of item ids, not {show(value)}"
    check = whole(1, MAX_ID).problem
    wrong = [item_id for item_id in value if check(item_id)]
    return f"must be item ids, not {show(wrong[0])}" if wrong else None


def _file_problem(value: object) -> str | None:
    if not isinstance(value, str) or not value or "\0" in value:
        return f"must be the name of a file, not {show(value)}"
    return "must be the name of a file; without it, standard output" if value == "-" else None


def _address_problem(value: object) -> str | None:
    if isinstance(value, str) and "@" in value:
        # What stands before it may be a password: it is not shown.
        return f"must not contain a user or a password (...@{show(value.rpartition('@')[2])[1:-1]})"
    if not isinstance(value, str) or not _is_address(value):
        return f"must be an http(s) address such as {API_URL}, not {show(value)}"
    return "must not end with a slash" if value.endswith("/") else None


def _is_address(text: str) -> bool:
    found = re.fullmatch(ADDRESS_PATTERN, text)
    if not found or (found["port"] and not 0 < int(found["port"]) < 65536):
        return False
    if found["host"]:
        labels = found["host"].removesuffix(".").split(".")
        return len(found["host"]) <= 253 and all(_is_label(label) for label in labels)
    # Imported for such an address only: --help would wait for it.
    import ipaddress

    try:
        return bool(ipaddress.IPv6Address(found["ipv6"]))
    except ValueError:
        return False


def _is_label(label: str) -> bool:
    try:
        # What begins with "xn--" stands for other letters, or for none.
        return bool(re.fullmatch(LABEL_PATTERN, label)) and (
            not label.lower().startswith("xn--") or bool(label.encode().decode("idna"))
        )
    except UnicodeError:
        return False


def _listen_problem(value: object) -> str | None:
    if isinstance(value, str) and _is_place_to_listen(value):
        return None
    return f"must be PORT or HOST:PORT, such as 8000 or [::1]:8000, not {show(value)}"


def _is_place_to_listen(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        return False
    # A host as in an address, without a port of its own.
    alone = "/" not in host and (host.endswith("]") or ":" not in host)
    return not colon or (alone and _is_address(f"http://{host}"))


def _read_threshold(text: str) -> str:
    match = re.fullmatch("([0-9]{1,9})(/h(our)?)?", text.strip().lower())
    if not match or not int(match[1]):
        raise ValueError("is neither a number of comments nor one an hour, such as 300 or 60/h")
    return f"{int(match[1])}/h" if match[2] else str(int(match[1]))


def _threshold_problem(value: object) -> str | None:
    try:
        known = isinstance(value, str) and _read_threshold(value) == value
    except ValueError:
        known = False
    return None if known else f"must be like '300' or '60/h', not {show(value)}"


def _secret_problem(value: object) -> str | None:
    # The value is not shown: it may hold a password.
    known = isinstance(value, str) and re.match("[A-Za-z][A-Za-z0-9+.-]*://", value)
    return None if known else "must be an address, such as ntfys://ntfy.sh/my-topic"


def _command_problem(value: object) -> str | None:
    # Nor is this shown: there may be a token in it.
    known = isinstance(value, str) and value.strip() and "\0" not in value
    return None if known else "must be a command, such as 'notify-send News'"


# The kinds that need no more to be said.
FLAG = Kind("True or False", _problem("True or False", lambda value: isinstance(value, bool)))
DURATION = Kind("seconds, more than 0", _duration_problem, read_duration, "DURATION")
DURATION_OR_0 = replace(DURATION, what="seconds, or 0", problem=_duration_or_0_problem)
POSTS = Kind("a tuple of item ids", _posts_problem, metavar="POST")
LISTEN = Kind("[HOST:]PORT", _listen_problem, metavar="[HOST:]PORT")
FILE = Kind("the name of a file", _file_problem, metavar="FILE")
COMMAND = Kind("a command", _command_problem, metavar="COMMAND")
SECRET = Kind("an address, which may hold a password", _secret_problem, metavar="URL")
THRESHOLD = Kind("as '300' or '60/h'", _threshold_problem, _read_threshold, "N|N/h")
ADDRESS = Kind("an http(s) address without a slash at its end", _address_problem, metavar="URL")
