"""The grid, the bound on overlap, the errors and the end, in virtual time."""

import asyncio
import logging
from typing import Any

import pytest

from hn_comments import PollFailed, Settings, TooManyErrors
from hn_comments.events import PollBegan, Troubles
from hn_comments.models import PollError
from hn_comments.poller import MAX_ERRORS_KEPT, Poller

from .support import DEADLINE, MS, Ear, VirtualLoop, eventually, in_virtual_time


class FakePoll:
    """Polls that last *seconds*, and raise the exceptions among *outcomes*."""

    def __init__(self, *, seconds: float = 0, outcomes: str = "") -> None:
        self.seconds = seconds
        self.outcomes = outcomes
        self.starts: list[float] = []
        self.skipped: list[int] = []
        self.cancelled: list[int] = []
        self.running = 0
        self.most_running = 0

    async def __call__(self, number: int, skipped: int) -> None:
        self.starts.append(asyncio.get_running_loop().time())
        self.skipped.append(skipped)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        finally:
            self.running -= 1
        if self.outcomes[number - 1 : number] == "F":
            raise PollFailed(f"failure {number}")


def poller(poll: FakePoll, **settings: Any) -> Poller:
    return Poller(poll, Settings(**{"period": 20 * MS, **settings}))


async def run(poller: Poller) -> None:
    async with asyncio.timeout(DEADLINE):
        await poller.run()


@in_virtual_time
async def test_so_many_polls_and_no_more() -> None:
    """With --polls 3 the program ends when the third poll does; nobody waits for a fourth."""
    poll, ear = FakePoll(seconds=10 * MS), Ear()

    await run(Poller(poll, Settings(period=20 * MS, polls=3), Troubles(ear)))

    assert (len(poll.starts), poll.running, poll.cancelled) == (3, 0, [])
    waits = [event.wait for event in ear.events if isinstance(event, PollBegan)]
    assert waits == [20 * MS, 20 * MS, None]


@in_virtual_time
async def test_one_poll_does_not_wait_for_the_next_tick() -> None:
    """--once ends when the poll ends."""
    poll = FakePoll()
    start = asyncio.get_running_loop().time()

    await run(poller(poll, polls=1, period=3600))

    assert asyncio.get_running_loop().time() == start


@in_virtual_time
async def test_starts_keep_to_the_grid() -> None:
    """Start to start, without drift, however long a poll takes; there is nothing to say."""
    poll, ear = FakePoll(seconds=7 * MS), Ear()

    await run(Poller(poll, Settings(period=20 * MS, polls=50), Troubles(ear)))

    assert poll.starts == pytest.approx([tick * 20 * MS for tick in range(50)])
    assert ear.sentences() == []


@in_virtual_time
async def test_slow_polls_overlap_up_to_a_bound() -> None:
    """At most two at once; ticks beyond that are skipped, and counted."""
    poll, ear = FakePoll(seconds=70 * MS), Ear()
    polling = Poller(poll, Settings(period=20 * MS, polls=5), Troubles(ear))

    await run(polling)

    assert poll.most_running == 2
    assert poll.starts == pytest.approx([tick * 20 * MS for tick in (0, 1, 4, 5, 8)])
    assert poll.skipped == [0, 0, 2, 2, 4]
    first = "Skipped a poll, 2 polls are still running (1 skipped so far)"
    assert ear.sentences() == [first]


@in_virtual_time
async def test_blocked_program_counts_the_ticks_it_missed() -> None:
    """After a long stop the polls go on at the next tick, without a burst."""
    poll = FakePoll()
    polling = poller(poll)
    task = asyncio.create_task(polling.run())
    await eventually(lambda: len(poll.starts) == 2)

    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.now += 200 * MS
    await asyncio.sleep(5 * MS)

    assert len(poll.starts) == 2 + 1
    assert polling.skipped == 9
    polling.stop()
    await task


@in_virtual_time
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PollFailed("post 1: HTTP 500"), "post 1: HTTP 500"),
        (AssertionError(), "AssertionError"),
        (KeyError("x"), "KeyError: 'x'"),
        (OSError("two\nlines"), "OSError: two lines"),
    ],
)
async def test_error_that_is_not_ours_has_its_name(
    error: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Without it there may be no words at all; where it comes from is there for who asks."""

    async def poll(_: int, __: int) -> None:
        raise error

    caplog.set_level(logging.DEBUG, logger="hn_comments")
    ear = Ear()
    with pytest.raises(TooManyErrors, match=f"^a poll failed: {reason}$") as caught:
        await run(Poller(poll, Settings(max_errors=1), Troubles(ear)))

    assert caught.value.messages == [reason]
    assert reason in ear.sentences()[-1]
    assert "in poll\n    raise error" in caplog.text


@in_virtual_time
async def test_too_many_errors_end_the_program_at_once() -> None:
    """It ends at the third failure in a row, not at the next tick."""
    poll = FakePoll(outcomes="FFF")
    start = asyncio.get_running_loop().time()

    with pytest.raises(TooManyErrors) as caught:
        await run(poller(poll, period=500 * MS))

    assert caught.value.messages == ["failure 1", "failure 2", "failure 3"]
    assert asyncio.get_running_loop().time() - start == pytest.approx(2 * 500 * MS)


@in_virtual_time
async def test_polls_still_running_are_cancelled_at_the_end() -> None:
    """Their errors are collected, and no task goes on."""
    poll = FakePoll(seconds=3600)
    polling = poller(poll)
    task = asyncio.create_task(polling.run())
    await eventually(lambda: poll.running == 2)

    polling.stop()
    polling.stop()
    await task

    assert sorted(poll.cancelled) == [1, 2]
    assert polling.errors == []


@in_virtual_time
async def test_success_clears_the_list() -> None:
    """The failures before it no longer count."""
    poll = FakePoll(outcomes="FFSFFSFF")
    polling = poller(poll, polls=8)

    await run(polling)

    assert polling.errors == [
        PollError("poll 7", "failure 7"),
        PollError("poll 8", "failure 8"),
    ]


@in_virtual_time
async def test_one_error_is_enough_in_strict_mode() -> None:
    """--max-errors 1."""
    poll = FakePoll(outcomes="SF")

    with pytest.raises(TooManyErrors):
        await run(poller(poll, max_errors=1))

    assert len(poll.starts) == 2


@in_virtual_time
async def test_errors_never_stop_and_stay_bounded() -> None:
    """--max-errors 0: the list keeps the newest only."""
    all_launched = asyncio.Event()

    async def poll(number: int, _skipped: int) -> None:
        if number == 150:
            all_launched.set()
        await all_launched.wait()
        raise PollFailed(f"failure {number}")

    polling = Poller(poll, Settings(max_errors=0, polls=150, period=MS, max_running=150))

    await run(polling)

    assert len(polling.errors) == MAX_ERRORS_KEPT
    # The poll launched last did not wait, so it failed first.
    messages = {error.message for error in polling.errors}
    assert "failure 149" in messages
    assert not messages & {"failure 150", "failure 1"}


@in_virtual_time
async def test_unexpected_errors_are_collected_too() -> None:
    """A bug in a poll is an error like any other; the loop survives it."""
    ear = Ear()

    async def poll(number: int, _skipped: int) -> None:
        if number == 1:
            raise ZeroDivisionError("oops")

    await run(Poller(poll, Settings(period=20 * MS, polls=2), Troubles(ear)))

    assert ear.sentences(logging.ERROR) == [
        "Poll 1 failed: ZeroDivisionError: oops (next poll in 1 second)"
    ]


@in_virtual_time
async def test_polls_are_named_tasks() -> None:
    """Poll 1 is called "poll 1"."""
    poll = FakePoll(seconds=3600)
    polling = poller(poll)
    task = asyncio.create_task(polling.run())
    await eventually(lambda: poll.running)

    assert "poll 1" in {task.get_name() for task in asyncio.all_tasks()}

    polling.stop()
    await task


def minutes(poll: FakePoll, **settings: Any) -> Poller:
    """Return a poller whose changes are told, with a tick each five seconds."""
    return Poller(poll, Settings(**{"period": 5, **settings}), is_told=lambda: True)


@in_virtual_time
async def test_polls_are_rare_while_changes_are_told() -> None:
    """They are only a safety net then, on the same grid."""
    poll = FakePoll(seconds=1)

    await minutes(poll, polls=3).run()

    assert poll.starts == pytest.approx([0, 60, 120])
    assert poll.skipped == [0, 0, 0]


@in_virtual_time
async def test_longer_period_stays() -> None:
    """Nobody polls more often than was asked for, but for a change."""
    poll = FakePoll(seconds=1)

    await minutes(poll, polls=3, period=600).run()

    assert poll.starts == pytest.approx([0, 600, 1200])


@in_virtual_time
async def test_change_has_a_poll_soon() -> None:
    """Several at once have one, and the next tick counts from it."""
    poll = FakePoll(seconds=0.5)
    one = minutes(poll, polls=3)
    for late in (20, 20.2, 20.4):
        asyncio.get_running_loop().call_later(late, one.wake)

    await one.run()

    assert poll.starts == pytest.approx([0, 20.5, 80])
    assert poll.skipped == [0, 0, 0]


@in_virtual_time
async def test_changes_all_the_time_have_two_polls_a_second() -> None:
    """However many they are."""
    poll = FakePoll()
    one = minutes(poll, polls=10)
    for late in range(1, 20_000):
        asyncio.get_running_loop().call_later(late / 1000, one.wake)

    await one.run()

    assert poll.starts == pytest.approx([0, *(0.501 * n for n in range(1, 10))], abs=0.01)


@in_virtual_time
async def test_change_waits_for_room() -> None:
    """No more polls run at once than are allowed, and the change is not forgotten."""
    poll = FakePoll(seconds=30)
    one = minutes(poll, polls=2, max_running=1)
    asyncio.get_running_loop().call_later(10, one.wake)

    await one.run()

    assert poll.starts == pytest.approx([0, 30])


@in_virtual_time
async def test_change_does_not_hurry_a_poll_that_failed() -> None:
    """A server that is down is left alone."""
    poll = FakePoll(outcomes="FFFF")
    one = minutes(poll, polls=4, max_errors=0, period=30)
    for late in range(1, 200):
        asyncio.get_running_loop().call_later(late, one.wake)

    await one.run()

    assert poll.starts == pytest.approx([0, 60, 120, 180])


@in_virtual_time
async def test_polls_are_as_often_as_ever_when_nothing_is_told_any_more() -> None:
    """From the moment when that is known."""
    poll = FakePoll()
    told = True
    one = Poller(poll, Settings(period=5, polls=5), is_told=lambda: told)

    def lose() -> None:
        nonlocal told
        told = False
        one.wake()

    asyncio.get_running_loop().call_later(21, lose)
    await one.run()

    assert poll.starts == pytest.approx([0, 21, 25, 30, 35])
    assert poll.skipped == [0] * 5
