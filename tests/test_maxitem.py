"""Answers for `maxitem` that are too high or too low, and what is believed after them."""

from typing import Any

from hn_comments.memory.maxitem import DENIED_FOR, MaxItem
from hn_comments.simulator import World

from .support import front_page
from .test_changes import Watcher, watching


def largest(world: World) -> int:
    return world.next_id - 1


async def test_claim_that_was_false_is_forgotten() -> None:
    """The ids that it meant cost nothing, and new comments below it are found."""
    world = front_page(30)
    async with watching(world) as watcher:
        watcher.lies["maxitem.json"] = [largest(world) + 5000]
        await watcher.poll()

        costs = [(await watcher.poll(seconds=100)).fetches for _ in range(2)]
        world.add_comment(world.top[0])
        world.updates.clear()
        report = await watcher.check(seconds=100)

    assert costs == [3, 3]
    assert report.stories[0].new == 1
    assert report.fetches == 3 + 2


async def test_comment_written_during_a_false_claim_is_read() -> None:
    """Its id lies between what was believed before and what is claimed after."""
    world = front_page(30)
    async with watching(world) as watcher:
        watcher.lies["maxitem.json"] = [largest(world) + 5000]
        await watcher.poll()
        world.add_comment(world.top[0])
        world.updates.clear()
        report = await watcher.poll(seconds=5)

    assert [story.exact_comments for story in report.stories] == [31]


async def poll_with(watcher: Watcher, maxitem: int, *, seconds: float) -> tuple[str, Any]:
    """Poll while `maxitem` says so, and return the status, and what was said."""
    watcher.lies["maxitem.json"] = [maxitem]
    report = await watcher.poll(seconds=seconds)
    said, watcher.ear.events = watcher.ear.sentences(), []
    return report.status, said


async def test_low_answers_are_another_world_only_if_nothing_else_comes() -> None:
    """One good answer between them, and the time begins anew."""
    world = front_page(30)
    low = largest(world) - 2000
    async with watching(world) as watcher:
        assert await poll_with(watcher, low, seconds=5) == ("partial", [])
        assert await poll_with(watcher, largest(world), seconds=100) == ("exact", [])
        assert await poll_with(watcher, low, seconds=100) == ("partial", [])
        assert await poll_with(watcher, low, seconds=179) == ("partial", [])

        status, said = await poll_with(watcher, low, seconds=1)

    assert status == "exact"
    assert len(said) == 1


def test_second_world_takes_as_long_as_the_first() -> None:
    """That the first took minutes to be believed says nothing of the next."""
    maxitem = MaxItem(known=10_000, read=10_000)
    assert maxitem.hear(8000, now=1000) == "denied"
    assert maxitem.hear(8000, now=1000 + DENIED_FOR) == "another world"
    maxitem.read = 8000

    assert maxitem.hear(6000, now=1010 + DENIED_FOR) == "denied"
