"""
The engine as one asynchronous iterator: `async for report in watch(settings)`.

It puts the parts together: one session, one memory, a fetcher per poll, and the poller
that runs them. The command line is its first user, and has nothing that a library user has
not. It imports this module only when there is something to run: aiohttp is slow to import.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Any

from .api import Session, URLFetcher
from .errors import PollFailed
from .events import Tell, Troubles
from .memory import Memory
from .models import PollReport, Progress
from .poller import Poller
from .settings import Settings
from .stories import Poll, measure_progress
from .tasks import stop_tasks


# Comments a minute in the demo, over its whole front page: as on a busy day.
DEMO_RATE = 60.0

# The seed of its world: the top five get new comments in each of the first polls, 5 s apart.
DEMO_SEED = 20


class Control:
    """
    Stops a `watch`, or tells how far it is, from elsewhere in the same event loop.

    With a history, what was not told is told by its next run: *told* returns the number of the
    last poll whose report has reached its reader (by default the last one that was taken), and
    *drain* waits for that at the end.
    """

    def __init__(
        self,
        *,
        told: Callable[[], int] | None = None,
        drain: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.told = told
        self.drain = drain
        self._poller: Poller | None = None
        self._stopped = False
        self._polls: list[Poll] = []

    def connect(self, poller: Poller, polls: list[Poll]) -> None:
        """
        Control *poller* and its running *polls*; `watch` calls this.
        """
        self._poller = poller
        self._polls = polls
        if self._stopped:
            poller.stop()

    def progress(self) -> Progress | None:
        """
        Return how far the running poll has come; None if none runs.
        """
        measured = map(measure_progress, self._polls)
        return next((progress for progress in measured if progress is not None), None)

    def stop(self) -> None:
        """
        Stop polling: finished posts are still reported, then the iterator ends.
        """
        self._stopped = True
        if self._poller is not None:
            self._poller.stop()


async def watch(
    settings: Settings | None = None,
    *,
    control: Control | None = None,
    on_event: Tell = lambda _: None,
) -> AsyncGenerator[PollReport]:
    """
    Yield a report for each poll, as it ends; tell *on_event* what else happens.

    Polls go on while the caller is busy with a report, but at most `max_running` wait to be
    taken. Leaving the loop stops everything; use `contextlib.aclosing` to wait for that.
    Events (see `hn_comments.events`) come in the loop's thread, when they happen.

    Raises:
        TooManyErrors: if as many polls in a row failed as the settings allow.
        BadProxy: if the environment names a proxy that cannot be used.
        HistoryError: if the history file cannot be used.
    """
    settings, control = settings or Settings(), control or Control()
    # Needs no bound: a poll ends only when its report is taken, and `max_running` run at once.
    reports: asyncio.Queue[PollReport | None] = asyncio.Queue()
    taken = 0
    async with contextlib.AsyncExitStack() as stack:
        if settings.demo:
            from .simulator import Simulator, World

            world = World(seed=DEMO_SEED, rate=DEMO_RATE)
            demo = await stack.enter_async_context(Simulator(world))
            settings = dataclasses.replace(settings, demo=False, api_url=demo.url)
        session = await stack.enter_async_context(Session(settings))
        troubles = Troubles(on_event)
        memory = Memory(troubles=troubles)
        history = None
        if settings.history is not None:
            from .history import History

            told = control.told or (lambda: taken)
            history = await stack.enter_async_context(
                History(settings.history, troubles, api_url=settings.api_url, told=told)
            )

        polls: list[Poll] = []

        def poll(number: int, skipped: int) -> Coroutine[Any, Any, None]:
            fetcher = URLFetcher(session, max_fetches=settings.max_fetches)
            one_poll = Poll(
                fetcher, settings, memory=memory, number=number, skipped=skipped, history=history
            )
            polls.append(one_poll)
            return deliver(one_poll, reports, polls)

        poller = Poller(poll, settings, troubles)
        control.connect(poller, polls)
        running = asyncio.create_task(poller.run(), name="poller")
        running.add_done_callback(lambda _: reports.put_nowait(None))
        try:
            while (report := await reports.get()) is not None:
                yield report
                taken = report.poll
                reports.task_done()
            await running
        finally:
            await stop_tasks([running])
            if control.drain is not None:
                await control.drain()


async def deliver(poll: Poll, reports: asyncio.Queue[PollReport | None], polls: list[Poll]) -> None:
    """
    Run *poll* until its report is taken, and drop it from *polls*.
    """
    try:
        await poll.run(reports.put_nowait)
    except PollFailed:
        await reports.join()
        raise
    finally:
        polls.remove(poll)
    await reports.join()
