"""Whether the program works, and whether what it knows is fresh."""

from dataclasses import replace
from functools import partial

import pytest

from hn_comments import PollBegan, Progress, Settings
from hn_comments.service.health import Health

from . import reports
from .reports import post, report
from .support import Clock


EXACT, PARTIAL, FAILED = report(post(1)), report(reports.partial(1, 5)), report(post(1, None))
BEGAN = PollBegan(poll=1, list="top", posts=5)


class Watched:
    """A watcher on a clock that is turned by hand."""

    def __init__(self, period: float) -> None:
        self.clock = Clock(0.0)
        self.progress: Progress | None = None
        self.health = Health(Settings(period=period), lambda: self.progress, self.clock)

    def reads(self, fetches: int) -> None:
        self.progress = Progress(
            poll=1, posts=5, posts_done=0, comments=0, expected=None, fetches=fetches, seconds=1.0
        )


def test_fresh_is_what_was_complete_within_three_periods() -> None:
    """Not before the first complete poll, and not after three periods without one."""
    watched = Watched(60.0)
    assert watched.health.staleness() == "no poll has read everything yet"

    watched.health.publish(PARTIAL)
    assert "yet; the last one was partial: post 1: item/7.json" in str(watched.health.staleness())

    watched.health.publish(EXACT)
    assert watched.health.staleness() is None

    watched.clock.now += 180
    watched.health.publish(FAILED)
    assert watched.health.staleness() is None

    watched.clock.now += 1
    assert watched.health.staleness() == (
        "the last poll that read everything ended 181 seconds ago; the last one failed: "
        "post 1: HTTP 500"
    )


def test_polls_that_take_longer_than_the_period_have_one_of_their_own() -> None:
    """A first walk of twenty seconds every five is as fresh as it can be."""
    watched = Watched(5.0)
    watched.health.publish(report(post(1), seconds=20.0))

    watched.clock.now += 59
    assert watched.health.staleness() is None
    watched.clock.now += 2
    assert watched.health.staleness() is not None


def test_freshness_goes_by_the_distance_that_is_in_force() -> None:
    """A poll a minute is as it should be while the socket tells of changes, whatever the period."""
    watched = Watched(5.0)
    for wait, fresh in ((60.0, 180), (None, 180), (5.0, 15)):
        watched.health.tell(replace(BEGAN, wait=wait))
        watched.health.publish(EXACT)

        watched.clock.now += fresh
        assert watched.health.staleness() is None
        watched.clock.now += 1
        assert watched.health.staleness() is not None


@pytest.mark.parametrize(("period", "patience"), [(5.0, 190.0), (3600.0, 10_810.0)])
def test_poller_without_any_sign_of_life_is_stuck(period: float, patience: float) -> None:
    """Three periods, or three times the longest distance in an outage, and one slow answer."""
    watched = Watched(period)

    watched.clock.now = patience
    assert watched.health.problem() is None
    watched.clock.now += 1
    assert watched.health.problem() == (
        f"no poll has begun, got on or ended for {patience + 1:.0f} seconds"
    )


def test_what_begins_gets_on_or_ends_is_a_sign_of_life() -> None:
    """A failed poll, too: nobody is to restart the program because of an outage."""
    watched = Watched(5.0)

    for sign in (
        partial(watched.health.tell, BEGAN),
        partial(watched.health.publish, FAILED),
        partial(watched.reads, 1),
        partial(watched.reads, 2),
    ):
        sign()
        watched.clock.now += 180
        assert watched.health.problem() is None

    watched.clock.now += 191
    assert watched.health.problem() is not None
