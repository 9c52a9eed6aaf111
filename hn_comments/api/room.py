"""
Say whether more requests in flight pay, or have room: on the server, on the way, in this process.

`pacer` asks after each answer. Nobody tells how many connections a server or a network allows:
those beyond fail while the others go on, and that shows it.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from .connections import Attempt

# Connections that have not answered yet, at most, if there shall be more. A TLS handshake is a
# millisecond of CPU, and where none of the new ones answers, no more items than these wait.
MAX_NEW = 250

# If so many of the last new connections failed, there are enough. A server that drops three in ten
# at random does not get there.
MANY, OF_THE_LAST = 16, 20

# Seconds for which that is believed. A NAT table empties, a server gets company.
BELIEVED = 60.0

# While requests in flight double, answers a second must grow to this much of the best so far.
# Where they do not `STALLED` times in a row, the processor or the server is busy.
GAIN = 1.15
STALLED = 2

# Seconds after which it is tried again.
BUSY_SECONDS = 10.0


class Room:
    """
    What is known of the connections: how many are new, how many there can be, and what they bring.
    """

    def __init__(self) -> None:
        # Requests on connections that have not answered yet.
        self.new: set[Attempt] = set()
        # Which of the last new connections failed before they answered.
        self._failed: deque[bool] = deque(maxlen=OF_THE_LAST)
        # How many connections there can be, and until when that is believed.
        self._most, self._full_until = 0, float("-inf")
        self._busy_until = float("-inf")
        self._best = 0.0
        self._stalled = 0
        self._measure(0, 0.0)

    def pays(self, in_flight: int) -> bool:
        """
        Note an answer while so many are in flight and others wait; return whether to have more.
        """
        now = asyncio.get_running_loop().time()
        self._answers += 1
        if now < self._busy_until:
            return False
        if in_flight >= 2 * self._from:
            self._judge(in_flight, now)
        if now < self._full_until and in_flight >= self._most:
            return False
        return len(self.new) < MAX_NEW

    def is_full(self, kept: int) -> bool:
        """
        Note that a new connection failed while so many others were *kept*; return if they suffice.
        """
        self._failed.append(True)
        if sum(self._failed) < MANY:
            return False
        self._most = kept
        self._full_until = asyncio.get_running_loop().time() + BELIEVED
        return True

    def prove(self, attempt: "Attempt") -> None:
        """
        Note that a new connection has answered.
        """
        self.new.discard(attempt)
        self._failed.append(False)

    def restart(self) -> None:
        """
        Forget what more requests in flight brought: they begin anew.
        """
        self._best, self._stalled, self._busy_until = 0.0, 0, float("-inf")
        self._measure(0, 0.0)

    def _judge(self, in_flight: int, now: float) -> None:
        """
        Compare the answers a second with the best so far, when requests in flight have doubled.
        """
        rate = self._answers / max(now - self._since, 1e-3)
        if self._from:
            self._stalled = self._stalled + 1 if rate < GAIN * self._best else 0
            self._best = max(self._best, rate)
        if self._stalled >= STALLED:
            self._stalled = 0
            self._busy_until = now + BUSY_SECONDS
        self._measure(in_flight, now)

    def _measure(self, in_flight: int, now: float) -> None:
        self._from, self._since, self._answers = in_flight, now, 0
