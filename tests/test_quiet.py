"""Quiet about trouble: hours without the API pass in seconds, and their lines are counted."""

import asyncio
import contextlib
import selectors
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from hn_comments import PollFailed, PollReport, Session, Settings, URLFetcher
from hn_comments.engine import watch
from hn_comments.errors import BadStatus, ConnectionFailed, FetchTimeout, NotJSON
from hn_comments.memory.memory import Memory
from hn_comments.poller import MAX_DISTANCE, Poller

from .support import MS, Clock, client, front_page, poll_once


HOUR = 3600.0

# Lines in an hour without the API that a log can bear.
MAX_LINES = 10


class HastySelector(selectors.DefaultSelector):
    """Waits for nothing: the time until the next timer has passed at once."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            self.skipped += timeout
        return super().select(None if timeout is None else 0)


class HastyLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock is ahead by all that nobody had to wait for."""

    def __init__(self) -> None:
        self._hasty = HastySelector()
        super().__init__(self._hasty)

    def time(self) -> float:
        return super().time() + self._hasty.skipped


def run_hasty(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        runner.run(work)


async def refuse(path: str) -> bytes:
    raise ConnectionFailed(path, "cannot connect to 127.0.0.1:9: Connection refused")


async def hang(path: str) -> bytes:
    await asyncio.sleep(10)
    raise FetchTimeout(path, 10)


async def break_down(path: str) -> bytes:
    raise BadStatus(path, 500)


async def ask_for_less(path: str) -> bytes:
    raise BadStatus(path, 429, 1.0)


async def talk_nonsense(path: str) -> bytes:
    raise NotJSON(path)


Answer = Callable[[str], Coroutine[Any, Any, bytes]]


async def an_hour(settings: Settings, reports: list[PollReport]) -> None:
    """Watch for an hour of the loop's time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HOUR):
            async for report in watch(settings):
                reports.append(report)  # noqa: PERF401 - they are wanted after the timeout, too


FAILURES = [refuse, hang, break_down, ask_for_less, talk_nonsense]


@pytest.mark.parametrize(
    ("answer", "period"),
    [
        pytest.param(
            answer,
            period,
            # Polls that take long have an idle tick for each period: tens of seconds of them.
            marks=[pytest.mark.long] if period < 1 and answer in {hang, ask_for_less} else [],
        )
        for answer in FAILURES
        for period in (0.01, 5, 600)
    ],
)
def test_hour_without_the_api_is_a_few_lines(
    answer: Answer, period: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is wrong with it, and however short the period is."""

    async def get(_session: Session, path: str, _url: object) -> bytes:
        return await answer(path)

    monkeypatch.setattr(Session, "get", get)
    caplog.set_level("INFO", logger="hn_comments")
    reports: list[PollReport] = []

    run_hasty(an_hour(Settings(period=period, max_errors=0), reports))

    assert 1 < len(reports) < 200
    assert {report.status for report in reports} == {"failed"}
    assert len([m for m in caplog.messages if " failed: " in m]) == 1
    # The command line adds what the first failed poll took.
    assert len(caplog.messages) + 1 <= MAX_LINES


@pytest.mark.parametrize("failures", [1, 12])
def test_recovery_is_said_with_its_length(failures: int, caplog: pytest.LogCaptureFixture) -> None:
    """The first failure, and the end with the number of them; nothing between."""

    async def poll(number: int, _skipped: int) -> None:
        if number <= failures:
            raise PollFailed(f"failure {number}")

    caplog.set_level("WARNING")
    settings = Settings(period=5, max_errors=0, polls=failures + 2)
    run_hasty(Poller(poll, settings).run())

    ends = {1: "1 failed poll in 5 seconds", 12: "12 failed polls in 30 minutes"}
    expected = f"The API answers again, after {ends[failures]}"
    assert caplog.messages == ["Poll 1 failed: failure 1", expected]


def test_failing_polls_grow_apart_on_the_grid() -> None:
    """Two soon, then at doubled distances up to five minutes; after a success as before."""
    starts: list[float] = []

    async def poll(number: int, _skipped: int) -> None:
        starts.append(asyncio.get_running_loop().time())
        if number <= 12:
            raise PollFailed("down")

    run_hasty(Poller(poll, Settings(period=5, max_errors=0, polls=15)).run())

    apart = [later - start for start, later in pairwise(starts)]
    expected = [5, 5, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300, 5, 5]
    assert apart == pytest.approx(expected, abs=0.5)
    assert max(apart) <= MAX_DISTANCE + 0.5


def test_chronic_skipping_is_one_trouble(caplog: pytest.LogCaptureFixture) -> None:
    """Said when it begins, and when no tick was skipped for minutes."""

    async def poll(number: int, _skipped: int) -> None:
        await asyncio.sleep(13 if number < 100 else 1)

    run_hasty(Poller(poll, Settings(period=5, polls=200)).run())

    first, last = [message for message in caplog.messages if "skipped so far" in message]
    assert first == "Skipped a poll, 2 polls are still running (1 skipped so far)"
    assert last.startswith("Polls start on time again (")


async def test_updates_are_missed_once(caplog: pytest.LogCaptureFixture) -> None:
    """A warning when they cannot be read, and one when they can again."""
    async with client(front_page(1), retries=0) as (simulator, fetcher):
        simulator.fail("updates", "500", times=3)
        memory = Memory()
        for _ in range(5):
            report = await poll_once(fetcher, memory=memory)
            assert report.status == "exact"

    begin, end = caplog.messages
    assert begin.startswith("Cannot see which items changed: updates.json: HTTP 500")
    assert end == "What changed can be seen again, after 3 polls without"


@pytest.mark.parametrize("place", ["comment", "post", "new"])
async def test_broken_item_does_not_hold_up_each_poll(place: str) -> None:
    """It gets all its tries in one poll; after that a single one, and that is a short one."""
    timeout = 200 * MS
    async with client(front_page(2, 1), retries=1, fetch_timeout=timeout) as (simulator, fetcher):
        world, clock = simulator.world, Clock()
        memory = Memory(clock)
        if place == "new":
            await poll_once(fetcher, memory=memory)
            broken = world.add_reply(world.top[0])
        else:
            broken = world.top[0] if place == "post" else next(iter(world.walk(world.top[0])))
        simulator.fail(f"item/{broken}", "hang")
        sent = []
        for _ in range(4):
            clock.now += 5
            one = URLFetcher(fetcher.session)
            report = await poll_once(one, memory=memory)
            assert report.stories[0].status != "exact"
            assert report.stories[1].count is not None
            assert report.stories[1].count.comments == 1
            sent.append(one.retry_counter)

    # In a first poll it may be one of the latest ids, and be asked for as such, too.
    assert sent[0] >= 1
    assert sent[1:] == [0, 0, 0]
