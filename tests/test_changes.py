"""Polls that cost what changed: what they fetch, what they find, and what comes late."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hn_comments import Count, PollReport, URLFetcher
from hn_comments.simulator import Simulator, World
from hn_comments.memory import Memory

from .support import Clock, client, front_page, poll_once


# Real threads, as {"top": [ids], "items": {id: item}}; not part of the project.
RECORDED = os.environ.get("HN_COMMENTS_TESTS_RECORDED")


class Watcher:
    """Polls one world again and again, remembering."""

    def __init__(self, simulator: Simulator, fetcher: URLFetcher) -> None:
        self.simulator = simulator
        self.world = simulator.world
        self.session = fetcher.session
        self.clock = Clock()
        self.memory = Memory(self.clock)

    async def poll(self, *, seconds: float = 5, limit: int = 10, **settings: object) -> PollReport:
        """Poll *seconds* after the last time."""
        self.clock.now += seconds
        return await poll_once(
            URLFetcher(self.session), memory=self.memory, limit=limit, **settings
        )

    async def check(self, **settings: object) -> PollReport:
        """Poll, and compare with a full walk of the same world."""
        report = await self.poll(**settings)  # type: ignore[arg-type]
        full = await poll_once(URLFetcher(self.session), limit=10)
        assert totals(report) == totals(full)
        assert report.status == "exact"
        return report


def totals(report: PollReport) -> list[tuple[int, Count | None]]:
    return [(story.id, story.count) for story in report.stories]


@asynccontextmanager
async def watching(world: World, **settings: object) -> AsyncIterator[Watcher]:
    """A watcher that has polled once."""
    async with client(world, retries=0, **settings) as (simulator, fetcher):  # type: ignore[arg-type]
        watcher = Watcher(simulator, fetcher)
        report = await watcher.poll()
        assert (report.mode, report.changed, report.drift) == ("full", 0, 0)
        yield watcher


async def test_quiet_poll_costs_three_requests() -> None:
    """Whatever the size of the trees."""
    async with watching(front_page(50, 100, 0)) as watcher:
        for _ in range(3):
            report = await watcher.check()

            assert (report.fetches, report.mode, report.changed) == (3, "delta", 0)


async def test_new_comments_cost_at_most_three_requests_each() -> None:
    """The comment, its parent and its story are read; nothing else."""
    world = front_page(50, 100)
    world.updates.clear()
    async with watching(world) as watcher:
        for number in (1, 2, 5):
            for _ in range(number):
                world.add_reply(world.top[1])
            report = await watcher.check()
            world.updates.clear()

            assert report.fetches <= 3 + 3 * number
            assert report.changed >= number
            assert report.stories[1].new == number


async def test_reply_to_a_new_comment() -> None:
    """Both are new, in one poll."""
    world = front_page(10)
    async with watching(world) as watcher:
        parent = world.add_comment(world.top[0])
        world.add_comment(world.add_comment(parent))

        report = await watcher.check()

    assert report.stories[0].new == 3


async def test_comment_under_a_deleted_and_a_dead_one() -> None:
    """They are gone, but their replies are not."""
    world = front_page(10)
    deleted, dead = list(world.walk(world.top[0]))[:2]
    world.delete(deleted)
    world.kill(dead)
    async with watching(world) as watcher:
        world.add_comment(deleted)
        world.add_comment(dead)

        report = await watcher.check()

    assert report.stories[0].new == 2


async def test_comment_that_dies_or_is_deleted() -> None:
    """`updates` tells."""
    world = front_page(10)
    one, other = list(world.walk(world.top[0]))[:2]
    async with watching(world) as watcher:
        world.kill(one)
        world.delete(other)

        report = await watcher.check(seconds=61)

    assert report.stories[0].count
    assert report.stories[0].count == Count(live=8, deleted=1, dead=1)
    assert report.changed == 2


async def test_null_item_that_appears_later() -> None:
    """It is asked for in later polls, and joins when it is there."""
    world = front_page(10)
    async with watching(world) as watcher:
        new = world.add_comment(world.top[0])
        world.updates.clear()
        hidden, world.items[new] = world.items[new], None
        assert (await watcher.poll()).stories[0].new == 0

        world.items[new] = hidden
        report = await watcher.check()

    assert report.stories[0].new == 1


async def test_null_id_that_never_appears_is_given_up() -> None:
    """After a minute or so it costs nothing any more."""
    world = front_page(10)
    async with watching(world) as watcher:
        world.items[world.add_comment(world.top[0])] = None
        world.items[world.top[0]] = {**(world.items[world.top[0]] or {}), "kids": []}
        world.updates.clear()
        costs = [(await watcher.poll(seconds=30)).fetches for _ in range(6)]

    assert costs[0] == 4
    assert costs[-1] == 3


async def test_known_comment_that_was_null_is_asked_for_once_more() -> None:
    """A minute later; then only at the next refresh."""
    world = front_page(10)
    gone = next(iter(world.walk(world.top[0])))
    world.updates.clear()
    async with client(world, retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        simulator.fail(f"item/{gone}", "null")
        await watcher.poll()
        costs = [(await watcher.poll(seconds=40)).fetches for _ in range(5)]

        assert costs == [3, 4, 3, 3, 3]


async def test_null_comment_that_comes_back() -> None:
    """Found again after a minute, with its replies."""
    world = front_page(10)
    gone = next(iter(world.walk(world.top[0])))
    world.add_comment(gone)
    async with client(world, retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        simulator.fail(f"item/{gone}", "null", times=1)
        first = await watcher.poll()
        await watcher.check(seconds=61)

    assert first.stories[0].count
    assert first.stories[0].count.missing == 1


async def test_stories_enter_leave_and_return() -> None:
    """A new one is walked; one that returns is still known."""
    world = front_page(10, 20)
    world.updates.clear()
    async with watching(world) as watcher:
        new = world.add_story(score=1)
        world.add_reply(new)
        left, world.top[1] = world.top[1], new
        assert (await watcher.check()).stories[1].new is None
        for _ in range(3):
            world.add_reply(left)

        world.top[1] = left
        report = await watcher.check(seconds=61)

    assert report.stories[1].new == 3
    assert report.fetches < 15


async def test_story_off_the_list_for_an_hour_is_forgotten() -> None:
    """So memory stays flat, whatever passes by."""
    world = front_page(10, 20)
    async with watching(world) as watcher:
        assert len(watcher.memory.cache.items) == 32
        del world.top[1]
        for _ in range(8):
            await watcher.check(seconds=600)

        assert len(watcher.memory.cache.items) == 11
        assert len(watcher.memory.cache.posts) == 1


async def test_moved_comment_is_caught_by_refresh() -> None:
    """`updates` does not tell; the count stays right, and so does the shape in the end."""
    world = front_page(10)
    story = world.top[0]
    last = list(world.walk(story))[-1]
    async with watching(world) as watcher:
        new_parent = next(
            kid for kid in world.walk(story) if kid not in {last, parent_of(world, last)}
        )
        world.move(last, new_parent)
        world.add_comment(last)

        await watcher.check()
        report = await watcher.check(seconds=901)

        assert report.drift == 0
        assert report.fetches > 10
        assert watcher.memory.cache.items[last].parent == new_parent


def parent_of(world: World, item_id: int) -> int:
    parent = (world.items[item_id] or {})["parent"]
    assert isinstance(parent, int)
    return parent


async def test_refresh_measures_the_drift() -> None:
    """What could not be seen from outside is found, and admitted, at the refresh."""
    world = front_page(10)
    async with watching(world) as watcher:
        leaf = list(world.walk(world.top[0]))[-1]
        (world.items[parent_of(world, leaf)] or {})["kids"].remove(leaf)
        world.updates.clear()

        before = await watcher.poll()
        report = await watcher.check(seconds=86401)

    assert before.stories[0].new == 0
    assert (report.drift, report.stories[0].new) == (1, -1)


async def test_refresh_can_be_set() -> None:
    """Earlier than that nothing is walked again."""
    world = front_page(10)
    world.updates.clear()
    async with watching(world) as watcher:
        costs = [(await watcher.poll(seconds=20, refresh=30)).fetches for _ in range(4)]

    assert costs == [3, 14, 3, 14]


@pytest.mark.parametrize("jump", [10_000_000, -20, -30_000_000])
async def test_maxitem_jumps(jump: int) -> None:
    """Then nobody knows what is new, or reading it is dearer: everything is walked again."""
    world = front_page(50)
    async with watching(world) as watcher:
        world.next_id += jump
        report = await watcher.check()
        assert report.fetches <= 3 + 51
        assert report.mode == "full"

        world.next_id -= jump
        world.add_reply(world.top[0])
        assert (await watcher.check()).stories[0].new == 1


async def test_updates_are_only_a_hint() -> None:
    """Empty, huge, or failing: new comments are found all the same."""
    world = front_page(10)
    async with watching(world) as watcher:
        world.add_comment(world.top[0])
        world.updates.clear()
        assert (await watcher.check()).stories[0].new == 1

        world.add_comment(world.top[0])
        watcher.simulator.fail("updates", "500", times=1)
        assert (await watcher.check()).stories[0].new == 1

        world.add_comment(world.top[0])
        world.updates = dict.fromkeys(range(world.next_id - 200_000, world.next_id))
        assert (await watcher.check()).stories[0].new == 1


async def test_failing_updates_are_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Not an error of the poll."""
    async with watching(front_page(10)) as watcher:
        watcher.simulator.fail("updates", "null")
        report = await watcher.poll()

    assert report.status == "exact"
    assert "Cannot see which items changed: updates.json: the answer is not an object" in (
        caplog.messages
    )


async def test_lingering_updates_cost_little() -> None:
    """An id that stays in the list is read when it appears, and then once a minute."""
    world = front_page(10)
    async with watching(world) as watcher:
        world.touch(next(iter(world.walk(world.top[0]))))
        costs = [(await watcher.poll(seconds=20)).fetches for _ in range(6)]

    # All 12 ids of this small world are in the list, since its beginning.
    assert costs[0] == 3
    assert sum(costs) == 6 * 3 + 2 * 11


@pytest.mark.parametrize("fault", ["500", "null", "garbage"])
async def test_without_maxitem_nothing_is_exact(fault: str) -> None:
    """New comments may be missing, and the report says so; the next poll finds them."""
    world = front_page(10)
    async with watching(world) as watcher:
        world.add_reply(world.top[0])
        watcher.simulator.fail("maxitem", fault, times=1)
        report = await watcher.poll()
        assert report.status == "partial"
        assert "new comments may be missing: maxitem.json: " in str(report.stories[0].error)

        assert (await watcher.check()).stories[0].new == 1


async def test_first_poll_without_maxitem_is_exact() -> None:
    """It walks everything; so does the next one, which has nothing to start from."""
    async with client(front_page(10), retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        simulator.fail("maxitem", "500", times=1)

        assert (await watcher.check()).mode == "full"
        assert (await watcher.check()).mode == "full"
        assert (await watcher.check()).mode == "delta"


async def test_unreadable_new_item_may_belong_anywhere() -> None:
    """So nothing is exact until it is read, or turns out to be gone."""
    world = front_page(10)
    async with watching(world) as watcher:
        new = world.add_reply(world.top[0])
        world.updates.clear()
        watcher.simulator.fail(f"item/{new}", "500", times=1)
        report = await watcher.poll()
        assert report.status == "partial"
        assert f"a new item may belong here: item/{new}.json" in str(report.stories[0].error)

        assert (await watcher.check()).stories[0].new == 1


async def test_unreadable_comment_is_asked_for_again() -> None:
    """What could not be read was never known, and costs its requests in every poll."""
    world = front_page(10)
    bad = next(iter(world.walk(world.top[0])))
    async with client(world, retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        simulator.fail(f"item/{bad}", "500", times=2)

        assert (await watcher.poll()).status == "partial"
        report = await watcher.poll()
        assert (report.status, report.fetches) == ("partial", 4)
        await watcher.check()


async def test_budget_is_spread_over_polls() -> None:
    """What one poll learned is kept, so that the next ones get further."""
    async with client(front_page(50, 50), retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        seen = []
        for _ in range(20):
            watcher.clock.now += 5
            limited = URLFetcher(fetcher.session, max_fetches=20)
            report = await poll_once(limited, memory=watcher.memory)
            seen.append(sum(story.count.comments for story in report.stories if story.count))
            if report.status == "exact":
                break

        assert seen == sorted(seen)
        assert seen[-1] == 100
        await watcher.check()


async def test_named_posts_cost_what_changed_too() -> None:
    """Without a list, a quiet poll is two requests."""
    world = front_page(10, 20)
    posts = tuple(world.top)
    async with client(world) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        await watcher.poll(posts=posts)
        assert (await watcher.poll(posts=posts)).fetches == 2

        world.add_reply(posts[0])
        report = await watcher.poll(posts=posts)

    assert [story.new for story in report.stories] == [1, 0]


async def test_full_walk_reads_everything() -> None:
    """As often as it is asked to."""
    async with client(front_page(10)) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        reports = [await watcher.poll(full_walk=True) for _ in range(3)]

    assert [(report.mode, report.fetches) for report in reports] == [("full", 12)] * 3
    assert reports[-1].stories[0].new == 0


async def test_comment_listed_twice_is_never_exact() -> None:
    """Remembered or not, it counts once, and the report says why."""
    world = front_page(5)
    story = world.top[0]
    one, other = list(world.walk(story))[:2]
    (world.items[other] or {}).setdefault("kids", []).append(one)
    async with client(world) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        for _ in range(4):
            report = await watcher.poll()

            assert report.stories[0].count
            assert (report.stories[0].count.comments, report.status) == (5, "partial")
            assert "is listed elsewhere, too" in str(report.stories[0].error)
        assert report.fetches == 3


@pytest.mark.skipif(not RECORDED, reason="HN_COMMENTS_TESTS_RECORDED names no recorded trees")
async def test_recorded_trees_count_the_same_in_both_modes() -> None:
    """Five real threads, while comments are added to them."""
    world = World.from_file(Path(str(RECORDED)))
    async with watching(world) as watcher:
        for step in range(12):
            for _ in range(step % 4):
                world.grow()
            await watcher.check(seconds=61)
