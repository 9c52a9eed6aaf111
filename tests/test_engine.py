"""The engine as library users have it: an iterator of reports, and its control."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from hn_comments import Settings, TooManyErrors, watch
from hn_comments.engine import Control
from hn_comments.events import PollBegan
from hn_comments.simulator import Simulator

from . import wire
from .support import MS, Ear, eventually, front_page, others_write, query


async def test_there_is_a_report_for_each_poll() -> None:
    """In their order; what else happens is told as events."""
    ear = Ear()
    async with Simulator(front_page(3, 2)) as simulator:
        settings = Settings(api_url=simulator.url, polls=3, period=20 * MS)
        reports = [report async for report in watch(settings, on_event=ear)]

    assert [report.poll for report in reports] == [1, 2, 3]
    assert [len(report.stories) for report in reports] == [2, 2, 2]
    assert [event.poll for event in ear.events if isinstance(event, PollBegan)] == [1, 2, 3]


async def test_too_many_errors_end_the_iterator() -> None:
    """After the reports of the polls that failed."""
    async with Simulator(front_page(3)) as simulator:
        simulator.fail("topstories", "500")
        settings = Settings(api_url=simulator.url, period=20 * MS, max_errors=2, retries=0)
        iterator = watch(settings)
        statuses = [(await anext(iterator)).status for _ in range(2)]
        with pytest.raises(TooManyErrors):
            await anext(iterator)

    assert statuses == ["failed", "failed"]


async def test_control_can_stop_before_the_start() -> None:
    """Then there is no poll."""
    control = Control()
    control.stop()
    async with Simulator(front_page(3)) as simulator:
        reports = [r async for r in watch(Settings(api_url=simulator.url), control=control)]

    assert reports == []
    assert simulator.requests == 0


async def test_control_stops_polls_that_run() -> None:
    """What was finished is reported, and the iterator ends."""
    control, world = Control(), front_page(3, 2)
    # So that only its walk reads the post.
    others_write(world)
    async with Simulator(world) as simulator:
        simulator.fail(f"item/{simulator.world.top[1]}", "hang")
        settings = Settings(api_url=simulator.url)
        stopping = asyncio.create_task(stop_when_one_is_done(control))
        reports = [report async for report in watch(settings, control=control)]
        await stopping

    (report,) = reports
    assert [story.status for story in report.stories] == ["exact", "failed"]
    assert control.progress() is None


async def stop_when_one_is_done(control: Control) -> None:
    await eventually(lambda: (seen := control.progress()) and seen.posts_done == 1)
    control.stop()


async def test_control_tells_nothing_before_the_start() -> None:
    """There is nothing yet."""
    control = Control()

    assert (control.progress(), control.traffic(), control.growth(1)) == (None, None, None)


async def test_control_tells_how_a_discussion_grew() -> None:
    """From what the polls remember; the newest comments first, and nothing of other posts."""
    control, world = Control(), front_page(5)
    (post,) = world.top
    dead = world.add_comment(post)
    world.kill(dead, quietly=True)
    async with (
        Simulator(world) as simulator,
        aclosing(watch(Settings(api_url=simulator.url), control=control)) as reports,
    ):
        await anext(reports)
        growth, other = control.growth(post, newest=2), control.growth(post + 1)
        traffic = control.traffic()

    assert growth is not None
    comments = sorted(world.walk(post))
    assert growth.born == (world.items[post] or {})["time"]
    assert growth.written == tuple(sorted((world.items[i] or {})["time"] for i in comments))
    assert [item.id for item in growth.newest] == sorted({*comments} - {dead})[:-3:-1]
    assert growth.newest[0].by == (world.items[growth.newest[0].id] or {})["by"]
    assert other is None
    assert traffic is not None
    assert traffic.in_flight == 0


async def test_end_waits_until_all_is_told() -> None:
    """The caller's *drain* is awaited when no poll runs any more."""
    drained: list[str] = []

    async def drain() -> None:
        await asyncio.sleep(0)
        drained.append("all")

    async with Simulator(front_page(1)) as simulator:
        settings = Settings(api_url=simulator.url, polls=1)
        async for _ in watch(settings, control=Control(drain=drain)):
            assert drained == []

    assert drained == ["all"]


async def test_reports_that_nobody_takes_hold_up_the_polls() -> None:
    """At most so many wait as may run at a time; none is lost."""
    async with Simulator(front_page(1)) as simulator:
        settings = Settings(api_url=simulator.url, period=20 * MS, polls=5, max_running=2)
        async with aclosing(watch(settings)) as reports:
            first = await anext(reports)
            await asyncio.sleep(200 * MS)
            polls = {task.get_name() for task in asyncio.all_tasks()}
            rest = [report.poll async for report in reports]

    assert first.poll == 1
    assert {"poll 1", "poll 2"} <= polls
    assert not polls & {"poll 3", "poll 4"}
    assert rest == [2, 3, 4, 5]


@pytest.mark.parametrize("told", [0, 1])
async def test_news_that_the_reader_missed_are_told_by_the_next_run(
    told: int, tmp_path: Path
) -> None:
    """*told* says which poll was the last one whose report has reached the reader."""
    world = front_page(3)
    async with Simulator(world) as simulator:
        settings = Settings(
            api_url=simulator.url, polls=1, history=str(tmp_path / "h.db"), comments=True
        )
        async for _ in watch(settings):
            pass
        new = world.add_comment(world.top[0])
        async for _ in watch(settings, control=Control(told=lambda: told)):
            pass
        reports = [report async for report in watch(settings)]

    assert [comment.item.id for comment in reports[0].comments] == [new] * (1 - told)
    # Nor is anything kept for receivers, where there are none.
    assert query(str(settings.history), "SELECT count(*) FROM untold") == [(0,)]


async def test_heartbeat_tells_how_polls_end() -> None:
    """Those that failed, too."""
    async with (
        wire.serve(wire.say(wire.http(b"OK"))) as server,
        Simulator(front_page(1)) as simulator,
    ):
        settings = Settings(
            api_url=simulator.url, polls=2, period=300 * MS, retries=0,
            heartbeat=f"http://127.0.0.1:{server.port}/x",
        )  # fmt: skip
        async for _ in watch(settings):
            simulator.fail("topstories", "500")

    assert [head.split()[1] for head in server.heads] == [b"/x", b"/x/fail"]


async def test_demo_needs_no_network() -> None:
    """It counts a world of its own."""
    (report,) = [report async for report in watch(Settings(demo=True, polls=1))]

    assert report.status == "exact"
    assert report.comments == ()
