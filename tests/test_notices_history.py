"""Notices across restarts: each is told once, by whichever run there is."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hn_comments import Control, Crossing, PollReport, Settings, watch
from hn_comments.events import AlreadyAbove, HistoryMoved
from hn_comments.history.crossings import load_unsent
from hn_comments.history.store import Store
from hn_comments.memory import Memory
from hn_comments.models import Notice
from hn_comments.notices import receivers
from hn_comments.notices.message import NotTaken
from hn_comments.notices.receivers import Receiver
from hn_comments.simulator import Simulator, World

from .reports import post, report
from .support import DEADLINE, Ear, eventually, front_page


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "h.db")


class Friend:
    """Is told, unless *away*."""

    name = "friend"

    def __init__(self) -> None:
        self.away = False
        self.told: list[Crossing] = []
        self.comments: list[int] = []

    async def send(self, notice: Notice) -> None:
        if self.away:
            raise NotTaken("away")
        self.told += notice.crossings
        self.comments += [comment.item.id for comment in notice.comments]

    @property
    def thresholds(self) -> list[tuple[int, str]]:
        return [(crossing.story, crossing.threshold) for crossing in self.told]


@pytest.fixture
def friend(monkeypatch: pytest.MonkeyPatch) -> Friend:
    """The only receiver there is."""
    friend = Friend()

    def make(_settings: Settings) -> list[Receiver]:
        return [friend]

    monkeypatch.setattr(receivers, "make_receivers", make)
    return friend


async def run(
    world: World,
    path: str,
    ear: Ear | None = None,
    control: Control | None = None,
    **settings: Any,
) -> list[PollReport]:
    """Run the program for one poll, with a friend if there is something to tell."""
    friends = ("json://friend",) if settings.keys() & {"threshold", "comments"} else ()
    async with Simulator(world) as simulator:
        simulator.world = world
        chosen = Settings(api_url=simulator.url, polls=1, history=path, notify=friends, **settings)
        forget_address(path)
        reports = watch(chosen, control=control, on_event=ear or Ear())
        return [report async for report in reports]


def forget_address(path: str) -> None:
    """The file knows that of its API, and each simulator has another port."""
    with closing(sqlite3.connect(path)) as connection, suppress(sqlite3.OperationalError):
        connection.execute("DELETE FROM memory WHERE name = 'api_url'")
        connection.commit()


async def test_crossing_is_told_once_over_restarts(path: str, friend: Friend) -> None:
    """Also where the count falls below the threshold and rises again."""
    world = front_page(9)
    (story,) = world.top
    await run(world, path, threshold=("10",))
    new = world.add_reply(story)
    await run(world, path, threshold=("10",))
    world.remove(new)
    await run(world, path, threshold=("10",))
    world.add_reply(story)
    await run(world, path, threshold=("10",))

    assert friend.thresholds == [(story, "10")]


@pytest.mark.parametrize("full_walk", [False, True])
async def test_crossing_that_nobody_took_is_told_by_the_next_run(
    path: str, friend: Friend, *, full_walk: bool
) -> None:
    """Once, however long nobody was there."""
    world, friend.away = front_page(12), True
    await run(world, path, threshold=("10",), full_walk=full_walk)
    await run(world, path, threshold=("10",), full_walk=full_walk)
    friend.away = False
    await run(world, path, threshold=("10",), full_walk=full_walk)
    await run(world, path, threshold=("10",), full_walk=full_walk)

    assert friend.thresholds == [(world.top[0], "10")]


async def test_crossing_while_nobody_ran_is_told_by_the_next_run(path: str, friend: Friend) -> None:
    """With the figures of then."""
    world = front_page(3)
    await run(world, path, threshold=("10",))
    for _ in range(20):
        world.add_reply(world.top[0])
    await run(world, path, threshold=("10",))

    assert [(crossing.comments, crossing.threshold) for crossing in friend.told] == [(23, "10")]


async def test_what_stands_above_a_new_threshold_is_no_news(path: str, friend: Friend) -> None:
    """It is said how many posts that are; what crosses it later is told."""
    world, ear = front_page(12, 3), Ear()
    await run(world, path)
    await run(world, path, ear, threshold=("10", "2/h"))
    for _ in range(8):
        world.add_reply(world.top[1])
    await run(world, path, threshold=("10", "2/h"))

    assert friend.thresholds == [(world.top[1], "10")]
    above = [event for event in ear.events if isinstance(event, AlreadyAbove)]
    assert {(event.threshold, event.posts) for event in above} == {("10", 1), ("2/h", 0)}


@pytest.mark.parametrize("full_walk", [False, True])
async def test_what_grew_fast_before_a_new_threshold_is_never_told(
    path: str, friend: Friend, *, full_walk: bool
) -> None:
    """Nor by the runs after the first one with it."""
    world = front_page(12)
    await run(world, path, full_walk=full_walk)
    await run(world, path, threshold=("5/h",), full_walk=full_walk)
    await run(world, path, threshold=("5/h",), full_walk=full_walk)

    assert friend.told == []


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_thresholds_are_known_to_a_file_that_comes_later(
    path: str, friend: Friend, *, is_replaced: bool
) -> None:
    """Where a file was deleted or replaced in mid-run, the next run has no new threshold."""
    world, ear = front_page(3), Ear()
    async with Simulator(world) as simulator:
        settings = Settings(api_url=simulator.url, history=path, period=0.05, threshold=("10",))
        other = replace(settings, history=f"{path}.backup", polls=1, threshold=())
        assert [report.status async for report in watch(other)] == ["exact"]
        async with aclosing(watch(settings, on_event=ear)) as reports:
            await anext(reports)
            if is_replaced:
                os.replace(f"{path}.backup", path)  # noqa: PTH105 - no name is a Path here
            else:
                os.unlink(path)  # noqa: PTH108 - likewise
            await eventually(lambda: any(isinstance(event, HistoryMoved) for event in ear.events))
            await anext(reports)
            await anext(reports)
    for _ in range(10):
        world.add_reply(world.top[0])
    await run(world, path, ear, threshold=("10",))

    assert not [event for event in ear.events if isinstance(event, AlreadyAbove)]
    assert friend.thresholds == [(world.top[0], "10")]


async def test_comments_for_the_live_table_are_no_notice(path: str, friend: Friend) -> None:
    """Only those that were asked for are."""
    world = front_page(3)
    await run(world, path, live=True, threshold=("1000",))
    world.add_reply(world.top[0])
    (report,) = await run(world, path, live=True, threshold=("1000",))

    assert len(report.comments) == 1
    assert friend.comments == []
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT count(*) FROM untold WHERE audience = 'receivers'")
        assert rows.fetchone() == (0,)


async def test_growth_that_fell_and_rose_is_told_again_by_full_walks(
    path: str, friend: Friend
) -> None:
    """The file knows by then that it fell."""
    world = front_page(12)
    (story,) = world.top
    async with Simulator(world) as simulator:
        settings = Settings(
            api_url=simulator.url, history=path, notify=("json://friend",), threshold=("5/h",),
            period=0.05, full_walk=True,
        )  # fmt: skip
        async with aclosing(watch(settings)) as reports:
            await see(reports, lambda last_hour: last_hour >= 5)
            for comment in world.walk(story):
                (world.items[comment] or {})["time"] -= 7200
            await see(reports, lambda last_hour: last_hour == 0)
            for _ in range(8):
                world.add_reply(story)
            await see(reports, lambda last_hour: last_hour >= 5)
            await eventually(lambda: len(friend.told) > 1)

    assert friend.thresholds == [(story, "5/h")] * 2


async def see(reports: AsyncIterator[PollReport], is_right: Callable[[int], bool]) -> None:
    """Take reports until the growth of the only post is as it should be, and one more."""
    async with asyncio.timeout(DEADLINE):
        async for report in reports:
            if is_right(report.stories[0].last_hour or 0):
                await anext(reports)
                return


async def test_first_run_tells_what_is_above_already(path: str, friend: Friend) -> None:
    """For an empty history all is news, in one message."""
    world = front_page(12, 13, 3)
    await run(world, path, threshold=("10",))

    assert len(friend.told) == 2


def test_growth_that_fell_before_it_was_taken_is_not_lost(path: str) -> None:
    """It stays in the file until it is taken, and can be reached again then."""
    store, memory = Store(path), Memory()
    grown = Crossing(story=1, title="T", threshold="60/h", comments=70, last_hour=60)
    poll = report(post(1), crossings=(grown,))
    store.save([poll], [], memory)
    memory.crossings.rearmed.add((1, "60/h"))

    store.save([report(post(1))], [], memory)
    kept = load_unsent(store.connection)
    store.save([report(post(1))], [], memory, sent=[Notice(time=poll.started, crossings=(grown,))])
    known = store.save([poll], [], memory)
    again = load_unsent(store.connection)
    store.close()

    assert [crossing.story for crossing in kept] == [1]
    assert known == []
    assert [crossing.story for crossing in again] == [1]


async def test_new_comments_that_nobody_took_are_told_by_the_next_run(
    path: str, friend: Friend
) -> None:
    """Beside what the reader of the output is told; also after several runs without success."""
    world = front_page(3)
    await run(world, path, comments=True)
    friend.away = True
    missed = world.add_reply(world.top[0])
    await run(world, path, comments=True)
    await run(world, path, comments=True)
    friend.away = False
    await run(world, path, comments=True)
    await run(world, path, comments=True)

    assert friend.comments == [missed]


async def test_last_comments_are_for_the_reader_only(path: str, friend: Friend) -> None:
    """Receivers get the one of them that is new, in the only run in which it is."""
    world = front_page(8)
    options: dict[str, Any] = {"comments": True, "last": 5}
    await run(world, path, **options)
    await run(world, path, **options)
    new = world.add_reply(world.top[0])
    reports = await run(world, path, **options)
    await run(world, path, **options)

    assert len(reports[0].comments) == 5
    assert friend.comments == [new]


async def test_last_comments_that_nobody_took_are_not_told_later(path: str, friend: Friend) -> None:
    """They are no news for a receiver that was away."""
    world, friend.away = front_page(8), True
    await run(world, path, comments=True, last=5)
    friend.away = False
    await run(world, path, comments=True)

    assert friend.comments == []


async def test_comment_that_only_the_reader_missed_is_not_sent_again(
    path: str, friend: Friend
) -> None:
    """The next run tells the reader."""
    world = front_page(3)
    await run(world, path, comments=True)
    new = world.add_reply(world.top[0])
    await run(world, path, control=Control(told=lambda: 0), comments=True)
    (report,) = await run(world, path, comments=True)

    assert [comment.item.id for comment in report.comments] == [new]
    assert friend.comments == [new]


async def test_comments_that_died_before_they_were_told_are_forgotten(
    path: str, friend: Friend
) -> None:
    """No run asks for them again."""
    world = front_page(3)
    await run(world, path, comments=True)
    friend.away = True
    missed = world.add_reply(world.top[0])
    await run(world, path, comments=True)
    world.kill(missed)
    await run(world, path, comments=True)

    with closing(sqlite3.connect(path)) as connection:
        left = connection.execute("SELECT * FROM untold").fetchall()
    assert left == []


async def test_comment_that_only_receivers_missed_costs_other_runs_nothing(
    path: str, friend: Friend
) -> None:
    """A run without receivers cannot tell it; the next one with some does."""
    world = front_page(3)
    await run(world, path, comments=True)
    friend.away = True
    missed = world.add_reply(world.top[0])
    await run(world, path, comments=True)
    world.updates.clear()
    async with Simulator(world) as simulator:
        settings = Settings(api_url=simulator.url, polls=1, history=path, comments=True)
        forget_address(path)
        asked = [report.fetches async for report in watch(settings)]
    friend.away = False
    await run(world, path, comments=True)

    assert asked == [4]
    assert friend.comments == [missed]


async def test_two_programs_on_one_history_tell_once(path: str, friend: Friend) -> None:
    """The one that saves first."""
    world = front_page(9)
    async with Simulator(world) as simulator:
        settings = Settings(
            api_url=simulator.url, history=path, notify=("json://friend",), threshold=("10",),
            period=0.1,
        )  # fmt: skip
        async with aclosing(watch(settings)) as one, aclosing(watch(settings)) as other:
            await anext(one)
            await anext(other)
            world.add_reply(world.top[0])
            for _ in range(3):
                await anext(one)
                await anext(other)

    assert friend.thresholds == [(world.top[0], "10")]
