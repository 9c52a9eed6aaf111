"""Durations are read as people write them, and said as they say them."""

import pytest

from hn_comments.durations import describe_duration, read_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("5", 5), ("0.5", 0.5), ("30s", 30), ("5m", 300), ("1h", 3600), ("1.5h", 5400)),
        *(("5min", 300), ("90 s", 90), ("1d", 86400), ("2 Days", 172800), ("1 hour", 3600)),
        *(("-1", -1), (" 30 sec\n", 30), ("2hrs", 7200)),
    ],
)
def test_what_is_read(text: str, seconds: float) -> None:
    """Seconds, or a unit, in any of its spellings."""
    assert read_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "5x", "1e3", "inf", "nan", "5  m", ".5", "5.", "٣", "1h30m"]
)
def test_what_is_no_duration(text: str) -> None:
    """Is refused, and told what one looks like."""
    with pytest.raises(ValueError, match="is not a duration such as 5, "):
        read_duration(text)


@pytest.mark.parametrize(
    ("seconds", "words", "short"),
    [
        (0.2, "1 second", "1 s"),
        (1.4, "1 second", "1 s"),
        (90, "90 seconds", "90 s"),
        (120, "2 minutes", "2 min"),
        (240, "4 minutes", "4 min"),
        (7199, "120 minutes", "120 min"),
        (7200, "2 hours", "2 h"),
        (9e4, "25 hours", "25 h"),
        (2 * 86400, "2 days", "2 d"),
        (1e9, "11574 days", "11574 d"),
    ],
)
def test_what_is_said(seconds: float, words: str, short: str) -> None:
    """In the largest unit of which there are two."""
    assert describe_duration(seconds) == words
    assert describe_duration(seconds, short=True) == short


@pytest.mark.parametrize("seconds", [1, 5, 119, 120, 7200, 86400, 2 * 86400])
def test_what_is_said_can_be_read(seconds: int) -> None:
    """Whoever copies it gets what was meant."""
    assert read_duration(describe_duration(seconds)) == seconds
    assert read_duration(describe_duration(seconds, short=True)) == seconds
