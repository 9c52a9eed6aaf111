"""
The engine as one asynchronous iterator: `async for report in watch(settings)`.

It puts the parts together: one session, one memory, a fetcher per poll, and the poller
that runs them. The command line is its first user; it has nothing that a library user has
not. `cli` imports this module only when there is something to run: aiohttp is slow to import.
"""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from .api import Session, URLFetcher
from .errors import PollFailed
from .memory import Memory
from .models import PollReport, Progress
from .poller import Poller
from .settings import Settings
from .stories import Poll, measure_progress
from .tasks import stop_tasks


logger = logging.getLogger(__name__)

# Comments a minute in the demo, over its whole front page: as on a busy day.
DEMO_RATE = 60.0

# Its world: one whose top five get something new in each of the first polls 5 seconds apart.
DEMO_SEED = 20


class Control:
    """
    What can be asked of a `watch` while it runs, in its own event loop.
    """

    def __init__(self) -> None:
        self._poller: Poller | None = None
        self._stopped = False
        self._polls: list[Poll] = []

    def connect(self, poller: Poller, polls: list[Poll]) -> None:
        """
        Take charge of *poller* and the *polls* that run; `watch` does this.
        """
        self._poller = poller
        self._polls = polls
        if self._stopped:
            poller.stop()

    def progress(self) -> Progress | None:
        """
        Return how far the poll that runs has come, if there is one.
        """
        measured = map(measure_progress, self._polls)
        return next((progress for progress in measured if progress is not None), None)

    def stop(self) -> None:
        """
        Stop polling: what was finished is still reported, then the iterator ends.
        """
        self._stopped = True
        if self._poller is not None:
            self._poller.stop()


async def watch(
    settings: Settings | None = None, *, control: Control | None = None
) -> AsyncGenerator[PollReport]:
    """
    Yield a report for each poll, as it ends.

    Polls go on while the caller is busy with a report, but at most `max_running` wait to be
    taken. Leaving the loop stops everything; use `contextlib.aclosing` to wait for that.

    Raises:
        TooManyErrors: if as many polls in a row failed as the settings allow.
        BadProxy: if the environment names a proxy that cannot be used.
        HistoryError: if the history file cannot be used.
    """
    settings = settings or Settings()
    # Bounded by the poller: a poll has not ended before its report was taken.
    reports: asyncio.Queue[PollReport | None] = asyncio.Queue()
    async with contextlib.AsyncExitStack() as stack:
        if settings.demo:
            from .simulator import Simulator, World

            world = World(seed=DEMO_SEED, rate=DEMO_RATE)
            demo = await stack.enter_async_context(Simulator(world))
            settings = dataclasses.replace(settings, demo=False, api_url=demo.url)
        session = await stack.enter_async_context(Session(settings))
        memory = Memory()
        history = None
        if settings.history is not None:
            from .history import History

            history = await stack.enter_async_context(History(settings.history))

        polls: list[Poll] = []

        def poll(number: int, skipped: int) -> Coroutine[Any, Any, None]:
            posts = describe_posts(settings)
            logger.log(poller.outage.level, "Calculating comments for %s. (%d)", posts, number)
            fetcher = URLFetcher(session, max_fetches=settings.max_fetches)
            one_poll = Poll(
                fetcher, settings, memory=memory, number=number, skipped=skipped, history=history
            )
            polls.append(one_poll)
            return deliver(one_poll, reports, polls)

        poller = Poller(poll, settings)
        if control is not None:
            control.connect(poller, polls)
        running = asyncio.create_task(poller.run(), name="poller")
        running.add_done_callback(lambda _: reports.put_nowait(None))
        try:
            while (report := await reports.get()) is not None:
                yield report
                reports.task_done()
            await running
        finally:
            await stop_tasks([running])


async def deliver(poll: Poll, reports: asyncio.Queue[PollReport | None], polls: list[Poll]) -> None:
    """
    Run *poll*, one of the *polls* that run, until its report was taken.
    """
    try:
        await poll.run(reports.put_nowait)
    except PollFailed:
        await reports.join()
        raise
    finally:
        polls.remove(poll)
    await reports.join()


def describe_posts(settings: Settings) -> str:
    """
    Return what is polled, as in "top 5 stories" or "2 posts".
    """
    if settings.posts:
        return f"{len(settings.posts)} post{'s' if len(settings.posts) > 1 else ''}"
    return f"{settings.stories} {settings.limit} stories"
