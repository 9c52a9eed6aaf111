"""What the API has told is believed in time: histories that `test_equivalence` found."""

import copy
from pathlib import Path

import pytest

from hn_comments import Count
from hn_comments.history.history import History
from hn_comments.memory.maxitem import RECENT
from hn_comments.memory.memory import Memory
from hn_comments.simulator import World

from .support import client, front_page
from .test_changes import Watcher, watching


def leaf(world: World, story: int) -> int:
    """Return a comment without replies."""
    return next(i for i in world.walk(story) if not (world.items[i] or {}).get("kids"))


async def test_comment_that_was_taken_out_is_not_missing() -> None:
    """`updates` names it, it is null, and its parent does not list it any more."""
    world = front_page(10)
    async with watching(world) as watcher:
        comment = leaf(world, world.top[0])
        world.remove(comment)
        world.updates = {comment: None}

        await watcher.check(seconds=200)
        await watcher.check()


async def test_missing_comment_that_is_taken_out_is_not_missing_for_ever() -> None:
    """It is asked for after a minute, still null, and then no list has it any more."""
    world = front_page(10)
    comment = leaf(world, world.top[0])
    for _ in range(RECENT):
        world.add_comment(world.top[0])
    world.updates.clear()
    async with client(world, retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        watcher.lies[f"item/{comment}.json"] = [None]
        first = await watcher.poll()
        world.remove(comment)

        await watcher.check(seconds=200)

    assert first.stories[0].count == Count(live=9 + RECENT, missing=1)


async def test_comment_that_was_given_up_is_read_when_updates_names_it() -> None:
    """It was null for two minutes, and then it is there: exact, and one too few."""
    world = front_page(10)
    async with watching(world) as watcher:
        comment = world.add_comment(world.top[0])
        world.updates.clear()
        watcher.lies[f"item/{comment}.json"] = [None, None, None]
        while watcher.lies[f"item/{comment}.json"]:
            await watcher.poll(seconds=61)
        world.touch(comment)

        await watcher.check(seconds=61)


async def test_comment_read_before_its_story_is_read_again_if_updates_names_it() -> None:
    """It was among the latest ids, and died before its story entered the list."""
    world = front_page(10, 10)
    story = world.top.pop()
    async with watching(world) as watcher:
        world.kill(leaf(world, story))
        world.top.append(story)
        # Where something is new, only that is read before the walk.
        world.add_comment(world.top[0])

        await watcher.check(seconds=61)


@pytest.mark.parametrize("restarts", [False, True])
async def test_hint_that_came_before_a_story_is_not_forgotten(
    restarts: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    """`updates` named the comment only while its story was not on the list."""
    world = front_page(10, 10)
    story = world.top.pop()
    path = str(tmp_path / "h.db")
    async with client(world, retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        async with History(path) as history:
            await watcher.poll(history=history)
            world.kill(leaf(world, story))
            for _ in range(2):
                await watcher.poll(seconds=15, history=history)
        world.top.append(story)
        world.add_comment(world.top[0])
        world.updates.clear()
        if restarts:
            watcher.memory = Memory(watcher.clock)

        async with History(path) as history:
            await watcher.check(seconds=15, history=history if restarts else None)


@pytest.mark.parametrize("happens", ["dies", "is taken out"])
async def test_answer_that_was_read_is_believed(happens: str) -> None:
    """A new story's walk reads the latest ids again; one has changed since, and nobody told."""
    world = front_page(0, 10)
    story = world.top.pop(0)
    async with watching(world) as watcher:
        comment = leaf(world, world.top[0])
        await watcher.poll(seconds=100)
        if happens == "dies":
            world.kill(comment, quietly=True)
        else:
            world.remove(comment)
        world.top.append(story)
        world.updates.clear()
        watcher.lies[f"item/{comment}.json"] = [copy.deepcopy(world.items[comment])]

        await watcher.check(seconds=100)

        assert not watcher.lies[f"item/{comment}.json"]


async def test_answer_about_another_item_is_not_believed() -> None:
    """Its author is another one; nor is the next answer, which says the same."""
    world = front_page(0, 10)
    story = world.top.pop(0)
    async with watching(world) as watcher:
        comment = leaf(world, world.top[0])
        await watcher.poll(seconds=100)
        world.top.append(story)
        other = {**(world.items[comment] or {}), "by": "another", "dead": True}
        watcher.lies[f"item/{comment}.json"] = [other, other]

        report = await watcher.poll(seconds=100)

        assert report.stories[0].count == Count(live=10, unread=1, reason=report.stories[0].error)
        assert "it is another item than before" in str(report.stories[0].error)


async def test_dispute_that_was_confirmed_is_not_walked_again_by_each_run(tmp_path: Path) -> None:
    """It is walked a second time after a quarter of an hour, whichever run that is."""
    world = front_page(10)
    (world.items[world.top[0]] or {})["descendants"] = 5
    world.updates.clear()
    costs = []
    async with client(world, retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        for _ in range(5):
            watcher.memory = Memory(watcher.clock)
            async with History(str(tmp_path / "h.db")) as history:
                costs.append((await watcher.poll(seconds=901, history=history)).fetches)

    # The lists, the item that shows that this is the same world, the post; and once its comments.
    assert costs[1:] == [5 + 11, 5, 5, 5]


async def test_contradiction_that_is_over_is_forgotten() -> None:
    """A comment that was moved still names its old parent, where it is not listed any more."""
    world = front_page(0)
    story = world.top[0]
    parent = world.add_comment(world.add_comment(story))
    comment = world.add_comment(story)
    old = copy.deepcopy(world.items[comment])
    world.move(comment, parent)
    async with client(world, retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        watcher.lies[f"item/{comment}.json"] = [old]
        await watcher.poll()
        world.updates.clear()
        for _ in range(3):
            await watcher.poll(seconds=1000)

        await watcher.check()


@pytest.mark.parametrize("restarts", [False, True])
async def test_gap_that_a_late_number_made_is_forgotten(restarts: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """`descendants` comes a little late in the first walk, and then a comment dies silently."""
    world = front_page(10)
    post = world.items[world.top[0]] or {}
    async with (
        client(world, retries=0) as (simulator, fetcher),
        History(str(tmp_path / "h.db")) as history,
    ):
        watcher = Watcher(simulator, fetcher)
        post["descendants"] -= 1
        await watcher.poll(seconds=1000, history=history)
        post["descendants"] += 1
        world.kill(leaf(world, world.top[0]), quietly=True)
        world.updates.clear()
        if restarts:
            watcher.memory = Memory(watcher.clock)
        for _ in range(3):
            await watcher.poll(seconds=1000, history=history)

        await watcher.check(history=history)
