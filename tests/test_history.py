"""The history file: its content, its use for the next run, and the accidents it survives."""

import asyncio
import json
import os
import random
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from hn_comments import HistoryError, Item, PollReport, Settings, URLFetcher
from hn_comments.events import Troubles
from hn_comments.history.database import migrate
from hn_comments.history.history import History
from hn_comments.history.schema import APPLICATION_ID, MIGRATIONS, VERSION
from hn_comments.history.store import Store
from hn_comments.memory.discussion import Discussion
from hn_comments.memory.memory import Memory
from hn_comments.memory.pending import Wait
from hn_comments.models import State
from hn_comments.simulator import Simulator, World
from hn_comments.stories import Poll

from .reports import post
from .reports import report as make_report
from .support import (
    COMMAND,
    DEADLINE,
    MS,
    Clock,
    Ear,
    client,
    eventually,
    front_page,
    locked,
    outcome,
    run,
    started,
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "h.db")


async def poll(
    fetcher: URLFetcher,
    path: str,
    *,
    clock: Clock | None = None,
    ear: Ear | None = None,
    told: int = 1,
    **settings: Any,
) -> PollReport:
    """Return what one run of one poll publishes, and perhaps tells."""
    reports: list[PollReport] = []
    chosen = Settings(**{"polls": 1, "history": path, **settings})
    fetcher.fetch_counter = 0
    async with History(path, Troubles(ear or Ear()), told=lambda: told) as history:
        one = Poll(fetcher, chosen, memory=Memory(clock), number=1, history=history)
        await one.run(reports.append)
    (report,) = reports
    return report


def counts(report: PollReport) -> list[tuple[int | None, int | None]]:
    return [(story.count.comments if story.count else None, story.new) for story in report.stories]


def query(path: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(sql, values).fetchall()
        connection.commit()
    return found


# The next run.


async def test_next_run_reads_what_changed(path: str) -> None:
    """It costs four requests and those for new comments, and says which are new."""
    world = front_page(50, 70)
    async with client(world) as (_, fetcher):
        first = await poll(fetcher, path)
        quiet = await poll(fetcher, path)
        # The first walk and the second both read the ids in `updates`, which lists them.
        world.updates.clear()
        still = await poll(fetcher, path)
        comment = world.add_reply(world.top[0])
        second = await poll(fetcher, path, comments=True)

    assert counts(first) == [(50, None), (70, None)]
    assert counts(quiet) == counts(still) == [(50, 0), (70, 0)]
    assert (still.fetches, still.mode) == (3 + 1, "delta")
    assert counts(second) == [(51, 1), (70, 0)]
    assert second.fetches <= 3 + 1 + 3
    assert [new.item.id for new in second.comments] == [comment]
    assert {report.status for report in (first, quiet, still, second)} == {"exact"}


async def test_what_was_not_told_is_told_by_the_next_run(path: str) -> None:
    """Lines that were never written, by whatever happened to the program."""
    world = front_page(5)
    story = world.top[0]
    async with client(world) as (_, fetcher):
        await poll(fetcher, path, comments=True)
        alive, killed = world.add_comment(story), world.add_comment(story)
        lost = await poll(fetcher, path, comments=True, told=0)
        world.kill(killed)
        ear = Ear()
        again = await poll(fetcher, path, comments=True, told=0, ear=ear)
        third = await poll(fetcher, path, comments=True)
        quiet = await poll(fetcher, path, comments=True)

    assert [new.item.id for new in lost.comments] == [alive, killed]
    for report in (again, third):
        assert [new.item.id for new in report.comments] == [alive]
        assert counts(report) == [(7, 2)]
    assert ear.sentences() == [
        f"2 pieces of news have reached nobody; the next run with {path} tells them"
    ]
    assert quiet.comments == ()
    assert counts(quiet) == [(7, 0)]
    assert query(path, "SELECT count(*) FROM untold") == [(0,)]


async def test_overlapping_polls_are_told_when_they_are_printed(path: str) -> None:
    """A poll that ends after a later one is told no sooner, whatever their numbers say."""
    told, seen = 0, []
    async with History(path, told=lambda: told) as history:
        for number, comments, printed in ((2, 10, 2), (1, 20, 2), (4, 30, 1), (3, 40, 4)):
            found = make_report(post(1, comments), poll=number)
            await history.save(found, Memory().without_trees())
            seen += query(path, "SELECT comments FROM told")
            told = printed

    assert seen == [(10,), (10,), (20,)]
    assert query(path, "SELECT comments FROM told") == [(30,)]


async def test_saved_reports_are_not_compared(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand that wait, each with each, would hold up the loop for seconds."""
    told, compared = 0, []

    def compare(one: PollReport, other: object) -> bool:
        compared.append(other)
        return one is other

    monkeypatch.setattr(PollReport, "__eq__", compare)
    async with History(path, told=lambda: told) as history:
        for number in (1, 2, 3):
            told = number - 1 if number == 3 else 0
            await history.save(make_report(post(1), poll=number), Memory().without_trees())

    assert compared == []
    assert query(path, "SELECT count(*) FROM polls") == [(3,)]


async def test_poll_that_is_cut_loses_nothing_that_is_untold(path: str) -> None:
    """What it has read of that, but not told, is told by the next poll of the same run."""
    world, memory = front_page(5), Memory()
    story = world.top[0]
    reports: list[PollReport] = []
    async with client(world) as (simulator, fetcher):
        await poll(fetcher, path, comments=True)
        missed = [world.add_comment(story), world.add_comment(story)]
        await poll(fetcher, path, comments=True, told=0)
        world.updates.clear()
        simulator.fail(f"item/{missed[1]}", "hang", times=1)
        async with History(path) as history:
            for number, seconds in ((1, 300 * MS), (2, None)):
                settings = Settings(comments=True, poll_timeout=seconds)
                one = Poll(fetcher, settings, memory=memory, number=number, history=history)
                await one.run(reports.append)

    told = [[comment.item.id for comment in report.comments] for report in reports]
    assert told == [[], missed]
    assert reports[0].error


async def test_full_walks_keep_figures_only(path: str) -> None:
    """They remember no tree, but the last counts."""
    world = front_page(5)
    async with client(world) as (_, fetcher):
        await poll(fetcher, path, full_walk=True)
        world.add_reply(world.top[0])
        second = await poll(fetcher, path, full_walk=True)

    assert counts(second) == [(6, 1)]
    assert query(path, "SELECT count(*) FROM trees") == [(0,)]
    assert query(path, "SELECT comments FROM counts ORDER BY poll_id") == [(5,), (6,)]


async def test_what_was_not_read_is_read_by_the_next_run(path: str) -> None:
    """A run on a budget goes on where the last one stopped."""
    world = front_page(200)
    async with client(world, max_fetches=60) as (_, fetcher):
        reports = [await poll(fetcher, path) for _ in range(4)]

    assert [report.status for report in reports] == ["partial", "partial", "partial", "exact"]
    assert counts(reports[-1])[0][0] == 200
    assert query(path, "SELECT DISTINCT state FROM items") == [("live",)]


async def test_unread_comments_stay_unread(path: str) -> None:
    """The file has them, but not their state."""
    async with client(front_page(100), max_fetches=80) as (_, fetcher):
        await poll(fetcher, path)
        memory = Memory()
        store = Store(path)
        store.recall(memory, query(path, "SELECT story_id FROM trees")[0])
        store.close()

    (discussion,) = memory.discussions.values()
    saved = query(path, "SELECT item_id FROM items WHERE state = 'unread'")
    assert {i for i, node in discussion.tree.nodes.items() if node.state is State.UNREAD} == {
        item_id for (item_id,) in saved
    }
    assert saved
    assert not discussion.tree.settled


async def test_story_that_left_the_list_is_followed_by_the_next_run(path: str) -> None:
    """It is counted without a rank, for as long as --follow says."""
    world, clock = front_page(3, 4), Clock()
    async with client(world) as (_, fetcher):
        await poll(fetcher, path, clock=clock, limit=2)
        clock.now += 100
        gone = world.top.pop()
        followed = await poll(fetcher, path, clock=clock, limit=2, follow=200)
        clock.now += 200
        forgotten = await poll(fetcher, path, clock=clock, limit=2, follow=200)

    assert [(story.id, story.rank) for story in followed.stories] == [
        (world.top[0], 1),
        (gone, None),
    ]
    assert len(forgotten.stories) == 1


async def test_clock_that_was_set_back_delays_nothing(path: str) -> None:
    """Times in the future are now: the post is checked, and walked, when that is due."""
    world, clock = front_page(3), Clock()
    clock.now += 36_000  # no comment was written in the last minute
    async with client(world) as (_, fetcher):
        await poll(fetcher, path, clock=clock)
        clock.now -= 3600
        world.updates.clear()
        first = await poll(fetcher, path, clock=clock)
        clock.now += 1000
        world.kill(next(iter(world.walk(world.top[0]))), quietly=True)
        reports = [await poll(fetcher, path, clock=clock) for _ in range(2)]

    assert first.status == "exact"
    assert reports[-1].stories[0].count
    assert reports[-1].stories[0].count.dead == 1


async def test_time_proof_and_newcomers_survive(path: str) -> None:
    """The file keeps everything that a memory decides by."""
    world, clock = front_page(30), Clock()
    clock.now = 10_000.5
    async with client(world) as (_, fetcher):
        await poll(fetcher, path, clock=clock)
        world.add_reply(world.top[0])
        await poll(fetcher, path, clock=clock)
    store, memory = Store(path), Memory(clock)
    store.recall(memory, world.top)
    store.close()

    discussion = memory.discussions[world.top[0]]
    assert discussion.walked_at == discussion.checked_at == discussion.listed_at == clock.now
    assert (discussion.proof.live, discussion.proof.past) == (31, [(30, clock.now)])
    assert discussion.tree.total(world.top[0]) is not None
    assert {node.read_at for node in discussion.tree.nodes.values()} == {clock.now}
    assert memory.maxitem.known == discussion.tree.upto == world.next_id - 1
    assert [(c.id, at) for c, at in memory.newcomers][-1] == (world.next_id - 1, clock.now)


# The content of the file.


async def test_counts_get_a_row_where_something_differs(path: str) -> None:
    """A poll in which nothing changed is a row in `polls` alone."""
    world = front_page(3, 4)
    async with client(world) as (_, fetcher):
        for _ in range(3):
            await poll(fetcher, path)
        world.add_reply(world.top[1])
        await poll(fetcher, path)

    assert query(path, "SELECT poll_id, story_id, comments FROM counts ORDER BY 1, 3") == [
        (1, world.top[0], 3),
        (1, world.top[1], 4),
        (4, world.top[1], 5),
    ]
    assert query(path, "SELECT count(*), sum(status = 'exact') FROM polls") == [(4, 4)]


async def test_file_is_ours_and_sound(path: str) -> None:
    """The file names its application, and all its foreign keys hold."""
    async with client(front_page(3, 4)) as (_, fetcher):
        await poll(fetcher, path)

    assert query(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert query(path, "PRAGMA user_version") == [(VERSION,)]
    assert query(path, "PRAGMA journal_mode") == [("wal",)]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    assert query(path, "PRAGMA foreign_key_check") == []
    assert os.listdir(os.path.dirname(path)) == ["h.db"]  # noqa: PTH120, PTH208


async def test_views_answer(path: str) -> None:
    """The latest counts, growth, disputes, partial counts, authors."""
    world = front_page(3, 4)
    post = world.top[0]
    (world.items[post] or {})["descendants"] = 7
    async with client(world) as (_, fetcher):
        await poll(fetcher, path)

    assert query(path, "SELECT comments, status FROM latest_counts WHERE story_id = ?", post) == [
        (3, "exact")
    ]
    assert query(path, "SELECT story_id, difference, lasting FROM disputes") == [(post, -4, 1)]
    grown = "SELECT sum(comments), max(total) FROM growth_by_hour WHERE story_id = ?"
    assert query(path, grown, post) == [(3, 3)]
    assert query(path, "SELECT sum(comments) FROM authors") == [(7,)]
    assert query(path, "SELECT * FROM ever_partial") == []
    assert {row[0] for row in query(path, "SELECT story_id FROM growing_now")} <= {*world.top}


async def test_foreign_keys_name_their_columns(path: str) -> None:
    """Datasette 0.65 answers 500 for a table whose foreign keys do not."""
    Store(path).close()

    found = query(
        path,
        'SELECT m.name, k."table", k."to" FROM sqlite_schema AS m, pragma_foreign_key_list(m.name)'
        " AS k WHERE m.type = 'table'",
    )

    assert {(table, column) for _, table, column in found} == {
        ("stories", "story_id"),
        ("polls", "poll_id"),
    }
    assert {name for name, *_ in found} == {
        *("counts", "items", "listed", "notices", "removals", "told", "trees", "untold"),
    }


async def test_odd_text_is_kept_as_far_as_it_is_text(path: str) -> None:
    """Half a surrogate pair, or a control character, is left out, and ends nothing."""
    world = front_page(1)
    post = world.top[0]
    (world.items[post] or {}).update(title="a\ud800b\0c", by="\udfff")
    (world.items[next(iter(world.walk(post)))] or {})["by"] = "x\ud800"
    async with client(world) as (_, fetcher):
        report = await poll(fetcher, path)

    assert report.status == "exact"
    assert query(path, 'SELECT title, "by" FROM stories') == [("abc", "")]
    assert query(path, 'SELECT "by" FROM items') == [("x",)]


async def test_story_that_left_the_list_has_no_rank(path: str) -> None:
    """At any moment each rank is one story's, and a departure has a time."""
    world = front_page(3, 4, 5)
    first, second, third = world.top
    async with client(world) as (_, fetcher):
        await poll(fetcher, path)
        world.top = [third, first]
        await poll(fetcher, path)
        await poll(fetcher, path, limit=1)

    latest = query(path, "SELECT story_id, rank FROM latest_counts ORDER BY story_id")
    assert latest == [(first, 2), (second, None), (third, 1)]
    ranks = "SELECT story_id, rank FROM counts_by_poll WHERE poll_id = ? ORDER BY rank"
    assert query(path, ranks, 1) == [(first, 1), (second, 2), (third, 3)]
    assert query(path, ranks, 2) == [(third, 1), (first, 2)]
    assert query(path, ranks, 3) == [(third, 1), (first, 2)]


async def test_removals_are_recorded(path: str) -> None:
    """Each way from live to dead or deleted, and back, also where the tree is walked again."""
    world, clock = front_page(5), Clock()
    one, other, *_ = world.walk(world.top[0])
    async with client(world) as (_, fetcher):
        await poll(fetcher, path, clock=clock)
        world.kill(one)
        world.delete(other)
        await poll(fetcher, path, clock=clock)
        world.revive(one)
        clock.now += 100
        await poll(fetcher, path, clock=clock)

    found = query(path, "SELECT item_id, from_state, to_state FROM removals ORDER BY rowid")
    assert sorted(found[:2]) == sorted([(one, "live", "dead"), (other, "live", "deleted")])
    assert found[2:] == [(one, "dead", "live")]
    hours = query(path, "SELECT sum(died), sum(deleted), sum(came_back) FROM removals_by_hour")
    assert hours == [(1, 1, 1)]


def move(path: str, change: str) -> None:
    """Do to a history what people do, while it is used."""
    if change == "deleted":
        Path(path).unlink()
    else:
        Path(path).rename(f"{path}.moved")
    if change == "replaced":
        Path(f"{path}.backup").rename(path)


@pytest.mark.parametrize("change", ["moved", "deleted", "replaced"])
async def test_file_that_is_moved_is_noticed(path: str, change: str) -> None:
    """One warning; the polls go into what is there now, and the moved file is sound."""
    world, ear, memory = front_page(5), Ear(), Memory()
    async with client(world) as (_, fetcher), History(path, Troubles(ear)) as history:
        for number in range(1, 5):
            if number == 2:
                query(path, f"VACUUM INTO '{path}.backup'")
            if number == 3:
                move(path, change)
            await Poll(fetcher, Settings(), memory=memory, number=number, history=history).run(
                lambda _: None
            )
            world.add_reply(world.top[0])

    before = 1 if change == "replaced" else 0
    assert query(path, "SELECT count(*) FROM polls") == [(before + 2,)]
    assert query(path, "SELECT count(*) FROM items") == [(8,)]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    if change != "deleted":
        assert query(f"{path}.moved", "SELECT count(*) FROM polls") == [(2,)]
        assert query(f"{path}.moved", "PRAGMA integrity_check") == [("ok",)]
    (sentence,) = ear.sentences()
    assert sentence.startswith(f"{path} was moved, replaced or deleted: ")


async def test_file_of_another_api_is_refused(path: str) -> None:
    """Its ids mean something else."""
    async with History(path, api_url="http://127.0.0.1:1/v0") as history:
        memory = Memory()
        async with client(front_page(1)) as (_, fetcher):
            await Poll(fetcher, Settings(), memory=memory, number=1, history=history).run(
                lambda _: None
            )

    with pytest.raises(HistoryError, match=r"belongs to the API at http://127\.0\.0\.1:1/v0"):
        await History(path, api_url="http://127.0.0.1:2/v0").__aenter__()


# What is refused, untouched.


def foreign(path: str) -> None:
    query(path, "CREATE TABLE mine (x)")


def text(path: str) -> None:
    Path(path).write_text("dear diary\n" * 100, encoding="utf-8")


def newer(path: str) -> None:
    Store(path).close()
    query(path, f"PRAGMA user_version = {VERSION + 1}")


def halved(path: str) -> None:
    Store(path).close()
    os.truncate(path, Path(path).stat().st_size // 2)


def scribbled(path: str) -> None:
    Store(path).close()
    with Path(path).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 20_000)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (foreign, "is another program's SQLite file: name another one"),
        (text, "is not an SQLite file: name another one"),
        (newer, f"has version {VERSION + 1}, this hn-comments knows version {VERSION}: use the"),
        (halved, "is damaged"),
        (scribbled, "is damaged"),
    ],
)
def test_refused_file_stays_as_it_is(make: Any, problem: str, path: str) -> None:
    """One sentence says what to do, and not a byte is changed."""
    make(path)
    before = Path(path).read_bytes()

    with pytest.raises(HistoryError) as caught:
        Store(path)

    assert str(caught.value).startswith(f"the history file {path!r} {problem}")
    assert Path(path).read_bytes() == before
    assert os.listdir(Path(path).parent) == ["h.db"]  # noqa: PTH208 - names are compared


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (".", "is a directory: name a file in it"),
        ("none/h.db", "is in a directory that does not exist: create that"),
        ("\0", "has a name that no file can have: name another one"),
        ("/dev/null", "is no ordinary file: name another one"),
    ],
)
def test_path_that_cannot_be(name: str, problem: str, tmp_path: Path) -> None:
    """A path that cannot be a file is refused likewise."""
    path = os.path.join(tmp_path, name)  # noqa: PTH118 - a "." and a NUL stay what they are

    with pytest.raises(HistoryError, match=r".") as caught:
        Store(path)

    assert str(caught.value) == f"the history file {path!r} {problem}"


@pytest.fixture
def read_only_file() -> Iterator[Path]:
    """A history in a folder that every user may enter, unlike pytest's."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder, "h.db")
        Store(str(path)).close()
        path.chmod(0o444)
        yield path


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX users")
async def test_read_only_file_is_refused(read_only_file: Path) -> None:
    """By a user who is not root: root may write any file."""
    code = (
        "import os, sys\n"
        "from hn_comments.history.store import Store\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "try: Store(sys.argv[1])\n"
        "except Exception as exc: print(exc)"
    )

    _, stdout, _ = await run(sys.executable, "-c", code, str(read_only_file))

    assert stdout.strip().endswith("is read-only: make it writable, or copy it")


@pytest.mark.parametrize("name", [":memory:", "file:h.db?mode=memory", "~h.db"])
def test_names_mean_themselves(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is a path, not a command to SQLite or the shell."""
    monkeypatch.chdir(tmp_path)

    Store(name).close()

    assert [file.name for file in tmp_path.iterdir()] == [name]


def flip_and_open(path: str, chance: random.Random) -> None:
    """Change a byte to what is no ASCII, and use the file; only our own errors may come out."""
    content = bytearray(Path(path).read_bytes())
    content[chance.randrange(100, len(content))] = chance.randrange(128, 256)
    flipped = f"{path}.flipped"
    Path(flipped).write_bytes(content)
    try:
        store = Store(flipped)
        store.recall(Memory(), [1])
        store.close()
    except HistoryError as exc:
        assert str(exc).isprintable()  # noqa: PT017 - most damage is harmless


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 9))]
)
def test_damaged_schema_is_refused_or_read(seed: int, path: str) -> None:
    """Whatever byte of it is changed, also to what is no text."""
    Store(path).close()
    chance = random.Random(seed)

    for _ in range(150):
        flip_and_open(path, chance)


def test_empty_file_is_a_new_one(path: str) -> None:
    """`mktemp` makes such files."""
    Path(path).touch()

    Store(path).close()

    assert query(path, "PRAGMA user_version") == [(VERSION,)]


def test_migrations_are_taken_once_and_all_or_none(path: str) -> None:
    """A file of an older version gets all it lacks; a step that fails leaves it unchanged."""
    steps = (("CREATE TABLE a (x)",), ("CREATE TABLE b (x)", "INSERT INTO a VALUES (1)"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, steps[:1], {})
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, (*steps, ("CREATE TABLE c (x)", "nonsense")), {})
        before = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        migrate(connection, steps, {})
        migrate(connection, steps, {})
        migrate(connection, steps[:1], {})

        assert before == (1,)
        assert connection.execute("SELECT x FROM a").fetchall() == [(1,)]
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


OLD_FILE = """
    INSERT INTO polls VALUES (1, '2026-11-01T10:00:00Z', 'top', 1, 9, 0, 0, 'full', 0, 0, 'exact',
        NULL);
    INSERT INTO stories VALUES (1, 'story', 'Old', 'ann', NULL, 9, '2026-11-01T09:00:00Z',
        '2026-11-01T10:00:00Z', '2026-11-01T10:00:00Z');
    INSERT INTO counts VALUES (1, 1, 1, 2, 2, 0, 0, 0, 2, 9, 'exact');
    CREATE VIEW latest_counts AS SELECT 'old' AS title;
    CREATE VIEW mine AS SELECT 7 AS x;
"""


def test_file_of_an_older_version_keeps_its_figures(path: str) -> None:
    """It gets the newer tables and views; views of the user's own stay."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, MIGRATIONS[:1], {})
        connection.executescript(OLD_FILE)

    Store(path).close()

    assert query(path, "SELECT title, rank, comments FROM latest_counts") == [("Old", 1, 2)]
    assert query(path, "SELECT * FROM told") == [(1, 2, "exact")]
    assert query(path, "SELECT * FROM mine") == [(7,)]


# Accidents.


@pytest.mark.parametrize(
    "contradiction",
    [
        "UPDATE items SET parent_id = 7 WHERE item_id = (SELECT max(item_id) FROM items)",
        "INSERT INTO items SELECT story_id, 9, 7, 'live', NULL, NULL, NULL FROM trees",
        "UPDATE items SET parent_id = item_id + 1 - 2 * (item_id % 2)",
        "UPDATE trees SET stale = 'nonsense'",
        "UPDATE trees SET walked_at = 'yesterday'",
        "UPDATE trees SET unlisted = '[[1, null]]'",
    ],
)
async def test_memory_that_contradicts_itself_is_read_anew(contradiction: str, path: str) -> None:
    """There is a warning, the figures stay, and the file is well afterwards."""
    second_run, third_run = Ear(), Ear()
    async with client(front_page(40)) as (_, fetcher):
        await poll(fetcher, path)
        query(path, contradiction)
        again = await poll(fetcher, path, ear=second_run)
        third = await poll(fetcher, path, ear=third_run)

    (said,) = second_run.sentences()
    assert "contradicts itself" in said
    assert third_run.sentences() == []
    assert counts(again) == counts(third) == [(40, 0)]
    assert again.mode == "full"
    assert third.mode == "delta"
    assert query(path, "SELECT count(*) FROM polls") == [(3,)]


async def test_busy_file_is_a_warning_and_the_next_poll_writes_it_all(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process holds it for long, polls go on; nothing is lost."""
    ear = Ear()
    monkeypatch.setattr("hn_comments.history.history.PATIENCE", 20 * MS)
    world = front_page(3)
    memory, reports = Memory(), list[PollReport]()
    async with client(world) as (_, fetcher), History(path, Troubles(ear)) as history:
        with locked(path):
            for number in (1, 2):
                await Poll(fetcher, Settings(), memory=memory, number=number, history=history).run(
                    reports.append
                )
                world.add_reply(world.top[0])
            written = query(path, "SELECT count(*) FROM polls")
        await Poll(fetcher, Settings(), memory=memory, number=3, history=history).run(
            reports.append
        )

    assert [counts(report)[0][0] for report in reports] == [3, 4, 5]
    assert written == [(0,)]
    assert query(path, "SELECT comments FROM counts ORDER BY poll_id") == [(3,), (4,), (5,)]
    assert query(path, "SELECT count(*) FROM items") == [(5,)]
    assert [sentence.partition(path)[2] for sentence in ear.sentences()] == [
        ": database is locked; what is reported now is not in it until a later poll can write it",
        " can be written again: it has the 2 polls that were not in it",
    ]


async def test_cancelled_poll_is_in_the_file_before_it_is_published(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is cancelled, and however long that takes; it says so afterwards."""
    published: list[int] = []
    begun, go_on, save = threading.Event(), threading.Event(), Store.save

    def save_slowly(*args: Any, **more: Any) -> Any:
        begun.set()
        assert go_on.wait(DEADLINE)
        return save(*args, **more)

    monkeypatch.setattr(Store, "save", save_slowly)
    async with client(front_page(30)) as (_, fetcher), History(path) as history:
        one = Poll(fetcher, Settings(), memory=Memory(), number=1, history=history)
        task = asyncio.create_task(
            one.run(lambda _: published.extend(query(path, "SELECT count(*) FROM polls")[0]))
        )
        await eventually(begun.is_set)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(10 * MS)
        before = [*published]
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert before == []
    assert published == [1]
    assert query(path, "SELECT count(*) FROM polls") == [(1,)]


class Tries:
    """Counts how often a store is asked to save."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.number = 0
        save = Store.save

        def count(*args: Any, **more: Any) -> Any:
            self.number += 1
            return save(*args, **more)

        monkeypatch.setattr(Store, "save", count)


async def test_busy_file_delays_no_exit(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled poll does not wait for the other process; the next one writes both."""
    tries, memory = Tries(monkeypatch), Memory()
    monkeypatch.setattr("hn_comments.history.history.PATIENCE", 10 * DEADLINE)
    async with client(front_page(3)) as (_, fetcher), History(path) as history:
        first, second = (
            Poll(fetcher, Settings(), memory=memory, number=number, history=history)
            for number in (1, 2)
        )
        with locked(path) as other:
            task = asyncio.create_task(first.run(lambda _: None))
            await eventually(lambda: tries.number > 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert other.in_transaction
        await second.run(lambda _: None)

        assert query(path, "SELECT count(*) FROM polls") == [(2,)]


async def test_poll_after_a_cancelled_one_waits_for_another_process(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only who is cancelled is in a hurry: a poll that ran out of time is not the last one."""
    tries, memory = Tries(monkeypatch), Memory()
    begun, go_on, recall = threading.Event(), threading.Event(), Store.recall

    def recall_slowly(*args: Any, **more: Any) -> None:
        begun.set()
        assert go_on.wait(DEADLINE)
        recall(*args, **more)

    monkeypatch.setattr(Store, "recall", recall_slowly)
    monkeypatch.setattr("hn_comments.history.history.PATIENCE", 10 * DEADLINE)
    async with client(front_page(3)) as (_, fetcher), History(path) as history:
        task = asyncio.create_task(history.recall(memory, ()))
        await eventually(begun.is_set)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(10 * MS)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        with locked(path):
            one = Poll(fetcher, Settings(), memory=memory, number=1, history=history)
            task = asyncio.create_task(one.run(lambda _: None))
            await eventually(lambda: tries.number > 2 or task.done())
            waited = not task.done()
        await task

    assert waited
    assert query(path, "SELECT count(*) FROM polls") == [(1,)]


async def test_busy_file_delays_no_poll_twice(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one waits for a while, the next ones try once."""
    tries, memory = Tries(monkeypatch), Memory()
    monkeypatch.setattr("hn_comments.history.history.PATIENCE", 300 * MS)
    numbers = []
    async with client(front_page(3)) as (_, fetcher), History(path) as history:
        with locked(path):
            for number in (1, 2, 3):
                before = tries.number
                run = Poll(fetcher, Settings(), memory=memory, number=number, history=history)
                await run.run(lambda _: None)
                numbers.append(tries.number - before)

    assert numbers[0] > 1
    assert numbers[1:] == [1, 1]
    assert query(path, "SELECT count(*) FROM polls") == [(3,)]


async def test_what_could_not_be_written_is_written_at_the_end(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of one poll has no next one."""
    monkeypatch.setattr("hn_comments.history.history.PATIENCE", 20 * MS)
    async with client(front_page(3)) as (_, fetcher), History(path) as history:
        with locked(path):
            one = Poll(fetcher, Settings(polls=1), memory=Memory(), number=1, history=history)
            await one.run(lambda _: None)

    assert query(path, "SELECT count(*) FROM polls, trees") == [(1,)]


async def test_new_is_counted_from_the_last_exact_count(path: str) -> None:
    """A failure in between does not count."""
    world = front_page(30, 3)
    post = world.items[world.top[0]] or {}
    kids = post["kids"]
    async with client(world) as (_, fetcher):
        await poll(fetcher, path)
        post["kids"] = "none"
        world.touch(world.top[0])
        second = await poll(fetcher, path)
        post["kids"] = kids
        world.add_reply(world.top[0])
        third = await poll(fetcher, path)

    assert counts(second) == [(None, None), (3, 0)]
    assert counts(third) == [(31, 1), (3, 0)]


async def test_two_processes_lose_nothing_of_each_other(path: str) -> None:
    """Their trees grow by the comments that each has read, in any order."""
    world = front_page(30, 30)
    shuffled = random.Random(1)
    async with client(world) as (_, fetcher), History(path) as one, History(path) as other:
        both = [(one, Memory()), (other, Memory())]
        for number in range(30):
            world.add_comment(shuffled.choice([*world.top, *world.walk(world.top[0])]))
            if number % 3 == 0:
                world.kill(shuffled.choice([*world.walk(world.top[0])]))
            history, memory = shuffled.choice(both)
            run = Poll(fetcher, Settings(), memory=memory, number=number, history=history)
            await run.run(lambda _: None)
        third = await poll(fetcher, path)

    assert third.status == "exact"
    assert [(story.id, story.count and story.count.comments) for story in third.stories] == [
        (post, len([*world.walk(post)])) for post in world.top
    ]
    assert third.fetches < 60
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


async def test_dropped_parent_of_anothers_comment_is_written_again(path: str) -> None:
    """One process sees a comment removed, the other a reply to it; the saved rows are a tree."""
    world, clock = front_page(3), Clock()
    post = world.top[0]
    comment = next(iter(world.walk(post)))
    async with client(world) as (_, fetcher), History(path) as one, History(path) as other:
        memories = Memory(clock), Memory(clock)
        runs = [(one, memories[0]), (other, memories[1])]
        for number, (history, memory) in enumerate((*runs, *runs)):
            if number == 2:
                clock.now += 1000
                query(path, "DELETE FROM items WHERE item_id = ?", comment)
                world.add_comment(comment)
            run = Poll(fetcher, Settings(), memory=memory, number=number, history=history)
            await run.run(lambda _: None)
    last = await recalled(path, world, clock)

    assert len(last.discussions[post].tree.nodes) == 1 + 4


# Two processes and one tree, step by step.


class Process:
    """A process that uses the file: its memory, filled by a poll, and its store."""

    def __init__(self, path: str, report: PollReport, clock: Clock) -> None:
        self.store, self.memory, self.report = Store(path), Memory(clock), report

    def recall(self) -> Discussion:
        self.store.recall(self.memory, [story.id for story in self.report.stories])
        (discussion,) = self.memory.discussions.values()
        return discussion

    def save(self) -> None:
        self.store.save([self.report], [], self.memory)


@pytest.fixture
async def processes(path: str) -> AsyncIterator[tuple[Process, Process, Process]]:
    """Yield three processes and a file with a tree of thirty comments."""
    clock = Clock()
    async with client(front_page(30)) as (_, fetcher):
        report = await poll(fetcher, path, clock=clock)
    found = [Process(path, report, clock) for _ in range(3)]
    yield found[0], found[1], found[2]
    for process in found:
        process.store.close()


Processes = tuple[Process, Process, Process]


async def test_the_largest_claim_counts(processes: Processes) -> None:
    """A claim of a process that has read to the end is not lowered by another."""
    one, other, third = processes
    mine, theirs = one.recall(), other.recall()
    upto = mine.tree.upto

    mine.tree.upto += 10
    one.save()
    theirs.tree.upto += 5
    other.save()

    assert third.recall().tree.upto == upto + 10


async def test_unfinished_claim_does_not_count(processes: Processes) -> None:
    """A claim that a process has not finished counts for no other."""
    one, other, third = processes
    mine, theirs = one.recall(), other.recall()
    upto = mine.tree.upto

    mine.tree.upto += 10
    mine.tree.mark_stale(mine.post_id)
    one.save()
    other.save()

    assert theirs.tree.settled
    assert third.recall().tree.upto == upto


async def test_lower_claim_of_one_who_knows_counts(processes: Processes) -> None:
    """In another world, whose ids are lower, nothing is complete up to the old ones."""
    one, other, _ = processes
    one.recall().tree.upto = 5

    one.save()

    assert other.recall().tree.upto == 5


async def test_ids_not_read_yet_are_not_claimed(processes: Processes) -> None:
    """The next run knows since when they are asked for, and when to give them up."""
    one, other, _ = processes
    upto = one.recall().tree.upto
    since = one.memory.clock() - 60
    one.memory.pending.waits = {upto - 3: Wait(since=since), upto: Wait()}

    one.save()

    assert other.recall().tree.upto == upto - 4
    assert {i: wait.since for i, wait in other.memory.pending.waits.items()} == {
        upto - 3: pytest.approx(since, abs=0.002),
        upto: None,
    }


async def test_stale_nodes_and_unfinished_walks_are_gone_on_with(processes: Processes) -> None:
    """The next run reads the rest."""
    one, other, third = processes
    mine = one.recall()
    comment = max(mine.tree.nodes)
    mine.tree.mark_stale(comment)
    one.save()
    theirs = other.recall()
    mine.begin_walk()
    one.save()
    last = third.recall()

    assert [i for i, node in theirs.tree.nodes.items() if node.stale] == [comment]
    assert not theirs.tree.settled
    assert not theirs.is_walking
    assert all(node.stale for node in last.tree.nodes.values())
    assert last.is_walking
    assert last.tree.known


async def test_only_differences_are_written(processes: Processes, path: str) -> None:
    """Comments that one process dropped are gone; those that another added stay."""
    one, other, third = processes
    mine, theirs = one.recall(), other.recall()
    leaves = [i for i, node in mine.tree.nodes.items() if not node.kids]
    post = mine.post_id
    new = Item(id=mine.tree.upto + 1, type="comment", parent=post)

    assert theirs.join(new)
    other.save()
    mine.tree.nodes[mine.tree.nodes[leaves[0]].parent].read_at = 0
    parent = mine.tree.nodes[leaves[0]].parent
    mine.tree.nodes[leaves[0]].read_at = 1.0
    kids = tuple(kid for kid in mine.tree.nodes[parent].kids if kid != leaves[0])
    mine.put(parent, Item(id=parent, type="comment", kids=kids))
    one.save()

    saved = {item_id for (item_id,) in query(path, "SELECT item_id FROM items")}
    assert new.id in saved
    assert leaves[0] not in saved
    assert saved | {post} == third.recall().tree.nodes.keys()
    assert not mine.tree.unsaved
    assert not theirs.tree.unsaved


async def test_half_read_tree_does_not_replace_a_whole_one(processes: Processes, path: str) -> None:
    """A process that read neither the file nor the whole tree leaves the saved tree alone."""
    one, other, _ = processes
    async with client(front_page(30), max_fetches=28) as (_, fetcher):
        await Poll(fetcher, Settings(), memory=one.memory, number=1).run(lambda _: None)

    one.save()

    assert not next(iter(one.memory.discussions.values())).tree.settled
    assert other.recall().tree.settled
    assert query(path, "SELECT count(*) FROM items") == [(30,)]


async def test_old_newcomers_leave_the_file(processes: Processes, path: str) -> None:
    """After 90 seconds their parents list them, or never will."""
    one, _, _ = processes
    one.recall()
    before = query(path, "SELECT count(*) > 0 FROM newcomers")
    assert isinstance(one.memory.clock, Clock)
    one.memory.clock.now += 100

    one.save()

    assert before == [(1,)]
    assert query(path, "SELECT count(*) FROM newcomers") == [(0,)]


async def recalled(path: str, world: World, clock: Clock) -> Memory:
    store, memory = Store(path), Memory(clock)
    store.recall(memory, world.top)
    store.close()
    return memory


@pytest.fixture
async def url() -> Any:
    async with Simulator(World(stories=10, rate=6000), faults={"500": 0.02}) as simulator:
        yield simulator.url


async def test_killed_at_any_moment_the_file_stands(url: str, path: str) -> None:
    """Every printed poll is in it, and the next run starts from there."""
    moments = random.Random(3)
    printed = 0
    for _ in range(3):
        options = ["--history", path, "--period", "0.05", "--format", "json"]
        async with started(*COMMAND, "--api-url", url, *options) as process:
            assert process.stdout
            async with asyncio.timeout(DEADLINE):
                await process.stdout.readline()
            await asyncio.sleep(moments.uniform(0, 300) * MS)
            process.kill()
            _, stdout, _ = await outcome(process)
        printed += stdout.count('{"type": "poll"')

        assert query(path, "SELECT count(*) >= ? FROM polls", printed) == [(1,)]
        assert query(path, "PRAGMA integrity_check") == [("ok",)]


async def test_killed_program_has_told_what_it_printed(path: str) -> None:
    """It is noted when the lines are written, and not with the next poll."""
    world = front_page(5)
    async with Simulator(world) as simulator:
        command = [*COMMAND, "--api-url", simulator.url, "--history", path, "--format", "json"]
        await run(*command, "--once")
        world.add_reply(world.top[0])
        async with started(*command, "--comments", "--period", "1h") as process:
            assert process.stdout
            async with asyncio.timeout(DEADLINE):
                while b'"type": "comment"' not in await process.stdout.readline():
                    pass
            await eventually(lambda: query(path, "SELECT * FROM untold") == [])
            process.kill()
        _, stdout, _ = await run(*command, "--comments", "--once")

    (story,) = [json.loads(line) for line in stdout.splitlines() if '"type": "story"' in line]
    assert (story["comments"], story["new"]) == (6, 0)
    assert '"type": "comment"' not in stdout


async def test_file_that_turns_out_to_be_damaged_is_closed(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its thread ends: who uses this as a library goes on."""

    def fail(store: Store) -> tuple[int, float]:
        raise HistoryError(store.path, "is damaged", "name another one")

    monkeypatch.setattr(Store, "failures", fail)
    with pytest.raises(HistoryError, match="is damaged"):
        async with History(path):
            pass

    await eventually(lambda: not any(t.name.startswith("history") for t in threading.enumerate()))


async def test_command_refuses_with_one_sentence(tmp_path: Path) -> None:
    """The exit code is 2, as for any other bad argument."""
    code, stdout, stderr = await run(*COMMAND, "--history", str(tmp_path), "--once")

    assert (code, stdout) == (2, "")
    assert stderr.count("\n") == 1
    assert f"the history file '{tmp_path}' is a directory: name a file in it" in stderr
