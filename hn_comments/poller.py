"""
Launch a poll each period, collect the errors of failed ones, and decide when to stop.

A poll is any callable that returns a coroutine, so this loop knows nothing of networks.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import async_timeout

from .errors import TooManyErrors
from .models import PollError, Settings
from .tasks import stop_tasks


logger = logging.getLogger(__name__)

# Called with the poll's number and the ticks skipped so far; raises if the poll failed.
PollFunction = Callable[[int, int], Coroutine[Any, Any, None]]

# Errors kept where any number of them is allowed (--max-errors 0).
MAX_ERRORS_KEPT = 100


class Poller:
    """
    Polls on a fixed grid: start to start, without drift, however long a poll takes.
    """

    def __init__(self, poll: PollFunction, settings: Settings) -> None:
        self.poll = poll
        self.settings = settings
        self.errors: list[PollError] = []
        self.running: set[asyncio.Task[None]] = set()
        self.skipped = 0
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

    async def _launch_polls(self) -> None:
        """
        Launch a poll at each tick, until there were enough or it is over.
        """
        loop = asyncio.get_running_loop()
        start = loop.time()
        tick = number = 0
        while not self._over.is_set():
            if len(self.running) < self.settings.max_running:
                number += 1
                self._all_launched = number == self.settings.polls
                self._launch(number)
                if self._all_launched:
                    return
            else:
                self._skip(1, f"{len(self.running)} polls are still running")
            logger.info("Waiting for %g seconds...", self.settings.period)
            tick += 1
            await self._wait_until(start + tick * self.settings.period)
            missed = int((loop.time() - start) / self.settings.period) - tick
            if missed > 0:
                self._skip(missed, "the program was held up")
                tick += missed

    def _launch(self, number: int) -> None:
        # What the poll does is its owner's business; calling it may already print.
        task = asyncio.create_task(self.poll(number, self.skipped), name=f"poll {number}")
        self.running.add(task)
        task.add_done_callback(self._record_outcome)

    def _record_outcome(self, task: asyncio.Task[None]) -> None:
        """
        Done-callback: note how a poll ended, where the loop sees it.
        """
        self.running.discard(task)
        # exception() raises CancelledError on a cancelled task, so ask this first.
        if task.cancelled():
            logger.debug("%s was cancelled", task.get_name())
        elif (exc := task.exception()) is not None:
            logger.error("%s failed: %s", task.get_name().capitalize(), exc)
            # The text alone: an exception would keep its frames and all they hold.
            self.errors.append(PollError(task.get_name(), str(exc)))
            del self.errors[: -(self.settings.max_errors or MAX_ERRORS_KEPT)]
        else:
            self.errors.clear()
        if self._too_many_errors or (self._all_launched and not self.running):
            self._over.set()

    @property
    def _too_many_errors(self) -> bool:
        return 0 < self.settings.max_errors <= len(self.errors)

    def _skip(self, ticks: int, why: str) -> None:
        self.skipped += ticks
        logger.warning("Skipped a poll, %s (%d skipped so far)", why, self.skipped)

    async def _wait_until(self, deadline: float) -> None:
        """
        Return when the loop's clock shows *deadline*, or at once when it is over.
        """
        try:
            async with async_timeout.timeout_at(deadline):
                await self._over.wait()
        except TimeoutError:
            pass
