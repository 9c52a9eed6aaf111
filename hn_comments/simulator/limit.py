"""
How many requests a server allows, and how it refuses the others.
"""

import math
import time
from collections.abc import Callable


# The statuses and the kinds of Retry-After that a refusal can have.
STATUSES = (429, 420, 503)
RETRY_AFTER = ("right", "none", "0", "absurd")

# Seconds that an absurd Retry-After asks for: eleven days.
ABSURD = 1_000_000


class Limit:
    """
    Allow *rate* requests a second, *burst* of them at once (by default *rate*).

    With *window*, allow *rate* requests in each *window* seconds instead. *rate* and *burst*
    can be changed at any time.
    """

    def __init__(
        self,
        rate: float,
        *,
        burst: float | None = None,
        window: float | None = None,
        status: int = 429,
        retry_after: str = "right",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rate = rate
        self.burst = burst
        self.window = window
        self.status = status
        self.retry_after = retry_after
        self._clock = clock
        self._since = clock()
        # Requests that the bucket has room for; it starts full.
        self._room = math.inf
        # The number of the present window, and the requests let in during it.
        self._window_number = 0.0
        self._used = 0

    def take(self) -> float:
        """
        Let a request in and return 0; or refuse it, and return the seconds until there is room.
        """
        return self._take_from_bucket() if self.window is None else self._take_in(self.window)

    def headers(self, wait: float) -> dict[str, str]:
        """
        Return the headers of a refusal, *wait* seconds before there is room.
        """
        values = {"right": max(1, math.ceil(wait)), "0": 0, "absurd": ABSURD}
        known = self.retry_after in values
        return {"Retry-After": str(values[self.retry_after])} if known else {}

    def _take_from_bucket(self) -> float:
        now = self._clock()
        # A smaller bucket would never let a request in.
        size = max(1.0, self.rate if self.burst is None else self.burst)
        self._room = min(size, self._room + (now - self._since) * self.rate)
        self._since = now
        # A client that waits exactly as long as it was told must not fail by a rounding error.
        if self._room < 1 - 1e-9:
            return (1 - self._room) / self.rate
        self._room -= 1
        return 0.0

    def _take_in(self, window: float) -> float:
        number, elapsed = divmod(self._clock() - self._since, window)
        if number != self._window_number:
            self._window_number, self._used = number, 0
        if self._used >= self.rate:
            return window - elapsed
        self._used += 1
        return 0.0
