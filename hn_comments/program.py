"""
Put the parts together: one session, a fetcher per poll, and the poller that runs them.

`cli` imports this module only when there is something to run: aiohttp is slow to import.
"""

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from .fetcher import Session, URLFetcher
from .models import PollReport, Settings
from .poller import Poller
from .simulator import Simulator
from .stories import Memory, Poll


logger = logging.getLogger(__name__)


async def run(
    settings: Settings,
    *,
    demo: Simulator | None,
    publish: Callable[[PollReport], None],
    connect: Callable[[Callable[[], None]], None],
) -> None:
    """
    Poll until it is over, handing each report to *publish*.

    *connect* is given the function that stops this. With *demo*, it is what is polled.

    Raises:
        TooManyErrors: as `Poller.run`.
    """
    async with contextlib.AsyncExitStack() as stack:
        if demo is not None:
            await stack.enter_async_context(demo)
            settings = dataclasses.replace(settings, api_url=demo.url)
        session = await stack.enter_async_context(Session(settings))
        memory = Memory()

        def poll(number: int, skipped: int) -> Coroutine[Any, Any, None]:
            logger.info("Calculating comments for %s. (%d)", describe_posts(settings), number)
            fetcher = URLFetcher(session, max_fetches=settings.max_fetches)
            one_poll = Poll(fetcher, settings, memory=memory, number=number, skipped=skipped)
            return one_poll.run(publish)

        poller = Poller(poll, settings)
        connect(poller.stop)
        await poller.run()


def describe_posts(settings: Settings) -> str:
    """
    Return what is polled, as in "top 5 stories" or "2 posts".
    """
    if settings.posts:
        return f"{len(settings.posts)} post{'s' if len(settings.posts) > 1 else ''}"
    return f"{settings.stories} {settings.limit} stories"
