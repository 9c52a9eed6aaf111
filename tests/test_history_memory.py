"""What the next run remembers: times by its own clock, proofs, states, and odd posts."""

import gc
from collections.abc import Callable
from pathlib import Path

import pytest

from hn_comments import HistoryError, PollFailed, PollReport, Settings, URLFetcher
from hn_comments.history.database import is_busy
from hn_comments.history.history import History
from hn_comments.history.saving import Stored, merge
from hn_comments.history.store import Store
from hn_comments.memory import Discussion, Memory
from hn_comments.models import State
from hn_comments.stories import Poll

from .support import MS, Clock, client, front_page, locked, poll_once, query


class Machine(Clock):
    """A steady clock that began at some time of day."""

    def __init__(self, now: float, began: float) -> None:
        super().__init__(now)
        self.began = began

    def wall(self) -> float:
        return self.began + self.now


# Some time of day, in seconds since 1970.
DAY = 1_700_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "h.db")


async def poll(fetcher: URLFetcher, path: str, memory: Memory) -> PollReport:
    """Return what the first poll of a run finds."""
    reports: list[PollReport] = []
    async with History(path) as history:
        fetcher = URLFetcher(fetcher.source)
        run = Poll(fetcher, Settings(), memory=memory, number=1, history=history)
        await run.run(reports.append)
    return reports[0]


async def recall_after(
    path: str, clock: Machine, change: Callable[[Discussion], object], *, later: Machine
) -> Discussion:
    """Return what a run knows of a post whose discussion another one has changed and saved."""
    world, memory = front_page(3), Memory(clock)
    async with client(world) as (_, fetcher):
        report = await poll(fetcher, path, memory)
    change(memory.discussions[world.top[0]])
    store = Store(path)
    store.save([report], [], memory)
    recalled = Memory(later)
    store.recall(recalled, world.top)
    store.close()
    return recalled.discussions[world.top[0]]


async def test_file_has_the_time_of_day(path: str) -> None:
    """Whatever the steady clock shows, which begins anew with each start of the machine."""
    clock = Machine(1000.0, DAY)
    async with client(front_page(3)) as (_, fetcher):
        await poll(fetcher, path, Memory(clock))

    assert query(path, "SELECT walked_at FROM trees") == [("2023-11-14T22:30:00.000Z",)]


async def test_times_are_those_of_the_next_runs_clock(path: str) -> None:
    """An hour later it is an hour ago; what is due then is due then."""
    before, after = Machine(1000.0, DAY), Machine(50.0, DAY + 1000 + 3600 - 50)

    def change(discussion: Discussion) -> None:
        proof = discussion.proof
        proof.gap, proof.doubted, proof.patience = 2, True, 7200.0
        proof.lags_since, proof.unconfirmed_since = 990.0, 980.0
        proof.walk_again_at = 1000.0 + 7200.0
        proof.past = [(4, 995.0)]
        discussion.again = {discussion.post_id: (1000.0 + 7200.0, 7200.0)}

    discussion = await recall_after(path, before, change, later=after)

    proof = discussion.proof
    assert discussion.walked_at == discussion.checked_at == discussion.listed_at == 50.0 - 3600
    assert (proof.gap, proof.doubted, proof.patience) == (2, True, 7200.0)
    assert (proof.lags_since, proof.unconfirmed_since) == (40.0 - 3600, 30.0 - 3600)
    assert proof.walk_again_at == 50.0 + 3600
    assert proof.past == [(4, 45.0 - 3600)]
    assert discussion.again == {discussion.post_id: (50.0 + 3600, 7200.0)}
    assert {node.read_at for node in discussion.tree.nodes.values()} == {50.0 - 3600}


async def test_what_is_not_known_stays_unknown(path: str) -> None:
    """No time is a time in itself."""
    clock = Machine(1000.0, DAY)

    discussion = await recall_after(path, clock, lambda _: None, later=clock)

    proof = discussion.proof
    assert (proof.lags_since, proof.unconfirmed_since) == (None, None)
    assert (proof.gap, proof.doubted) == (0, False)
    assert not discussion.is_walking


@pytest.mark.parametrize("state", [State.LIVE, State.DEAD, State.DELETED])
async def test_state_of_a_post_survives(path: str, state: State) -> None:
    """With the title that it had."""
    world = front_page(3)
    async with client(world) as (_, fetcher):
        memory = Memory()
        await poll(fetcher, path, memory)
        post = world.items[world.top[0]] or {}
        title = post["title"]
        if state is not State.LIVE:
            post[state.value] = True
            world.touch(world.top[0])
        report = await poll(fetcher, path, Memory())
        store, recalled = Store(path), Memory()
        store.recall(recalled, world.top)
        store.close()

    assert report.stories[0].state is state
    item = recalled.discussions[world.top[0]].item
    assert item is not None
    assert (item.state, item.title) == (state, title)
    assert query(path, "SELECT state, title FROM stories") == [(state.value, title)]


async def test_post_that_could_not_be_read_has_a_row_without_facts(path: str) -> None:
    """The poll says that it failed; the others have theirs."""
    world = front_page(3, 4, 5)
    async with client(world, retries=0) as (simulator, fetcher):
        for story in (world.top[0], world.top[2]):
            simulator.fail(f"item/{story}", "500")
        report = await poll(fetcher, path, Memory())

    facts = 'SELECT kind, title, "by", url, score, created_at, state FROM stories'
    first, second, _ = query(path, f"{facts} ORDER BY story_id")
    assert first == (None, None, None, None, None, None, "live")
    assert second[0] == "story"
    assert query(path, "SELECT status, comments FROM counts ORDER BY story_id") == [
        ("failed", None),
        ("exact", 4),
        ("failed", None),
    ]
    assert query(path, "SELECT error FROM polls") == [(f"{report.errors[0]} (and 1 more)",)]


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        ([], [], (20, [])),
        ([7], [], (10, [])),
        ([], [8], (20, [8])),
        ([7, 8], [8, 9], (20, [7, 8, 9])),
    ],
)
def test_trees_of_two_processes_are_merged(
    theirs: list[int], ours: list[int], expected: tuple[int, list[int]]
) -> None:
    """What either wants to read is to be read, unless the other has read it, up to its own end."""
    for low, high in ((10, 20), (20, 10)):
        assert merge(Stored(1, low, str(theirs)), high, ours) == expected


@pytest.mark.parametrize("enabled", [False, True])
def test_collector_is_left_as_it_was(path: str, *, enabled: bool) -> None:
    """It rests while a tree is made."""
    store = Store(path)
    try:
        if not enabled:
            gc.disable()
        store.recall(Memory(), [1])
        assert gc.isenabled() is enabled
    finally:
        gc.enable()
        store.close()


def test_name_that_the_system_refuses_is_told(tmp_path: Path) -> None:
    """With the system's reason."""
    path = str(tmp_path / ("x" * 1000))

    with pytest.raises(HistoryError, match=r"cannot be read \(File name too long\)"):
        Store(path)


def test_file_that_another_one_makes_is_busy_and_not_damaged(path: str) -> None:
    """So it is tried again."""
    with locked(path, "EXCLUSIVE"), pytest.raises(HistoryError) as caught:
        Store(path)

    assert is_busy(caught.value)
    Store(path).close()


async def test_threshold_that_cannot_be_noted_is_told(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what stands above it would be news."""
    monkeypatch.setattr("hn_comments.history.history.PATIENCE", 20 * MS)
    Store(path).close()
    with locked(path), pytest.raises(HistoryError, match="locked"):
        await History(path, thresholds=["10"]).__aenter__()


async def test_busy_file_delays_no_start_without_thresholds(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to be noted yet."""
    monkeypatch.setattr("hn_comments.history.history.PATIENCE", 20 * MS)
    Store(path).close()
    with locked(path):
        async with History(path) as history:
            memory = Memory()
            await history.recall(memory, [1])

    assert memory.discussions == {}


async def test_no_story_leaves_the_list_in_an_outage(path: str) -> None:
    """Nobody knows what is on it then."""
    world = front_page(3, 4)
    async with client(world, retries=0) as (simulator, fetcher):
        await poll(fetcher, path, Memory())
        simulator.fail("topstories", "500")
        with pytest.raises(PollFailed):
            await poll(fetcher, path, Memory())

    assert query(path, "SELECT status FROM polls ORDER BY poll_id") == [("exact",), ("failed",)]
    ranks = query(path, "SELECT story_id, rank FROM latest_counts ORDER BY rank")
    assert ranks == [*zip(world.top, (1, 2), strict=True)]


async def test_comment_that_was_listed_and_not_read_is_told_after_a_restart(path: str) -> None:
    """It is in the file, but no run has told it."""
    world, clock = front_page(3), Clock()
    async with client(world, retries=0) as (simulator, fetcher):
        memory = Memory(clock)
        async with History(path) as history:
            await poll_once(fetcher, memory=memory, history=history, comments=True)
            comment = world.add_comment(world.top[0])
            simulator.fail(f"item/{comment}", "500", times=2)
            before = await poll_once(fetcher, memory=memory, history=history, comments=True)
        listed = query(path, "SELECT seen_at FROM items WHERE item_id = ?", comment)
        clock.now += 100
        async with History(path) as history:
            after = await poll_once(fetcher, memory=Memory(clock), history=history, comments=True)

    assert (before.comments, listed) == ((), [(None,)])
    assert [told.item.id for told in after.comments] == [comment]


async def test_first_comments_of_a_post_were_not_told(path: str) -> None:
    """So one of them is news where it moves to, after a restart, too."""
    world, clock = front_page(3), Clock()
    async with client(world) as (_, fetcher):
        memory = Memory(clock)
        async with History(path) as history:
            await poll_once(fetcher, memory=memory, history=history, comments=True)
            world.top.append(world.add_story(score=1))
            comment = world.add_comment(world.top[1])
            for _ in range(2):
                # Until it is young no more.
                clock.now += 100
                before = await poll_once(fetcher, memory=memory, history=history, comments=True)
        world.move(comment, world.top[0])
        world.touch(world.top[0])
        clock.now += 20
        async with History(path) as history:
            after = await poll_once(fetcher, memory=Memory(clock), history=history, comments=True)

    assert before.comments == ()
    assert [told.item.id for told in after.comments] == [comment]
