"""
Which of the ids that `updates` lists are to be read again, and when.

The list names some 40 items that changed lately, most of which stay in it for minutes. An id is
read when it appears, once more ten seconds later, since the first answer may have come from a
cache or have been the item's birth, and once a minute while it stays.
"""

from collections.abc import Collection
from dataclasses import dataclass, field


# Seconds from the first to the second reading: caches are some seconds old at most.
READ_TWICE = 10.0

# Seconds between two readings of an id that stays in the list.
READ_AGAIN = 60.0


@dataclass(slots=True)
class Updates:
    """
    The ids listed lately, and the times at which they are to be read next.

    *twice* are those that were read once, whether they are still listed or not; *again* those
    that were read twice and stay in the list.
    """

    twice: dict[int, float] = field(default_factory=dict)
    again: dict[int, float] = field(default_factory=dict)

    def due(self, listed: Collection[int], now: float) -> list[int]:
        """
        Return which ids are to be read now, when *listed* is what the list says.
        """
        second = [item_id for item_id, due in self.twice.items() if due <= now]
        for item_id in second:
            del self.twice[item_id]
        later = [item_id for item_id, due in self.again.items() if due <= now]
        first = [i for i in listed if i not in self.twice and i not in self.again]
        first = [i for i in first if i not in second]
        self.twice.update(dict.fromkeys(first, now + READ_TWICE))
        self.again.update(dict.fromkeys((*second, *later), now + READ_AGAIN))
        self.again = {i: due for i, due in self.again.items() if i in listed}
        return [*first, *second, *(i for i in later if i in self.again)]
