"""
Values as they stand in the history file: times and other text.
"""

from datetime import UTC, datetime, timedelta


# The beginning of time, which needs no time zone to be added to.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_text(seconds: float | None) -> str | None:
    """
    Return a time as text in UTC, to the millisecond.
    """
    if seconds is None:
        return None
    moment = EPOCH + timedelta(milliseconds=int(seconds * 1000))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_seconds(text: str | None, latest: float) -> float:
    """
    Return the time in *text*, at most *latest*; 0 for none.
    """
    if text is None:
        return 0.0
    return min((datetime.fromisoformat(text) - EPOCH) / timedelta(seconds=1), latest)


def printable(text: str | None) -> str | None:
    """
    Return *text* without halves of surrogate pairs, which JSON can hold but no file.
    """
    if text is None or text.isascii():
        return text
    return text.encode(errors="ignore").decode()
