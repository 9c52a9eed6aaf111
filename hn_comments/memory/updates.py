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
        self.again = {i: due for i, due in self.again.items() if i in listed}
        second, third = _take_due(self.twice, now), _take_due(self.again, now)
        known = {*self.twice, *self.again, *second, *third}
        first = [item_id for item_id in listed if item_id not in known]
        self.twice.update(dict.fromkeys(first, now + READ_TWICE))
        stay = (item_id for item_id in (*second, *third) if item_id in listed)
        self.again.update(dict.fromkeys(stay, now + READ_AGAIN))
        return [*first, *second, *third]


def _take_due(times: dict[int, float], now: float) -> list[int]:
    """
    Take out the ids whose time has come, and return them.
    """
    due = [item_id for item_id, time in times.items() if time <= now]
    for item_id in due:
        del times[item_id]
    return due
