"""Every fault in every place: never a wrong number as exact, and all is right afterwards."""

import asyncio
import itertools
import random
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hn_comments import Count, PollFailed, PollReport, Session, Settings, URLFetcher
from hn_comments.api import fetcher as fetcher_module
from hn_comments.api import pace as pace_module
from hn_comments.history.history import History
from hn_comments.memory.memory import Memory
from hn_comments.settings import OnError
from hn_comments.simulator import FAULTS, Simulator, World
from hn_comments.simulator import server as simulator_server
from hn_comments.stories import Poll

from .support import MS, Clock, eventually, front_page


PLACES = ("list", "maxitem", "updates", "post", "inner", "leaf", "new", "updated")
POLICIES: tuple[OnError, ...] = ("partial", "cancel")
TIMES = (1, 2, None)
MEMORIES = ("none", "memory", "history")

# Cells in the ordinary run of the suite; a long one takes all.
SAMPLE = 60


class Cell(NamedTuple):
    """One fault in one place, *times* times, under one policy, with one kind of memory."""

    fault: str
    place: str
    policy: OnError
    times: int | None
    memory: str


CELLS = [Cell(*cell) for cell in itertools.product(FAULTS, PLACES, POLICIES, TIMES, MEMORIES)]


@pytest.fixture
def _quick(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Make faults as quick as retries."""
    monkeypatch.setattr(fetcher_module, "MAX_REFUSED", 100 * MS)
    monkeypatch.setattr(fetcher_module, "MAX_REFUSALS", 3)
    monkeypatch.setattr(pace_module, "MAX_SILENCE", MS)
    monkeypatch.setattr(simulator_server, "RETRY_AFTER", 0)
    monkeypatch.setattr(simulator_server, "SLOW", 20 * MS)


class Bench:
    """A small world, and polls of it with a clock of their own."""

    def __init__(self, cell: Cell, simulator: Simulator, session: Session) -> None:
        self.cell = cell
        self.simulator = simulator
        self.session = session
        self.world: World = simulator.world
        self.clock = Clock()
        self.memory = Memory(self.clock)
        self.settings = Settings(
            api_url=simulator.url,
            on_error=cell.policy,
            retries=1,
            fetch_timeout=150 * MS,
            full_walk=cell.memory == "none",
        )
        self.history: Any = None

    async def poll(self, *, seconds: float) -> PollReport:
        """Poll, and check the facts that hold for every poll."""
        self.clock.now += seconds
        reports: list[PollReport] = []
        poll = Poll(
            URLFetcher(self.session),
            self.settings,
            memory=self.memory,
            number=1,
            history=self.history,
        )
        failed = False
        try:
            await poll.run(reports.append)
        except PollFailed:
            failed = True

        (report,) = reports
        assert failed == (report.status == "failed")
        assert self.session.pacer.in_flight == 0
        assert not self.memory.turn.locked()
        for story in report.stories:
            assert story.status == "exact" or story.error
        return report

    def path(self) -> str:
        """Return the path that the fault spoils; make news there, so that the path is asked for."""
        comments = sorted(self.world.walk(self.world.top[0]))
        kids = {i: (self.world.items[i] or {}).get("kids") for i in comments}
        match self.cell.place:
            case "list":
                return "topstories"
            case "maxitem" | "updates":
                return self.cell.place
            case "post":
                chosen = self.world.top[0]
            case "inner":
                chosen = next(i for i in comments if kids[i])
            case "new":
                return f"item/{self.world.add_comment(comments[0])}"
            case _:
                chosen = next(i for i in comments if not kids[i])
        if self.cell.memory != "none" or self.cell.place == "updated":
            self.world.touch(chosen)
        return f"item/{chosen}"


def truth(world: World) -> list[Count]:
    return [Count(live=len([*world.walk(story)])) for story in world.top]


async def check(cell: Cell, folder: Path) -> None:
    """Poll a sound world, then with the fault, then after it."""
    async with (
        Simulator(front_page(12, 3)) as simulator,
        Session(Settings(api_url=simulator.url, fetch_timeout=150 * MS)) as session,
        History(str(folder / "history.db")) as history,
    ):
        bench = Bench(cell, simulator, session)
        bench.history = history if cell.memory == "history" else None
        sound = await bench.poll(seconds=0)
        assert [story.count for story in sound.stories] == truth(bench.world)

        simulator.fail(bench.path(), cell.fault, times=cell.times)
        report = await bench.poll(seconds=100)
        assert report.fetches <= 2 * (sound.fetches + 10)
        for story, true in zip(report.stories, truth(bench.world), strict=False):
            if story.status == "exact" and cell.fault != "null":
                assert story.count == true
            elif story.count:
                assert story.count.comments <= true.comments
        await eventually(lambda: simulator.in_flight == 0)

        simulator.recover()
        for _ in range(4):
            report = await bench.poll(seconds=1000)
        assert [story.count for story in report.stories] == truth(bench.world)
        assert report.status == "exact"
    left = [task for task in asyncio.all_tasks() if task.get_name().startswith("poll")]
    assert not left


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("cell", random.Random(7).sample(CELLS, SAMPLE), ids=str)
async def test_some_faults(cell: Cell, tmp_path: Path) -> None:
    """A sample of the matrix, the same each time."""
    await check(cell, tmp_path)


@pytest.mark.long
@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("cell", CELLS, ids=str)
async def test_all_faults(cell: Cell, tmp_path: Path) -> None:
    """All 1,728 cells."""
    await check(cell, tmp_path)
