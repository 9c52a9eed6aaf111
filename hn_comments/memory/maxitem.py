"""
The largest id there is, as far as the API can be believed: it is not one instant.

Two replicas may differ, an answer may be overtaken, and one may be absurd. So a lower answer is
old news; one that is much lower is believed only if nothing else is heard for minutes; and a
claim that a lower answer denies is taken back, unless an item near it was read.
"""

from dataclasses import dataclass
from typing import Literal


# Ids before the largest one that their parents may not list yet: two minutes of Hacker News.
RECENT = 20

# A `maxitem` higher by more than this, most of a day, is not believed before it is repeated.
MAX_JUMP = 10_000

# A `maxitem` lower by less than this is old news. One lower by more is another world, if
# nothing else is heard for so many seconds.
MAX_LAG, DENIED_FOR = 1000, 180.0


@dataclass(slots=True)
class MaxItem:
    """
    The largest id that is believed: *known*, or None before the first answer.

    *before* is the one believed before it, *read* the largest id that was really there when it
    was asked for, *denied_since* since when all answers are far below.
    """

    known: int | None = None
    before: int | None = None
    read: int = 0
    denied_since: float | None = None

    def is_jump(self, claimed: int) -> bool:
        """
        Return whether an answer is so high that it is to be asked for twice.
        """
        return self.known is not None and claimed > self.known + MAX_JUMP

    def hear(self, claimed: int, now: float) -> Literal["believed", "denied", "another world"]:
        """
        Take in an answer, and say what it means; *known* is then what is believed.
        """
        if self.known is None:
            self.known = claimed
            return "believed"
        if claimed < self.known - MAX_LAG:
            if self.denied_since is None:
                self.denied_since = now
            if now - self.denied_since < DENIED_FOR:
                return "denied"
            self.known, self.before, self.read = claimed, None, 0
            self.denied_since = None
            return "another world"
        if claimed > self.known:
            self.before, self.known = self.known, claimed
        self.denied_since = None
        return "believed"

    def take_back(self, claimed: int) -> None:
        """
        Believe what was believed before, if a lower answer shows that the last one was false.

        Two replicas differ, too; but then the items that the other one lacks were read.
        """
        if self.known is not None and claimed < self.known - RECENT and self.read <= claimed:
            self.known = min(self.before or self.read, claimed)
