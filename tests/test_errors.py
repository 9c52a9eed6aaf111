"""The exceptions: one tree, and sentences of their own."""

from collections.abc import Iterator

import hn_comments
from hn_comments import errors
from hn_comments.errors import BadStatus, HNCommentsError


EXAMPLES = [
    (errors.FetchError("item/1.json", "odd"), "item/1.json: odd"),
    (errors.FetchTimeout("item/1.json", 0.5), "item/1.json: no answer within 0.5 seconds"),
    (
        errors.FetchTimeout("item/1.json", 10, "no connection"),
        "item/1.json: no answer within 10 seconds: no connection",
    ),
    (errors.ConnectionFailed("item/1.json", "reset"), "item/1.json: reset"),
    (errors.CertificateInvalid("item/1.json", "expired"), "item/1.json: expired"),
    (errors.BadStatus("item/1.json", 404), "item/1.json: HTTP 404"),
    (errors.NotJSON("item/1.json"), "item/1.json: the answer is not JSON"),
    (errors.BodyTooLarge("item/1.json", 9), "item/1.json: the answer is larger than 9 bytes"),
    (
        errors.BodyCompressed("item/1.json", "gzip"),
        "item/1.json: the answer is compressed (gzip), which was not asked for",
    ),
    (
        errors.RedirectRefused("item/1.json", "http://evil.example/", "to another server"),
        "item/1.json: refused to follow a redirect to another server: 'http://evil.example/'",
    ),
    (
        errors.ProxyFailed("item/1.json", "proxy.example:3128", 502),
        "item/1.json: the proxy proxy.example:3128 answers HTTP 502",
    ),
    (
        errors.ProxyFailed("item/1.json", "proxy.example:80", 407),
        "item/1.json: the proxy proxy.example:80 answers HTTP 407: it wants a user and a password",
    ),
    (errors.MalformedItem("item/1.json", "odd"), "item/1.json: odd"),
    (errors.StillUnreadable("item/1.json: odd"), "item/1.json: odd"),
    (errors.NoSuchItem(1), "item/1.json: the answer is null (no such item, or not readable now)"),
    (
        errors.BadReceiver("Apprise cannot use the address foo://..."),
        "Apprise cannot use the address foo://...",
    ),
    (
        errors.CannotServe("metrics_file", "cannot write 'x': No space left on device"),
        "argument --metrics-file: cannot write 'x': No space left on device",
    ),
    (
        errors.BadProxy("socks5://me:secret@proxy.example"),
        "the proxy '...@proxy.example' in the environment is not an http:// address",
    ),
    (errors.FetchLimitExceeded(9), "the limit of 9 fetches is used up"),
    (
        errors.RateLimited(BadStatus("item/1.json", 429)),
        "the server asks for fewer requests: item/1.json: HTTP 429",
    ),
    (
        errors.HistoryError("h.db", "is odd", "do this"),
        "the history file 'h.db' is odd: do this",
    ),
    (errors.ScreenFailed("it is odd"), "cannot show the live table: it is odd"),
    (errors.PollFailed("odd"), "odd"),
    (errors.TooManyErrors(["a"]), "a poll failed: a"),
    (errors.TooManyErrors(["a", "b"]), "2 failed polls in a row, the last: b"),
]


def subclasses(base: type[Exception]) -> Iterator[type[Exception]]:
    for child in base.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_error_has_an_example_and_a_public_name() -> None:
    """No error is added without a sentence, a place in the tree, and a name to catch it by."""
    ours = set(subclasses(HNCommentsError))

    assert ours == {type(error) for error, _ in EXAMPLES}
    assert all(error.__name__ in dir(hn_comments) for error in ours)
    assert all(error.__name__ in str(errors.__doc__) for error in ours)


def test_errors_build_their_own_sentences() -> None:
    """Users read what str() gives."""
    for error, message in EXAMPLES:
        assert str(error) == message


def test_number_of_tries_is_told() -> None:
    """An error after retries says how often it was tried."""
    error = BadStatus("item/1.json", 500)
    error.tries = 4

    assert str(error) == "item/1.json: HTTP 500 (4 tries)"


def test_only_too_many_requests_ask_to_wait() -> None:
    """A 503 is a failure, unless it says when to come back."""
    asking = {
        (status, after)
        for status in (404, 420, 429, 500, 503)
        for after in (None, 1.0)
        if BadStatus("x", status, after).asks_to_wait
    }

    assert asking == {(420, None), (420, 1.0), (429, None), (429, 1.0), (503, 1.0)}
