"""Faults that an outside attacker found; each test failed when it was written."""

# mypy: disable-error-code="index"

import copy

from .support import front_page
from .test_changes import watching


async def test_removed_comment_does_not_join_again_when_its_youth_ends() -> None:
    """Otherwise it would be counted for another 90 seconds, and announced twice."""
    world = front_page(3)
    world.updates.clear()
    story = world.top[0]
    async with watching(world) as watcher:
        comment = world.add_comment(story)
        first = await watcher.poll(comments=True)
        world.items[story]["kids"].remove(comment)
        world.items[story]["descendants"] -= 1
        await watcher.poll(seconds=65)
        at_the_end = await watcher.poll(seconds=25, comments=True)

        assert [new.item.id for new in first.comments] == [comment]
        assert not at_the_end.comments
        assert at_the_end.stories[0].count is not None
        assert at_the_end.stories[0].count.comments == 3


async def test_removed_comment_does_not_join_again_in_a_poll_across_that_moment() -> None:
    """The same in a poll of two seconds, which begins before that moment and ends after it."""
    world = front_page(3)
    world.updates.clear()
    story = world.top[0]
    async with watching(world) as watcher:
        comment = world.add_comment(story)
        await watcher.poll(comments=True)
        world.items[story]["kids"].remove(comment)
        world.items[story]["descendants"] -= 1
        await watcher.poll(seconds=65)
        begun, forget = watcher.clock, watcher.memory.forget

        def slowly(*, keep: float) -> None:
            forget(keep=keep)
            begun.now += 2

        watcher.memory.forget = slowly  # type: ignore[method-assign]
        across = await watcher.poll(seconds=24, comments=True)

        assert not across.comments
        assert across.stories[0].count is not None
        assert across.stories[0].count.comments == 3


async def test_comment_below_two_counted_posts_is_announced_once() -> None:
    """One post is a comment of the other; a new reply is new in only one of them."""
    world = front_page(3)
    story = world.top[0]
    comment = min(world.walk(story))
    async with watching(world) as watcher:
        await watcher.poll(posts=(story, comment), comments=True)
        reply = world.add_comment(comment)
        report = await watcher.poll(posts=(story, comment), comments=True)

        assert [new.item.id for new in report.comments] == [reply]


async def test_one_maxitem_too_high_hides_no_comments() -> None:
    """New ids at or below a lie of 900 are still new when they come."""
    world = front_page(3)
    world.updates.clear()
    async with watching(world) as watcher:
        watcher.lies = {"maxitem.json": [max(world.items) + 900]}
        for _ in range(50):
            await watcher.poll()
        world.add_comment(world.top[0])
        world.updates.clear()
        for _ in range(2):
            report = await watcher.poll()

        story = report.stories[0]
        assert story.count is not None
        assert not story.count.exact or story.count.comments == 4


async def test_gap_that_one_stale_answer_made_is_not_believed_for_a_day() -> None:
    """A walk read an old answer for a comment just dead, and `descendants` counted the death."""
    world = front_page(3)
    async with watching(world) as watcher:
        story = world.add_story(score=100)
        comments = [world.add_comment(story) for _ in range(30)]
        world.top.append(story)
        # All are old: comments written in the last minute would explain the difference.
        for comment in comments:
            world.items[comment]["time"] -= 7200
        old = copy.deepcopy(world.items[comments[0]])
        world.kill(comments[0])
        world.updates.clear()
        path = f"item/{comments[0]}.json"
        watcher.lies = {path: [old] * 5}
        await watcher.poll()
        watcher.lies = {}
        # In the next eight hours.
        for _ in range(8 * 60):
            report = await watcher.poll(seconds=60)

        count = report.stories[1].count
        assert count is not None
        assert (count.live, count.dead) == (29, 1)
