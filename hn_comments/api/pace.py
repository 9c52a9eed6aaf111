"""
The rate of sending that a server allows, learned from its refusals alone.

Nothing is known beforehand, and nothing is held back before the first refusals. From then on
the rate follows the curve of CUBIC (RFC 8312, section 4.1), with requests a second in the
place of the window: up to the rate that was accepted, a long plateau there, then beyond it.
`docs/pacing.md` shows the curve. It needs to be told the time; `pacer` waits and sends.
"""

import logging
from collections import deque
from typing import NamedTuple


logger = logging.getLogger(__name__)

# Seconds over which the accepted rate is measured: long enough for five a second, short
# enough to notice a limit that changes.
MEASURED = 2.0

# Answers whose times are kept for that.
MAX_MEASURED = 2000

# One refusal among this many answers is weather; a second one is a limit. (One that names
# a time to wait is a limit by itself.)
WEATHER = 50

# Two refusals below this share of the ceiling are weather, too, and above it the ceiling
# stays where it was, as long as no more than so many of the last answers were refused.
# Without, a server that fails at random, at any rate, would be asked ever more slowly.
HIGH = 0.9
MILD = 0.25

# Share of the ceiling at which the curve starts after a cut, and below which the cut does
# not bring the ceiling.
CUT = 0.85

# The same where refusals go on within `AT_ONCE` seconds of a cut: a full bucket has run
# dry, and what it let through before says nothing of the rate at which it fills.
HALF = 0.5
AT_ONCE = 1.0

# Seconds of pause from which on the rate is measured with the pause in it: a server that
# counts in windows allows no more than that.
PAUSED = 0.5

# Requests a second at the first cut, and at any, at least.
FIRST_CEILING = 10.0
MIN_CEILING = 0.5

# K: seconds until the curve is back at the ceiling. It doubles while one probe after another
# finds the same ceiling, give or take `SAME`, and is as long as so many pauses at least.
MIN_K = 2.0
MAX_K = 20.0
PAUSES = 2.0
SAME = 0.15

# Seconds above the ceiling for the first 15 percent, however long K is: a limit that was
# raised is found soon.
PROBE = 6.0


class Cycle(NamedTuple):
    """
    What there was at a cut: the time, how many had been accepted, and the curve.
    """

    since: float
    accepted: int
    ceiling: float | None
    k: float


class Suspicion:
    """
    The refusals that led to nothing yet, remembered for so many answers.
    """

    def __init__(self) -> None:
        self.refused = 0
        self._answers = 0

    def grow(self) -> None:
        self._answers += self.refused > 0
        self.refused += 1

    def fade(self) -> None:
        if self.refused:
            self._answers += 1
            if self._answers >= WEATHER:
                self.clear()

    def clear(self) -> None:
        self.refused = self._answers = 0

    @property
    def is_mild(self) -> bool:
        """
        Whether few of the answers since the first of them were refusals.
        """
        return 0 < self.refused <= MILD * (self._answers + 1)


class Pace:
    """
    The rate of sending, learned from what was accepted and what was refused, and when.
    """

    def __init__(self) -> None:
        # Requests a second at the plateau of the curve; None until there was a cut.
        self.ceiling: float | None = None
        # Whether nothing at all was accepted since the last cut.
        self.outage = False
        self._k = MIN_K
        # When the last cut was, and when the curve began: later, if there was a pause.
        self._cut_at = self._began_at = float("-inf")
        # What was sent before is no news: the last cut was made for its like.
        self._heard_at = float("-inf")
        self._accepted = self._accepted_since_cut = 0
        self._recent: deque[float] = deque(maxlen=MAX_MEASURED)
        self._suspicion = Suspicion()
        # The last one and the one before.
        self._cycles: deque[Cycle] = deque(maxlen=2)

    def rate(self, now: float) -> float | None:
        """
        Return how many requests a second may be sent now; None if that is not known.
        """
        if self.ceiling is None:
            return None
        distance = now - self._began_at - self._k
        distance /= self._k if distance < 0 else min(self._k, PROBE)
        return self.ceiling * (1 + (1 - CUT) * distance**3)

    def accept(self, now: float) -> None:
        """
        Note an answer that is no refusal.
        """
        if not self._cycles:
            self._begin_cycle(now)
        self._accepted += 1
        self._accepted_since_cut += 1
        self._suspicion.fade()
        self._recent.append(now)
        if self.outage:
            self._end_outage(now)

    def refuse(self, now: float, *, sent_at: float, pause: float) -> bool:
        """
        Note a refusal that asks for a *pause*, or for 0; return whether it is news.
        """
        news = sent_at >= self._heard_at
        if news:
            self._learn(now, pause)
        if pause:
            self._began_at = max(self._began_at, now + pause)
        return news

    def rest(self, now: float, seconds: float) -> None:
        """
        Note that nobody wanted to send anything for some time: the curve stood still.
        """
        self._cut_at += seconds
        self._began_at = max(self._began_at, min(self._began_at + seconds, now))
        moved = [cycle._replace(since=cycle.since + seconds) for cycle in self._cycles]
        self._cycles = deque(moved, maxlen=2)

    def _learn(self, now: float, pause: float) -> None:
        self._suspicion.grow()
        certain = self._suspicion.refused > 1 or pause > 0
        if self.outage or (self.ceiling is not None and not self._accepted_since_cut):
            self.outage = self.outage or certain
            self._heard_at = now
        elif certain and (pause or self._is_limit(now)):
            self._cut(now)
            self._k = max(self._k, min(PAUSES * pause, MAX_K))

    def _is_limit(self, now: float) -> bool:
        """
        Return whether refusals tell of the rate: where it is high, or where they are many.
        """
        rate = self.rate(now)
        if rate is None or self.ceiling is None or rate >= HIGH * self.ceiling:
            return True
        return self._suspicion.refused > 2 and not self._suspicion.is_mild

    def _cut(self, now: float) -> None:
        found = self._measure(now)
        rate = self.rate(now)
        if rate is None or self.ceiling is None:
            found = max(found, FIRST_CEILING)
        elif self._suspicion.is_mild:
            found = rate
        else:
            share = floor_after(self._began_at - self._cut_at, now - self._began_at)
            found = min(rate, max(found, share * self.ceiling))
        if now - self._cut_at > AT_ONCE:
            self._begin_cycle(now)
        self._settle(now, found)

    def _measure(self, now: float) -> float:
        """
        Return how many requests a second were accepted of late.
        """
        # So soon after a cut or a pause, only the whole time since then tells the rate.
        if now - self._began_at < MEASURED:
            return self._accepted_since_cut / max(now - self._cut_at, 0.1)
        return rate_of(self._recent, now)

    def _end_outage(self, now: float) -> None:
        """
        Take the rate of the whole cycle, outage included: that is what a window allows.
        """
        self.outage = False
        since, accepted, self.ceiling, self._k = self._cycles.popleft()
        self._cycles.clear()
        self._settle(now, (self._accepted - 1 - accepted) / max(now - since, 0.1))
        self._begin_cycle(now)

    def _begin_cycle(self, now: float) -> None:
        self._cycles.append(Cycle(now, self._accepted, self.ceiling, self._k))

    def _settle(self, now: float, found: float) -> None:
        """
        Begin the curve anew, with its plateau at what was *found*.
        """
        found = max(found, MIN_CEILING)
        same = self.ceiling is not None and abs(found - self.ceiling) <= SAME * self.ceiling
        self._k = min(2 * self._k, MAX_K) if same else MIN_K
        self.ceiling = found
        self._cut_at = self._began_at = self._heard_at = now
        self._accepted_since_cut = 0
        self._suspicion.clear()
        logger.debug("The server seems to allow %.1f requests a second", found)


def rate_of(times: deque[float], now: float) -> float:
    """
    Return how many of the *times* there were in a second of late, and forget the older ones.
    """
    while times and times[0] < now - MEASURED:
        times.popleft()
    return len(times) / max(now - times[0], 0.1) if times else 0.0


def floor_after(paused: float, seconds: float) -> float:
    """
    Return below which share of the ceiling a cut does not bring it, so soon after a pause.
    """
    if paused > PAUSED and seconds < MEASURED:
        return 0.0
    return HALF if seconds < AT_ONCE else CUT
