"""
The rate of sending that a server allows, learned from its refusals alone.

Nothing is held back before the first refusals. Then sending slows down, and that is a trial: a
limit refuses a smaller share of a slower stream, random failure the same share. Only what
gets better is believed to be a limit, and followed on the curve of CUBIC (RFC 8312, section
4.1), with requests a second in the place of the window. What does not is weather: all speed
is given back, and so many refusals are expected from then on. `docs/pacing.md` shows what comes
of it. `Pace` needs to be told the time; `pacer` waits and sends.
"""

import logging
from math import sqrt
from typing import NamedTuple


logger = logging.getLogger(__name__)

# Answers among which a second refusal raises the alarm (or one, if it names a time to wait).
BLOCK = 50

# Refusals that end a trial; without so many, it takes as many answers and so many seconds. That
# costs little, and tells a share of refusals from half of it.
ENOUGH = 10
TRIAL = 1.0

# Weather: the share refused is between so much of what it was at a higher rate and as many
# times that, and the share accepted has not grown by the second factor.
SIMILAR = 0.5
NOT_BETTER = 1.5

# Standard deviations above the refusals expected that are still chance.
CHANCE = 3.0

# Blocks after which expected refusals are tried anew: weather changes.
EXPIRES = 20

# Share of the ceiling at which a trial sends, and the curve starts.
CUT = 0.85

# Requests a second at least: a poll must go on.
MIN_RATE = 1.0

# A refusal tells of the rate some time before: a bucket took so many seconds to run dry.
LAG = 1.0

# K: seconds until the curve is back at the ceiling. It doubles while one trial after another
# finds the same ceiling, give or take `SAME`.
MIN_K = 2.0
MAX_K = 20.0
SAME = 0.15

# Seconds above the ceiling for the first 15 percent, however long K is: a limit that was
# raised is found soon.
PROBE = 6.0

# Seconds between two requests while none is accepted: a round trip at first, which is never
# taken for less than the first of these, then twice as many each time, up to the second.
MIN_TRIP = 0.01
MAX_SILENCE = 8.0

# Seconds of silence from which on the rate is measured with the silence in it, since a server
# that counts in windows allows no more than that; and those that make it an outage.
WINDOW = 1.0
OUTAGE = 90.0


class Refusals:
    """
    Refusals of one kind, counted since the last cut or in the present block of answers.
    """

    def __init__(self) -> None:
        self.count = 0
        # The share that is weather, and the share in the trial before, at a higher rate.
        self.expected = 0.0
        self.before: float | None = None

    def exceed(self, answers: int) -> bool:
        """
        Return whether there are more than chance explains among so many answers.
        """
        expected = self.expected * answers
        return self.count > 1 + expected + CHANCE * sqrt(expected)

    def persist(self, answers: int) -> bool:
        """
        Return whether sending more slowly has not helped.
        """
        if self.before is None:
            return False
        share = self.count / answers
        same = SIMILAR * self.before < share < self.before / SIMILAR
        return same and 1 - share < NOT_BETTER * (1 - self.before)


class Cycle(NamedTuple):
    """
    What there was at an alarm: the curve, when it was cut, and what was accepted since.
    """

    ceiling: float | None
    k: float
    cut_at: float
    accepted: int


class Pace:
    """
    The rate of sending, learned from what was accepted and what was refused, and when.

    Times are seconds since it began.
    """

    def __init__(self) -> None:
        # Requests a second at the plateau of the curve; None while nothing is held back.
        self.ceiling: float | None = None
        # Whether nothing was accepted yet of what was sent since the cut.
        self.silent = False
        # When the last pause that the server asked for ends.
        self.resumed_at = 0.0
        # Whether the present rate is not believed yet to be a limit.
        self.trial = False
        self._k = MIN_K
        self._curve_at = self._cut_at = 0.0
        self._trip = MIN_TRIP
        # Only answers to what was sent since the cut are counted: what was under way then says
        # nothing of the new rate.
        self._accepted = self._answers = 0
        # Blocks since there was weather.
        self._blocks = 0
        # Answers that a trial must have, to be compared with the one before.
        self._needed = ENOUGH
        # A bare 503 may be a mere failure, so it is judged by itself.
        self._asked, self._failed = self._kinds = Refusals(), Refusals()
        self._last = Cycle(None, MIN_K, 0.0, 0)

    def rate(self, now: float) -> float | None:
        """
        Return how many requests a second may be sent now; None if that is not known.
        """
        rate = None
        if self.ceiling is not None:
            rate = self.ceiling * (CUT if self.trial else self._curve(now))
        if self.silent:
            probes = 1 / min(max(now - self._heard_at, self._trip), MAX_SILENCE)
            rate = probes if rate is None else min(rate, probes)
        return rate

    def accept(self, now: float, sent_at: float) -> None:
        """
        Note an answer that is no refusal, to a request that was sent at some time.
        """
        if sent_at >= self._cut_at:
            if self.silent:
                self._end_silence(now)
            self._accepted += 1
            self._count(now, sent_at)

    def refuse(self, now: float, sent_at: float, *, asked: bool, pause: float = 0.0) -> None:
        """
        Note a refusal: whether the server *asked* for fewer requests, and for how long a pause.
        """
        self._trip = max(now - sent_at, MIN_TRIP)
        if sent_at >= self._cut_at:
            kind = self._asked if asked else self._failed
            # A server that names a time is taken at its word. In a trial, it is shares that count.
            kind.count += 2 if pause and not self.trial else 1
            self._count(now, sent_at)
        if pause:
            self.resumed_at = max(self.resumed_at, now + pause)

    @property
    def _heard_at(self) -> float:
        """
        The time since which the server could have accepted something.
        """
        return max(self._cut_at, self.resumed_at)

    def _curve(self, now: float) -> float:
        """
        Return the share of the ceiling that may be sent now.
        """
        distance = now - self._curve_at - self._k
        distance /= self._k if distance < 0 else min(self._k, PROBE)
        return 1 + (1 - CUT) * max(distance, -1.0) ** 3

    def _count(self, now: float, sent_at: float) -> None:
        self._answers += 1
        if self.silent:
            return
        if self.trial:
            lasted = sent_at - self._heard_at > TRIAL and self._answers >= self._needed
            if lasted or max(kind.count for kind in self._kinds) >= ENOUGH:
                self._judge(now, sent_at)
        # Most answers come where there is no refusal: they are not to cost much.
        elif self._asked.count + self._failed.count > 1 and any(
            kind.exceed(BLOCK) for kind in self._kinds
        ):
            self._raise_alarm(now, sent_at)
        elif self._answers % BLOCK == 0:
            self._end_block()

    def _end_block(self) -> None:
        self._blocks += 1
        for kind in self._kinds:
            kind.count = 0
            if self._blocks >= EXPIRES:
                kind.expected = 0.0

    def _raise_alarm(self, now: float, sent_at: float) -> None:
        """
        Begin a trial: at full speed if nothing is known, otherwise below the present rate.
        """
        self._last = Cycle(self.ceiling, self._k, self._cut_at, self._accepted)
        rate = self.rate(sent_at - LAG)
        if rate is None:
            self._begin_trial(sent_at)
            # Those under way may tell what the server accepts of them.
            self.resumed_at = max(self.resumed_at, 2 * now - sent_at)
        else:
            self._cut(now, rate)

    def _cut(self, now: float, rate: float) -> None:
        self.ceiling = max(rate, MIN_RATE)
        self._begin_trial(now)
        logger.debug("The server may allow %.1f requests a second", self.ceiling)

    def _begin_trial(self, at: float) -> None:
        self.trial = self.silent = True
        self._cut_at = self._curve_at = at
        self._accepted = 0
        self._clear()

    def _clear(self) -> None:
        self._answers = 0
        for kind in self._kinds:
            kind.count = 0

    def _end_silence(self, now: float) -> None:
        self.silent = False
        silence = now - self._heard_at
        if silence > OUTAGE:
            self.ceiling = None
            self._end_trial(now)
        elif silence > WINDOW:
            self._cut(now, self._last.accepted / (now - self._last.cut_at))
            self.silent = False
        self._clear()

    def _judge(self, now: float, sent_at: float) -> None:
        """
        End a trial, or begin another one at the rate that was accepted.
        """
        accused = [kind for kind in self._kinds if kind.exceed(self._answers)]
        if not accused:
            self._believe(now)
        elif all(kind.persist(self._answers) for kind in accused):
            self._acquit(now, accused)
        else:
            # The first answers of all may be those that a full bucket still let through.
            if self.ceiling is not None or sent_at - self._cut_at > TRIAL:
                self._needed = self._answers
                for kind in self._kinds:
                    kind.before = kind.count / self._answers
            self._cut(now, self._accepted / max(sent_at - self._cut_at, self._trip))

    def _acquit(self, now: float, accused: list[Refusals]) -> None:
        """
        Give back all speed: it is weather.
        """
        self._blocks = 0
        for kind in accused:
            kind.expected = kind.count / self._answers
        self.ceiling, self._k = self._last.ceiling, self._last.k
        self._end_trial(now - self._k)
        logger.debug("Sending more slowly has not helped against refusals")

    def _believe(self, now: float) -> None:
        """
        Follow the curve from here: the limit behaves like one.
        """
        before = self._last.ceiling
        if self.ceiling is not None and before is not None:
            same = abs(self.ceiling - before) <= SAME * before
            self._k = min(2 * self._last.k, MAX_K) if same else MIN_K
        self._end_trial(now)

    def _end_trial(self, curve_at: float) -> None:
        self.trial = False
        self._curve_at = curve_at
        self._needed = ENOUGH
        for kind in self._kinds:
            kind.before = None
        self._clear()
