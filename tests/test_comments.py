"""Counting one tree, against a real server."""

import asyncio
import gc
import warnings
from typing import Any

import pytest

from hn_comments import (
    BadSetting,
    BadStatus,
    Count,
    FetchLimitExceeded,
    MalformedItem,
    NoSuchItem,
    Settings,
    count,
    count_comments,
    count_sync,
)
from hn_comments.simulator import Simulator
from hn_comments.tasks import MAX_TASKS

from .support import DEADLINE, MS, client, eventually, front_page, thread


pytestmark = pytest.mark.usefixtures("impatient")

TREE = {1: [2, 3], 2: [4], 4: [5, 6]}


async def test_every_comment_at_any_depth_is_counted() -> None:
    """Two replies, one of them with a reply that has two more."""
    async with client(thread(TREE)) as (_, fetcher):
        count = await count_comments(fetcher, 1)

    assert count == Count(live=5)
    assert count.comments == 5
    assert fetcher.fetch_counter == 6


async def test_story_without_kids_has_no_comments() -> None:
    """A job, or a new story."""
    async with client(thread({})) as (_, fetcher):
        assert await count_comments(fetcher, 1) == Count()


async def test_walk_goes_on_through_deleted_and_dead_comments() -> None:
    """Their replies may be alive; one both deleted and dead is deleted."""
    world = thread({1: [2, 3, 7], 2: [4], 3: [5], 5: [6]})
    world.items[2] = {"id": 2, "deleted": True, "kids": [4], "parent": 1, "type": "comment"}
    world.items[3] = {**(world.items[3] or {}), "dead": True, "text": "[flagged]"}
    world.items[7] = {"id": 7, "deleted": True, "dead": True, "parent": 1}

    async with client(world) as (_, fetcher):
        count = await count_comments(fetcher, 1)

    assert count == Count(live=3, deleted=2, dead=1)


async def test_null_comment_is_missing_and_the_count_exact() -> None:
    """`null` is an answer: the comment is there, but not readable now."""
    world = thread(TREE)
    world.items[3] = None

    async with client(world) as (_, fetcher):
        count = await count_comments(fetcher, 1)

    assert count == Count(live=4, missing=1)
    assert count.exact


async def test_null_post_is_an_error() -> None:
    """A post that is not there has no count."""
    async with client(thread(TREE)) as (_, fetcher):
        with pytest.raises(NoSuchItem):
            await count_comments(fetcher, 99)


@pytest.mark.parametrize("fault", ["500", "garbage", "wrong-id", "drop", "truncated", "401"])
async def test_unreadable_comment_costs_its_subtree_and_is_named(fault: str) -> None:
    """The rest is counted, and the count says that it is a lower bound."""
    async with client(thread(TREE), retries=1) as (simulator, fetcher):
        simulator.fail("item/4", fault)
        count = await count_comments(fetcher, 1)

    assert (count.comments, count.unread, count.exact) == (2, 1, False)
    assert count.reason
    assert count.reason.startswith("item/4.json: ")


async def test_hanging_comment_costs_one_timeout() -> None:
    """The other comments are counted meanwhile."""
    async with client(thread(TREE), retries=0, fetch_timeout=200 * MS) as (simulator, fetcher):
        simulator.fail("item/4", "hang")
        count = await count_comments(fetcher, 1)

    assert count.comments == 2
    limit = f"item/4.json: no answer within {200 * MS:g} seconds"
    assert count.reason == f"{limit}: connected, but no answer"


async def test_all_unreadable_comments_are_summed_up() -> None:
    """The reason of the post is the first one, and says how many more there are."""
    async with client(thread(TREE), retries=0) as (simulator, fetcher):
        for item_id in (3, 5, 6):
            simulator.fail(f"item/{item_id}", "500")
        count = await count_comments(fetcher, 1)

    assert (count.comments, count.unread) == (2, 3)
    assert str(count.error).endswith(": HTTP 500 (and 2 more)")


@pytest.mark.parametrize(
    "kids",
    [
        {1: [2], 2: [3], 3: [1]},
        {1: [2], 2: [3], 3: [2]},
        {1: [2, 3, 3]},
        {1: [1, 2, 3]},
    ],
)
async def test_id_seen_before_is_not_followed_again(kids: dict[int, list[int]]) -> None:
    """A cycle ends, and a repeated id counts once."""
    async with client(thread(kids)) as (simulator, fetcher):
        count = await count_comments(fetcher, 1)

    assert (count.comments, count.unread) == (2, 1)
    assert "is listed elsewhere, too" in str(count.reason)
    assert simulator.requests == 3


async def test_thread_deeper_than_256_levels_is_cut() -> None:
    """A chain of 2,000 comments neither crashes nor counts as whole."""
    chain = {item_id: [item_id + 1] for item_id in range(1, 2000)}

    async with client(thread(chain)) as (_, fetcher):
        count = await count_comments(fetcher, 1)

    assert (count.comments, count.exact) == (256, False)
    assert count.reason == "item/257.json: its replies are more than 256 levels deep"


async def test_deep_walk_can_be_cancelled() -> None:
    """Cancelling 256 nested gathers does not overflow the stack."""
    chain = {item_id: [item_id + 1] for item_id in range(1, 300)}

    async with client(thread(chain)) as (simulator, fetcher):
        simulator.fail("item/256", "hang")
        task = asyncio.create_task(count_comments(fetcher, 1))
        await eventually(lambda: simulator.requests == 256)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert walk_tasks() == 0


def walk_tasks() -> int:
    """Return how many tasks count a subtree now."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return names.count("Walk._count_comment")


async def test_thousands_of_direct_kids_are_counted_in_slices() -> None:
    """The number of tasks is bounded, for any number of kids."""
    most = 0

    async with client(thread({1: list(range(2, 3503))}), latency=MS) as (_, fetcher):
        task = asyncio.create_task(count_comments(fetcher, 1))
        while not task.done():
            most = max(most, walk_tasks())
            await asyncio.sleep(MS)
        count = await task

    assert count == Count(live=3501)
    assert 100 < most <= MAX_TASKS


async def test_large_tree_does_not_time_itself_out() -> None:
    """The fetch timeout starts when a request is sent, not when it queues."""
    world = front_page(300)

    async with client(world, latency=10 * MS, connections=2, fetch_timeout=300 * MS) as (
        simulator,
        fetcher,
    ):
        count = await count_comments(fetcher, world.top[0])

    assert count == Count(live=300)
    assert simulator.max_in_flight == 2


async def test_failing_child_stops_its_siblings() -> None:
    """With "cancel" one broken comment ends the count, and leaves no request behind."""
    async with client(thread(TREE)) as (simulator, fetcher):
        simulator.fail("item/2", "wrong-id")
        simulator.fail("item/3", "hang")

        with pytest.raises(MalformedItem, match=r"item/2\.json: the answer is item 3"):
            await asyncio.wait_for(count_comments(fetcher, 1, on_error="cancel"), DEADLINE)

        await eventually(lambda: simulator.in_flight == 0)


async def test_cancel_raises_the_plain_error() -> None:
    """Not a group of errors, though several children fail."""
    async with client(thread(TREE), retries=0) as (simulator, fetcher):
        simulator.fail("item/5", "500")
        simulator.fail("item/6", "500")

        with pytest.raises(BadStatus) as caught:
            await count_comments(fetcher, 1, on_error="cancel")

    assert caught.value.status == 500


async def test_budget_makes_a_lower_bound() -> None:
    """Comments beyond the budget are unread, and no request is sent for them."""
    world = front_page(100)

    async with client(world, max_fetches=50) as (simulator, fetcher):
        count = await count_comments(fetcher, world.top[0])

    assert (count.comments, count.exact) == (49, False)
    assert count.reason == "the limit of 50 fetches is used up"
    assert simulator.requests == fetcher.fetch_counter == 50


async def test_budget_of_a_post_is_an_error_with_cancel() -> None:
    """With "cancel" there are no lower bounds."""
    async with client(front_page(10), max_fetches=5) as (simulator, fetcher):
        with pytest.raises(FetchLimitExceeded):
            await count_comments(fetcher, simulator.world.top[0], on_error="cancel")


async def test_counting_takes_one_call() -> None:
    """With an event loop, or in a thread without one."""
    async with Simulator(thread(TREE)) as simulator:
        settings = Settings(api_url=simulator.url)

        assert await count(1, settings) == Count(live=5)
        assert await asyncio.to_thread(count_sync, 1, settings) == Count(live=5)


@pytest.mark.parametrize("post", ["https://news.ycombinator.com/item?id=8863", "8863", -1, True])
def test_count_asks_for_no_item_that_has_no_id(post: Any) -> None:
    """A mistake is told at once, and not after four tries."""
    with pytest.raises(BadSetting, match="item ids"):
        count_sync(post)


async def test_count_sync_in_a_loop_says_what_to_do() -> None:
    """In one sentence, without a warning of a coroutine that was never awaited."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(RuntimeError, match=r"await count\(\) there"):
            count_sync(1)
        gc.collect()

    assert caught == []
