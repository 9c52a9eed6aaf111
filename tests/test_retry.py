"""The transient errors, and the delays before retries."""

import pytest

from hn_comments.api.retry import FIRST_DELAY, MAX_DELAY, delays, is_transient
from hn_comments.errors import (
    BadStatus,
    BodyTooLarge,
    CertificateInvalid,
    ConnectionFailed,
    FetchError,
    FetchTimeout,
    NotJSON,
)


@pytest.mark.parametrize(
    "error",
    [
        FetchTimeout("x", 10),
        ConnectionFailed("x", "reset"),
        NotJSON("x"),
        BadStatus("item/1.json", 401),
        *(BadStatus("x", status) for status in (408, 420, 425, 429, 500, 502, 503, 504, 599)),
    ],
)
def test_transient(error: FetchError) -> None:
    """An error that may be gone in a moment is worth another try."""
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        CertificateInvalid("x", "expired"),
        BodyTooLarge("x", 9),
        BadStatus("topstories.json", 401),
        *(BadStatus("item/1.json", status) for status in (204, 301, 400, 403, 404, 410, 451)),
    ],
)
def test_not_transient(error: FetchError) -> None:
    """A request that would fail again is not repeated."""
    assert not is_transient(error)


def test_delays_double_with_jitter_up_to_a_bound() -> None:
    """Each delay is within half of its nominal length, and the number is bounded."""
    for _ in range(100):
        series = list(delays(20))

        assert len(series) == 20
        for exponent, delay in enumerate(series):
            nominal = min(FIRST_DELAY * 2**exponent, MAX_DELAY)
            assert nominal / 2 <= delay <= nominal


def test_delays_differ() -> None:
    """Requests that failed together do not come back together."""
    assert len({next(delays(1)) for _ in range(100)}) > 90
