"""
Every fault, at every place, under both policies, once and for ever: no wrong number as exact.

Each cell is a tiny world polled four times. A failing cell prints its name, which is all of it.
"""

import asyncio
import itertools
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from hn_comments import PollReport, Session, URLFetcher
from hn_comments.history import History
from hn_comments.memory import Memory
from hn_comments.simulator import Simulator, World
from hn_comments.simulator.server import FAULTS

from .support import MS, Clock, client, eventually, front_page, poll_once


PLACES = ("list", "maxitem", "updates", "post", "inner", "leaf", "new", "updated")
POLICIES = ("partial", "cancel")
TIMES = (1, 2, None)
KEEPING = ("nothing", "memory", "history")

CELLS = list(itertools.product(FAULTS, PLACES, POLICIES, TIMES, KEEPING))

# Of the ordinary suite every so-manieth cell: a prime, so that it meets all of each list.
STRIDE = 31

# What the client takes for the truth, as it must: there is nothing to see that is wrong.
# `null` is how the API says that an item is not there, and a slow answer is an answer.
BELIEVED = {"null", "slow"}

# Seconds between polls: more than what failed is left alone for.
APART = 61.0

# Requests of one poll at most: the items, the questions, the latest ids, each with its tries
# and asked for again where the first answer was doubted.
MAX_REQUESTS = 150


def tiny_world() -> World:
    """Return two stories; the first has a comment with two replies."""
    world = front_page(0, 1)
    inner = world.add_comment(world.top[0])
    world.add_comment(inner)
    world.add_comment(inner)
    world.updates.clear()
    return world


class Cell:
    """A world in which one thing goes wrong, and what is found in it."""

    def __init__(self, simulator: Simulator, session: Session, settings: dict[str, Any]) -> None:
        self.simulator = simulator
        self.world = simulator.world
        self.session = session
        self.settings = settings
        self.clock = Clock()
        self.memory: Memory | None = None
        self.history: History | None = None

    async def poll(self) -> PollReport:
        self.clock.now += APART
        fetcher = URLFetcher(self.session)
        async with asyncio.timeout(5000 * MS):
            report = await poll_once(
                fetcher, memory=self.memory, history=self.history, **self.settings
            )
        assert fetcher.fetch_counter <= MAX_REQUESTS
        assert self.session.pacer.in_flight == 0
        assert self.memory is None or not self.memory.turn.locked()
        return report

    def path(self, place: str) -> str:
        """Return the path that fails; what is new or changed becomes so."""
        story = self.world.top[0]
        inner = self.world.items[story]["kids"][0]
        match place:
            case "list":
                return "topstories"
            case "maxitem" | "updates":
                return place
            case "post":
                return f"item/{story}"
            case "inner":
                return f"item/{inner}"
            case "new":
                return f"item/{self.world.add_comment(inner)}"
        leaf = self.world.items[inner]["kids"][0]
        if place == "updated":
            self.world.delete(leaf)
        return f"item/{leaf}"

    def check(self, report: PollReport, fault: str) -> None:
        """An exact figure is the true one, and a lower bound is no higher."""
        for story in report.stories:
            if story.count is None:
                assert story.status == "failed"
                continue
            truth = sum(1 for _ in self.world.walk(story.id))
            assert story.count.comments <= truth
            if story.status == "exact" and fault not in BELIEVED:
                assert story.count.comments == truth


async def run_cell(cell: Cell, fault: str, place: str, times: int | None) -> None:
    """Poll before, during and after a fault."""
    if cell.memory is not None:
        assert (await cell.poll()).status == "exact"
    path = cell.path(place)
    cell.simulator.fail(path, fault, times=times)
    for _ in range(3):
        cell.check(await cell.poll(), fault)
    cell.simulator._always.clear()
    cell.simulator._failing.clear()
    # What failed is asked for again within two minutes, and so is a null.
    for _ in range(3):
        report = await cell.poll()
    assert report.status == "exact", report.errors
    cell.check(report, "")
    await eventually(lambda: cell.simulator.in_flight == 0)


async def meet(folder: Path, number: int) -> None:
    """Do everything in one cell of the matrix."""
    fault, place, on_error, times, keeping = CELLS[number]
    settings = {"on_error": on_error, "retries": 1, "fetch_timeout": 60 * MS}
    async with AsyncExitStack() as stack:
        simulator, fetcher = await stack.enter_async_context(client(tiny_world(), **settings))
        cell = Cell(simulator, fetcher.session, settings)
        if keeping != "nothing":
            cell.memory = Memory(cell.clock)
        if keeping == "history":
            path = str(folder / f"{number}.db")
            cell.history = await stack.enter_async_context(History(path))
        await run_cell(cell, fault, place, times)


def name(number: int) -> str:
    return "-".join(str(part) for part in CELLS[number])


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for real seconds, neither the server nor who asks it again."""
    monkeypatch.setattr("hn_comments.retry.FIRST_DELAY", MS)
    monkeypatch.setattr("hn_comments.simulator.server.RETRY_AFTER", 0)
    monkeypatch.setattr("hn_comments.fetcher.MAX_REFUSALS", 3)
    monkeypatch.setattr("hn_comments.fetcher.MAX_REFUSED", 100 * MS)
    monkeypatch.setattr("hn_comments.pacer.FIRST_PAUSE", MS)
    monkeypatch.setattr("hn_comments.pacer.MAX_OUTAGE_PAUSE", 4 * MS)


@pytest.mark.parametrize("number", range(0, len(CELLS), STRIDE), ids=name)
async def test_some_cells(number: int, tmp_path: Path) -> None:
    """Every so-manieth cell."""
    await meet(tmp_path, number)


@pytest.mark.long
@pytest.mark.parametrize("number", range(len(CELLS)), ids=name)
async def test_every_cell(number: int, tmp_path: Path) -> None:
    """All of them."""
    await meet(tmp_path, number)
