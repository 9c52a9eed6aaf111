"""
When things happen in a world: now, or at the moment at which they were due.
"""

from collections.abc import Callable


class Clocks:
    """
    A clock for how long things take, and one for what time it is; tests bring their own.

    What a world catches up on happened *ago* seconds before now.
    """

    def __init__(self, clock: Callable[[], float], now: Callable[[], float]) -> None:
        self._clock = clock
        self._now = now
        self.ago = 0.0

    def moment(self) -> float:
        """
        Return the present moment, in seconds since any moment in the past.
        """
        return self._clock() - self.ago

    def time(self) -> int:
        """
        Return the present time, in whole seconds since 1970 as in an item's `time`.
        """
        return int(self._now() - self.ago)
