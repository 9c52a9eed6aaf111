"""
Find out what changed since the last poll, and have just that read again.

Three cheap questions do it (https://github.com/HackerNews/API#live-data):

- Every item ever written has an id above those before it, and `maxitem` is the largest. So
  each id above the last `maxitem` is read once; it names its parent, and if that is in a
  tree the comment joins. None can be missed: `maxitem` is read before anything is walked,
  so a comment is either seen by the walk or above it. While an id fails, nothing is exact,
  since it may belong anywhere.
- `updates` lists some 40 items that changed lately. Known ones are read again. It is only a
  hint: `descendants` tells what `updates` does not (`proof`).
- Where more was written than the trees hold, walking them again costs less, and is done.
"""

import asyncio
from collections.abc import Sequence
from typing import Literal, NamedTuple

from ..api import URLFetcher, parse_ids
from ..errors import UNREADABLE, HNCommentsError, MalformedItem
from ..models import Item
from ..tasks import MAX_TASKS, gather_or_stop
from .discussion import Discussion
from .memory import Memory


# Ids in `updates` that are looked at: the real site has some 40, and it is only a hint.
MAX_UPDATED = 1000


class Hints(NamedTuple):
    """
    What the API said about changes: `maxitem`, or why not, and the ids in `updates`, or why not.
    """

    maxitem: int | None
    problem: str | None
    updated: tuple[int, ...]
    warning: str | None


class Changes(NamedTuple):
    """
    Whether a poll reads everything or only changes; *problem* says why that may not be all.
    """

    mode: Literal["full", "delta"]
    problem: str | None = None


async def ask(fetcher: URLFetcher, memory: Memory) -> Hints:
    """
    Ask what is new and what changed.

    Raises:
        RateLimited: as `URLFetcher.fetch`. Other errors are a problem, or a warning.
    """
    maxitem_task = asyncio.create_task(_fetch_maxitem(fetcher, memory))
    updates_task = asyncio.create_task(_fetch_updates(fetcher))
    await gather_or_stop([maxitem_task, updates_task])
    maxitem, (updated, warning) = maxitem_task.result(), updates_task.result()
    if isinstance(maxitem, int):
        return Hints(maxitem, None, updated, warning)
    return Hints(None, f"new comments may be missing: {maxitem}", updated, warning)


async def _fetch_maxitem(fetcher: URLFetcher, memory: Memory) -> int | HNCommentsError:
    path = "maxitem.json"
    try:
        (maxitem,) = parse_ids(path, [await fetcher.fetch(path)])
        if memory.maxitem.is_jump(maxitem):
            (again,) = parse_ids(path, [await fetcher.fetch(path)])
            maxitem = min(maxitem, again)
    except UNREADABLE as exc:
        return exc
    return maxitem


async def _fetch_updates(fetcher: URLFetcher) -> tuple[tuple[int, ...], str | None]:
    path = "updates.json"
    try:
        updates = await fetcher.fetch(path)
        if not isinstance(updates, dict):
            raise MalformedItem(path, "the answer is not an object")
        # Without repeats, which would look like ids that have moved in the list.
        ids = dict.fromkeys(parse_ids(path, updates.get("items")))
        return tuple(ids)[:MAX_UPDATED], None
    except UNREADABLE as exc:
        return (), str(exc)


async def find_changes(
    memory: Memory, fetcher: URLFetcher, hints: Hints, wanted: Sequence[Discussion]
) -> Changes:
    """
    Add the new comments to the trees, and have read again what may have changed.

    The trees of *wanted* are then complete up to `maxitem`, but for what is to be read.
    """
    for discussion in memory.discussions.values():
        discussion.begin_poll()
    # Told only here: a poll that does not come so far tells of its own failure.
    if hints.warning is None:
        memory.troubles.end("updates")
    else:
        memory.troubles.note("updates", hints.warning)
    memory.note_updates(hints.updated)
    problem = memory.note_maxitem(hints.maxitem, wanted) or hints.problem
    problem = problem or await _read_pending(memory, fetcher)
    walked = all(discussion.is_walking for discussion in wanted)
    return Changes("full" if walked else "delta", problem)


async def _read_pending(memory: Memory, fetcher: URLFetcher) -> str | None:
    """
    Read each new id that is due, and let the comments join; return why these may not be all.
    """
    asked: set[int] = set()
    due = memory.pending.due(memory.clock())
    while due:
        # Parents before their replies.
        batch = sorted(due)[:MAX_TASKS]
        asked.update(batch)
        due.difference_update(batch)
        answers = await gather_or_stop(
            [asyncio.create_task(_read(memory, fetcher, item_id)) for item_id in batch]
        )
        for item_id, answer in zip(batch, answers, strict=True):
            parent = memory.arrive(item_id, answer)
            if parent is not None and parent in memory.pending and parent not in asked:
                # It has a reply, so it is there: ask at once.
                due.add(parent)
    errors = [*memory.pending.errors()]
    return f"a new item may belong here: {errors[0]}" if errors else None


async def _read(memory: Memory, fetcher: URLFetcher, item_id: int) -> Item | HNCommentsError | None:
    try:
        return await fetcher.fetch_item(item_id, failed=memory.pending.has_failed(item_id))
    except UNREADABLE as exc:
        return exc
