"""
What the polls of a history cost, and what went wrong in them, in short.
"""

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any

from ..history.past import PastPoll
from .series import pack, thin


# Points of the plots of all polls.
POINTS = 500

# Spells of trouble that are listed, the last ones.
MAX_TROUBLES = 100


def find_list(polls: Sequence[PastPoll]) -> str:
    """
    Return the story list that most polls read: ranks are those of one list.
    """
    return Counter(poll.list for poll in polls).most_common(1)[0][0]


def find_period(polls: Sequence[PastPoll]) -> int | None:
    """
    Return the seconds from one poll to the next, in most cases.
    """
    gaps = [after.at - before.at for before, after in pairwise(polls)]
    return int(statistics.median(gaps)) if gaps else None


def describe_polls(polls: Sequence[PastPoll]) -> dict[str, Any]:
    """
    Return how many polls ended how, what they cost, and how wrong memory was.
    """
    statuses = Counter(poll.status for poll in polls)
    seconds = sorted(poll.seconds for poll in polls)
    troubles = [*find_troubles(polls)]
    return {
        "count": len(polls),
        **{status: statuses[status] for status in ("exact", "partial", "failed")},
        "fetches": sum(poll.fetches for poll in polls),
        "fetches_median": statistics.median(poll.fetches for poll in polls),
        "seconds_median": statistics.median(seconds),
        "seconds_most": seconds[-1],
        "drift": sum(poll.drift for poll in polls),
        "drifted": sum(poll.drift != 0 for poll in polls),
        # In milliseconds: what is packed are whole numbers.
        "seconds_by_poll": pack(thin([(p.at, round(p.seconds * 1000)) for p in polls], POINTS)),
        "fetches_by_poll": pack(thin([(p.at, p.fetches) for p in polls], POINTS)),
        "drift_by_hour": pack(drift_by_hour(polls)),
        "troubles": troubles[-MAX_TROUBLES:],
        "troubles_count": len(troubles),
    }


def find_troubles(polls: Sequence[PastPoll]) -> Iterator[dict[str, Any]]:
    """
    Yield polls that were not exact; alike ones in a row are one.
    """
    for (status, _), spell in groupby(polls, key=lambda poll: (poll.status, kind_of(poll.error))):
        if status != "exact":
            first, *rest = spell
            yield {
                "from": first.at,
                "to": rest[-1].at if rest else first.at,
                "polls": 1 + len(rest),
                "status": status,
                "error": first.error,
            }


def kind_of(error: str | None) -> str:
    """
    Return what alike errors have in common: all but their numbers.
    """
    return re.sub(r"[0-9]+", "", error or "")


def drift_by_hour(polls: Sequence[PastPoll]) -> list[tuple[int, int]]:
    """
    Return by how many comments memory was wrong, for each hour (since 1970) in which it was.
    """
    hours: Counter[int] = Counter()
    for poll in polls:
        hours[poll.at // 3600] += poll.drift
    return [(hour, drift) for hour, drift in sorted(hours.items()) if drift]
