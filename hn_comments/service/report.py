"""
What a history knew at a moment, as the page draws it: the document of a report.

Its stories have the fields of JSON Lines, as those of the live page have. The plots of each one
are in `details`, thinned and packed, so that a week of 500 stories takes less than 2 MB.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from .. import __version__
from ..history.past import Past, Point, Rank
from ..models import utc_time
from .costs import describe_polls, find_list, find_period
from .html import make_report_page
from .series import drop_repeated, pack, thin


# Stories that a report shows: those on the list, and of the others those with most comments.
MAX_STORIES = 1000

# Points of a story's plots, which are some 500 pixels wide, and its newest comments, for so many
# stories as are FULL; where there are more, each has fewer.
CURVE, RANKS, NEWEST, FULL = 100, 60, 20, 500

# Stories in the table of removals.
MAX_REMOVALS = 10

HOUR = 3600

# Times are in seconds since 1970.
Growth = Sequence[Point]
Ranks = Sequence[Rank]


def make_report(path: str, as_of: str | None = None) -> bytes:
    """
    Return the page of a history, as UTF-8.

    Raises:
        HistoryError: if that cannot be used, or knows nothing of then.
    """
    with Past(path, as_of) as past:
        document = describe(past)
    # The name of a file can hold bytes that are no text.
    return make_report_page(document).html.encode(errors="backslashreplace")


def describe(past: Past) -> dict[str, Any]:
    """
    Return the document of a report.
    """
    list_name = find_list(past.polls)
    stories = past.stories(list_name)
    stories.sort(key=lambda story: (story["rank"] is None, -(story["comments"] or 0)))
    shown = stories[:MAX_STORIES]
    overall = Overall()
    details: dict[int, Any] = {}
    for story in stories:
        growth = past.growth(story["id"])
        overall.add(growth)
        if len(details) < len(shown):
            details[story["id"]] = draw_story(past, story, growth, share=FULL / len(shown))
    add_lately(past, shown)
    return {
        "version": __version__,
        "time": past.time,
        "started": past.first_time,
        "list": list_name,
        "period": find_period(past.polls),
        "history": Path(past.path).name,
        "poll": None,
        "stories": [without_nulls(story) for story in shown],
        "comments": [],
        "trouble": None,
        "details": details,
        "report": describe_whole(past, overall, len(stories)),
    }


def describe_whole(past: Past, overall: "Overall", stories: int) -> dict[str, Any]:
    """
    Return what a report says besides its stories, of which there are so many.
    """
    digest, has_log = past.digest()
    return {
        "made": utc_time(datetime.now(UTC)),
        "as_of": past.as_of,
        "sha256": digest,
        "has_log": has_log,
        "stories": stories,
        **overall.draw(),
        "removals": {
            "hours": pack(past.removals_by_hour()),
            "stories": past.removals_by_story(MAX_REMOVALS),
        },
        "polls": describe_polls(past.polls),
    }


def add_lately(past: Past, stories: Sequence[dict[str, Any]]) -> None:
    """
    Say of each story how much was written in the last day, and hour.
    """
    lately = past.lately()
    for story in stories:
        story["last_day"], story["last_hour"] = lately.get(story["id"], (0, 0))


def draw_story(
    past: Past, story: dict[str, Any], growth: Growth, *, share: float
) -> dict[str, list[Any]]:
    """
    Return the plots of a story, and its newest comments; note its best rank.
    """
    share = min(share, 1.0)
    ranks = past.ranks(story["id"], story["list"])
    story["best"] = min((rank for _, rank in ranks if rank is not None), default=None)
    hours: Counter[int] = Counter()
    add_hours(hours, growth)
    # The plot ends when the story was counted last, and that may be more than what has a time.
    end = story.pop("last_seen"), max(story.get("comments") or 0, growth[-1][1] if growth else 0)
    return {
        "curve": pack(thin([*growth, end], int(CURVE * share))),
        "hours": pack(sorted(hours.items())),
        "ranks": pack(draw_ranks(ranks, int(RANKS * share))),
        "comments": past.newest(story["id"], int(NEWEST * share)),
    }


def draw_ranks(ranks: Ranks, most: int) -> Iterator[tuple[int, int]]:
    """
    Yield changes of rank, thinned; 0 while the story is not on the list.
    """
    # Before the first one it was off the list.
    _, *changes = drop_repeated([(0, None), *ranks])
    # Off the list is a little worse than all ranks: thinning sees it, and no peak in it.
    off = 1 + max((rank for _, rank in ranks if rank is not None), default=0)
    for at, rank in thin([(at, rank or off) for at, rank in changes], most):
        yield at, 0 if rank == off else rank


def add_hours(hours: Counter[int], growth: Growth) -> None:
    """
    Add to each hour, by its number since 1970, how many comments were written in it.
    """
    for (_, before), (at, count) in pairwise(growth):
        hours[at // HOUR] += count - before


@dataclass(slots=True)
class Overall:
    """
    The growth of all stories together, by the hour.
    """

    hours: Counter[int] = field(default_factory=Counter)
    # What stories had when they were first counted, where the times of comments are unknown.
    found: Counter[int] = field(default_factory=Counter)

    def add(self, growth: Growth) -> None:
        if growth:
            at, count = growth[0]
            self.found[at // HOUR] += count
            add_hours(self.hours, growth)

    def draw(self) -> dict[str, list[int]]:
        """
        Return all comments over time, and how many were written in each hour.
        """
        total, curve = 0, []
        for hour in sorted(self.hours.keys() | self.found.keys()):
            total += self.hours[hour] + self.found[hour]
            # At the end of the hour they were all there.
            curve.append(((hour + 1) * HOUR, total))
        return {"curve": pack(curve), "hours": pack(sorted(self.hours.items()))}


def without_nulls(story: dict[str, Any]) -> dict[str, Any]:
    """
    Return *story* without what is not known: the page reads both alike.
    """
    return {name: value for name, value in story.items() if value is not None}
