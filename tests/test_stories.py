"""One poll: its report, in good and bad cases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from hn_comments import Count, PollFailed, PollReport, Settings, URLFetcher
from hn_comments.memory.memory import Memory
from hn_comments.simulator import World
from hn_comments.simulator.answers import list_stories
from hn_comments.stories import Poll, measure_progress, watched_paths

from .support import (
    DEADLINE,
    MS,
    TREES,
    client,
    eventually,
    front_page,
    others_write,
    poll_once,
    thread,
)


pytestmark = pytest.mark.usefixtures("impatient")

TEN_OF_FIFTY = [50] * 10


def statuses(report: PollReport) -> list[str]:
    return [story.status for story in report.stories]


def counts(report: PollReport) -> list[int | None]:
    return [story.count.comments if story.count else None for story in report.stories]


def comment_of(world: World, rank: int) -> int:
    """Return a comment without replies: its loss costs one comment."""
    return next(
        kid for kid in world.walk(world.top[rank]) if not (world.items[kid] or {}).get("kids")
    )


async def test_first_stories_of_the_list_in_its_order() -> None:
    """Five are asked for; list, items and comments are all that is fetched."""
    world = front_page(3, 1, 4, 1, 5, 9)

    async with client(world) as (simulator, fetcher):
        report = await poll_once(fetcher)

    assert [story.id for story in report.stories] == world.top[:5]
    assert [story.rank for story in report.stories] == [1, 2, 3, 4, 5]
    assert counts(report) == [3, 1, 4, 1, 5]
    assert (report.status, report.list, report.errors) == ("exact", "top", ())
    assert report.fetches == simulator.requests == 1 + 5 + 14


@pytest.mark.parametrize("name", ["new", "best", "ask", "show", "job"])
async def test_other_lists(name: str) -> None:
    """Each list of the API can be polled."""
    world = World(stories=60)
    expected = list_stories(world, name)

    async with client(world) as (_, fetcher):
        report = await poll_once(fetcher, stories=name, limit=2)

    assert expected
    assert [story.id for story in report.stories] == expected[:2]
    assert report.status == "exact"


async def test_named_posts_need_no_list() -> None:
    """Posts are counted in the order given; a comment is a post too."""
    async with client(thread({1: [2, 3], 3: [4]})) as (simulator, fetcher):
        report = await poll_once(fetcher, posts=(3, 1))

    assert counts(report) == [1, 3]
    assert report.list == "posts"
    assert simulator.requests <= 2 + 4


async def test_recorded_trees_have_the_counts_that_they_had() -> None:
    """Of each kind, as they were when the trees were recorded."""
    async with client(World.from_file(TREES)) as (_, fetcher):
        report = await poll_once(fetcher)

    assert [story.count for story in report.stories] == [
        Count(live=37, dead=1),
        Count(live=403, deleted=13, dead=7, missing=3),
        Count(live=62, dead=1),
        Count(live=94, deleted=6, dead=3, missing=1),
        Count(),
    ]
    assert (report.status, report.fetches) == ("exact", 1 + 5 + 631)
    assert not any(story.disputed for story in report.stories)


async def test_repeated_id_in_the_list_is_one_post() -> None:
    """A list that repeats itself does not hide the next story."""
    world = front_page(1, 2, 3)
    world.top = [world.top[0], world.top[0], world.top[1], world.top[2]]

    async with client(world) as (_, fetcher):
        report = await poll_once(fetcher, limit=2)

    assert counts(report) == [1, 2]


async def test_empty_list_is_a_failure() -> None:
    """No real list is ever empty: a script that trusts the exit code must learn of it."""
    async with client(World(stories=0)) as (_, fetcher):
        report = await poll_once(fetcher)

    assert (report.status, report.stories) == ("failed", ())
    assert report.errors == ("topstories.json: the list is empty",)


async def test_null_among_the_ids_of_a_list_costs_its_place() -> None:
    """The others are counted, and the report says that something is missing."""
    world = front_page(3, 4)
    world.top.insert(1, None)  # type: ignore[arg-type]

    async with client(world) as (_, fetcher):
        report = await poll_once(fetcher)

    assert [story.status for story in report.stories] == ["exact", "exact"]
    assert report.status == "partial"
    assert report.errors == ("topstories.json: 1 of the ids are null",)


@pytest.mark.parametrize(
    ("fault", "comments", "status"),
    [
        ("null", 50, "exact"),
        ("500", 49, "partial"),
        ("hang", 49, "partial"),
        ("garbage", 49, "partial"),
        ("wrong-id", 49, "partial"),
        ("cycle", 50, "partial"),
    ],
)
async def test_one_bad_comment_among_five_hundred(fault: str, comments: int, status: str) -> None:
    """Nine posts are exact; the tenth has a reason, or a missing comment."""
    world = front_page(*TEN_OF_FIFTY)
    bad = comment_of(world, 3)

    # Ten at a time are answered soon, also where the machine is busy.
    patience: dict[str, Any] = {"fetch_timeout": 300 * MS} if fault == "hang" else {}
    async with client(world, retries=1, connections=10, **patience) as (simulator, fetcher):
        simulator.fail(f"item/{bad}", fault)
        report = await poll_once(fetcher, limit=10)

    assert statuses(report) == [status if rank == 3 else "exact" for rank in range(10)]
    assert counts(report) == [comments if rank == 3 else 50 for rank in range(10)]
    assert report.status == status
    if status == "partial":
        assert report.errors[0].startswith(f"post {world.top[3]}: item/{bad}.json: ")
    else:
        count = report.stories[3].count
        assert count
        assert count.missing == 1


async def test_comment_that_fails_twice_is_counted_after_all() -> None:
    """503 twice, then fine: exact, and the retries are counted."""
    world = front_page(*TEN_OF_FIFTY)

    async with client(world) as (simulator, fetcher):
        simulator.fail(f"item/{comment_of(world, 3)}", "503", times=2)
        report = await poll_once(fetcher, limit=10)

    assert (report.status, report.retries, report.fetches) == ("exact", 2, 513)


@pytest.mark.parametrize("fault", ["500", "null", "wrong-id"])
async def test_post_that_cannot_be_read_is_named(fault: str) -> None:
    """Nine exact, one failed."""
    world = front_page(*TEN_OF_FIFTY)

    async with client(world, retries=0) as (simulator, fetcher):
        simulator.fail(f"item/{world.top[3]}", fault)
        report = await poll_once(fetcher, limit=10)

    assert statuses(report) == ["failed" if rank == 3 else "exact" for rank in range(10)]
    assert report.status == "partial"
    assert report.stories[3].count is None
    assert str(report.stories[3].error).startswith(f"item/{world.top[3]}.json: ")


@pytest.mark.parametrize("fault", ["500", "null", "garbage", "drop"])
async def test_poll_without_a_list_fails(fault: str) -> None:
    """The report has no posts, and the error."""
    async with client(front_page(1), retries=0) as (simulator, fetcher):
        simulator.fail("topstories", fault)
        report = await poll_once(fetcher)

    assert (report.status, report.stories) == ("failed", ())
    assert report.errors[0].startswith("topstories.json: ")


async def test_poll_that_counted_no_post_fails() -> None:
    """All posts unreadable is not "partial"."""
    async with client(front_page(1), retries=0) as (simulator, fetcher):
        simulator.fail(f"item/{simulator.world.top[0]}", "500")
        report = await poll_once(fetcher)

    assert report.status == "failed"


async def test_budget_leaves_lower_bounds() -> None:
    """200 requests on a front page that needs 1,000."""
    async with client(front_page(*[100] * 10), max_fetches=200) as (simulator, fetcher):
        report = await poll_once(fetcher, limit=10)

    assert simulator.requests == report.fetches == 200
    assert statuses(report) == ["partial"] * 10
    assert sum(count or 0 for count in counts(report)) == 200 - 1 - 10
    assert all("limit of 200 fetches" in str(story.error) for story in report.stories)


async def test_poll_timeout_reports_what_there_is() -> None:
    """The finished post is exact, the other one a lower bound."""
    world = thread({1: [2], 2: [3]})
    world.top = [world.add_story(score=1), 1]

    async with client(world) as (simulator, fetcher):
        simulator.fail("item/3", "hang")
        report = await poll_once(fetcher, poll_timeout=300 * MS)
        await eventually(lambda: simulator.in_flight == 0)

    assert statuses(report) == ["exact", "partial"]
    assert counts(report) == [0, 1]
    assert report.status == "partial"
    assert f"did not end within {300 * MS:g} seconds" in str(report.stories[1].error)


async def test_poll_timeout_before_the_list_came() -> None:
    """Then no post is reported."""
    async with client(front_page(1)) as (simulator, fetcher):
        simulator.fail("topstories", "hang")
        report = await poll_once(fetcher, poll_timeout=100 * MS)

    assert report.status == "failed"


async def test_cancel_policy_stops_everything_at_once() -> None:
    """One post fails early: nothing stays in flight, and what was finished is reported."""
    world = front_page(0, 200, 200)

    async with client(world, latency=20 * MS, connections=20) as (simulator, fetcher):
        simulator.fail(f"item/{next(iter(world.walk(world.top[1])))}", "wrong-id")
        report = await poll_once(fetcher, on_error="cancel")
        sent = simulator.requests
        await eventually(lambda: simulator.in_flight == 0)

        assert simulator.requests == sent < 100

    assert report.status == "failed"
    assert statuses(report) == ["exact", "partial", "partial"]
    assert report.errors[0].startswith(f"post {world.top[1]}: item/")


async def test_cancel_policy_has_stopped_everything_when_it_reports() -> None:
    """No task of the poll is left, not even for a moment."""
    world = front_page(1, 50)
    (bad,) = world.walk(world.top[0])

    async with client(world, latency=MS, connections=2) as (simulator, fetcher):
        simulator.fail(f"item/{bad}", "wrong-id")
        await poll_once(fetcher, on_error="cancel")

        assert not [task for task in asyncio.all_tasks() if "Walk" in repr(task.get_coro())]
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("poll ")]


async def test_rate_limit_ends_the_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the server has said nothing but 429 for a minute, nothing more is sent."""
    monkeypatch.setattr("hn_comments.api.fetcher.MAX_REFUSED", 100 * MS)
    async with client(front_page(2, 2), retries=0, latency=MS) as (simulator, fetcher):
        simulator.fail("item/" + str(comment_of(simulator.world, 0)), "429")
        report = await poll_once(fetcher)
        await eventually(lambda: simulator.in_flight == 0)

    assert report.status in {"partial", "failed"}
    assert "asks for fewer requests" in report.errors[0]


async def test_cancelled_poll_reports_and_leaves_nothing_running() -> None:
    """A cancellation from outside is passed on, after the report."""
    world = thread({1: [2, 3]})
    world.top = [world.add_story(score=1), 1]
    reports: list[PollReport] = []

    async with client(world) as (simulator, fetcher):
        simulator.fail("item/3", "hang")
        poll = Poll(fetcher, Settings(full_walk=True), memory=Memory(), number=1)
        task = asyncio.create_task(poll.run(reports.append))
        await eventually(lambda: simulator.requests == 5 and poll.posts and poll.posts[0].result)
        await asyncio.sleep(50 * MS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: simulator.in_flight == 0)

    assert statuses(reports[0]) == ["exact", "partial"]
    assert counts(reports[0]) == [0, 1]
    assert reports[0].stories[1].error == "interrupted"


async def test_failed_poll_raises_after_its_report() -> None:
    """The poller's done-callback sees the error."""
    reports: list[PollReport] = []

    async with client(front_page(1), retries=0) as (simulator, fetcher):
        simulator.fail("topstories", "500")
        with pytest.raises(PollFailed, match="topstories"):
            await Poll(fetcher, Settings(full_walk=True), memory=Memory(), number=7).run(
                reports.append
            )

    assert reports[0].poll == 7


async def test_new_is_counted_from_the_last_exact_count() -> None:
    """No number the first time, none for a lower bound, and the difference after both."""
    world = front_page(10)
    memory = Memory()
    new = []

    async with client(world, retries=0) as (simulator, fetcher):
        for step in range(4):
            if step == 2:
                simulator.fail(f"item/{comment_of(world, 0)}", "500", times=1)
            report = await poll_once(fetcher, memory=memory, full_walk=True)
            new.append(report.stories[0].new)
            world.add_reply(world.top[0])

    assert new == [None, 1, None, 2]


async def test_disputed_count_is_marked() -> None:
    """An exact count that differs from Hacker News' own."""
    world = front_page(10, 10)
    (world.items[world.top[0]] or {})["descendants"] = 11

    async with client(world) as (_, fetcher):
        report = await poll_once(fetcher)

    assert [story.disputed for story in report.stories] == [True, False]


@pytest.mark.parametrize("seed", range(3))
async def test_faults_everywhere_never_make_a_count_wrong(seed: int) -> None:
    """With three answers in ten broken, a count is right or says that it is not."""
    world = front_page(30, 20, 10)

    async with client(world, retries=2, fetch_timeout=DEADLINE) as (simulator, fetcher):
        simulator.faults = {"drop": 0.1, "503": 0.1, "truncated": 0.1}
        simulator._random.seed(seed)
        for _ in range(3):
            report = await poll_once(URLFetcher(fetcher.source))
            for story, size in zip(report.stories, (30, 20, 10), strict=False):
                if story.status == "exact":
                    assert story.count
                    assert story.count.comments == size
                else:
                    assert story.count is None or story.count.comments < size
                    assert story.error


@asynccontextmanager
async def under_way(poll: Poll, reports: list[PollReport]) -> AsyncIterator[None]:
    """Let *poll* run as long as the context lasts."""
    running = asyncio.create_task(poll.run(reports.append))
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_progress_tells_what_was_read_and_not_what_is_listed() -> None:
    """A post's item is there at once, its own number with it; a count when it is done."""
    world, reports = front_page(10, 3), list[PollReport]()
    async with client(world) as (simulator, fetcher):
        simulator.fail(f"item/{comment_of(world, 0)}", "hang")
        poll = Poll(fetcher, Settings(polls=1), memory=Memory(), number=1)
        assert measure_progress(poll) is None
        async with under_way(poll, reports):
            await eventually(lambda: (seen := measure_progress(poll)) and seen.comments == 12)
            progress = measure_progress(poll)

    assert progress is not None
    assert (progress.posts, progress.posts_done, progress.expected) == (2, 1, 13)
    assert 0 < (progress.seconds_left or 0) <= progress.seconds / 12
    first, second = progress.stories
    assert first.unfinished
    assert first.item == reports[0].stories[0].item
    assert first.item is not None
    assert (first.rank, first.item.descendants) == (1, 10)
    assert second.count == reports[0].stories[1].count
    assert not any(story.unfinished for story in reports[0].stories)


async def test_progress_knows_what_an_earlier_poll_has_read() -> None:
    """A walk that goes on in the next poll does not begin at 0."""
    world, memory = front_page(10), Memory()
    # So that it is the walk that comes to the comment first.
    others_write(world)
    async with client(world) as (simulator, fetcher):
        simulator.fail(f"item/{comment_of(world, 0)}", "hang")
        before, poll = (Poll(fetcher, Settings(), memory=memory, number=n) for n in (1, 2))
        async with under_way(before, []):
            await eventually(lambda: (seen := measure_progress(before)) and seen.comments == 9)
        async with under_way(poll, []):
            await eventually(lambda: poll.counting_since and simulator.in_flight == 1)
            progress = measure_progress(poll)

    assert progress is not None
    assert (progress.comments, progress.expected) == (9, 10)
    assert [story.unfinished for story in progress.stories] == [True]


async def test_progress_guesses_nothing_before_there_is_ground() -> None:
    """Of what is not read yet nobody knows how long it takes."""
    guesses: dict[tuple[int | None, int], float | None] = {}
    async with client(front_page(100), latency=20 * MS, connections=1) as (_, fetcher):
        poll = Poll(fetcher, Settings(polls=1), memory=Memory(), number=1)
        async with under_way(poll, []):
            while len(guesses) < 6:
                if (progress := measure_progress(poll)) is not None:
                    guesses[progress.expected, progress.comments] = progress.seconds_left
                await asyncio.sleep(MS)

    assert guesses[None, 0] is None
    assert guesses[100, 0] is None
    assert all(bool(left) == (read >= 2) for (_, read), left in guesses.items())


async def test_progress_takes_posts_that_are_not_read_for_like_the_others() -> None:
    """Half of them say how much there is in all."""
    world = front_page(10, 20, 30, 40)
    async with client(world) as (simulator, fetcher):
        for post in world.top[2:]:
            simulator.fail(f"item/{post}", "hang")
        poll = Poll(fetcher, Settings(polls=1), memory=Memory(), number=1)
        async with under_way(poll, []):
            await eventually(lambda: (seen := measure_progress(poll)) and seen.posts_done == 2)
            progress = measure_progress(poll)

    assert progress is not None
    assert (progress.comments, progress.expected) == (30, 60)
    assert len(progress.stories) == 2


@pytest.mark.parametrize(
    ("settings", "paths"),
    [
        ({}, ["maxitem.json", "updates.json", "topstories.json", "item/{}.json"]),
        ({"posts": True}, ["maxitem.json", "updates.json", "item/{}.json"]),
        ({"full_walk": True}, None),
    ],
)
async def test_what_may_change_after_a_poll(
    settings: dict[str, Any], paths: list[str] | None
) -> None:
    """Whoever is told of changes watches that; a poll that remembers nothing has no use for it."""
    world = front_page(1)
    if "posts" in settings:
        settings = {"posts": (world.top[0],)}
    async with client(world) as (_, fetcher):
        poll = Poll(fetcher, Settings(**settings), memory=Memory(), number=1)
        assert watched_paths(poll) is None
        await poll.run(lambda _: None)

    assert watched_paths(poll) == (paths and [path.format(world.top[0]) for path in paths])


async def test_tasks_have_names() -> None:
    """The name of a task in a running program says its poll and post."""
    async with client(front_page(1)) as (simulator, fetcher):
        post = simulator.world.top[0]
        simulator.fail(f"item/{post}", "hang")
        task = asyncio.create_task(
            Poll(fetcher, Settings(full_walk=True), memory=Memory(), number=3).run(lambda _: None)
        )
        await eventually(lambda: simulator.requests == 2)

        assert f"poll 3 post {post}" in {task.get_name() for task in asyncio.all_tasks()}

        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
