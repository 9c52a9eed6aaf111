"""What a poll has to tell: the last comments, those of earlier runs, thresholds, disputes."""

import logging
from typing import Any

from hn_comments import Notice, PollReport, Settings, URLFetcher
from hn_comments.command.trial import SAMPLE
from hn_comments.events import Troubles
from hn_comments.memory import Memory, Untold
from hn_comments.news import read_last, sort_comments
from hn_comments.simulator import World
from hn_comments.stories import Poll

from .reports import comment
from .support import Clock, Ear, client, front_page, poll_once


def written(world: World) -> list[int]:
    """Return all comments of the front page, the oldest first."""
    return sorted(item for post in world.top for item in world.walk(post))


async def tell(fetcher: URLFetcher, memory: Memory, **settings: Any) -> Notice:
    """Return the notice of one poll."""
    notices: list[Notice] = []
    chosen = Settings(**settings)
    poll = Poll(URLFetcher(fetcher.source), chosen, memory=memory, number=1, notify=notices.append)
    await poll.run(lambda _: None)
    (notice,) = notices
    return notice


async def test_last_comments_are_those_of_all_posts_together() -> None:
    """The oldest first; dead ones are not among them."""
    world = front_page(5, 5)
    *_, dead = written(world)
    world.kill(dead, quietly=True)

    async with client(world) as (_, fetcher):
        report = await poll_once(fetcher, memory=Memory(), comments=True, last=7)

    assert [comment.item.id for comment in report.comments] == written(world)[-8:-1]
    assert {comment.story for comment in report.comments} == {*world.top}


async def test_last_comment_that_cannot_be_read_any_more_is_left_out() -> None:
    """The others are told."""
    world = front_page(5)
    *_, good, failing, gone = written(world)
    async with client(world, retries=0) as (simulator, fetcher):
        poll = Poll(fetcher, Settings(), memory=Memory(), number=1)
        await poll.run(lambda _: None)
        simulator.fail(f"item/{failing}", "500")
        world.items[gone] = None
        comments = await read_last(fetcher, poll.posts or (), 3)

    assert [comment.item.id for comment in comments] == [good]


async def test_last_comments_are_told_by_the_first_poll_only() -> None:
    """Later ones tell what is new."""
    world, told = front_page(5), list[PollReport]()
    memory, settings = Memory(), Settings(comments=True, last=2)
    async with client(world) as (_, fetcher):
        for number in (1, 2):
            poll = Poll(URLFetcher(fetcher.source), settings, memory=memory, number=number)
            await poll.run(told.append)

    assert [comment.item.id for comment in told[0].comments] == written(world)[-2:]
    assert told[1].comments == ()


async def test_comment_that_an_earlier_run_did_not_tell_is_told() -> None:
    """To those who have not heard of it; one that is gone by now, to nobody."""
    world = front_page(5)
    first, second, killed, null = written(world)[:4]
    story = world.top[0]
    memory = Memory()
    memory.untold |= {
        first: Untold(story, reader=True),
        second: Untold(story, receivers=True),
        killed: Untold(story, reader=True, receivers=True),
        null: Untold(story, reader=True, receivers=True),
    }
    world.kill(killed, quietly=True)
    world.items[null] = None
    reports: list[PollReport] = []
    notices: list[Notice] = []
    async with client(world) as (_, fetcher):
        poll = Poll(
            fetcher, Settings(comments=True), memory=memory, number=1, notify=notices.append
        )
        await poll.run(reports.append)

    assert [comment.item.id for comment in reports[0].comments] == [first]
    assert [comment.item.id for comment in notices[0].comments] == [second]
    assert memory.untold == {}
    assert memory.gone == {killed, null}


async def test_earlier_comment_that_cannot_be_read_is_told_later() -> None:
    """It stays in the memory."""
    world, memory = front_page(5), Memory()
    late = written(world)[0]
    memory.untold[late] = Untold(world.top[0], reader=True)
    told = []
    async with client(world, retries=0) as (simulator, fetcher):
        # It is read twice: by the walk, too.
        simulator.fail(f"item/{late}", "500", times=2)
        for _ in range(2):
            report = await poll_once(URLFetcher(fetcher.source), memory=memory, comments=True)
            told.append([comment.item.id for comment in report.comments])

    assert told == [[], [late]]


def test_comment_below_two_posts_is_told_once() -> None:
    """A post can be a comment below another one."""
    comments = [comment(8, "x"), comment(7, "x", story=1), comment(7, "x", story=2)]

    assert [(one.item.id, one.story) for one in sort_comments(comments)] == [(7, 1), (8, 1)]


async def test_notice_has_crossings_that_nobody_took_before() -> None:
    """Once, before those of the poll."""
    world, memory = front_page(5), Memory()
    memory.unsent.append(SAMPLE)
    async with client(world) as (_, fetcher):
        first, second = [await tell(fetcher, memory, threshold=("3",)) for _ in range(2)]

    assert [crossing.story for crossing in first.crossings] == [SAMPLE.story, world.top[0]]
    assert second.crossings == ()


async def test_dispute_is_told_when_it_begins_and_ends() -> None:
    """With both figures."""
    ear, clock, world = Ear(), Clock(), front_page(5)
    post = world.items[world.top[0]] or {}
    memory = Memory(clock, troubles=Troubles(ear))
    async with client(world) as (_, fetcher):
        for descendants in (7, 7, 5):
            post["descendants"] = descendants
            await poll_once(URLFetcher(fetcher.source), memory=memory)
            clock.now += 1000

    began, ended = ear.sentences(logging.INFO)
    assert "counted 5 live comments, Hacker News says 7" in began
    assert str(world.top[0]) in ended
