"""
Launch a poll each period, collect the errors of failed ones, and decide when to stop.

A poll is any callable that returns a coroutine, so this loop knows nothing of networks.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import async_timeout

from .durations import describe_duration
from .errors import TooManyErrors
from .models import PollError
from .settings import Settings
from .tasks import stop_tasks


logger = logging.getLogger(__name__)

# Called with the poll's number and the ticks skipped so far; raises if the poll failed.
PollFunction = Callable[[int, int], Coroutine[Any, Any, None]]

# Errors kept where any number of them is allowed (--max-errors 0).
MAX_ERRORS_KEPT = 100

# Failed polls in a row after which the next ones come at growing distances, and the seconds
# between two at most: what broke for a moment is seen soon, what is down is left alone.
PROMPT, MAX_DISTANCE = 2, 300.0

# Seconds without a skipped tick after which polls are on time again. A server that is a
# little too slow for the period has a tick skipped now and then, and that is one trouble.
CALM = 300.0


class Outage:
    """
    Failed polls in a row: the first is said, the others are counted, and the end is said.
    """

    def __init__(self) -> None:
        self.polls = 0
        self._since = 0.0

    @property
    def level(self) -> int:
        """
        How loud what is said of every poll may be: while polls fail, it is no news.
        """
        return logging.DEBUG if self.polls else logging.INFO

    def go_on(self, poll: str, exc: BaseException) -> None:
        """
        Note one more failure.
        """
        level = logging.DEBUG if self.polls else logging.ERROR
        logger.log(level, "%s failed: %s", poll.capitalize(), exc)
        if not self.polls:
            self._since = asyncio.get_running_loop().time()
        self.polls += 1

    def end(self) -> None:
        """
        Note a poll that did not fail.
        """
        if self.polls:
            seconds = asyncio.get_running_loop().time() - self._since
            polls = f"{self.polls} failed poll{'s' if self.polls > 1 else ''}"
            logger.warning(
                "The API answers again, after %s in %s", polls, describe_duration(seconds)
            )
        self.polls = 0

    def distance(self, period: float) -> int:
        """
        Return how many ticks the next poll starts after the last one.
        """
        # Not for longer than that, however often it failed: 2**1000 is no float.
        growth = min(max(self.polls - PROMPT, 0), 64)
        return int(max(1, min(2**growth, MAX_DISTANCE // period)))


class Skips:
    """
    Ticks without a poll: the first is said, the others are counted, and the end is said.
    """

    def __init__(self) -> None:
        self.total = 0
        self._last: float | None = None

    def add(self, ticks: int, why: str) -> None:
        """
        Note ticks that had to be skipped.
        """
        self.total += ticks
        level = logging.WARNING if self._last is None else logging.DEBUG
        logger.log(level, "Skipped a poll, %s (%d skipped so far)", why, self.total)
        self._last = asyncio.get_running_loop().time()

    def calm_down(self) -> None:
        """
        Note a tick that had its poll.
        """
        if self._last is not None and asyncio.get_running_loop().time() - self._last >= CALM:
            logger.warning("Polls start on time again (%d skipped so far)", self.total)
            self._last = None


class Poller:
    """
    Polls on a fixed grid: start to start, without drift, however long a poll takes.
    """

    def __init__(self, poll: PollFunction, settings: Settings) -> None:
        self.poll = poll
        self.settings = settings
        self.errors: list[PollError] = []
        self.running: set[asyncio.Task[None]] = set()
        self.outage = Outage()
        self._skips = Skips()
        self._all_launched = False
        self._over = asyncio.Event()

    def stop(self) -> None:
        """
        Launch nothing more and cancel what runs. May be called more than once.
        """
        self._over.set()

    async def run(self) -> None:
        """
        Poll until stopped, or as often as the settings say.

        Raises:
            TooManyErrors: if as many polls in a row failed as the settings allow.
        """
        try:
            await self._launch_polls()
            await self._over.wait()
        finally:
            await stop_tasks([*self.running])
        if self._too_many_errors:
            raise TooManyErrors([error.message for error in self.errors])

    @property
    def skipped(self) -> int:
        """
        Ticks that had no poll, although there should have been one.
        """
        return self._skips.total

    async def _launch_polls(self) -> None:
        """
        Launch a poll at each tick, until there were enough or it is over.

        While polls fail, there is one at a time, and not at each tick.
        """
        loop = asyncio.get_running_loop()
        period = self.settings.period
        start = loop.time()
        tick = number = due = 0
        while not self._over.is_set():
            if tick >= due and self._is_free:
                number += 1
                self._launch(number)
                if self._all_launched:
                    return
                last = tick
            elif not self.outage.polls:
                self._skips.add(1, f"{len(self.running)} polls are still running")
            # Whoever runs may end what makes us wait.
            tick = tick + 1 if self.running else max(tick + 1, due)
            await self._wait_until(start + tick * period)
            missed = int((loop.time() - start) / period) - tick
            if missed > 0:
                tick += missed
                if not self.outage.polls:
                    self._skips.add(missed, "the program was held up")
            due = last + self.outage.distance(period)

    @property
    def _is_free(self) -> bool:
        """
        Whether one more poll may run.
        """
        return len(self.running) < (1 if self.outage.polls else self.settings.max_running)

    def _launch(self, number: int) -> None:
        self._all_launched = number == self.settings.polls
        if not self.outage.polls:
            self._skips.calm_down()
        # What the poll does is its owner's business; calling it may already print.
        task = asyncio.create_task(self.poll(number, self.skipped), name=f"poll {number}")
        self.running.add(task)
        task.add_done_callback(self._record_outcome)
        if not self._all_launched:
            logger.log(self.outage.level, "Waiting for %g seconds...", self.settings.period)

    def _record_outcome(self, task: asyncio.Task[None]) -> None:
        """
        Done-callback: note how a poll ended, where the loop sees it.
        """
        self.running.discard(task)
        # exception() raises CancelledError on a cancelled task, so ask this first.
        if task.cancelled():
            logger.debug("%s was cancelled", task.get_name())
        elif (exc := task.exception()) is not None:
            self.outage.go_on(task.get_name(), exc)
            # The text alone: an exception would keep its frames and all they hold.
            self.errors.append(PollError(task.get_name(), str(exc)))
            del self.errors[: -(self.settings.max_errors or MAX_ERRORS_KEPT)]
        else:
            self.outage.end()
            self.errors.clear()
        if self._too_many_errors or (self._all_launched and not self.running):
            self._over.set()

    @property
    def _too_many_errors(self) -> bool:
        return 0 < self.settings.max_errors <= len(self.errors)

    async def _wait_until(self, deadline: float) -> None:
        """
        Return when the loop's clock shows *deadline*, or at once when it is over.
        """
        try:
            async with async_timeout.timeout_at(deadline):
                await self._over.wait()
        except TimeoutError:
            pass
