"""
The clocks of a world, which can go back to the moment at which an event was due.
"""

from collections.abc import Callable


class Clocks:
    """
    A monotonic *clock*, and *now* for the time of day; tests bring their own.

    Both are *ago* seconds back while a world catches up on an event.
    """

    def __init__(self, clock: Callable[[], float], now: Callable[[], float]) -> None:
        self._clock = clock
        self._now = now
        self.ago = 0.0

    def moment(self) -> float:
        """
        Return the present moment of the monotonic clock.
        """
        return self._clock() - self.ago

    def time(self) -> int:
        """
        Return the present time, in whole seconds since 1970 as in an item's `time`.
        """
        return int(self._now() - self.ago)
