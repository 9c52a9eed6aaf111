"""
Everything hn-comments raises on purpose:

HNCommentsError
    FetchError              a request did not give us usable JSON
        FetchTimeout        ... in time (transient)
        ConnectionFailed    ... because the connection broke (transient)
        CertificateInvalid  ... because the server's TLS certificate is not valid
        BadStatus           ... but an HTTP error (transient if 408, 420, 425, 429,
                            5xx, or 401 on an item)
        NotJSON             ... but something else (transient)
        BodyTooLarge        ... but more bytes than we are willing to read
        BodyCompressed      ... but compressed, which was not asked for
        RedirectRefused     ... but a redirect to another server, or in a circle
        ProxyFailed         ... because the proxy would not pass it on (transient unless 407)
    MalformedItem           JSON, but not a usable item
    StillUnreadable         an item failed in earlier polls; this one did not ask for it
    NoSuchItem              the post to count is `null`
    BadProxy                the environment names a proxy that cannot be used
    BadReceiver             a receiver of notices cannot be used
    CannotServe             a port, or the metrics file, cannot be used
    FetchLimitExceeded      the poll has used up its requests
    RateLimited             the server has refused everything for a minute
    HistoryError            the history file cannot be used
    ScreenFailed            the live table cannot be shown
    PollFailed              a poll had no result, or was cancelled by a failure
    TooManyErrors           too many polls in a row failed
"""

import sys


# Characters of a foreign message that an error quotes: enough for one sentence.
MAX_QUOTED = 160


def quote(text: str) -> str:
    """
    Return *text* from the network or the system as one short line.
    """
    # Cut before splitting: a foreign message can have megabytes.
    line = " ".join(text[: 4 * MAX_QUOTED].split())
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
    return line if len(line) <= MAX_QUOTED else f"{line[: MAX_QUOTED - 3]}..."


def how_to_install(package: str) -> str:
    """
    Return the command that puts *package* into the environment of this program.

    pipx and uv make environments without pip, and leave a note of themselves there.
    """
    # Imported here because --help need not wait for it.
    from pathlib import Path

    place = Path(sys.prefix)
    if (place / "pipx_metadata.json").exists():
        return f"pipx inject {place.name} {package}"
    if (place / "uv-receipt.toml").exists():
        return f"uv pip install --python {sys.executable} {package}"
    return f"{sys.executable} -m pip install {package}"


def hide_user(address: str) -> str:
    """
    Return *address* without a password, which can stand anywhere before the last @.
    """
    return f"...@{address.rpartition('@')[2]}" if "@" in address else address


class HNCommentsError(Exception):
    """
    The base of all errors.
    """


class FetchError(HNCommentsError):
    """
    A request for *path*, relative to the API's address, failed after *tries*.
    """

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = quote(problem)
        self.tries = 1
        super().__init__(path, self.problem)

    def __str__(self) -> str:
        tries = f" ({self.tries} tries)" if self.tries > 1 else ""
        return f"{self.path}: {self.problem}{tries}"


class FetchTimeout(FetchError):
    """
    No complete answer came within *seconds*; the *reason* says how far it came.
    """

    def __init__(self, path: str, seconds: float, reason: str = "") -> None:
        self.seconds = seconds
        self.reason = reason
        detail = f": {reason}" if reason else ""
        super().__init__(path, f"no answer within {seconds:g} seconds{detail}")


class ConnectionFailed(FetchError):
    """
    The connection could not be made, or broke before the answer was complete.

    *was_socket* is whether that was the websocket: no fault of what was asked for.
    """

    def __init__(self, path: str, problem: str, *, was_socket: bool = False) -> None:
        self.was_socket = was_socket
        super().__init__(path, problem)


class CertificateInvalid(FetchError):
    """
    The server's TLS certificate does not prove that it is the server we want.
    """


class BadStatus(FetchError):
    """
    The server answered *status*, and perhaps to try again after *retry_after* seconds.
    """

    def __init__(self, path: str, status: int, retry_after: float | None = None) -> None:
        self.status = status
        self.retry_after = retry_after
        super().__init__(path, f"HTTP {status}")

    @property
    def asks_to_wait(self) -> bool:
        """
        Whether the server says "too many requests", not "something broke".
        """
        return self.status in {420, 429} or (self.status == 503 and self.retry_after is not None)

    @property
    def is_overload(self) -> bool:
        """
        Whether too many requests may be the cause: a 503 without Retry-After does not say.
        """
        return self.asks_to_wait or self.status == 503


class NotJSON(FetchError):
    """
    The body of the answer is not JSON.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path, "the answer is not JSON")


class BodyTooLarge(FetchError):
    """
    The body of the answer has more than *limit* bytes.
    """

    def __init__(self, path: str, limit: int) -> None:
        self.limit = limit
        super().__init__(path, f"the answer is larger than {limit} bytes")


class BodyCompressed(FetchError):
    """
    The body of the answer has a content *coding*, although we ask for none.
    """

    def __init__(self, path: str, coding: str) -> None:
        self.coding = coding
        super().__init__(path, f"the answer is compressed ({coding}), which was not asked for")


class RedirectRefused(FetchError):
    """
    The answer is a redirect to *location*, which is not followed: *why*.
    """

    def __init__(self, path: str, location: str, why: str) -> None:
        self.location = location
        shown = quote(hide_user(location))[:80]
        super().__init__(path, f"refused to follow a redirect {why}: {shown!r}")


class ProxyFailed(FetchError):
    """
    The *proxy*, an address without a password, answered *status* instead of passing it on.
    """

    def __init__(self, path: str, proxy: str, status: int) -> None:
        self.proxy = proxy
        self.status = status
        hint = ": it wants a user and a password" if status == 407 else ""
        super().__init__(path, f"the proxy {proxy} answers HTTP {status}{hint}")


class MalformedItem(HNCommentsError):
    """
    The answer for *path* is JSON, but breaks the API's own rules.
    """

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = quote(problem)
        super().__init__(f"{path}: {self.problem}")


class StillUnreadable(HNCommentsError):
    """
    An item failed in the last polls, for this *reason*; nothing was sent.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class NoSuchItem(HNCommentsError):
    """
    The API answers `null` for the post *item_id*: it is not there, or not readable now.
    """

    def __init__(self, item_id: int) -> None:
        self.item_id = item_id
        problem = "the answer is null (no such item, or not readable now)"
        super().__init__(f"item/{item_id}.json: {problem}")


class BadProxy(HNCommentsError):
    """
    The *variable* of the environment names *proxy*, which is no address of an HTTP proxy.
    """

    def __init__(self, proxy: str, variable: str = "the environment") -> None:
        self.proxy = proxy
        self.variable = variable
        shown = quote(hide_user(proxy))
        super().__init__(f"the proxy {shown!r} in {variable} is not an http:// address")


class BadReceiver(HNCommentsError):
    """
    A receiver of notices that the settings name cannot be used.
    """


class CannotServe(HNCommentsError):
    """
    What the setting *field* asks for cannot be done here: *problem*.
    """

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(field, problem)

    def __str__(self) -> str:
        return f"argument --{self.field.replace('_', '-')}: {self.problem}"


class FetchLimitExceeded(HNCommentsError):
    """
    The budget of *limit* requests is used up; nothing was sent.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"the limit of {limit} fetches is used up")


class RateLimited(HNCommentsError):
    """
    The server has refused every request for a minute; the last answer was *refusal*.
    """

    def __init__(self, refusal: BadStatus) -> None:
        self.refusal = refusal
        super().__init__(f"the server asks for fewer requests: {refusal}")


class HistoryError(HNCommentsError):
    """
    The history file *path* cannot be used, for this *problem*; *advice* says what to do.
    """

    def __init__(self, path: str, problem: str, advice: str) -> None:
        self.path = path
        self.problem = problem
        self.advice = advice
        super().__init__(path, problem, advice)

    def __str__(self) -> str:
        return f"the history file {self.path!r} {self.problem}: {self.advice}"


class ScreenFailed(HNCommentsError):
    """
    The live table cannot be shown, or broke, for this *problem*.
    """

    def __init__(self, problem: str) -> None:
        self.problem = quote(problem)
        super().__init__(problem)

    def __str__(self) -> str:
        return f"cannot show the live table: {self.problem}"


class PollFailed(HNCommentsError):
    """
    A poll had no result, or was cancelled by the first failure.
    """


class TooManyErrors(HNCommentsError):
    """
    So many polls in a row failed, with these *messages*, that polling stopped.
    """

    def __init__(self, messages: list[str]) -> None:
        self.messages = messages
        number = len(messages)
        how = "a poll failed" if number == 1 else f"{number} failed polls in a row, the last"
        super().__init__(f"{how}: {messages[-1]}")


# Errors that make one item unreadable; the rest of the poll goes on.
UNREADABLE = (FetchError, MalformedItem, FetchLimitExceeded, StillUnreadable)
