"""
Launch a poll each period, collect the errors of failed ones, and decide when to stop.

A poll is any callable that returns a coroutine, so this loop knows nothing of networks.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine
from typing import Any

from async_timeout import timeout_at

from .errors import HNCommentsError, TooManyErrors, quote
from .events import PollBegan, Troubles
from .models import PollError
from .settings import Settings
from .tasks import stop_tasks


logger = logging.getLogger(__name__)

# Called with the poll's number and the ticks skipped so far; raises if the poll failed.
PollFunction = Callable[[int, int], Coroutine[Any, Any, None]]

# Failed polls in a row that end the program if the user names no number: a wrong address should
# say so and end. After a first success failures are weather, and an endless run goes on.
DEFAULT_MAX_ERRORS = 3

# Errors kept where any number of them is allowed.
MAX_ERRORS_KEPT = 100

# Failed polls in a row after which the next ones come at growing distances, and the seconds
# between two at most: a short failure is seen to be over soon, a server that is down is left
# alone, and nobody oversleeps its return.
PROMPT, MAX_DISTANCE = 2, 60.0

# Seconds between polls at least (or the period, if that is longer) while changes are told: then
# polls on the grid are there only in case that a change was not.
TOLD_DISTANCE = 60.0

# Seconds from being told of a change until the poll: changes come several at once, and a server
# that tells them all the time causes two polls a second.
SETTLE = 0.5

# Seconds without a skipped tick after which polls are on time again. A server that is a
# little too slow for the period has a tick skipped now and then, and that is one trouble.
CALM = 300.0


class Poller:
    """
    Polls on a fixed grid: start to start, without drift, however long a poll takes.
    """

    def __init__(
        self,
        poll: PollFunction,
        settings: Settings,
        troubles: Troubles | None = None,
        *,
        is_told: Callable[[], bool] = lambda: False,
    ) -> None:
        self.poll = poll
        self.settings = settings
        self.troubles = troubles or Troubles()
        # Whether `wake` is called whenever something changes.
        self.is_told = is_told
        self.errors: list[PollError] = []
        self.running: set[asyncio.Task[None]] = set()
        # Ticks that had no poll, although there should have been one.
        self.skipped = 0
        # When the first tick was, by the loop's clock, and which one had the last poll.
        self._start = 0.0
        self._last_tick = 0
        # Failed polls in a row of this run, and whether one succeeded.
        self._failures = 0
        self._succeeded = False
        self._launched = 0
        self._over = asyncio.Event()
        # When a poll is due for what changed, if anything did; and what ends a wait early.
        self._wake_at = math.inf
        self._alarm = asyncio.Event()

    def wake(self) -> None:
        """
        Have a poll soon: something changed, or may have.
        """
        if self._wake_at == math.inf:
            self._wake_at = asyncio.get_running_loop().time() + SETTLE
            self._alarm.set()

    def stop(self) -> None:
        """
        Launch nothing more and cancel what runs. May be called more than once.
        """
        self._end()

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

    async def _launch_polls(self) -> None:
        """
        Launch a poll at each tick, until there were enough or it is over.

        While polls fail, there is one at a time, and not at each tick.
        """
        self._start = asyncio.get_running_loop().time()
        tick = 0
        while not self._is_done:
            if tick >= self._due_tick(self._failures):
                if self._is_free:
                    self._launch(tick)
                else:
                    self._skip(1, f"{len(self.running)} polls are still running")
            tick = await self._wait_for_tick(tick)
            missed = self._passed_ticks() - tick
            if missed > 0:
                tick += missed
                self._skip(missed, "the program was held up")

    async def _wait_for_tick(self, tick: int) -> int:
        """
        Return which tick after *tick* is the next that may have a poll, when its time has come.

        Until then, launch polls for what changes.
        """
        following = 0
        while not self._is_done:
            self._alarm.clear()
            aim = following
            following = self._next_tick(tick)
            if following < aim:
                # Nothing is told any more. The ticks until now were not missed.
                tick = max(tick, self._passed_ticks() - 1)
                following = self._next_tick(tick)
            tick_at = self._start + following * self.settings.period
            wake_at = self._wake_at if self._is_free and not self._failures else math.inf
            if wake_at <= asyncio.get_running_loop().time():
                tick = max(tick, self._passed_ticks())
                self._launch(tick)
            elif await self._is_time(min(tick_at, wake_at)) and tick_at <= wake_at:
                return following
        return tick

    def _next_tick(self, tick: int) -> int:
        # A poll that runs may succeed, and then the next tick has one again.
        return tick + 1 if self.running else max(tick + 1, self._due_tick(self._failures))

    def _passed_ticks(self) -> int:
        return int((asyncio.get_running_loop().time() - self._start) / self.settings.period)

    def _launch(self, tick: int) -> None:
        self._last_tick = tick
        self._wake_at = math.inf
        self._launched += 1
        number = self._launched
        if not self._failures:
            self.troubles.end("ticks", calm=CALM)
        self.troubles.tell(
            PollBegan(
                poll=number,
                list=self.settings.list_name,
                posts=len(self.settings.posts) or self.settings.limit,
                wait=None if self._all_launched else self._distance(0) * self.settings.period,
                failures=self.troubles.count("polls"),
            )
        )
        task = asyncio.create_task(self.poll(number, self.skipped), name=f"poll {number}")
        self.running.add(task)
        task.add_done_callback(self._record_outcome)

    def _skip(self, ticks: int, reason: str) -> None:
        """
        Count ticks that have no poll; while polls fail, that is as it should be.
        """
        if not self._failures:
            self.skipped += ticks
            self.troubles.note("ticks", reason)

    def _record_outcome(self, task: asyncio.Task[None]) -> None:
        """
        Done-callback: note how a poll ended, where the loop sees it.
        """
        self.running.discard(task)
        # There may be room now for a poll that somebody waits for.
        self._alarm.set()
        # exception() raises CancelledError on a cancelled task, so ask this first.
        if task.cancelled():
            logger.debug("%s was cancelled", task.get_name())
        elif (exc := task.exception()) is not None:
            logger.debug("%s failed", task.get_name(), exc_info=exc)
            # The text alone: an exception would keep its frames and all they hold.
            reason = describe(exc)
            self.errors.append(PollError(task.get_name(), reason))
            del self.errors[: -(self._max_errors or MAX_ERRORS_KEPT)]
            self._failures += 1
            self.troubles.note("polls", reason, poll=task.get_name(), next_in=self._next_in())
        else:
            self._succeeded, self._failures = True, 0
            self.errors.clear()
            self.troubles.end("polls")
        if self._too_many_errors or (self._all_launched and not self.running):
            self._end()

    def _end(self) -> None:
        self._over.set()
        self._alarm.set()

    @property
    def _all_launched(self) -> bool:
        return self._launched == self.settings.polls

    @property
    def _is_done(self) -> bool:
        return self._all_launched or self._over.is_set()

    @property
    def _is_free(self) -> bool:
        """
        Whether one more poll may run.
        """
        return len(self.running) < (1 if self._failures else self.settings.max_running)

    @property
    def _max_errors(self) -> int:
        """
        Failed polls in a row that end the program; 0 for no number of them.
        """
        if self.settings.max_errors is not None:
            return self.settings.max_errors
        return 0 if self._succeeded and self.settings.polls is None else DEFAULT_MAX_ERRORS

    @property
    def _too_many_errors(self) -> bool:
        return 0 < self._max_errors <= len(self.errors)

    def _due_tick(self, failures: int) -> int:
        """
        Return which tick is to have the next poll, after so many failed polls in a row.
        """
        return self._last_tick + self._distance(failures) if self._launched else 0

    def _distance(self, failures: int) -> int:
        """
        Return from one poll to the next how many ticks there are.
        """
        period = self.settings.period
        # The growth ends somewhere: 2**1000 is no float.
        growth = min(max(failures - PROMPT, 0), 64)
        told = math.ceil(TOLD_DISTANCE / period) if self.is_told() else 1
        return max(told, int(min(2**growth, MAX_DISTANCE // period)))

    def _next_in(self) -> float | None:
        """
        Return the seconds until the next poll, when one has just failed; None if there is none.
        """
        if self._too_many_errors or self._all_launched:
            return None
        period, passed = self.settings.period, asyncio.get_running_loop().time() - self._start
        tick = max(self._due_tick(self._failures), int(passed / period) + 1)
        return tick * period - passed

    async def _is_time(self, deadline: float) -> bool:
        """
        Return True when the loop's clock shows *deadline*, or False at the alarm before.
        """
        try:
            async with timeout_at(deadline):
                await self._alarm.wait()
        except TimeoutError:
            return True
        return False


def describe(exc: BaseException) -> str:
    """
    Return why a poll failed; an error that is not ours may say nothing without its name.
    """
    if isinstance(exc, HNCommentsError):
        return str(exc)
    return ": ".join(filter(None, (type(exc).__name__, quote(str(exc)))))
