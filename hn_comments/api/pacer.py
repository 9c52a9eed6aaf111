"""
The queue for requests: how many are in flight, and how fast they leave.

Requests in flight start at ten and grow with the answers up to a limit, so that without
refusals nothing is held back but the first few. Once requests were refused, they leave at
the rate of `pace`. All polls share one queue; it sends nothing itself.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from ..models import Traffic
from .pace import Pace


logger = logging.getLogger(__name__)

# Requests in flight at the start. Each answer allows one more, so that they double with
# each round trip.
FIRST_IN_FLIGHT = 10

# Seconds a server can make us pause with Retry-After, however much it asks for.
MAX_PAUSE = 60.0

# Seconds that a late timer may catch up; without, a busy loop would never reach the rate.
CREDIT = 0.02

# Seconds that a timer rings late on purpose: by a rounding error it would ring early, and again
# and again.
ROUNDING = 1e-6


class Pacer:
    """
    A queue for requests: at most *most* of them in flight, and no faster than the pace.

    Before more are in flight than now, *pays* is asked whether that pays.
    """

    def __init__(self, most: int, pays: Callable[[int], bool] = lambda _: True) -> None:
        self.most = most
        self._pays = pays
        self.in_flight = 0
        self.pace = Pace()
        # When an answer last was no refusal.
        self.accepted_at = float("-inf")
        self._allowed = min(FIRST_IN_FLIGHT, most)
        self._queue: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0
        self._next_at = 0.0
        # Seconds in which nobody wanted to send anything. The pace's clock stands still then, so
        # that a limit is not forgotten between two polls.
        self._rested = 0.0
        self._idle_since = 0.0

    async def enter(self) -> float:
        """
        Take a place, waiting for it if need be, and return the time by the pace's clock.

        `leave` gives the place back.
        """
        now = self._now()
        # A silent server is asked again after so many seconds whether we rest or not.
        if not self.in_flight and not self._queue and not self.pace.silent:
            rest = max(now - max(self._idle_since, self.pace.resumed_at), 0.0)
            self._rested += rest
            now -= rest
        if not self._queue and self._is_free(now):
            self._take(now)
            return now
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        self._admit(now)
        try:
            await place
        except asyncio.CancelledError:
            # Cancelled in the moment between being let in and noticing it.
            if place.done() and not place.cancelled():
                self.leave(sent=False)
            raise
        return self._now()

    def leave(self, *, sent: bool) -> None:
        """
        Give a place back, and its turn too where nothing was *sent*.
        """
        now = self._idle_since = self._now()
        self.in_flight -= 1
        if not sent and (rate := self.pace.rate(now)) is not None:
            self._next_at -= 1 / rate
        if self._queue:
            self._admit(now)

    def accept(self, sent_at: float) -> None:
        """
        Note an answer that is no refusal, to what was sent at some time.
        """
        self.accepted_at = read_clock()
        now = self.accepted_at - self._rested
        was_silent = self.pace.silent
        self.pace.accept(now, sent_at)
        if was_silent and not self.pace.silent:
            # The next one need not wait as long as in silence.
            self._next_at = min(self._next_at, now)
        # Only while others wait for a place: a trickle must not add up to a flood.
        waiting = self._queue and self._allowed <= self.in_flight
        if waiting and self._allowed < self.most and self._pays(self._allowed):
            self._allowed += 1

    def shrink(self, most: int) -> None:
        """
        Have at most so many in flight, until answers allow more.
        """
        self._allowed = max(1, min(self._allowed, most))

    def refuse(self, sent_at: float, retry_after: float | None, *, asked: bool) -> None:
        """
        Note a refusal, and how long it asks us to wait; *asked* is False for a mere 503.
        """
        pause = min(retry_after or 0.0, MAX_PAUSE)
        self.pace.refuse(self._now(), sent_at, asked=asked, pause=pause)
        if pause and self.pace.trial:
            # Not all leave at once after it, but one, then two.
            self._allowed = 1

    def traffic(self) -> Traffic:
        """
        Return what there is to see of it now.
        """
        return Traffic(in_flight=self.in_flight, rate=self.pace.rate(self._now()))

    def close(self) -> None:
        """
        Let nobody in any more.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _now(self) -> float:
        """
        Return the time by the pace's clock.
        """
        return read_clock() - self._rested

    @property
    def _opens_at(self) -> float:
        return max(self._next_at, self.pace.resumed_at)

    def _is_free(self, now: float) -> bool:
        return self.in_flight < self._allowed and now >= self._opens_at

    def _take(self, now: float) -> None:
        self.in_flight += 1
        rate = self.pace.rate(now)
        if rate is not None:
            self._next_at = max(self._next_at, now - CREDIT) + 1 / rate

    def _admit(self, now: float) -> None:
        """
        Let in who may go now, and set a timer for the next.
        """
        while self._queue and self._is_free(now):
            place = self._queue.popleft()
            # Who was cancelled meanwhile still stands in the queue.
            if not place.done():
                self._take(now)
                place.set_result(None)
        if self._queue and self.in_flight < self._allowed:
            self._set_timer(self._opens_at + self._rested + ROUNDING)

    def _set_timer(self, at: float) -> None:
        if self._timer is not None and self._rings_at > at:
            self.close()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(at, self._on_time)
            # uvloop's handle of a time that has passed cannot be asked for it.
            self._rings_at = at

    def _on_time(self) -> None:
        self._timer = None
        self._admit(self._now())


def read_clock() -> float:
    """
    Return the time of the running event loop.
    """
    return asyncio.get_running_loop().time()
