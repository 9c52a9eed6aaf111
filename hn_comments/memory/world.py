"""
Notice that the API shows another world than the one that is remembered.

A mock that was started anew, or a simulator with another seed, has the same ids for other items.
Of an item `by` and `time` never change (https://github.com/HackerNews/API), so one known item is
read again when a run goes on from a history file, and some more if that is not what it was.
"""

import asyncio
import random
from collections.abc import Iterator

from ..api import URLFetcher
from ..errors import UNREADABLE
from ..tasks import gather_or_stop
from .maxitem import MAX_LAG
from .memory import Memory


# Known items that are read to be sure: one can be a moderator's doing.
SAMPLE = 5

# Answers after which no more is asked: it is the same world, or nobody can tell.
SETTLED = frozenset({"same", "unreadable"})

# What is remembered of an item: its id, author and time.
Known = tuple[int, str | None, int]


async def find_other_world(memory: Memory, fetcher: URLFetcher, maxitem: int | None) -> str | None:
    """
    Return why this is another world than the one remembered, if it is; *maxitem* is the API's.

    Raises:
        RateLimited: as `URLFetcher.fetch`.
    """
    sample = _choose(memory)
    if not sample:
        return None
    answers = [await _read(fetcher, sample[0])]
    if answers[0] not in SETTLED:
        tasks = [asyncio.create_task(_read(fetcher, item)) for item in sample[1:]]
        answers += await gather_or_stop(tasks)
    memory.is_verified = "unreadable" not in answers
    # All that were readable once can be null for a while; but not if there are fewer ids, too.
    fallen = maxitem is not None and maxitem < (memory.maxitem.known or 0) - MAX_LAG
    # Some of what is remembered may be of the other world already.
    others, same = answers.count("other"), answers.count("same")
    is_other = others >= same if others else fallen and not same
    if not memory.is_verified or not is_other:
        return None
    return f"item {sample[0][0]} is not what it was"


def _choose(memory: Memory) -> list[Known]:
    """
    Return the items to be read, an item that contradicted itself first; none if none are needed.
    """
    strangers = {discussion.stranger for discussion in memory.discussions.values()} - {None}
    if memory.is_verified and not strangers:
        return []
    known = [*known_items(memory)]
    # What the last poll found may be of the other world already.
    last = memory.maxitem.before or memory.maxitem.known or 0
    old = [item for item in known if item[0] <= last] or known
    sample = random.sample(old, min(SAMPLE, len(old)))
    return [item for item in known if item[0] in strangers][:1] + sample


def known_items(memory: Memory) -> Iterator[Known]:
    """
    Yield the items of which the time is known.
    """
    for discussion in memory.discussions.values():
        item = discussion.item
        if item is not None and item.time is not None:
            yield item.id, item.by, item.time
        for item_id, node in discussion.tree.nodes.items():
            if node.created is not None and node.parent:
                yield item_id, node.by, node.created


async def _read(fetcher: URLFetcher, known: Known) -> str:
    item_id, by, time = known
    try:
        item = await fetcher.fetch_item(item_id)
    except UNREADABLE:
        return "unreadable"
    if item is None:
        return "null"
    return "same" if item.is_by(by, time) else "other"
