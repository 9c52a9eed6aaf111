"""One post in one poll: what its report says besides the count, and when it is asked for."""

from typing import Any

import pytest

from hn_comments import PollReport, URLFetcher
from hn_comments.memory import Memory
from hn_comments.simulator import World

from .support import Clock, client, front_page, others_write, poll_once


def item(world: World, item_id: int) -> dict[str, Any]:
    """Return what the API says of an item, to be changed."""
    found = world.items[item_id]
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("is_post", "status", "rest"), [(True, "failed", 3), (False, "partial", 1)]
)
async def test_what_fails_again_is_left_alone_for_a_minute(
    *, is_post: bool, status: str, rest: int
) -> None:
    """The next poll asks at once; then nobody does, and the reason stays."""
    world, clock, reports = front_page(3), Clock(), list[PollReport]()
    # So that only the walk reads the post.
    others_write(world)
    memory = Memory(clock)
    failing = world.top[0] if is_post else min(world.walk(world.top[0]))
    async with client(world, retries=0) as (simulator, fetcher):
        simulator.fail(f"item/{failing}", "500", times=2)
        for seconds in (0, 5, 5, 61):
            clock.now += seconds
            reports.append(await poll_once(URLFetcher(fetcher.source), memory=memory))

    assert [report.stories[0].status for report in reports] == [*[status] * 3, "exact"]
    assert "HTTP 500" in str(reports[2].stories[0].error)
    assert [report.fetches for report in reports[1:]] == [3 + 1, 3, 3 + 1 + rest]


async def test_known_replies_count_while_a_comment_cannot_be_read() -> None:
    """The count is a lower bound, but none that forgets."""
    world, clock = front_page(0), Clock()
    comment = world.add_comment(world.top[0])
    for _ in range(3):
        world.add_comment(comment)
    others_write(world)
    memory = Memory(clock)
    async with client(world, retries=0) as (simulator, fetcher):
        await poll_once(fetcher, memory=memory)
        world.touch(comment)
        simulator.fail(f"item/{comment}", "500", times=1)
        clock.now += 100
        report = await poll_once(URLFetcher(fetcher.source), memory=memory)

    (story,) = report.stories
    assert story.status == "partial"
    assert story.count is not None
    assert (story.count.comments, story.count.unread) == (4, 1)


@pytest.mark.parametrize(
    ("age", "hours"),
    [(None, (6,)), (0, (6,)), (3600, (6,)), (3601, (0, 6)), (100 * 3600, (*[0] * 47, 6))],
)
async def test_hours_go_back_to_the_birth_of_the_post(
    age: int | None, hours: tuple[int, ...]
) -> None:
    """Two days at most; without a time of birth there is one hour."""
    world, clock = front_page(6), Clock()
    post = item(world, world.top[0])
    clock.now = int(clock.now)
    for comment in world.walk(world.top[0]):
        item(world, comment)["time"] = int(clock.now)
    if age is None:
        del post["time"]
    else:
        post["time"] = int(clock.now) - age

    async with client(world) as (_, fetcher):
        report = await poll_once(fetcher, memory=Memory(clock), live=True)

    assert report.stories[0].hours == hours


@pytest.mark.parametrize("is_reply", [False, True])
async def test_new_comment_says_where_it_was_written(*, is_reply: bool) -> None:
    """A reply has the author and the first line of what it answers; another one the author."""
    world, memory = front_page(1), Memory()
    post, (first,) = world.top[0], world.walk(world.top[0])
    parent = first if is_reply else post
    item(world, first)["text"] = "One line.<p>Another."
    item(world, post)["text"] = "What do you think?"
    async with client(world) as (_, fetcher):
        await poll_once(fetcher, memory=memory)
        new = world.add_comment(parent)
        report = await poll_once(URLFetcher(fetcher.source), memory=memory, comments=True)

    (comment,) = report.comments
    assert (comment.item.id, comment.story) == (new, post)
    assert comment.title == item(world, post)["title"]
    assert comment.parent_by == item(world, parent)["by"]
    assert comment.parent_text == ("One line." if is_reply else None)


async def test_comments_of_the_last_hour_are_counted_by_the_later_clock() -> None:
    """Where ours is behind, the newest comment says what time it is."""
    world, clock = front_page(6), Clock()
    comments = sorted(world.walk(world.top[0]))
    for number, comment in enumerate(comments):
        item(world, comment)["time"] = int(clock.now) + 1800 * number

    async with client(world) as (_, fetcher):
        report = await poll_once(fetcher, memory=Memory(clock))

    assert report.stories[0].last_hour == 2
