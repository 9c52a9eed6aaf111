"""
The memory's clock: it never goes back while the program runs, whoever sets the machine's.
"""

import functools
import time
from typing import Protocol


class Clock(Protocol):
    """
    Seconds since 1970 that never go back when called; `wall` is what the machine says.
    """

    def __call__(self) -> float: ...

    def wall(self) -> float: ...


class SteadyClock:
    """
    The clock of a run: right when it starts, and then as steady as the machine can be.
    """

    def __init__(self) -> None:
        # It goes on while the machine sleeps, where there is such a clock.
        boot_time = getattr(time, "CLOCK_BOOTTIME", None)
        self._read = time.monotonic
        if boot_time is not None:
            self._read = functools.partial(time.clock_gettime, boot_time)
        self._offset = time.time() - self._read()

    def __call__(self) -> float:
        return self._offset + self._read()

    def wall(self) -> float:
        return time.time()
