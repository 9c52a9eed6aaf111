"""
Values as they stand in the history file: times and other text.
"""

from datetime import UTC, datetime, timedelta

from ..memory import Clock
from ..plaintext import clean


# The beginning of time, which needs no time zone to be added to.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Times:
    """
    Translates the memory's times into text in UTC, to the millisecond, and back.

    The memory's clock is steady, the machine's can be set at any time: what is written is right
    by the machine's clock of now. A time read that lies in the future is taken for the present.
    """

    def __init__(self, clock: Clock) -> None:
        self.now = clock()
        self._ahead = clock.wall() - self.now

    def to_text(self, seconds: float | None) -> str | None:
        """
        Return a time as text; None for none, which 0 is, too.
        """
        unix_time = self.to_unix(seconds or 0.0)
        if unix_time is None:
            return None
        moment = EPOCH + timedelta(milliseconds=int(unix_time * 1000))
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def to_unix(self, seconds: float) -> float | None:
        """
        Return a time in seconds since 1970; None for none, which is 0.
        """
        return seconds + self._ahead if seconds else None

    def to_seconds(self, text: str | None, *, ahead: float = 0.0) -> float:
        """
        Return the time in *text*, at most *ahead* seconds from now; 0 for none.
        """
        if text is None:
            return 0.0
        return self.clamp((datetime.fromisoformat(text) - EPOCH) / timedelta(seconds=1), ahead)

    def clamp(self, unix_time: float, ahead: float = 0.0) -> float:
        """
        Return the memory's time for one in seconds since 1970.
        """
        return min(unix_time - self._ahead, self.now + ahead)


def printable(text: str | None) -> str | None:
    """
    Return *text* without the characters that no column should hold.
    """
    return None if text is None else clean(text)
