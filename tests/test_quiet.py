"""Few lines about trouble: hours without the API pass in seconds, and their lines are counted."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hn_comments import PollFailed, PollReport, Session, Settings, URLFetcher
from hn_comments.engine import watch
from hn_comments.errors import BadStatus, ConnectionFailed, FetchTimeout, NotJSON
from hn_comments.events import Troubles
from hn_comments.memory.memory import Memory
from hn_comments.poller import MAX_DISTANCE, Poller, PollFunction
from hn_comments.simulator import Simulator

from .support import MS, Clock, Ear, client, front_page, in_virtual_time, poll_once


HOUR = 3600.0

# Lines in an hour without the API, at most.
MAX_LINES = 10


async def run_poller(poll: PollFunction, settings: Settings, ear: Ear) -> None:
    """Run a poller that takes the loop's time for the time of day."""
    await Poller(poll, settings, Troubles(ear, asyncio.get_running_loop().time)).run()


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


async def an_hour(settings: Settings, reports: list[PollReport], ear: Ear) -> None:
    """Watch for an hour of the loop's time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HOUR):
            async for report in watch(settings, on_event=ear):
                reports.append(report)  # noqa: PERF401 - they are wanted after the timeout, too


FAILURES = [refuse, hang, break_down, ask_for_less, talk_nonsense]


@pytest.mark.parametrize(
    ("answer", "period"),
    [
        pytest.param(
            answer,
            period,
            # Long polls have an idle tick for each period, which take tens of seconds.
            marks=[pytest.mark.long] if period < 1 and answer in {hang, ask_for_less} else [],
        )
        for answer in FAILURES
        for period in (0.01, 5, 600)
    ],
)
@in_virtual_time
async def test_hour_without_the_api_is_a_few_lines(
    answer: Answer, period: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For any trouble, and any period."""

    async def get(_session: Session, path: str, _url: object) -> bytes:
        return await answer(path)

    monkeypatch.setattr(Session, "get", get)
    reports: list[PollReport] = []
    ear = Ear()

    await an_hour(Settings(period=period, max_errors=0), reports, ear)

    lines = ear.sentences(logging.INFO)
    assert 1 < len(reports) < 200
    assert {report.status for report in reports} == {"failed"}
    assert len([line for line in lines if " failed: " in line]) == 1
    # The command line adds the cost of the first failed poll.
    assert len(lines) + 1 <= MAX_LINES


@pytest.mark.parametrize("failures", [1, 12])
@in_virtual_time
async def test_recovery_is_said_with_its_length(failures: int) -> None:
    """One line for the first failure, and one at the end with their number."""

    async def poll(number: int, _skipped: int) -> None:
        if number <= failures:
            raise PollFailed(f"failure {number}")

    settings, ear = Settings(period=5, max_errors=0, polls=failures + 2), Ear()
    await run_poller(poll, settings, ear)

    ends = {1: "1 failed poll in 5 seconds", 12: "12 failed polls in 8 minutes"}
    expected = f"The API answers again, after {ends[failures]}"
    assert ear.sentences() == ["Poll 1 failed: failure 1 (next poll in 5 seconds)", expected]


@in_virtual_time
async def test_failing_polls_grow_apart_on_the_grid() -> None:
    """Two soon, then at doubled distances up to a minute; after a success as usual."""
    starts: list[float] = []

    async def poll(number: int, _skipped: int) -> None:
        starts.append(asyncio.get_running_loop().time())
        if number <= 12:
            raise PollFailed("down")

    await Poller(poll, Settings(period=5, max_errors=0, polls=15)).run()

    apart = [later - start for start, later in pairwise(starts)]
    expected = [5, 5, 10, 20, 40, 60, 60, 60, 60, 60, 60, 60, 5, 5]
    assert apart == pytest.approx(expected)
    assert max(apart) == pytest.approx(MAX_DISTANCE)


@in_virtual_time
async def test_chronic_skipping_is_one_trouble() -> None:
    """It is said when it begins, and when no tick was skipped for minutes."""

    async def poll(number: int, _skipped: int) -> None:
        await asyncio.sleep(13 if number < 100 else 1)

    ear = Ear()
    await run_poller(poll, Settings(period=5, polls=200), ear)

    first, last = ear.sentences()
    assert first == "Skipped a poll, 2 polls are still running (1 skipped so far)"
    assert last.startswith("Polls start on time again (")


async def test_runs_from_cron_say_a_failure_once(tmp_path: Path) -> None:
    """The first that fails speaks, the next ones do not, and the first good one says the end."""
    history, said = str(tmp_path / "h.db"), []
    async with Simulator(front_page(1)) as simulator:
        settings = Settings(polls=1, history=history, retries=0, api_url=simulator.url)
        for outage in (False, True, True, True, False, False):
            simulator.recover()
            if outage:
                for path in ("topstories", "updates", "maxitem"):
                    simulator.fail(path, "500")
            ear = Ear()
            async for _ in watch(settings, on_event=ear):
                pass
            said.append(ear.sentences())

    (began,), (ended,) = said[1], said[4]
    assert began.startswith("Poll 1 failed: topstories.json: HTTP 500")
    assert ended.startswith("The API answers again, after 3 failed polls in ")
    assert [said[0], *said[2:4], said[5]] == [[], [], [], []]


async def test_updates_are_missed_once() -> None:
    """One warning when they cannot be read, and one when they can again."""
    async with client(front_page(1), retries=0) as (simulator, fetcher):
        simulator.fail("updates", "500", times=3)
        ear = Ear()
        memory = Memory(troubles=Troubles(ear))
        for _ in range(5):
            report = await poll_once(fetcher, memory=memory)
            assert report.status == "exact"

    begin, end = ear.sentences()
    assert begin.startswith("Cannot see which items changed: updates.json: HTTP 500")
    assert end == "What changed can be seen again, after 3 polls without"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("place", ["comment", "post", "new"])
async def test_broken_item_does_not_hold_up_each_poll(place: str) -> None:
    """It gets all tries in one poll, and a single short one in later polls."""
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
            one = URLFetcher(fetcher.source)
            report = await poll_once(one, memory=memory)
            assert report.stories[0].status != "exact"
            assert report.stories[1].count is not None
            assert report.stories[1].count.comments == 1
            sent.append(one.retry_counter)

    # The first poll may ask for it twice: as a comment, and as one of the latest ids.
    assert sent[0] >= 1
    assert sent[1:] == [0, 0, 0]
