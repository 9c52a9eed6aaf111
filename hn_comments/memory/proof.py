"""
Let a count prove itself: compare what we call live with Hacker News' own number.

`descendants` of a post is how many of its comments are live, as Hacker News counts them. It
may lag by seconds, and for some posts it is always off by the same amount. So it is believed
if it equals what `live` was at some moment of the last minute, or if it differs by as much
as after the last whole walk. Anything else, confirmed by a second reading, means that the
memory is wrong somewhere: then the post is walked whole, at once.
"""

from dataclasses import dataclass, field
from typing import Literal


# Seconds by which `descendants` may lag behind.
LAG = 60.0

# Seconds for which it may look as if it lagged: in a busy thread that can hide an error.
LAGS_FOR = 180.0

# Seconds after a walk that found nothing wrong before the next one for the same reason; it
# doubles each time, up to --refresh.
PATIENCE = 900.0


@dataclass(slots=True)
class Proof:
    """
    What is known about one post's `descendants`.

    *gap* is by how much `live` exceeded it after the last whole walk, *lags_since* since when
    it is only believed because it may lag, *doubted* whether it did not fit when it was last
    read. No walk for that reason before *walk_again_at*.
    """

    gap: int = 0
    # Since when there is this gap, if no second walk has found it, too: one stale answer in a
    # walk can make one.
    unconfirmed_since: float | None = None
    lags_since: float | None = None
    doubted: bool = False
    patience: float = 0.0
    walk_again_at: float = 0.0
    # What `live` was, and until when; the present one is not among them.
    past: list[tuple[int, float]] = field(default_factory=list)
    live: int | None = None

    @property
    def disputed(self) -> bool:
        """
        Whether the two numbers differ, even after a whole walk.
        """
        return self.gap != 0

    def note(self, live: int, now: float) -> None:
        """
        Keep what was counted.
        """
        if self.live is not None and self.live != live:
            self.past.append((self.live, now))
        self.live = live
        self.past = [(past, until) for past, until in self.past if now - until <= LAG]

    def judge(
        self, descendants: int, *, lately: int, now: float
    ) -> Literal["believed", "doubted", "wrong"]:
        """
        Say what a freshly read `descendants` means, if *lately* comments are a minute old at most.
        """
        live = self.live or 0
        if live == descendants:
            self.gap = 0
        fits = self._fits(descendants, self.gap, lately)
        if self._lags_for(live - descendants, now) > LAGS_FOR:
            fits = False
        if self._is_confirmation_due(now):
            self.doubted = True
            return "wrong"
        if fits or now < self.walk_again_at:
            self.doubted = False
            return "believed"
        if not self.doubted:
            self.doubted = True
            return "doubted"
        return "wrong"

    def _is_confirmation_due(self, now: float) -> bool:
        if self.gap == 0 or self.unconfirmed_since is None:
            return False
        return now >= max(self.unconfirmed_since + PATIENCE, self.walk_again_at)

    def _lags_for(self, gap: int, now: float) -> float:
        """
        Return for how many seconds the gap has been another than the one that is believed.
        """
        if gap == self.gap:
            self.lags_since = None
            return 0.0
        if self.lags_since is None:
            self.lags_since = now
        return now - self.lags_since

    def walked(
        self, descendants: int | None, *, drift: int, lately: int, now: float, refresh: float
    ) -> None:
        """
        Note that the post was walked whole in one poll, and that *drift* comments had been wrong.
        """
        if drift:
            self.patience = 0.0
        elif self.doubted:
            self.patience = min(max(PATIENCE, 2 * self.patience), refresh)
            self.walk_again_at = now + self.patience
        self.doubted = False
        self.lags_since = None
        before, self.gap = self.gap, 0
        if descendants is not None and not self._fits(descendants, 0, lately):
            self.gap = (self.live or 0) - descendants
        self.unconfirmed_since = None if self.gap == before else now

    def _fits(self, descendants: int, gap: int, lately: int) -> bool:
        live = self.live or 0
        moments = (live, *(past for past, _ in self.past))
        if any(moment - descendants in {0, gap} for moment in moments):
            return True
        # Also what was written between two polls came one by one.
        return any(live - lately <= descendants + each <= live for each in (0, gap))
