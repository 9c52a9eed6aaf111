"""
Find out what changed since the last poll, and have just that read again.

Three cheap questions do it (https://github.com/HackerNews/API#live-data):

- Every item ever written has an id above those before it, and `maxitem` is the largest. So
  each id above the last `maxitem` is read once; it names its parent, and if that is in a
  tree the comment joins. None can be missed: `maxitem` is read before anything is walked,
  so a comment is either seen by the walk or above it. An id that is `null` yet is asked for
  again, at growing distances, for `PENDING_MEMORY` seconds; after that, if a reply to it
  turns up. While an id fails otherwise nothing is exact, since it may belong anywhere.
- `updates` lists some 40 items that changed lately. Known ones are read again. It is only a
  hint: what it does not tell, `descendants` does (`proof`).
- Where more was written than the trees hold, walking them again costs less, and is done.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..api import URLFetcher, parse_ids
from ..errors import UNREADABLE, FetchLimitExceeded, HNCommentsError, MalformedItem
from ..models import Item
from ..tasks import MAX_TASKS, gather_or_stop
from .discussion import Discussion
from .memory import Memory, Pending


logger = logging.getLogger(__name__)

# Seconds for which a new id that is `null` or unreadable is asked for. Most are there
# within seconds; those that never come must not cost requests for ever.
PENDING_MEMORY = 90.0

# Seconds between two readings of an item that stays in `updates`.
UPDATED_AGAIN = 60.0

# Ids in `updates` that are looked at: the real site has some 40, and it is only a hint.
MAX_UPDATED = 1000

# Ids before `maxitem` that are read when a first walk begins: two minutes of Hacker News,
# whose parents may not list them yet.
RECENT = 20

# A `maxitem` higher by more than this, most of a day, is not believed before it is repeated.
MAX_JUMP = 10_000

# A `maxitem` lower by less than this is old news, whoever says so. One lower by more is
# another world, if it is all that we hear for so many seconds.
MAX_LAG, DENIED_FOR = 1000, 180.0


# Walks that come due together are spread over polls, so that all are done within this share
# of their interval.
SPREAD = 1 / 4


@dataclass(frozen=True, slots=True)
class Hints:
    """
    What the API said about changes: `maxitem`, or why not, and the ids in `updates`.
    """

    maxitem: int | None
    problem: str | None
    updated: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Found:
    """
    Whether a poll reads everything or only changes; *reason* says why that may not be all.
    """

    mode: Literal["full", "delta"]
    reason: str | None = None


async def ask(fetcher: URLFetcher, memory: Memory) -> Hints:
    """
    Ask what is new and what changed.

    Raises:
        RateLimited: as `URLFetcher.fetch`. Other errors are a problem, or a warning.
    """
    maxitem_task = asyncio.create_task(_fetch_maxitem(fetcher, memory.maxitem))
    updates_task = asyncio.create_task(_fetch_updates(fetcher, memory))
    await gather_or_stop([maxitem_task, updates_task])
    maxitem, updated = maxitem_task.result(), updates_task.result()
    if isinstance(maxitem, int):
        return Hints(maxitem, None, updated)
    return Hints(None, f"new comments may be missing: {maxitem}", updated)


async def _fetch_maxitem(fetcher: URLFetcher, last: int | None) -> int | HNCommentsError:
    path = "maxitem.json"
    try:
        (maxitem,) = parse_ids(path, [await fetcher.fetch(path)])
        if last is not None and maxitem > last + MAX_JUMP:
            (again,) = parse_ids(path, [await fetcher.fetch(path)])
            maxitem = min(maxitem, again)
    except UNREADABLE as exc:
        return exc
    return maxitem


async def _fetch_updates(fetcher: URLFetcher, memory: Memory) -> tuple[int, ...] | None:
    path = "updates.json"
    try:
        updates = await fetcher.fetch(path)
        if not isinstance(updates, dict):
            raise MalformedItem(path, "the answer is not an object")
        ids = parse_ids(path, updates.get("items"))[:MAX_UPDATED]
    except UNREADABLE as exc:
        level = logging.DEBUG if memory.blind else logging.WARNING
        logger.log(level, "Cannot see which items changed: %s", exc)
        memory.blind += 1
        return None
    if memory.blind:
        logger.warning("What changed can be seen again, after %d polls without", memory.blind)
        memory.blind = 0
    return ids


async def find_changes(
    memory: Memory, fetcher: URLFetcher, hints: Hints, wanted: Sequence[Discussion]
) -> Found:
    """
    Add the new comments to the trees, and have read again what may have changed.

    The trees of *wanted* are then complete up to `maxitem`, but for what is to be read.
    """
    for discussion in memory.discussions.values():
        discussion.begin_poll()
    if hints.updated is not None:
        _mark_updated(memory, hints.updated)
    if hints.maxitem is not None:
        problem = _note_maxitem(memory, hints.maxitem, wanted)
    else:
        problem = hints.problem
        for discussion in wanted:
            discussion.tree.upto = discussion.tree.upto or memory.maxitem or 0
    problem = problem or await _read_pending(memory, fetcher)
    walked = all(discussion.is_walking for discussion in wanted)
    return Found("full" if walked else "delta", problem)


def _mark_updated(memory: Memory, updated: Iterable[int]) -> None:
    """
    Have the items in `updates` read again that were not within a minute.
    """
    now = memory.clock()
    read = {}
    for item_id in updated:
        read_at = memory.updated.get(item_id)
        if read_at is None or now - read_at >= UPDATED_AGAIN:
            for discussion in memory.discussions.values():
                discussion.tree.mark_stale(item_id)
            read_at = now
        read[item_id] = read_at
    memory.updated = read


def _note_maxitem(memory: Memory, maxitem: int, wanted: Sequence[Discussion]) -> str | None:
    """
    Note which ids are new, or that all is to be walked; return why neither can be done.
    """
    _take_back(memory, maxitem)
    now, last = memory.clock(), memory.maxitem
    if last is not None and maxitem < last - MAX_LAG:
        if memory.denied_since is None:
            memory.denied_since = now
        if now - memory.denied_since < DENIED_FOR:
            return f"new comments may be missing: maxitem.json: it went from {last} to {maxitem}"
        logger.warning("The largest id went from %d to %d: reading everything", last, maxitem)
        memory.pending.clear()
        for discussion in memory.discussions.values():
            discussion.tree.upto = 0
        start = maxitem
    else:
        maxitem = max(maxitem, last or 0)
        start = _choose_start(maxitem, wanted)
    memory.denied_since = None
    if last is not None and maxitem > last:
        memory.maxitem_before = last
    memory.maxitem = maxitem
    walks = _begin_walks(memory, start, wanted)
    if walks and (last is None or start == maxitem):
        start = max(min(start, maxitem - RECENT), 0)
    for item_id in range(start + 1, maxitem + 1):
        memory.pending.setdefault(item_id, Pending())
    return None


def _take_back(memory: Memory, maxitem: int) -> None:
    """
    Forget the largest id that was claimed, if a lower answer shows that it never was there.

    Two replicas may differ, too; but then what the other one does not have yet was read.
    """
    last = memory.maxitem
    if last is None or maxitem >= last - RECENT or memory.largest_read > maxitem:
        return
    memory.maxitem = min(memory.maxitem_before or memory.largest_read, maxitem)
    logger.debug("The largest id was not %d; it is %d", last, maxitem)
    for item_id in [item_id for item_id in memory.pending if item_id > memory.maxitem]:
        del memory.pending[item_id]
    for item_id in [item_id for item_id in memory.given_up if item_id > memory.maxitem]:
        del memory.given_up[item_id]
    for discussion in memory.discussions.values():
        discussion.tree.upto = min(discussion.tree.upto, memory.maxitem)


def _choose_start(maxitem: int, wanted: Iterable[Discussion]) -> int:
    """
    Return after which id to read all new ones: the trees that end before are walked instead.

    Whatever costs less: each id since then is one request, and so is each node of a tree.
    """
    trees = [discussion.tree for discussion in wanted if discussion.tree.upto]

    def cost(start: int) -> int:
        return maxitem - start + sum(len(tree.nodes) for tree in trees if tree.upto < start)

    return min({maxitem, *(tree.upto for tree in trees)}, key=lambda start: (cost(start), start))


def _begin_walks(memory: Memory, start: int, wanted: Iterable[Discussion]) -> bool:
    """
    Have the trees that are not complete up to *start* walked; return whether there are any.
    """
    walks = False
    for discussion in wanted:
        if discussion.tree.upto < start or not discussion.tree.upto:
            walks = True
            discussion.begin_walk()
            discussion.tree.upto = start
    for discussion in memory.discussions.values():
        if discussion.tree.upto >= start:
            discussion.tree.upto = memory.maxitem or 0
    return walks


async def _read_pending(memory: Memory, fetcher: URLFetcher) -> str | None:
    """
    Read each new id that is due, and let the comments join; return why these may not be all.
    """
    asked: set[int] = set()
    now = memory.clock()
    due = {item_id for item_id, pending in memory.pending.items() if pending.due <= now}
    while due:
        # Parents before their replies.
        batch = sorted(due)[:MAX_TASKS]
        asked.update(batch)
        due.difference_update(batch)
        answers = await gather_or_stop(
            [asyncio.create_task(_read(memory, fetcher, item_id)) for item_id in batch]
        )
        for item_id, answer in zip(batch, answers, strict=True):
            if not isinstance(answer, Item):
                _postpone(memory, item_id, answer)
                continue
            memory.largest_read = max(memory.largest_read, item_id)
            memory.pending.pop(item_id, None)
            memory.given_up.pop(item_id, None)
            if memory.arrive(answer):
                logger.debug("Item %d is a new reply to %s", item_id, answer.parent)
            parent = answer.parent or 0
            if parent not in asked and (parent in memory.pending or parent in memory.given_up):
                # It has a reply, so it is there: ask at once.
                due.add(parent)
    errors = [pending.error for pending in memory.pending.values() if pending.error]
    return f"a new item may belong here: {errors[0]}" if errors else None


async def _read(memory: Memory, fetcher: URLFetcher, item_id: int) -> Item | HNCommentsError | None:
    pending = memory.pending.get(item_id)
    try:
        return await fetcher.fetch_item(item_id, failed=bool(pending and pending.failed))
    except UNREADABLE as exc:
        return exc


def _postpone(memory: Memory, item_id: int, answer: HNCommentsError | None) -> None:
    """
    Ask for a new id again later, or give it up.
    """
    if answer is None and item_id not in memory.pending:
        return  # given up before, and rightly
    pending = memory.pending.setdefault(item_id, Pending())
    pending.error = str(answer) if answer else None
    if isinstance(answer, FetchLimitExceeded):
        return  # not even asked for
    now = memory.clock()
    pending.failed = answer is not None
    if pending.since is None:
        pending.since = now
    age = now - pending.since
    pending.due = now + max(age, 1.0)
    if age > PENDING_MEMORY:
        memory.give_up(item_id)
        if answer is not None:
            # It may be in any tree: their posts' `descendants` tell.
            for discussion in memory.discussions.values():
                discussion.tree.mark_stale(discussion.post_id)


def choose_old(memory: Memory, wanted: Sequence[Discussion], refresh: float) -> set[int]:
    """
    Return which posts a poll is to walk whole because that was long ago.
    """
    now = memory.clock()
    since = now - (memory.polled_at or now)
    memory.polled_at = now
    intervals = {
        discussion: discussion.walk_interval(refresh)
        for discussion in wanted
        if not discussion.is_walking
    }
    share = 1 + int(sum(since / (interval * SPREAD) for interval in intervals.values()))
    old = [d for d, interval in intervals.items() if now - d.walked_at >= interval]
    old.sort(key=lambda discussion: discussion.walked_at)
    return {discussion.post_id for discussion in old[:share]}
