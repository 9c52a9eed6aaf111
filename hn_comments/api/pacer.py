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

# A cut below this share of the rate is a deep one. What is in flight then is mostly lost,
# so the next request leaves alone.
DEEP = 0.75

# Seconds between two requests while none is accepted any more: at first, and at most.
FIRST_PAUSE = 0.25
MAX_OUTAGE_PAUSE = 8.0

# Seconds a server can make us pause with Retry-After, however much it asks for.
MAX_PAUSE = 60.0

# A bare 503 says no more than that something broke. Only if so many of the last answers were
# that, it is the number of requests which broke it.
MANY, OF_THE_LAST = 10, 40

# Seconds that a late timer may catch up; without, a busy loop would never reach the rate.
CREDIT = 0.02


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
        # Of the last answers, which were a bare 503.
        self._broke: deque[bool] = deque(maxlen=OF_THE_LAST)
        self._queue: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._next_at = self._resume_at = 0.0
        self._idle_since = 0.0
        self._outage_pause = FIRST_PAUSE

    async def enter(self) -> float:
        """
        Take a place, waiting for it if need be, and return the time; `leave` gives it back.
        """
        now = read_clock()
        if not self.in_flight and not self._queue:
            self.pace.rest(now, now - self._idle_since)
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
        return read_clock()

    def leave(self, *, sent: bool = True) -> None:
        """
        Give a place back, and its turn too where nothing was *sent*.
        """
        now = self._idle_since = read_clock()
        self.in_flight -= 1
        rate = self.pace.rate(now)
        if not sent and rate is not None:
            self._next_at -= 1 / rate
        if self._queue:
            self._admit(now)

    def accept(self) -> None:
        """
        Note an answer that is no refusal.
        """
        self._broke.append(False)
        self.accepted_at = read_clock()
        self.pace.accept(self.accepted_at)
        self._outage_pause = FIRST_PAUSE
        # Only while others wait for a place: a trickle must not add up to a flood.
        if self._queue and self._allowed <= self.in_flight and self._pays(self._allowed):
            self._allowed = min(self._allowed + 1, self.most)

    def shrink(self, most: int) -> None:
        """
        Have at most so many in flight, until answers allow more.
        """
        self._allowed = max(1, min(self._allowed, most))

    def refuse(self, sent_at: float, retry_after: float | None) -> None:
        """
        Note a refusal of what was sent at some time, and how long it asks us to wait.
        """
        now = read_clock()
        pause = min(retry_after or 0.0, MAX_PAUSE)
        before = self.pace.rate(now)
        news = self.pace.refuse(now, sent_at=sent_at, pause=pause)
        after = self.pace.rate(now)
        if after is not None and (before is None or after < DEEP * before):
            self._allowed = 1
        if news and self.pace.outage:
            self._allowed = 1
            pause = max(pause, self._outage_pause)
            self._outage_pause = min(2 * self._outage_pause, MAX_OUTAGE_PAUSE)
        if now + pause > self._resume_at:
            self._resume_at = now + pause
            logger.debug("Sending nothing for %.1f seconds", pause)

    def suspect(self, sent_at: float) -> None:
        """
        Note an answer that may be a refusal of what was sent at some time, or a mere failure.
        """
        self._broke.append(True)
        if self.pace.ceiling is not None or sum(self._broke) >= MANY:
            self.refuse(sent_at, None)

    def traffic(self) -> Traffic:
        """
        Return what there is to see of it now.
        """
        return Traffic(in_flight=self.in_flight, rate=self.pace.rate(read_clock()))

    def close(self) -> None:
        """
        Let nobody in any more.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_free(self, now: float) -> bool:
        return self.in_flight < self._allowed and now >= self._resume_at and now >= self._next_at

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
        if self._queue and self._timer is None and self.in_flight < self._allowed:
            self._timer = asyncio.get_running_loop().call_at(
                max(self._resume_at, self._next_at), self._on_time
            )

    def _on_time(self) -> None:
        self._timer = None
        self._admit(read_clock())


def read_clock() -> float:
    """
    Return the time of the running event loop.
    """
    return asyncio.get_running_loop().time()
