"""
Whether the program works, and whether what it knows is fresh: two questions.

In an outage of Hacker News the program works: whoever restarts it would only lose the memory.
"""

import time
from collections.abc import Callable

from ..events import Event, PollBegan
from ..models import PollReport, Progress
from ..settings import Settings
from .listener import Listener


# Distances of polls after which what is known is old, and without a sign of life the poller stuck.
OLD = STUCK = 3

# Seconds between two polls in an outage, at most, where the period is shorter.
OUTAGE = 60.0


class Health(Listener):
    """
    Knows when polls began and ended; *progress* tells how far one is.
    """

    def __init__(
        self,
        settings: Settings,
        progress: Callable[[], Progress | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # Seconds from one poll to the next: more than the period while the socket tells of changes.
        self.distance = settings.period
        # A poll that waits for one answer for so long is not stuck.
        self.patience = STUCK * max(settings.period, OUTAGE) + settings.fetch_timeout
        self.progress = progress
        self.clock = clock
        self._sign_at = clock()
        self._seen = (0, 0)
        # The end of the last complete poll, and how long it took; and how the last one ended.
        self._complete: tuple[float, float] | None = None
        self._last: PollReport | None = None

    def tell(self, event: Event) -> None:
        """
        Note that a poll began, and when the next one is due.
        """
        if isinstance(event, PollBegan):
            self._sign_at = self.clock()
            self.distance = event.wait or self.distance

    def publish(self, report: PollReport) -> None:
        """
        Note that a poll has ended, and how.
        """
        self._sign_at = self.clock()
        self._last = report
        if report.status == "exact":
            self._complete = self._sign_at, report.seconds

    def problem(self) -> str | None:
        """
        Return why the program does not work, if so: nothing happens in the poller.

        A long walk is something: requests are sent.
        """
        progress = self.progress()
        if progress is not None and (progress.poll, progress.fetches) != self._seen:
            self._seen = progress.poll, progress.fetches
            self._sign_at = self.clock()
        silence = self.clock() - self._sign_at
        if silence <= self.patience:
            return None
        return f"no poll has begun, got on or ended for {silence:.0f} seconds"

    def staleness(self) -> str | None:
        """
        Return why what is known is not fresh, if so.
        """
        if self._complete is None:
            return f"no poll has read everything yet{self._excuse()}"
        ended_at, seconds = self._complete
        age = self.clock() - ended_at
        # Polls that take longer than the distance have one of their own.
        if age <= OLD * max(self.distance, seconds):
            return None
        return f"the last poll that read everything ended {age:.0f} seconds ago{self._excuse()}"

    def _excuse(self) -> str:
        last = self._last
        if last is None or last.status == "exact":
            return ""
        how = "failed" if last.status == "failed" else "was partial"
        return f"; the last one {how}: {last.errors[0] if last.errors else 'no reason'}"
