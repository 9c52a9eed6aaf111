"""
The engine as one asynchronous iterator: `async for report in watch(settings)`.

It puts the parts together: one session, one memory, a fetcher per poll, and the poller
that runs them. The command line is its first user, and has nothing that a library user has
not. It imports this module only when there is something to run: aiohttp is slow to import.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable

from .api import Source, URLFetcher, open_source
from .errors import PollFailed
from .events import Tell, Troubles
from .memory import Memory
from .models import Growth, PollReport, Progress, Traffic
from .notices.notices import Notices
from .poller import Poller
from .posts import describe_growth
from .settings import Settings
from .stories import Poll, measure_progress, watched_paths
from .tasks import stop_tasks


# Type checkers read this as typing.TYPE_CHECKING; each is imported where it is asked for.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .history.history import History

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
        self._notices: Notices | None = None
        self._stopped = False
        self._polls: list[Poll] = []
        self._source: Source | None = None
        self._memory: Memory | None = None

    def connect(self, poller: Poller, polls: "Polls") -> None:
        """
        Control *poller* and its *polls*; `watch` calls this.
        """
        self._poller = poller
        self._notices = polls.notices
        self._polls = polls.running
        self._source = polls.source
        self._memory = polls.memory
        if self._stopped:
            self.stop()

    def progress(self) -> Progress | None:
        """
        Return how far the running poll has come; None if none runs.
        """
        measured = map(measure_progress, self._polls)
        return next((progress for progress in measured if progress is not None), None)

    def traffic(self) -> Traffic | None:
        """
        Return how many requests are under way, and how fast they may be; None before the start.
        """
        return self._source.pacer.traffic() if self._source is not None else None

    def growth(self, post_id: int, *, newest: int = 20) -> Growth | None:
        """
        Return how a discussion grew, if it is remembered, with so many of its *newest* comments.
        """
        if self._memory is None or post_id not in self._memory.discussions:
            return None
        return describe_growth(self._memory.discussions[post_id], newest)

    def stop(self) -> None:
        """
        Stop polling: finished posts are still reported, then the iterator ends.
        """
        self._stopped = True
        if self._poller is not None:
            self._poller.stop()
        if self._notices is not None:
            self._notices.stop()


@dataclasses.dataclass(frozen=True, slots=True)
class Polls:
    """
    What all polls have in common, those that are *running*, and *reports* that wait to be taken.
    """

    source: Source
    settings: Settings
    memory: Memory
    history: "History | None"
    notices: Notices
    running: list[Poll] = dataclasses.field(default_factory=list)
    # Needs no bound: a poll ends only when its report is taken, and `max_running` run at once.
    reports: asyncio.Queue[PollReport | None] = dataclasses.field(default_factory=asyncio.Queue)

    async def run(self, number: int, skipped: int) -> None:
        """
        Make a poll, and return when its report is taken.
        """
        poll = Poll(
            URLFetcher(self.source, max_fetches=self.settings.max_fetches),
            self.settings,
            memory=self.memory,
            number=number,
            skipped=skipped,
            history=self.history,
            notify=self.notices.tell,
        )
        self.running.append(poll)
        try:
            await poll.run(self.reports.put_nowait)
            self.notices.beat(succeeded=True)
        except Exception as exc:
            self.notices.beat(succeeded=False)
            if isinstance(exc, PollFailed):
                await self.reports.join()
            raise
        finally:
            self.running.remove(poll)
        if (paths := watched_paths(poll)) is not None:
            self.source.watch(paths)
        await self.reports.join()
        if self.history is not None:
            await self.history.note_told()


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
    control = control or Control()
    taken = 0
    async with contextlib.AsyncExitStack() as stack:
        settings = await open_demo(stack, settings or Settings())
        troubles = Troubles(on_event)
        source = await stack.enter_async_context(open_source(settings, troubles))
        memory = Memory(troubles=troubles)
        told = control.told or (lambda: taken)
        history = await open_history(stack, settings, troubles, told)
        taken_by = history.note_sent if history is not None else None
        notices = await stack.enter_async_context(Notices(settings, troubles, taken_by))
        polls = Polls(source, settings, memory, history, notices)
        poller = Poller(polls.run, settings, troubles, is_told=lambda: source.tells)
        source.on_change = poller.wake
        control.connect(poller, polls)
        running = asyncio.create_task(poller.run(), name="poller")
        running.add_done_callback(lambda _: polls.reports.put_nowait(None))
        try:
            while (report := await polls.reports.get()) is not None:
                yield report
                taken = report.poll
                polls.reports.task_done()
            await running
        finally:
            await stop_tasks([running])
            if control.drain is not None:
                await control.drain()


async def open_demo(stack: contextlib.AsyncExitStack, settings: Settings) -> Settings:
    """
    Start the simulator if the settings want the demo, and return settings that ask it.
    """
    if not settings.demo:
        return settings
    from .simulator import Simulator, World

    world = World(seed=DEMO_SEED, rate=DEMO_RATE)
    demo = await stack.enter_async_context(Simulator(world))
    return dataclasses.replace(settings, demo=False, api_url=demo.url)


async def open_history(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    troubles: Troubles,
    told: Callable[[], int],
) -> "History | None":
    """
    Open the history file, if the settings name one.
    """
    if settings.history is None:
        return None
    from .history.history import History

    audiences = ["reader"]
    if settings.has_receivers and settings.comments:
        audiences.append("receivers")
    history = History(
        settings.history,
        troubles,
        api_url=settings.api_url,
        told=told,
        thresholds=settings.threshold,
        keep=settings.keep,
        audiences=audiences,
    )
    return await stack.enter_async_context(history)
