"""Another world behind the same address: noticed, said, and counted anew."""

import errno
import os
import sqlite3
from contextlib import closing
from glob import glob
from pathlib import Path
from typing import Any

import pytest

from hn_comments import PollReport, Session, Settings, URLFetcher
from hn_comments.events import Troubles, WorldChanged
from hn_comments.history.history import History
from hn_comments.memory.memory import Memory
from hn_comments.simulator import Simulator, World
from hn_comments.stories import Poll

from .support import Clock, Ear, client, front_page, poll_once


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "h.db")


async def run_once(world: World, path: str, ear: Ear) -> PollReport:
    """Return the report of a run of one poll of *world*, at an address that never changes."""
    reports: list[PollReport] = []
    async with (
        client(world, retries=0) as (_, fetcher),
        History(path, Troubles(ear), api_url="the same") as history,
    ):
        one = Poll(
            fetcher,
            Settings(limit=10),
            memory=Memory(troubles=Troubles(ear)),
            number=1,
            history=history,
        )
        await one.run(reports.append)
    return reports[0]


async def poll(fetcher: URLFetcher, memory: Memory, number: int, history: History) -> None:
    await Poll(fetcher, Settings(), memory=memory, number=number, history=history).run(
        lambda _: None
    )


def polls_in(path: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (number,) = connection.execute("SELECT count(*) FROM polls").fetchone()
    assert isinstance(number, int)
    return number


def read(path: str) -> bytes:
    return Path(path).read_bytes()


def older(world: World) -> World:
    """Return *world*, as if all of it had been written an hour before."""
    for item in world.items.values():
        if item is not None:
            item["time"] -= 3600
    return world


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda: older(front_page(2, 3)), id="other times"),
        pytest.param(lambda: World(stories=5, seed=7), id="another seed"),
    ],
)
async def test_history_of_another_world_is_kept_apart(path: str, other: Any) -> None:
    """Its figures stay in a file of their own, and the counts are those of this world."""
    ear, world = Ear(), other()
    await run_once(front_page(5, 6), path, ear)

    report = await run_once(world, path, ear)

    truth = {post: len([*world.walk(post)]) for post in world.top}
    assert {story.id: story.count and story.count.comments for story in report.stories} == truth
    assert {story.new for story in report.stories} == {None}
    (event,) = (event for event in ear.events if isinstance(event, WorldChanged))
    assert event.kept is not None
    assert (polls_in(path), polls_in(event.kept)) == (1, 1)


@pytest.mark.parametrize("way", ["renamed", "moved"])
async def test_worlds_are_never_mixed_in_a_file(
    path: str, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A file that cannot be renamed is not written until it can, or until it is moved away."""
    ear, world, memory = Ear(), older(front_page(2, 3)), Memory()
    await run_once(front_page(5, 6), path, ear)
    before, seen = read(path), []

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    async with client(world) as (_, fetcher), History(path, Troubles(ear)) as history:
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", refuse)
            for number in (1, 2):
                await poll(fetcher, memory, number, history)
                seen.append(read(path))
        if way == "moved":
            os.replace(path, f"{path}.mine")  # noqa: PTH105 - no name is a Path here
        await poll(fetcher, memory, 3, history)

    assert seen == [before, before]
    assert polls_in(path) == 3
    (kept,) = glob(f"{path}.*")  # noqa: PTH207 - likewise
    assert read(kept) == before
    trouble, end = ear.sentences()
    assert "is about another world, and cannot be renamed (Permission denied)" in trouble
    assert end == f"{path} can be written again: it has the 2 polls that were not in it"


async def test_same_world_costs_one_request_a_run(path: str) -> None:
    """One known item is read again; nothing is said."""
    ear, world = Ear(), front_page(5, 6)
    await run_once(world, path, ear)

    report = await run_once(world, path, ear)

    assert (report.fetches, report.status) == (4, "exact")
    assert not ear.sentences()


async def test_item_that_changed_alone_is_believed_in_the_end() -> None:
    """Moderators may well do that; for one poll the count is a lower bound."""
    world, clock, ear = front_page(5, 6), Clock(), Ear()
    memory = Memory(clock, troubles=Troubles(ear))
    async with client(world, retries=0) as (_, fetcher):
        await poll_once(fetcher, memory=memory, limit=10)
        (world.items[world.top[0]] or {})["time"] += 60
        world.touch(world.top[0])
        statuses = []
        for _ in range(4):
            clock.now += 15
            report = await poll_once(fetcher, memory=memory, limit=10)
            statuses.append(report.status)

    assert statuses == ["partial", "exact", "exact", "exact"]
    assert not ear.sentences()


@pytest.mark.parametrize(("before", "after"), [((5, 6), (2,)), ((30,), (36, 60, 9))])
async def test_mock_that_is_started_anew_is_counted_anew(
    before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    """While the program runs: fewer items with the same ids, or more, some of them read at once."""
    clock, ear = Clock(), Ear()
    memory = Memory(clock, troubles=Troubles(ear))
    async with Simulator(front_page(*before)) as simulator:
        settings = Settings(api_url=simulator.url, retries=0)
        async with Session(settings) as session:
            await poll_once(URLFetcher(session), memory=memory, limit=10)
            simulator.world = older(front_page(*after))
            for item in [*simulator.world.items]:
                simulator.world.touch(item)
            reports = []
            for _ in range(3):
                clock.now += 15
                report = await poll_once(URLFetcher(session), memory=memory, limit=10)
                reports.append(report)

    assert reports[0].status != "exact"
    assert [story.count and story.count.comments for story in reports[-1].stories] == [*after]
    assert reports[-1].status == "exact"
    assert len(ear.sentences()) == 1


async def test_items_that_are_all_null_for_a_while_are_no_other_world(path: str) -> None:
    """As long as there are not fewer ids, too."""
    ear, world = Ear(), front_page(5, 6)
    await run_once(world, path, ear)
    known = {item: world.items[item] for post in world.top for item in (post, *world.walk(post))}
    for item in known:
        world.items[item] = None

    report = await run_once(world, path, ear)
    world.items.update(known)
    later = await run_once(world, path, ear)

    assert report.status != "exact" or all(story.count for story in report.stories)
    assert not [event for event in ear.events if isinstance(event, WorldChanged)]
    assert [story.count and story.count.comments for story in later.stories] == [5, 6]


async def test_comment_of_another_world_is_told_whatever_its_id(path: str) -> None:
    """It has the id of one that an earlier run told of the world before."""
    told = []
    for world in (front_page(5, 6), older(front_page(5, 6))):
        memory = Memory()
        async with (
            client(world, retries=0) as (_, fetcher),
            History(path, api_url="the same") as history,
        ):
            await poll_once(fetcher, memory=memory, history=history, comments=True)
            comment = world.add_comment(world.top[0])
            report = await poll_once(fetcher, memory=memory, history=history, comments=True)
        told.append((comment, [each.item.id for each in report.comments]))

    assert told == [(comment, [comment])] * 2
