"""The report: what is in it, what it leaves as it was, and where it is written."""

import hashlib
import json
import os
import random
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from hn_comments.history.database import migrate, open_database
from hn_comments.history.readonly import open_readonly
from hn_comments.history.schema import MIGRATIONS, VERSION
from hn_comments.models import utc_time
from hn_comments.output.replaced import replace_file
from hn_comments.service.series import pack, thin
from hn_comments.simulator import RunningSimulator

from .support import COMMAND, HOSTILE, REPORT, front_page, query


StartSimulator = Callable[..., RunningSimulator]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "h.db")


def poll(simulator: RunningSimulator, path: str, *options: str) -> None:
    """Let a whole run of the program write the history."""
    subprocess.run(
        [*COMMAND, "--once", "--quiet", "--limit", "30", "--history", path, *options],
        env={**os.environ, "HN_COMMENTS_API_URL": simulator.url},
        capture_output=True,
        check=False,
    )


def report(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*REPORT, *arguments], capture_output=True, text=True, check=False, **options
    )


def read_document(html: str) -> dict[str, Any]:
    """Return the data in a page."""
    (text,) = re.findall(r'<script type="application/json" id="document">(.*?)</script>', html)
    document = json.loads(text)
    assert isinstance(document, dict)
    return document


def document(path: str, *options: str) -> dict[str, Any]:
    """Return the data in the report of a history."""
    made = report(path, "-o", "-", *options)
    assert (made.stderr, made.returncode) == ("", 0)
    return read_document(made.stdout)


def unpack(packed: list[int], width: int = 2) -> list[list[int]]:
    """Return what was packed, as the page does it."""
    tuples = [packed[at : at + width] for at in range(0, len(packed), width)]
    return [
        [sum(column) for column in zip(*tuples[: n + 1], strict=True)] for n in range(len(tuples))
    ]


def move_polls(path: str, seconds: int) -> None:
    """Let all polls have been so many seconds earlier."""
    moved = "strftime('%Y-%m-%dT%H:%M:%SZ', started_at, ?)"
    query(path, f"UPDATE polls SET started_at = {moved}", f"{-seconds:+d} seconds")  # noqa: S608


# What is in it.


def test_report_has_the_counts_of_the_world(hn_simulator: StartSimulator, path: str) -> None:
    """Of each story: its count, its growth to just that, its rank, and its newest comments."""
    simulator = hn_simulator(stories=6, seed=3)
    poll(simulator, path)

    found = document(path)

    world = simulator.world
    assert [story["rank"] for story in found["stories"]].count(None) == 0
    for rank, post in enumerate(world.top, start=1):
        story = next(story for story in found["stories"] if story["id"] == post)
        details = found["details"][str(post)]
        tree = [*world.walk(post)]
        live = [i for i in tree if not {"dead", "deleted"} & (world.items[i] or {}).keys()]
        assert (story["rank"], story["best"], story["comments"]) == (rank, rank, len(tree))
        assert unpack(details["curve"])[-1][1] == len(tree)
        assert sum(count for _, count in unpack(details["hours"])) == len(tree)
        assert [rank for _, rank in unpack(details["ranks"])] == [rank]
        assert [comment[0] for comment in details["comments"]] == sorted(live)[: -20 - 1 : -1]


def test_overall_growth_is_that_of_all_stories(hn_simulator: StartSimulator, path: str) -> None:
    """By the hour, from the birth of the oldest story on."""
    simulator = hn_simulator(stories=6, seed=3)
    poll(simulator, path)

    found = document(path)

    comments = sum(story["comments"] for story in found["stories"])
    written = unpack(found["report"]["hours"])
    assert unpack(found["report"]["curve"])[-1][1] == comments
    assert sum(count for _, count in written) == comments
    (oldest,) = query(path, "SELECT CAST(strftime('%s', min(created_at)) AS INTEGER) FROM items")[0]
    assert written[0][0] == oldest // 3600


def test_last_day_and_hour_are_counted_back_from_the_last_poll(
    hn_simulator: StartSimulator, path: str
) -> None:
    """An old history still says something."""
    simulator = hn_simulator(front_page(3))
    poll(simulator, path)
    items = query(path, "SELECT item_id FROM items")
    now = datetime.now(UTC)
    for (item,), hours in zip(items, (0.1, 5, 30), strict=True):
        written = utc_time(now - timedelta(hours=hours))
        query(path, "UPDATE items SET created_at = ? WHERE item_id = ?", written, item)

    (story,) = document(path)["stories"]

    assert (story["last_hour"], story["last_day"]) == (1, 2)


def test_story_that_left_the_list_has_no_rank(hn_simulator: StartSimulator, path: str) -> None:
    """Its plot ends there, and it comes after those that are on the list."""
    simulator = hn_simulator(front_page(9, 2))
    poll(simulator, path)
    move_polls(path, 600)
    gone = simulator.call(lambda: simulator.world.top.pop(0))
    poll(simulator, path)
    # A running program may read a comment that is written later, but counts it no more.
    later = utc_time(datetime.now(UTC) + timedelta(seconds=5))
    query(path, "INSERT INTO items VALUES (?, 1, ?, 'live', 'late', ?, NULL)", gone, gone, later)

    found = document(path)

    assert unpack(found["details"][str(gone)]["curve"])[-1][1] == 9
    assert [(story.get("rank"), story["id"] == gone) for story in found["stories"]] == [
        (1, False),
        (None, True),
    ]
    (first, rank), (left, off) = unpack(found["details"][str(gone)]["ranks"])
    assert (rank, off) == (1, 0)
    assert 600 <= left - first < 700


def test_ranks_are_those_of_the_list_that_most_polls_read(
    hn_simulator: StartSimulator, path: str
) -> None:
    """A file can have several."""
    simulator = hn_simulator(front_page(1, 2))
    for stories in ("top", "new", "new"):
        poll(simulator, path, "--stories", stories)

    found = document(path)

    ranks = {story["id"]: story["rank"] for story in found["stories"]}
    assert found["list"] == "new"
    assert [ranks[post] for post in sorted(simulator.world.top)] == [2, 1]


def test_removals_are_shown(hn_simulator: StartSimulator, path: str) -> None:
    """How many died, were deleted and came back, by the hour and by story."""
    simulator = hn_simulator(front_page(8, 4))
    poll(simulator, path)
    story = simulator.world.top[0]
    dead, deleted, back = [*simulator.world.walk(story)][:3]
    simulator.call(lambda: simulator.world.kill(dead))
    simulator.call(lambda: simulator.world.delete(deleted))
    simulator.call(lambda: simulator.world.kill(back))
    poll(simulator, path)
    # As if a minute had passed, in which the ids in `updates` are not read again.
    query(path, "UPDATE memory SET value = '[]' WHERE name LIKE 'read_%'")
    simulator.call(lambda: simulator.world.revive(back))
    poll(simulator, path)

    removals = document(path)["report"]["removals"]

    ((_, *kinds),) = unpack(removals["hours"], 4)
    (row,) = removals["stories"]
    assert kinds == [row["died"], row["deleted"], row["came_back"]] == [2, 1, 1]
    assert row["id"] == story


def test_trouble_is_told_with_its_reason(hn_simulator: StartSimulator, path: str) -> None:
    """Alike polls in a row are one trouble, whatever the numbers in their errors are."""
    simulator = hn_simulator(front_page(3))
    poll(simulator, path)
    for fault in ("500", "503"):
        simulator.fail("topstories", fault)
        poll(simulator, path, "--retries", "0")
        simulator.recover()
    poll(simulator, path)

    polls = document(path)["report"]["polls"]

    assert (polls["count"], polls["exact"], polls["failed"]) == (4, 2, 2)
    (trouble,) = polls["troubles"]
    assert (trouble["polls"], trouble["status"]) == (2, "failed")
    assert trouble["error"] == "topstories.json: HTTP 500"


def test_costs_and_drift_are_summed(hn_simulator: StartSimulator, path: str) -> None:
    """Each poll is in the plots of its fetches and seconds."""
    simulator = hn_simulator(front_page(30))
    poll(simulator, path)
    poll(simulator, path)
    query(path, "UPDATE polls SET drift = 3 WHERE poll_id = 2")

    polls = document(path)["report"]["polls"]

    rows = query(path, "SELECT fetches, round(seconds * 1000) FROM polls")
    assert polls["fetches"] == sum(fetches for fetches, _ in rows)
    assert [count for _, count in unpack(polls["fetches_by_poll"])] == [row[0] for row in rows]
    assert [ms for _, ms in unpack(polls["seconds_by_poll"])] == [row[1] for row in rows]
    assert (polls["drift"], polls["drifted"]) == (3, 1)
    assert [drift for _, drift in unpack(polls["drift_by_hour"])] == [3]


def test_figures_alone_can_be_drawn(hn_simulator: StartSimulator, path: str) -> None:
    """With --full-walk the file has no comments: then growth is what was counted exactly."""
    simulator = hn_simulator(front_page(5))
    poll(simulator, path, "--full-walk")
    poll(simulator, path, "--full-walk", "--max-fetches", "4")
    move_polls(path, 600)
    simulator.call(lambda: simulator.world.add_reply(simulator.world.top[0]))
    poll(simulator, path, "--full-walk")

    found = document(path)

    (details,) = found["details"].values()
    assert [count for _, count in unpack(details["curve"])][:2] == [5, 6]
    assert sum(count for _, count in unpack(details["hours"])) == 1
    assert unpack(found["report"]["curve"])[-1][1] == 6
    assert details["comments"] == []


def test_report_says_what_made_it(hn_simulator: StartSimulator, path: str) -> None:
    """The version, the file and its SHA-256, and from when to when."""
    poll(hn_simulator(front_page(1)), path)

    found = document(path)

    assert re.fullmatch(r"\d+\.\d+\.\d+.*", found["version"])
    assert found["history"] == "h.db"
    assert found["report"]["sha256"] == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert found["report"]["has_log"] is False
    assert [(found["started"],), (found["time"],)] == query(
        path, "SELECT min(started_at) FROM polls UNION ALL SELECT max(started_at) FROM polls"
    )


def test_more_stories_than_a_page_can_show(hn_simulator: StartSimulator, path: str) -> None:
    """Those on the list are shown, then those with most comments; all are counted."""
    poll(hn_simulator(front_page(2)), path)
    ((now,),) = query(path, "SELECT started_at FROM polls")
    with closing(sqlite3.connect(path)) as connection, connection:
        for number in range(1, 1201):
            connection.execute(
                "INSERT INTO stories VALUES (?, 'story', 'Story', NULL, NULL, 1, ?, ?, ?, 'live')",
                (number, now, now, now),
            )
            connection.execute(
                "INSERT INTO counts VALUES (1, ?, NULL, ?, 0, 0, 0, 0, 0, 1, 'exact')",
                (number, number),
            )
        for number in range(2, 102):
            connection.execute(
                "INSERT INTO polls VALUES (?, ?, 'top', 1, 1, 0, 0, 'delta', 0, 0, 'exact', NULL)",
                (number, now),
            )
            connection.execute(
                "INSERT INTO counts VALUES (?, 1200, ?, 1200, 0, 0, 0, 0, 0, 1, 'exact')",
                (number, None if number == 101 else number),
            )

    found = document(path)

    assert found["report"]["stories"] == 1201
    # Each has half as much room as if there were 500.
    assert len(unpack(found["details"]["1200"]["ranks"])) == 30
    assert len(found["stories"]) == len(found["details"]) == 1000
    assert [story["comments"] for story in found["stories"]] == [2, *range(1200, 201, -1)]


# What was known at another time.


def test_report_as_of_then_knows_what_was_known_then(
    hn_simulator: StartSimulator, path: str
) -> None:
    """No later poll, comment, story or removal."""
    world = front_page(5)
    for item in world.items.values():
        assert item
        item["time"] -= 3 * 3600
    simulator = hn_simulator(world)
    poll(simulator, path)
    move_polls(path, 7200)
    killed = next(iter(world.walk(world.top[0])))
    simulator.call(lambda: world.add_comment(world.top[0]))
    simulator.call(lambda: world.kill(killed))
    simulator.call(lambda: world.top.append(world.add_story(score=1)))
    poll(simulator, path)

    now, then = document(path), document(path, "--as-of", "1h")

    assert [story["comments"] for story in now["stories"]] == [6, 0]
    assert [story["comments"] for story in then["stories"]] == [5]
    (details,) = then["details"].values()
    assert unpack(details["curve"])[-1][1] == 5
    # What was removed since is not shown among the newest either.
    assert len(details["comments"]) == 4
    assert [row["died"] for row in now["report"]["removals"]["stories"]] == [1]
    assert then["report"]["removals"] == {"hours": [], "stories": []}
    assert (now["report"]["polls"]["count"], then["report"]["polls"]["count"]) == (2, 1)
    assert (now["report"]["as_of"], then["report"]["as_of"] < now["time"]) == (None, True)


def test_place_of_the_page_is_said_where_somebody_watches(
    hn_simulator: StartSimulator, path: str, tmp_path: Path
) -> None:
    """In a terminal; cron would mail it each time."""
    pty = pytest.importorskip("pty")
    poll(hn_simulator(front_page(1)), path)
    ours, theirs = pty.openpty()
    try:
        subprocess.run([*REPORT, path], stdout=theirs, cwd=tmp_path, check=True)
        said = os.read(ours, 1000)
    finally:
        os.close(ours)
        os.close(theirs)

    assert said == b"The page is report.html.\r\n"
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-25T06:00:00Z", "2026-11-25T06:00:00Z"),
        ("2026-11-25T08:00:00+02:00", "2026-11-25T06:00:00Z"),
        ("2026-11-25 06:00", "2026-11-25T06:00:00Z"),
        ("2026-11-25", "2026-11-25T00:00:00Z"),
        ("20261125", "2026-11-25T00:00:00Z"),
    ],
)
def test_times_are_in_utc(text: str, moment: str, hn_simulator: StartSimulator, path: str) -> None:
    """Unless they say otherwise; the error of a file that begins later shows what was read."""
    poll(hn_simulator(front_page(1)), path)
    move_polls(path, -2_000_000_000)

    refused = report(path, "--as-of", text)

    (first,) = query(path, "SELECT started_at FROM polls")[0]
    assert refused.returncode == 2
    assert refused.stderr == (
        f"hn-comments-report: error: the history file {path!r} has no poll before {moment}:"
        f" the first one began at {first}\n"
    )


@pytest.mark.parametrize(
    "text", ["", "24", "yesterday", "2026-13-01", "-1h", "1e9", "9" * 18 + "d"]
)
def test_time_that_makes_no_sense(text: str) -> None:
    """A number alone could be a year, or seconds."""
    refused = report("h.db", f"--as-of={text}")

    assert refused.returncode == 2
    assert refused.stderr == (
        f"hn-comments-report: error: argument --as-of: {text!r} is neither a time such as"
        " 2026-11-25T06:00:00Z nor a duration ago such as 24h (see --help)\n"
    )


# The history stays as it is.


def foreign(path: str) -> None:
    query(path, "CREATE TABLE mine (id INTEGER)")


def text(path: str) -> None:
    Path(path).write_text("dear diary\n" * 100, encoding="utf-8")


def newer(path: str) -> None:
    open_database(path).close()
    query(path, f"PRAGMA user_version = {VERSION + 1}")


def scribbled(path: str) -> None:
    open_database(path).close()
    with Path(path).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 20_000)


def damaged_inside(path: str) -> None:
    """Make a file that is too large to be checked when it is opened, and broken somewhere."""
    open_database(path).close()
    query(path, "CREATE TABLE padding AS SELECT zeroblob(17000000)")
    query(
        path, "INSERT INTO polls VALUES (1, '2026', 'top', 1, 1, 0, 0, 'full', 0, 0, 'exact', '')"
    )
    ((page,),) = query(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'polls'")
    with Path(path).open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (foreign, "is another program's SQLite file"),
        (text, "is not an SQLite file"),
        (newer, f"has version {VERSION + 1}, this hn-comments knows version {VERSION}"),
        (scribbled, "is damaged"),
        (damaged_inside, "is damaged"),
        (lambda path: Path(path).mkdir(), "is a directory"),
        (str, "does not exist: check its name"),
        (lambda path: open_database(path).close(), "has no poll yet"),
        (lambda path: Path(path).touch(), "has no poll yet"),
    ],
)
def test_file_that_cannot_be_used(
    make: Callable[[str], object], problem: str, path: str, tmp_path: Path
) -> None:
    """One sentence says why; nothing is changed, and nothing is written."""
    make(path)
    before = {file: file.is_file() and file.read_bytes() for file in tmp_path.iterdir()}

    refused = report(path, "-o", str(tmp_path / "report.html"))

    start = f"hn-comments-report: error: the history file {path!r} {problem}"
    assert refused.stderr.startswith(start)
    assert (refused.stderr.count("\n"), refused.returncode) == (1, 2)
    assert {file: file.is_file() and file.read_bytes() for file in tmp_path.iterdir()} == before


def test_reading_leaves_no_trace(hn_simulator: StartSimulator, path: str) -> None:
    """Neither in the file, nor beside it."""
    poll(hn_simulator(front_page(1)), path)
    before, changed = Path(path).read_bytes(), Path(path).stat().st_mtime_ns

    document(path)

    assert Path(path).read_bytes() == before
    assert Path(path).stat().st_mtime_ns == changed
    assert [file.name for file in Path(path).parent.iterdir()] == ["h.db"]
    with closing(open_readonly(path)) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM polls")


def test_file_that_a_program_writes_can_be_read(hn_simulator: StartSimulator, path: str) -> None:
    """As it is after the last poll: what is in its log counts, and belongs to the SHA-256."""
    poll(hn_simulator(front_page(1)), path)
    with closing(open_database(path)) as writer:
        writer.execute("UPDATE stories SET title = 'Written'")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE stories SET title = 'Not yet'")

        found = document(path)

        content = Path(path).read_bytes() + Path(f"{path}-wal").read_bytes()
    assert found["stories"][0]["title"] == "Written"
    assert found["report"]["has_log"] is True
    assert found["report"]["sha256"] == hashlib.sha256(content).hexdigest()


def test_log_that_a_killed_program_left_stays(
    hn_simulator: StartSimulator, path: str, tmp_path: Path
) -> None:
    """It is read, and not moved into the file."""
    poll(hn_simulator(front_page(1)), path)
    left = tmp_path / "left.db"
    with closing(open_database(path)) as writer:
        writer.execute("UPDATE stories SET title = 'Written'")
        left.write_bytes(Path(path).read_bytes())
        log = Path(f"{path}-wal").read_bytes()
    Path(f"{left}-wal").write_bytes(log)
    before = left.read_bytes()

    found = document(str(left))

    assert found["stories"][0]["title"] == "Written"
    assert (left.read_bytes(), Path(f"{left}-wal").read_bytes()) == (before, log)


def test_older_file_is_read_as_it_is(path: str) -> None:
    """It is brought to this version in memory only."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, MIGRATIONS[:1], {})
        connection.execute(
            "INSERT INTO polls VALUES"
            " (1, '2026-11-25T06:00:00Z', 'top', 1, 9, 0, 0, 'full', 0, 0, 'exact', NULL)"
        )
    before = Path(path).read_bytes()

    found = document(path)

    assert found["report"]["polls"]["fetches"] == 9
    assert Path(path).read_bytes() == before


@pytest.mark.skipif(os.name != "posix" or not hasattr(os, "geteuid"), reason="needs POSIX users")
def test_directory_in_which_nobody_may_write(hn_simulator: StartSimulator, tmp_path: Path) -> None:
    """SQLite makes files beside a database even to read it; here it does without."""
    place = tmp_path / "place"
    place.mkdir()
    poll(hn_simulator(front_page(1)), str(place / "h.db"))
    place.chmod(0o555)
    for above in (place, *place.parents):
        if above.owner() == place.owner():
            above.chmod(above.stat().st_mode | 0o055)
    code = (
        # What is loaded late, before this process may not read it any more.
        "import heapq, os, sys\n"
        "from hn_comments.service.html import make_report_page\n"
        "from hn_comments.service.report import make_report\n"
        "make_report_page({})\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "print(len(make_report(sys.argv[1])) > 1000)"
    )

    made = subprocess.run(
        [sys.executable, "-c", code, str(place / "h.db")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (made.stdout, made.stderr) == ("True\n", "")


# Hostile titles.


class Scripts(HTMLParser):
    """Collects which elements there are."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.append(tag)


def test_title_cannot_leave_its_place(hn_simulator: StartSimulator, path: str) -> None:
    """It is data: the page has the same elements with it as without it."""
    world = front_page(1)
    poll(hn_simulator(world), path)
    plain = report(path, "-o", "-").stdout
    query(path, 'UPDATE stories SET title = ?, "by" = ?, url = ?', HOSTILE, HOSTILE, HOSTILE)

    html = report(path, "-o", "-").stdout

    assert read_document(html)["stories"][0]["title"] == HOSTILE
    with_title, without = Scripts(), Scripts()
    with_title.feed(html)
    without.feed(plain)
    assert with_title.tags == without.tags
    assert "img" not in with_title.tags


# Where it is written.


def test_report_is_written_where_nobody_says_where(
    hn_simulator: StartSimulator, path: str, tmp_path: Path
) -> None:
    """As report.html, and without a word."""
    poll(hn_simulator(front_page(1)), path)

    made = report(path, cwd=tmp_path)

    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert read_document((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["h.db", "report.html"]


@pytest.mark.skipif(os.name != "posix", reason="needs permissions and links")
def test_report_replaces_an_older_one(
    hn_simulator: StartSimulator, path: str, tmp_path: Path
) -> None:
    """At once, with its permissions, and behind a link; who reads the older one goes on."""
    poll(hn_simulator(front_page(1)), path)
    older, link = tmp_path / "older.html", tmp_path / "link.html"
    older.write_text("older")
    older.chmod(0o640)
    link.symlink_to(older)

    with older.open() as reader:
        made = report(path, "-o", str(link))
        assert reader.read() == "older"

    assert made.returncode == 0
    assert link.is_symlink()
    assert stat.S_IMODE(older.stat().st_mode) == 0o640
    assert read_document(older.read_text(encoding="utf-8"))


@pytest.mark.skipif(os.name != "posix", reason="needs permissions")
def test_file_of_a_killed_run_is_in_nobodys_way(tmp_path: Path) -> None:
    """Another process gets its number, as in a container; and what is new is for all to read."""
    (tmp_path / f".hn-comments-{os.getpid()}").write_text("half a rep")
    (tmp_path / "other").touch()

    replace_file(str(tmp_path / "report.html"), b"report")

    assert (tmp_path / "report.html").read_bytes() == b"report"
    modes = {(tmp_path / name).stat().st_mode for name in ("report.html", "other")}
    assert len(modes) == 1
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs /dev/null")
def test_device_is_written_to(hn_simulator: StartSimulator, path: str) -> None:
    """And not replaced by a file."""
    poll(hn_simulator(front_page(1)), path)

    made = report(path, "-o", "/dev/null")

    assert (made.returncode, made.stderr) == (0, "")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_place_that_cannot_be_written(
    hn_simulator: StartSimulator, path: str, tmp_path: Path
) -> None:
    """One sentence; what is there stays."""
    poll(hn_simulator(front_page(1)), path)

    for place in (str(tmp_path), str(tmp_path / "none" / "report.html")):
        made = report(path, "-o", place)
        assert made.returncode == 1
        assert made.stderr.startswith(f"hn-comments-report: error: cannot write {place!r}: ")
    assert [file.name for file in tmp_path.iterdir()] == ["h.db"]


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_history_is_no_place_for_the_report(suffix: str, path: str) -> None:
    """However it is spelled."""
    open_database(path).close()
    other = os.path.join(os.path.dirname(path), ".", "h.db" + suffix)  # noqa: PTH118, PTH120

    refused = report(path, "-o", other)

    assert refused.returncode == 2
    assert "argument -o/--output: is a file of the history" in refused.stderr


@pytest.mark.skipif(os.name != "posix", reason="needs pipes")
def test_reader_who_has_seen_enough_is_no_error(hn_simulator: StartSimulator, path: str) -> None:
    """As in `hn-comments-report h.db -o - | head`."""
    poll(hn_simulator(front_page(1)), path)

    with subprocess.Popen(
        [*REPORT, path, "-o", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""

    assert process.returncode == 0


def test_help_and_version_import_nothing_slow() -> None:
    """Neither a shell's completion nor a reader of --help waits for aiohttp."""
    for option in ("--help", "--version"):
        code = (
            "import sys; from hn_comments.command.report import main\n"
            f"try: main([{option!r}])\n"
            "except SystemExit: pass\n"
            "print([m for m in ('aiohttp', 'asyncio', 'rich', 'sqlite3') if m in sys.modules])"
        )

        output = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )

        assert output.stdout.splitlines()[-1] == "[]"


def test_shells_complete_it() -> None:
    """Without a FILE, as --version."""
    pytest.importorskip("shtab")

    made = report("--print-completion", "bash")

    assert (made.returncode, made.stderr) == (0, "")
    assert "--as-of" in made.stdout


# Its size.


@pytest.mark.long
def test_week_of_500_stories_is_less_than_two_megabytes(path: str) -> None:
    """Though each of them has comments in each hour, and another rank in each poll."""
    born, polls, stories = datetime(2026, 11, 18, tzinfo=UTC), range(1, 1009), range(1, 501)
    times = [utc_time(born + timedelta(minutes=10 * poll)) for poll in range(1009)]
    chance = random.Random(1)
    with closing(open_database(path)) as connection:
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO polls VALUES (?, ?, 'top', 1.5, 99, 0, 0, 'delta', 9, 0, 'exact', NULL)",
            [(poll, times[poll]) for poll in polls],
        )
        connection.executemany(
            "INSERT INTO stories VALUES (?, 'story', ?, 'user', ?, 100, ?, ?, ?, 'live')",
            [
                (40_000_000 + story, "A title as long as the site allows " * 2,
                 f"https://example.com/a/long/address/{story}", times[0], times[1], times[-1])
                for story in stories
            ],
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO counts VALUES (?, ?, ?, 504, 504, 0, 0, 0, 504, 100, 'exact')",
            [
                (poll, 40_000_000 + story, chance.randint(1, 500))
                for poll in polls
                for story in stories
            ],
        )
        connection.executemany(
            "INSERT INTO items VALUES (?, ?, ?, 'live', ?, ?, ?)",
            [
                (40_000_000 + story, 50_000_000 + 600 * story + comment, 40_000_000 + story,
                 f"user{chance.randint(1, 9999)}", times[2 * comment], times[2 * comment])
                for story in stories
                for comment in range(1, 505)
            ],
        )  # fmt: skip
        connection.execute("COMMIT")

    made = report(path, "-o", "-")

    assert len(read_document(made.stdout)["details"]) == 500
    assert len(made.stdout.encode()) < 2_000_000


@pytest.mark.parametrize("most", [3, 4, 7, 50, 99, 100])
def test_thinned_series_keeps_its_ends_and_its_peak(most: int) -> None:
    """And has so many points, each of them one of the series."""
    chance = random.Random(most)
    points = [(x, chance.randrange(10)) for x in range(100)]
    points[40] = (40, 1000)

    thinned = thin(points, most)

    assert len(thinned) == most
    assert set(thinned) <= set(points)
    assert thinned == sorted(thinned)
    assert {points[0], points[40], points[-1]} <= set(thinned)


def test_short_series_is_not_thinned() -> None:
    """Nothing is lost that fits."""
    points = [(1, 5), (2, 3), (7, 4)]

    assert thin(points, 3) == points
    assert thin([], 3) == []


def test_packed_numbers_are_differences() -> None:
    """Of each kind from the one before."""
    points = [(1_764_000_000, 5), (1_764_000_060, 3), (1_764_000_180, 3)]

    packed = pack(points)

    assert packed == [1_764_000_000, 5, 60, -2, 120, 0]
    assert unpack(packed) == [[*point] for point in points]
