"""Polls that read only changes: their requests, their finds, and late answers."""

import asyncio
import copy
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hn_comments import Count, PollReport, URLFetcher
from hn_comments.api.source import Source
from hn_comments.events import Troubles
from hn_comments.history.history import History
from hn_comments.memory.maxitem import RECENT
from hn_comments.memory.memory import Memory
from hn_comments.simulator import Simulator, World

from .support import MS, TREES, Clock, Ear, client, front_page, poll_once, thread


# Others than those of the project, perhaps real ones: {"top": [ids], "items": {id: item}}.
RECORDED = Path(os.environ.get("HN_COMMENTS_TESTS_RECORDED", TREES))


class LyingFetcher(URLFetcher):
    """Answers a path with its *lies*, one after the other, before it asks the server."""

    def __init__(self, session: Source, lies: dict[str, list[Any]]) -> None:
        super().__init__(session)
        self.lies = lies

    async def fetch(self, path: str, *, failed: bool = False) -> Any:
        if not self.lies.get(path):
            return await super().fetch(path, failed=failed)
        self.fetch_counter += 1
        return self.lies[path].pop(0)


class Watcher:
    """Polls one world again and again, remembering; *lies* are told before the truth."""

    def __init__(self, simulator: Simulator, fetcher: URLFetcher) -> None:
        self.simulator = simulator
        self.world = simulator.world
        self.session = fetcher.source
        self.clock = Clock()
        self.ear = Ear()
        self.memory = Memory(self.clock, troubles=Troubles(self.ear))
        self.lies: dict[str, list[Any]] = {}

    async def poll(self, *, seconds: float = 5, **settings: object) -> PollReport:
        """Poll *seconds* after the last time."""
        self.clock.now += seconds
        fetcher = LyingFetcher(self.session, self.lies)
        # Of named posts there is no limit.
        chosen = settings if "posts" in settings else {"limit": 10, **settings}
        return await poll_once(fetcher, memory=self.memory, **chosen)

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
    """Yield a watcher that has polled once."""
    async with client(world, retries=0, **settings) as (simulator, fetcher):  # type: ignore[arg-type]
        watcher = Watcher(simulator, fetcher)
        report = await watcher.poll()
        assert (report.mode, report.changed, report.drift) == ("full", 0, 0)
        yield watcher


def oldest(world: World) -> int:
    """Return the first comment of the first story."""
    return min(world.walk(world.top[0]))


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
    """Their replies are alive."""
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
    """Later polls ask for it, and it joins once it can be read."""
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
    """In a later poll, then at growing distances; and its parent, if it is there."""
    world = front_page(10)
    gone = oldest(world)
    for _ in range(RECENT):
        world.add_comment(world.top[0])
    world.updates.clear()
    async with client(world, retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        simulator.fail(f"item/{gone}", "null")
        await watcher.poll()
        costs = [(await watcher.poll(seconds=5)).fetches for _ in range(32)]

    asked = [5 * number for number, cost in enumerate(costs, start=1) if cost == 5]
    assert asked == [5, 15, 35, 75, 155]
    assert set(costs) == {3, 5}


async def test_null_comment_that_comes_back() -> None:
    """It is found again in the next poll, with its replies."""
    world = front_page(10)
    gone = oldest(world)
    world.add_comment(gone)
    for _ in range(RECENT):
        world.add_comment(world.top[0])
    async with client(world, retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        simulator.fail(f"item/{gone}", "null", times=1)
        first = await watcher.poll()
        await watcher.check(seconds=5)

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


def size(watcher: Watcher) -> int:
    """Return how many items are remembered."""
    return sum(len(d.tree.nodes) for d in watcher.memory.discussions.values())


async def test_story_off_the_list_for_an_hour_is_forgotten() -> None:
    """Memory stays flat, however many stories pass by."""
    world = front_page(10, 20)
    async with watching(world) as watcher:
        assert size(watcher) == 32
        del world.top[1]
        for _ in range(8):
            await watcher.check(seconds=600)

        assert size(watcher) == 11


async def test_moved_comment_is_caught_by_refresh() -> None:
    """No list names the move; the count stays right, and the shape becomes so."""
    world = front_page(30)
    story = world.top[0]
    last = max(world.walk(story))
    async with watching(world) as watcher:
        world.move(
            last, next(k for k in world.walk(story) if k not in {last, parent_of(world, last)})
        )

        await watcher.check()
        report = await watcher.check(seconds=86401)
        after = await watcher.check(seconds=86401)

    assert (report.drift, after.drift) == (1, 0)
    assert report.fetches > 30


def parent_of(world: World, item_id: int) -> int:
    parent = (world.items[item_id] or {})["parent"]
    assert isinstance(parent, int)
    return parent


@pytest.mark.parametrize("names", ["comment", "parents"])
async def test_young_comment_that_moves_is_found_at_once(names: str) -> None:
    """Where `updates` tells, whichever of the three items it names; and it is told once."""
    world = front_page(30)
    old, new = list(world.walk(world.top[0]))[:2]
    async with watching(world, comments=True) as watcher:
        comment = world.add_comment(old)
        first = await watcher.poll(comments=True)
        await watcher.poll(seconds=5, comments=True)
        world.move(comment, new)
        world.updates = {comment: None} if names == "comment" else {new: None, old: None}
        report = await watcher.poll(seconds=15, comments=True)
        after = await watcher.poll(seconds=15, comments=True)

    assert [told.item.id for told in first.comments] == [comment]
    for told in (report, after):
        assert (told.status, told.comments) == ("exact", ())
        assert told.stories[0].count == Count(live=31)
    assert watcher.memory.discussions[world.top[0]].tree.nodes[comment].parent == new


async def test_comment_that_moves_before_it_is_listed_costs_nothing_later() -> None:
    """Its new parent lists it, so nobody has to be read again for it."""
    world = front_page(30)
    old, new = list(world.walk(world.top[0]))[:2]
    async with watching(world) as watcher:
        watcher.lies[f"item/{old}.json"] = [copy.deepcopy(world.items[old])]
        comment = world.add_comment(old)
        world.updates.clear()
        await watcher.poll()
        assert comment in watcher.memory.discussions[world.top[0]].tree.unlisted
        world.move(comment, new)
        world.updates = {new: None}
        moved = await watcher.poll(seconds=15)

        assert (await watcher.check(seconds=5)).fetches == 3

    assert moved.stories[0].count == Count(live=31)


@pytest.mark.parametrize("names", ["comment", "parent"])
async def test_young_comment_that_is_removed_is_gone_soon(names: str) -> None:
    """Ten seconds after its parent, which had listed it, does not list it any more."""
    world = front_page(30)
    parent = oldest(world)
    async with watching(world) as watcher:
        comment = world.add_comment(parent)
        await watcher.poll()
        await watcher.poll(seconds=5)
        world.remove(comment)
        world.updates = {comment if names == "comment" else parent: None}
        await watcher.poll(seconds=12)
        report = await watcher.poll(seconds=12)

    assert report.stories[0].count == Count(live=30)
    assert report.status == "exact"


async def test_refresh_measures_the_drift() -> None:
    """A change that no figure shows is found at the refresh, and said."""
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
    """Before that time, nothing is walked again."""
    world = front_page(10)
    world.updates.clear()
    async with watching(world) as watcher:
        costs = [(await watcher.poll(seconds=20, refresh=30)).fetches for _ in range(4)]

    assert costs == [3, 14, 3, 14]


async def test_maxitem_jumps_up() -> None:
    """Once a second answer confirms it, all is walked again: reading each id would cost more."""
    world = front_page(50)
    async with watching(world) as watcher:
        world.next_id += 10_000_000
        report = await watcher.check()
        assert report.fetches <= 3 + 1 + 51 + RECENT
        assert report.mode == "full"

        world.next_id -= 10_000_000
        world.add_reply(world.top[0])
        report = await watcher.check()
        assert report.stories[0].new == 1


async def test_one_absurd_maxitem_is_not_believed() -> None:
    """It costs one more request, and nothing else."""
    world = front_page(50)
    async with watching(world) as watcher:
        watcher.lies["maxitem.json"] = [10**9]
        report = await watcher.check()

        assert (report.fetches, report.mode) == (4, "delta")


@pytest.mark.parametrize("behind", [1, 900])
async def test_lower_maxitem_is_old_news(behind: int) -> None:
    """It comes from a second replica, or was overtaken, and costs nothing, now or later."""
    world = front_page(50)
    async with watching(world) as watcher:
        for _ in range(5):
            watcher.lies["maxitem.json"] = [world.next_id - 1 - behind]
            assert (await watcher.check()).fetches == 3
            assert (await watcher.check()).fetches == 3


async def test_updates_are_only_a_hint() -> None:
    """New comments are found even if it is empty, huge, or failing."""
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


async def test_failing_updates_are_a_warning() -> None:
    """Not an error of the poll."""
    async with watching(front_page(10)) as watcher:
        watcher.simulator.fail("updates", "null")
        report = await watcher.poll()

    assert report.status == "exact"
    assert watcher.ear.sentences() == [
        "Cannot see which items changed: updates.json: the answer is not an object"
    ]


async def test_lingering_updates_cost_little() -> None:
    """An id is read when it appears, once more ten seconds later, and then once a minute."""
    world = front_page(10)
    async with watching(world) as watcher:
        world.touch(oldest(world))
        costs = [(await watcher.poll(seconds=20)).fetches for _ in range(6)]
        world.updates.clear()
        after = [(await watcher.poll(seconds=20)).fetches for _ in range(6)]

    assert costs == [4, 4, 3, 3, 4, 3]
    assert after == [3, 3, 3, 3, 3, 3]


async def test_id_that_updates_name_twice_has_not_moved() -> None:
    """The list is as it was: nothing has changed."""
    world = front_page(10)
    async with watching(world) as watcher:
        comments = [*world.walk(world.top[0])]
        answer = {"items": [*comments, *comments[:3]], "profiles": []}
        watcher.lies["updates.json"] = [answer] * 6
        costs = [(await watcher.poll(seconds=1)).fetches for _ in range(6)]

    assert costs[1:] == [3] * 5


@pytest.mark.parametrize("order", ["newest first", "newest last"])
async def test_id_that_moves_in_updates_has_changed_again(order: str) -> None:
    """It is read at once and ten seconds later, as if it had just appeared; the others are not."""
    world = front_page(20)
    one, *others = sorted(world.walk(world.top[0]))[:9]
    async with watching(world) as watcher:
        for comment in (one, *others):
            world.touch(comment)

        async def poll() -> PollReport:
            listed = [*world.updates] if order == "newest last" else [*world.updates][::-1]
            watcher.lies["updates.json"] = [{"items": listed, "profiles": []}]
            return await watcher.poll(seconds=10)

        costs = [(await poll()).fetches for _ in range(3)]
        # Only its author's doing: the story's number would have the comment found, too.
        world.delete(one, quietly=True)
        world.touch(one)
        found = await poll()
        after = [(await poll()).fetches for _ in range(2)]

    assert costs == [3 + 9, 3 + 9, 3]
    assert found.stories[0].count == Count(live=19, deleted=1)
    assert found.fetches == 3 + 1
    assert after == [3 + 1, 3]


async def test_id_that_moves_before_its_second_reading_has_changed_again() -> None:
    """It is read at once, and ten seconds after that; also if the list was empty in between."""
    world = front_page(20)
    one, *others = sorted(world.walk(world.top[0]))[:9]
    async with watching(world) as watcher:
        for comment in (*others[:4], one, *others[4:]):
            world.touch(comment)
        costs = [(await watcher.poll(seconds=1)).fetches]
        watcher.lies["updates.json"] = [{"items": [], "profiles": []}]
        costs.append((await watcher.poll(seconds=4)).fetches)
        world.touch(one)
        costs += [(await watcher.poll(seconds=seconds)).fetches for seconds in (1, 5, 5)]

    assert costs == [3 + 9, 3, 3 + 1, 3 + 8, 3 + 1]


async def test_new_ids_in_updates_are_no_moved_ones() -> None:
    """Wherever they stand, and also where they are most of the list."""
    world = front_page(40)
    one, new, *others = sorted(world.walk(world.top[0]))[:22]
    lists = [
        [one, *others[:8]],
        [one, *others[:4], new, *others[4:8]],
        [*others[:4], new, *others[4:], one],
    ]
    async with watching(world) as watcher:
        costs = []
        for listed in lists:
            watcher.lies["updates.json"] = [{"items": listed, "profiles": []}]
            costs.append((await watcher.poll(seconds=1)).fetches)

    assert costs == [3 + 9, 3 + 1, 3 + 12 + 1]


async def test_story_that_moves_in_updates_is_not_read_each_time() -> None:
    """Each vote moves it, and changes nothing that is counted."""
    world = front_page(10, 10)
    async with watching(world) as watcher:
        costs = []
        for number in range(5):
            world.touch(world.top[number % 2])
            costs.append((await watcher.poll(seconds=10)).fetches)

    assert costs == [3 + 1, 3 + 2, 3 + 1, 3, 3]


async def test_updates_in_no_order_cost_little() -> None:
    """That ids move means nothing, where nearly all do."""
    world = front_page(20)
    async with watching(world) as watcher:
        listed = sorted(world.walk(world.top[0]))
        costs = []
        for seed in range(5):
            random.Random(seed).shuffle(listed)
            world.updates = dict.fromkeys(listed)
            costs.append((await watcher.poll(seconds=10)).fetches)

    assert costs == [3 + 20, 3 + 20, 3, 3, 3]


async def test_second_reading_comes_although_the_list_has_moved_on() -> None:
    """The first answer came from a cache, and the list no longer names the id."""
    world = front_page(10)
    victim = oldest(world)
    async with watching(world) as watcher:
        watcher.lies[f"item/{victim}.json"] = [copy.deepcopy(world.items[victim])]
        world.kill(victim)
        watcher.lies[f"item/{world.top[0]}.json"] = [copy.deepcopy(world.items[world.top[0]])]
        assert (await watcher.poll(seconds=1)).stories[0].count == Count(live=10)
        world.updates.clear()
        assert (await watcher.poll(seconds=5)).fetches == 3

        await watcher.check(seconds=5)


async def test_death_soon_after_a_birth_is_seen() -> None:
    """Both are one entry in the list, and the birth had it read already."""
    world = front_page(10)
    async with watching(world) as watcher:
        new = world.add_comment(world.top[0])
        await watcher.check()
        world.kill(new)

        await watcher.poll(seconds=5)
        report = await watcher.check(seconds=5)

    assert report.stories[0].count == Count(live=10, dead=1)


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
    """It walks everything; so does the next one, which has no maxitem to start from."""
    async with client(front_page(10), retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        simulator.fail("maxitem", "500", times=1)

        assert (await watcher.check()).mode == "full"
        assert (await watcher.check()).mode == "full"
        assert (await watcher.check()).mode == "delta"


async def test_unreadable_new_item_may_belong_anywhere() -> None:
    """No post is exact until it is read, or proves to be gone."""
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
    """By the next poll, then once a minute; until it answers, the count is a lower bound."""
    world = front_page(40)
    world.updates.clear()
    bad = oldest(world)
    async with client(world, retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        simulator.fail(f"item/{bad}", "500")

        costs = []
        for _ in range(27):
            report = await watcher.poll()
            assert report.status == "partial"
            assert f"item/{bad}.json: HTTP 500" in str(report.stories[0].error)
            costs.append(report.fetches)

        assert costs[1:] == [4, *[3] * 11, 4, *[3] * 11, 4, 3]


async def test_known_comment_that_fails_keeps_its_replies() -> None:
    """They are remembered: the count says "at least", and does not fall."""
    world = front_page(40)
    world.updates.clear()
    bad = next(kid for kid in world.walk(world.top[0]) if (world.items[kid] or {}).get("kids"))
    async with watching(world) as watcher:
        world.touch(bad)
        watcher.simulator.fail(f"item/{bad}", "500", times=1)
        report = await watcher.poll()

        assert report.stories[0].count
        assert (report.stories[0].count.comments, report.status) == (40, "partial")
        await watcher.check()


async def test_budget_is_spread_over_polls() -> None:
    """Each poll keeps what it has read, so that the next one gets further."""
    async with client(front_page(50, 50), retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        seen = []
        for _ in range(20):
            watcher.clock.now += 5
            limited = URLFetcher(fetcher.source, max_fetches=20)
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
    """In every poll."""
    async with client(front_page(10)) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        reports = [await watcher.poll(full_walk=True) for _ in range(3)]

    assert [(report.mode, report.fetches) for report in reports] == [("full", 12)] * 3
    assert reports[-1].stories[0].new == 0


async def test_comment_listed_twice_is_never_exact() -> None:
    """With and without memory it counts once, and the report says why."""
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


async def test_contradiction_is_asked_for_again_after_a_minute() -> None:
    """And not after seconds, as what is `null`: it stays longer."""
    world = front_page(10)
    async with watching(world) as watcher:
        one, other = (world.items[world.top[0]] or {})["kids"][:2]
        (world.items[one] or {}).setdefault("kids", []).append(other)
        world.touch(one)
        costs = [(await watcher.poll(seconds=5)).fetches for _ in range(14)]

    assert costs[3:12] == [3] * 9
    assert costs[12] > 3


async def test_recorded_trees_count_the_same_in_both_modes() -> None:
    """Finished threads, while comments are added to them."""
    world = World.from_file(RECORDED)
    async with watching(world) as watcher:
        for step in range(12):
            for _ in range(step % 4):
                world.grow()
            await watcher.check(seconds=61)


# The API is not one instant.


async def test_comment_stays_while_its_parent_does_not_list_it() -> None:
    """It is there, says `maxitem`; the story's own answers are some seconds old."""
    world = front_page(10)
    story = world.top[0]
    async with watching(world) as watcher:
        old = copy.deepcopy(world.items[story])
        world.add_comment(story)
        watcher.lies[f"item/{story}.json"] = [old, old, old]
        costs = []
        for _ in range(6):
            report = await watcher.poll(seconds=1)
            assert report.stories[0].count == Count(live=11)
            costs.append(report.fetches)

    assert costs == [5, 4, 4, 4, 3, 3]


async def test_comment_listed_once_stays_when_an_older_answer_comes() -> None:
    """For a minute and a half its own `parent` is believed, and then its parent's list."""
    world = front_page(10)
    story = world.top[0]
    async with watching(world) as watcher:
        old = copy.deepcopy(world.items[story])
        new = world.add_comment(story)
        await watcher.check()
        world.touch(story)
        watcher.lies[f"item/{story}.json"] = [old]
        await watcher.check(seconds=61)
        assert (await watcher.check(seconds=1)).fetches == 4

        world.remove(new)
        world.touch(story)
        await watcher.check(seconds=200)


async def test_replies_wait_for_a_parent_that_is_null() -> None:
    """A reply proves that its parent is there: it is asked for at once."""
    world = front_page(10)
    story = world.top[0]
    async with watching(world) as watcher:
        parent = world.add_comment(story)
        watcher.lies[f"item/{parent}.json"] = [None, None]
        await watcher.poll(seconds=1)
        world.add_comment(parent)
        world.updates.clear()
        await watcher.poll(seconds=1)

        world.add_comment(parent)
        world.updates.clear()
        await watcher.check(seconds=1)


async def test_parent_that_is_null_is_asked_for_once_though_it_has_a_reply() -> None:
    """It was asked for in this poll already: a moment later it is no more there than before."""
    world = front_page(10)
    async with watching(world) as watcher:
        parent = world.add_comment(world.top[0])
        (world.items[world.top[0]] or {})["kids"].remove(parent)
        lies = watcher.lies[f"item/{parent}.json"] = [None] * 5
        world.add_comment(parent)
        world.updates.clear()
        await watcher.poll(seconds=1)

        assert len(lies) == 4


async def test_given_up_parent_is_asked_for_when_a_reply_turns_up() -> None:
    """After hours, too."""
    world = front_page(10)
    async with watching(world) as watcher:
        parent = world.add_comment(world.top[0])
        world.remove(parent, parent=world.top[0])
        watcher.lies[f"item/{parent}.json"] = [None] * 20
        for _ in range(10):
            await watcher.poll(seconds=60)
        watcher.lies.clear()
        world.move(parent, world.top[0])
        world.updates.clear()
        assert (await watcher.poll()).stories[0].new == 0

        world.add_comment(parent)
        await watcher.check()


async def test_story_entering_the_list_with_a_comment_it_does_not_list() -> None:
    """The comment was read before its story was on the list."""
    world = front_page(10)
    story = world.add_story(score=1)
    async with watching(world) as watcher:
        old = copy.deepcopy(world.items[story])
        world.add_comment(story)
        await watcher.poll()
        world.top.append(story)
        watcher.lies[f"item/{story}.json"] = [old]

        await watcher.check()


async def test_move_that_updates_tells_half() -> None:
    """The comment counts in one place, never in two."""
    world = thread({1: [2, 3], 2: [4, 5], 3: [6]})
    world.next_id = 7
    async with client(world, retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        await watcher.poll()
        world.items[2] = {**(world.items[2] or {}), "kids": [5]}
        world.items[3] = {**(world.items[3] or {}), "kids": [6, 4]}
        world.items[4] = {**(world.items[4] or {}), "parent": 3}
        world.updates = {3: None}

        report = await watcher.poll(seconds=200)

    assert report.stories[0].count == Count(live=5)
    assert report.fetches == 3 + 2


async def test_thousands_of_null_ids_cost_little() -> None:
    """They are asked for at growing distances, not in every poll."""
    world = front_page(1000, 1000)
    async with watching(world) as watcher:
        world.next_id += 1500
        costs = [(await watcher.poll(seconds=5)).fetches for _ in range(25)]

    assert costs[0] == 3 + 1500
    assert sum(costs) <= 25 * 3 + 7 * 1500
    assert costs[-1] == 3


# Two polls at a time.


async def test_overlapping_polls_ask_for_nothing_twice() -> None:
    """The second waits its turn, and finds nearly everything known."""
    world = front_page(100)
    async with client(world, latency=5 * MS) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)

        first, second = await asyncio.gather(watcher.poll(), watcher.poll())

    assert first.fetches == 3 + 1 + 100
    assert second.fetches == 3
    assert second.seconds < first.seconds


# A count proves itself.


async def test_death_that_nobody_told_is_found() -> None:
    """`descendants` shows it, once the post item is read twice."""
    world = front_page(30, 30)
    async with watching(world) as watcher:
        watcher.clock.now += 3600
        await watcher.check()
        world.kill(oldest(world), quietly=True)
        world.updates.clear()
        assert (await watcher.poll()).fetches == 3

        world.add_comment(world.top[0])
        world.updates.clear()
        costs = [(await watcher.poll(seconds=70)).fetches for _ in range(4)]
        await watcher.check()

    # At first Hacker News may not have counted the new comment yet.
    assert costs == [5, 4, 4 + 32, 3]


async def test_post_is_read_every_quarter_of_an_hour() -> None:
    """A death in a quiet story is found by that."""
    world = front_page(30)
    world.updates.clear()
    async with watching(world) as watcher:
        await watcher.check(seconds=100)
        world.kill(oldest(world), quietly=True)
        costs = [(await watcher.poll(seconds=300)).fetches for _ in range(5)]
        await watcher.check()

    assert sorted(costs) == [3, 3, 3, 4, 4 + 31]


async def test_dispute_that_lasts_costs_little() -> None:
    """If Hacker News counts differently for ever, the post is walked once for that."""
    world = front_page(30)
    (world.items[world.top[0]] or {})["descendants"] = 35
    world.updates.clear()
    async with watching(world) as watcher:
        reports = [await watcher.poll(seconds=60) for _ in range(60)]

    assert all(report.stories[0].disputed for report in reports)
    assert sum(report.fetches for report in reports) <= 60 * 3 + 5 + 32


async def test_descendants_that_change_at_random_cost_little() -> None:
    """A walk that finds nothing wrong is not repeated for longer and longer."""
    world = front_page(30)
    async with watching(world) as watcher:
        costs = []
        for step in range(24 * 60):
            (world.items[world.top[0]] or {})["descendants"] = 100 + step
            world.updates = {world.top[0]: None}
            costs.append((await watcher.poll(seconds=60)).fetches)

    walks = [minute for minute, cost in enumerate(costs) if cost > 30]
    assert 4 <= len(walks) <= 9


async def test_walks_that_come_due_together_are_spread() -> None:
    """One post a poll; and none waits for longer than a quarter of --refresh."""
    world = front_page(*[5] * 10)
    world.updates.clear()
    async with watching(world) as watcher:
        costs = [(await watcher.poll(seconds=60, refresh=3600)).fetches for _ in range(75)]

    assert max(costs[:59]) <= 3 + 10
    assert costs[59:70] == [19, *[9] * 9, 3]


async def test_walks_of_many_posts_end_within_a_quarter_of_refresh() -> None:
    """Three posts a poll, where one would take more than half of it."""
    world = front_page(*[1] * 35)
    world.updates.clear()
    async with client(world) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        await watcher.poll(limit=40)
        await watcher.poll(seconds=3590, limit=40, refresh=3600)
        costs = [
            (await watcher.poll(seconds=60, limit=40, refresh=3600)).fetches for _ in range(13)
        ]

    assert costs == [3 + 3 * 2] * 11 + [3 + 2 * 2, 3]


async def test_post_without_descendants_is_walked_every_quarter_of_an_hour() -> None:
    """It has no figure that could prove its count."""
    world = front_page(10)
    del (world.items[world.top[0]] or {})["descendants"]
    async with watching(world) as watcher:
        world.updates.clear()
        leaf = next(k for k in world.walk(world.top[0]) if not (world.items[k] or {}).get("kids"))
        world.kill(leaf, quietly=True)
        await watcher.poll(seconds=300)
        await watcher.check(seconds=700)


# Stories that leave the list.


async def test_followed_story_is_counted_after_it_left() -> None:
    """It costs nothing, has no rank, and ends when --follow says."""
    world = front_page(10, 20)
    world.updates.clear()
    async with watching(world) as watcher:
        left = world.top.pop()
        world.add_comment(left)
        world.updates.clear()
        report = await watcher.poll(follow=7200)
        later = await watcher.poll(follow=7200, seconds=7000)
        gone = await watcher.poll(follow=7200, seconds=300)

    assert [(story.rank, story.new) for story in report.stories] == [(1, 0), (None, 1)]
    assert len(later.stories) == 2
    assert len(gone.stories) == 1


async def test_new_comments_are_reported() -> None:
    """None in the first poll, none twice; each with the author of its parent."""
    world = front_page(10)
    async with watching(world, comments=True) as watcher:
        parent = oldest(world)
        reply = world.add_comment(parent)
        first, second = [await watcher.poll(comments=True) for _ in range(2)]

    assert [comment.item.id for comment in first.comments] == [reply]
    assert first.comments[0].parent_by == (world.items[parent] or {})["by"]
    assert first.comments[0].story == world.top[0]
    assert first.comments[0].item.text == (world.items[reply] or {})["text"]
    assert second.comments == ()


@pytest.mark.parametrize("restarts", [False, True])
async def test_comment_that_moves_to_another_story_is_not_told_again(
    restarts: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    """It is new there, with its replies; but each was told where it was written."""
    world = front_page(10, 10)
    path = str(tmp_path / "h.db")
    async with client(world, retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        async with History(path) as history:
            await watcher.poll(comments=True, history=history)
            comment = world.add_comment(world.top[0])
            reply = world.add_comment(comment)
            first = await watcher.poll(comments=True, history=history)
            # Until it is young no more.
            await watcher.poll(comments=True, history=history, seconds=100)
        if restarts:
            watcher.memory = Memory(watcher.clock)
        world.move(comment, world.top[1])
        later = world.add_comment(world.top[1])
        async with History(path) as history:
            polls = [
                await watcher.poll(comments=True, history=history if restarts else None, seconds=20)
                for _ in range(3)
            ]

    assert [each.item.id for each in first.comments] == [comment, reply]
    assert [each.item.id for report in polls for each in report.comments] == [later]
    assert [story.count for story in polls[-1].stories] == [Count(live=10), Count(live=13)]


@pytest.mark.parametrize("restarts", [False, True])
async def test_comment_that_moves_alone_is_found_in_its_new_story(
    restarts: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    """Only the comment's own answer tells where it is now."""
    world = front_page(10, 10)
    path = str(tmp_path / "h.db")
    async with client(world, retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        async with History(path) as history:
            await watcher.poll(history=history)
        moved = oldest(world)
        world.move(moved, world.top[1])
        world.updates = {moved: None}
        for _ in range(3):
            if restarts:
                watcher.memory = Memory(watcher.clock)
            async with History(path) as history:
                chosen = history if restarts else None
                report = await watcher.poll(history=chosen, seconds=12)
            world.updates.clear()
        whole = await poll_once(URLFetcher(fetcher.source), limit=10)

    assert totals(report) == totals(whole)
    assert (report.stories[1].exact_comments or 0) > 10


async def test_last_hour_is_known_in_the_first_poll() -> None:
    """The comments' own times say it."""
    world = front_page(10)
    old = oldest(world)
    async with client(world) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        watcher.clock.now = (world.items[old] or {})["time"]
        (world.items[old] or {})["time"] -= 3700
        (world.items[world.top[0]] or {})["time"] -= 3 * 3600 - 60
        report = await watcher.poll(live=True)

    assert report.stories[0].last_hour == 9
    assert report.stories[0].hours == (0, 1, 9)


async def test_number_that_lags_behind_new_comments_is_believed() -> None:
    """Three came between two polls, and Hacker News had counted one of them: no second reading."""
    world = front_page(10)
    async with watching(world) as watcher:
        for _ in range(3):
            world.add_comment(world.top[0])
        post = copy.deepcopy(world.items[world.top[0]]) or {}
        watcher.lies[f"item/{world.top[0]}.json"] = [{**post, "descendants": 11}]
        world.updates.clear()

        costs = [(await watcher.poll()).fetches for _ in range(2)]

    assert costs == [3 + 3 + 1, 3]


async def test_death_in_a_busy_thread_is_found() -> None:
    """New comments explain a difference for a minute, not for ever."""
    world = front_page(30)
    async with watching(world) as watcher:
        await watcher.check(seconds=100)
        world.kill(oldest(world), quietly=True)
        for _ in range(12):
            world.add_comment(world.top[0])
            world.updates.clear()
            await watcher.poll(seconds=30)

        await watcher.check(seconds=30)


async def test_gap_is_not_learned_from_a_walk_that_took_two_polls() -> None:
    """A death between them would look like a dispute."""
    world = front_page(40)
    first, *_, last = sorted(world.walk(world.top[0]))
    async with client(world, retries=0) as (simulator, fetcher):
        watcher = Watcher(simulator, fetcher)
        simulator.fail(f"item/{first}", "500", times=1)
        await watcher.poll()
        watcher.clock.now += 100
        leaf = next(
            k for k in world.walk(world.top[0]) if k not in {first, last} and not kids(world, k)
        )
        world.kill(leaf, quietly=True)
        world.updates = {world.top[0]: None}
        reports = [await watcher.poll(seconds=seconds) for seconds in (5, 1000, 1000, 1000)]

    assert reports[-1].stories[0].count == Count(live=39, dead=1)
    assert not any(report.stories[0].disputed for report in reports)


def kids(world: World, item_id: int) -> list[int]:
    return list((world.items[item_id] or {}).get("kids", []))


async def test_old_null_answer_does_not_hide_a_young_comment() -> None:
    """It was read before, so the null comes from an older answer."""
    world = front_page(30)
    async with watching(world) as watcher:
        new = world.add_comment(world.top[0])
        await watcher.check()
        world.touch(new)
        watcher.lies[f"item/{new}.json"] = [None]

        await watcher.check(seconds=61)
