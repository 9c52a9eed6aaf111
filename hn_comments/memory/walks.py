"""
Which posts a poll walks whole, although they are known: for their age, or since that costs less.
"""

from collections.abc import Iterable, Sequence

from .discussion import Discussion


# Walks that come due together are spread over polls, so that all are done within this share
# of their interval.
SPREAD = 1 / 4


def choose_start(maxitem: int, wanted: Iterable[Discussion]) -> int:
    """
    Return after which id to read all new ones: the trees that end before are walked instead.

    Whatever costs less: each id since then is one request, and so is each node of a tree.
    """
    trees = [discussion.tree for discussion in wanted if discussion.tree.upto]

    def cost(start: int) -> int:
        return maxitem - start + sum(len(tree.nodes) for tree in trees if tree.upto < start)

    return min({maxitem, *(tree.upto for tree in trees)}, key=lambda start: (cost(start), start))


def begin_walks(start: int, wanted: Iterable[Discussion]) -> bool:
    """
    Have the trees that are not complete up to *start* walked; return whether there are any.
    """
    incomplete = [d for d in wanted if d.tree.upto < start or not d.tree.upto]
    for discussion in incomplete:
        discussion.begin_walk()
        discussion.tree.upto = start
    return bool(incomplete)


def choose_old(
    wanted: Sequence[Discussion], refresh: float, *, now: float, polled_at: float | None
) -> set[int]:
    """
    Return which posts a poll is to walk whole because that was long ago.

    *polled_at* is when the poll before began, in seconds like *now*.
    """
    since = now - (polled_at or now)
    intervals = {d: d.walk_interval(refresh) for d in wanted if not d.is_walking}
    share = 1 + int(sum(since / (interval * SPREAD) for interval in intervals.values()))
    old = [d for d, interval in intervals.items() if now - d.walked_at >= interval]
    old.sort(key=lambda discussion: discussion.walked_at)
    return {discussion.post_id for discussion in old[:share]}
