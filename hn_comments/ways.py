"""
Try a way to the API: read the newest items by it, and wait to be told of a change.

It is for those who want to know whether `source` works where they are; see `command/check`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from async_timeout import timeout

from .api import Source, URLFetcher, open_source
from .errors import MalformedItem
from .events import Event, Trouble, Troubles
from .models import Item
from .settings import Settings, SourceName
from .tasks import gather_or_stop


# Items that are read: enough for a figure, and nothing to a server.
ITEMS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """
    What came by one way.

    *source* is what it was in the end, *reason* why it is not another. The *items* took so many
    *seconds*, and after *told* seconds it told of a change, if it did.
    """

    source: SourceName
    reason: str | None
    items: dict[int, Item | None]
    seconds: float
    told: float | None

    def differs(self, other: "Way") -> list[int]:
        """
        Return the items that cannot be the same as by another way.
        """
        return [
            item_id
            for item_id, item in self.items.items()
            if item and (same := other.items.get(item_id)) and not item.is_by(same.by, same.time)
        ]


async def try_way(settings: Settings, *, ids: Sequence[int] = (), patience: float = 0.0) -> Way:
    """
    Read *ids*, or the newest, and wait for a change for at most *patience* seconds.

    Raises:
        HNCommentsError: if that cannot be done.
    """
    heard: list[Event] = []
    loop = asyncio.get_running_loop()
    async with open_source(settings, Troubles(heard.append)) as source:
        fetcher = URLFetcher(source)
        # Not timed: it makes the connection.
        largest = await fetcher.fetch("maxitem.json")
        if type(largest) is not int or largest < 1:
            raise MalformedItem("maxitem.json", "the answer is not an item id")
        ids = ids or range(max(largest - ITEMS, 0) + 1, largest + 1)
        start = loop.time()
        tasks = [asyncio.create_task(fetcher.fetch_item(item_id)) for item_id in ids]
        items = await gather_or_stop(tasks)
        seconds, start = loop.time() - start, loop.time()
        told = patience > 0 and await is_told(source, patience)
        return Way(
            source=source.name,
            reason=next((event.reason for event in heard if isinstance(event, Trouble)), None),
            items=dict(zip(ids, items, strict=True)),
            seconds=seconds,
            told=loop.time() - start if told else None,
        )


async def is_told(source: Source, patience: float) -> bool:
    """
    Return whether *source* tells of a change within *patience* seconds.
    """
    changes: asyncio.Queue[None] = asyncio.Queue()
    source.on_change = lambda: changes.put_nowait(None)
    source.watch(["maxitem.json", "updates.json"])
    try:
        async with timeout(patience):
            # The first says only that changes are told from now on.
            await changes.get()
            await changes.get()
    except TimeoutError:
        return False
    return source.tells
