"""
Which of the ids that `updates` lists are to be read again, and when.

The list names some 40 items that changed lately, most of which stay in it for minutes. An id is
read when it appears, once more ten seconds later, since the first answer may have come from a
cache or have been the item's birth, and once a minute while it stays. One that has passed others
in the list changed again, so that it is read as if it had just appeared.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field


# Seconds from the first to the second reading: caches are some seconds old at most.
READ_TWICE = 10.0

# Seconds between two readings of an id that stays in the list.
READ_AGAIN = 60.0

# The largest share of a list that changes between two polls, if the list is in any order.
MOST_MOVED = 1 / 2


@dataclass(slots=True)
class Updates:
    """
    The ids listed lately, and the times at which they are to be read next.

    *twice* are those that were read once, whether they are still listed or not; *again* those
    that were read twice and stay in the list. *listed* is the last list.
    """

    listed: Sequence[int] = ()
    twice: dict[int, float] = field(default_factory=dict)
    again: dict[int, float] = field(default_factory=dict)

    def due(self, listed: Sequence[int], now: float, *, posts: Collection[int]) -> list[int]:
        """
        Return which ids are to be read now, when *listed* is what the list says.

        It does not count for *posts* that they have moved: each vote moves one.
        """
        for item_id in find_moved(self.listed, listed).difference(posts):
            self.twice.pop(item_id, None)
            self.again.pop(item_id, None)
        self.listed = listed or self.listed
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


def find_moved(before: Sequence[int], listed: Sequence[int]) -> set[int]:
    """
    Return which ids have moved to the end of a list where the last changes are.

    Which end that is, and whether the list is in any such order, is not documented. So it is the
    end to which fewer have moved; where that is most of the list, it says nothing.
    """
    moved = min(_find_passing(before, listed), _find_passing(before[::-1], listed[::-1]), key=len)
    return moved if len(moved) <= MOST_MOVED * len(listed) else set()


def _find_passing(before: Sequence[int], listed: Sequence[int]) -> set[int]:
    """
    Return which ids stand in front of one behind which they stood.
    """
    places = {item_id: place for place, item_id in enumerate(before)}
    front, passing = len(before), set()
    for item_id in reversed(listed):
        place = places.get(item_id, front)
        if place > front:
            passing.add(item_id)
        front = min(front, place)
    return passing
