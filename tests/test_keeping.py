"""--keep: what is old goes from the history, a little at a time, and nothing else does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hn_comments import PollReport, Settings, URLFetcher
from hn_comments.history.history import History
from hn_comments.history.keeping import MAX_ROWS, TRUSTED
from hn_comments.history.store import Store
from hn_comments.memory.memory import Memory
from hn_comments.settings import BadSetting
from hn_comments.simulator import Simulator, World
from hn_comments.stories import Poll

from .reports import post, report
from .serving import started
from .support import client, front_page, query


# What belongs to a story, in whatever table.
TABLES = ("stories", "items", "counts", "trees", "told", "listed", "removals")

YEAR = 365 * 86400


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "h.db")


async def poll(fetcher: URLFetcher, path: str, keep: float | None = None) -> PollReport:
    """Return what one run of one poll publishes."""
    reports: list[PollReport] = []
    async with History(path, keep=keep) as history:
        settings = Settings(polls=1, history=path, keep=keep)
        one = Poll(fetcher, settings, memory=Memory(), number=1, history=history)
        await one.run(reports.append)
    return reports[0]


def rows_of(path: str, story: int) -> dict[str, int]:
    """Return how many rows of each table belong to a story."""
    sql = "SELECT count(*) FROM {} WHERE story_id = ?"
    return {table: query(path, sql.format(table), story)[0][0] for table in TABLES}


def leave(world: World, path: str, story: int) -> None:
    """Have a story leave the list, and be seen last long ago."""
    world.top.remove(story)
    query(path, "UPDATE stories SET last_seen = '2024-01-01T00:00:00Z' WHERE story_id = ?", story)


async def test_old_stories_go_with_all_that_is_theirs(path: str) -> None:
    """By the command, in a single run; the others stay as they were."""
    world = front_page(5, 7)
    stays, goes = world.top
    async with Simulator(world) as simulator:
        arguments = ("--api-url", simulator.url, "--once", "-q", "--history", path)
        for options in ((), ("--keep", "90d")):
            async with started(*arguments, *options, wait=False) as service:
                assert await service.process.wait() == 0
            before = rows_of(path, goes)
            if not options:
                kept = rows_of(path, stays)
                leave(world, path, goes)

    assert (kept["items"], kept["stories"]) == (5, 1)
    assert before == dict.fromkeys(TABLES, 0)
    assert rows_of(path, stays) == kept


async def test_little_is_removed_at_a_time(path: str) -> None:
    """Whatever there is; and the poll's own figures are written meanwhile."""
    world = front_page(5, MAX_ROWS + 100)
    goes = world.top[1]
    async with client(world) as (_, fetcher):
        await poll(fetcher, path)
        leave(world, path, goes)
        left = []
        for _ in range(3):
            assert (await poll(fetcher, path, YEAR)).status == "exact"
            left.append(rows_of(path, goes)["items"])

    assert left == [100, 0, 0]
    assert rows_of(path, goes) == dict.fromkeys(TABLES, 0)
    assert query(path, "SELECT count(*) FROM polls") == [(4,)]


async def test_story_that_comes_back_half_removed_is_counted_right(path: str) -> None:
    """What is left of its comments is not taken for the whole tree."""
    world = front_page(5, MAX_ROWS + 100)
    comes = world.top[1]
    async with client(world) as (_, fetcher):
        await poll(fetcher, path)
        leave(world, path, comes)
        await poll(fetcher, path, YEAR)
        half = rows_of(path, comes)
        world.top.append(comes)
        again = await poll(fetcher, path, YEAR)

    assert (half["items"], half["trees"]) == (100, 0)
    assert [story.exact_comments for story in again.stories] == [5, MAX_ROWS + 100]
    assert rows_of(path, comes)["items"] == MAX_ROWS + 100


async def test_remembered_story_is_not_removed(path: str) -> None:
    """It would be written again by the next poll, and removed again."""
    world = front_page(5, 7)
    left = world.top[1]
    async with client(world) as (_, fetcher):
        memory = Memory()
        async with History(path, keep=YEAR) as history:
            for number in (1, 2):
                settings = Settings(history=path, keep=YEAR)
                one = Poll(fetcher, settings, memory=memory, number=number, history=history)
                await one.run(lambda _: None)
                if number == 1:
                    leave(world, path, left)

    assert left in memory.discussions
    assert rows_of(path, left)["items"] == 7


async def test_polls_go_unless_a_count_is_theirs(path: str) -> None:
    """A row of `counts` holds until the next one of its story."""
    async with client(front_page(5)) as (_, fetcher):
        for _ in range(3):
            await poll(fetcher, path)
        query(path, "UPDATE polls SET started_at = '2024-01-01T00:00:00Z' WHERE poll_id < 3")
        left = []
        for _ in range(TRUSTED):
            await poll(fetcher, path, YEAR)
            left += query(path, "SELECT count(*) FROM polls WHERE poll_id < 4")

    assert left == [(3,)] * (TRUSTED - 1) + [(2,)]
    assert query(path, "SELECT poll_id FROM polls LIMIT 2") == [(1,), (3,)]
    assert query(path, "SELECT comments FROM latest_counts") == [(5,)]


@pytest.mark.parametrize("every", [timedelta(days=1), timedelta(days=6)])
def test_few_runs_keep_no_more_than_many(path: str, every: timedelta) -> None:
    """A story that is older than a week goes in the next run, whenever that is."""
    begin, week = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=7)
    ages = []
    for number in range(3 * TRUSTED):
        now = begin + every * number
        store = Store(path, keep=week.total_seconds() if number >= TRUSTED else None)
        store.save([report(post(1), post(number + 2), started=now)], [], None)
        store.close()
        ((oldest,),) = query(path, "SELECT min(last_seen) FROM stories")
        ages.append(now - datetime.fromisoformat(oldest))

    assert ages[TRUSTED - 1] == every * (TRUSTED - 1)
    assert ages[TRUSTED:] == [week // every * every] * (2 * TRUSTED)


async def test_clock_that_is_years_ahead_removes_nothing(path: str) -> None:
    """Where a machine starts with a wrong clock, it is set right soon."""
    world = front_page(5, 7)
    left = world.top[1]
    async with client(world) as (_, fetcher):
        for _ in range(TRUSTED):
            await poll(fetcher, path)
        world.top.remove(left)
        # The files cannot tell this from a clock that went ahead.
        query(path, "UPDATE stories SET last_seen = '2016-01-01T00:00:00Z'")
        query(path, "UPDATE polls SET started_at = '2016-01-01T00:00:00Z'")
        await poll(fetcher, path, YEAR)
        first = rows_of(path, left)["items"]
        for _ in range(TRUSTED):
            await poll(fetcher, path, YEAR)

    assert (first, rows_of(path, left)["items"]) == (7, 0)


def test_keep_needs_a_history() -> None:
    """There is nothing else to be removed."""
    with pytest.raises(BadSetting, match="`keep` needs `history`"):
        Settings(keep=YEAR)
