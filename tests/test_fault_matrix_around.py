"""
Every fault around the polls: receivers, heartbeat, port, history and name servers.

Whatever is broken there, and whenever: counts stay right, nobody waits, it is said once, and
afterwards everything has arrived, nothing twice.
"""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from hn_comments import PollReport, Settings, watch
from hn_comments.engine import Control
from hn_comments.events import TaskFailed
from hn_comments.history import history as history_module
from hn_comments.models import INTERRUPTED
from hn_comments.notices import command, heartbeat, notices, notifier, receivers
from hn_comments.service import Service
from hn_comments.simulator import Simulator

from .support import COMPLAINTS, MS, Ear, eventually, front_page, posix_only
from .surroundings import PARTS, History, Names, Part


# When it is broken: from the first poll, from the third, or from the third to the end of the run,
# so that the next one has it all to do.
MOMENTS = ("begin", "middle", "end")

# Polls before, during and after a fault, at least.
BEFORE, DURING, AFTER = 2, 3, 3

# Cells in the ordinary run of the suite; a long one takes all.
SAMPLE = 20


class Cell(NamedTuple):
    """One fault of one part, at one moment, with a history or without."""

    part: type[Part]
    fault: str
    moment: str
    history: bool

    def __str__(self) -> str:
        memory = "history" if self.history else "memory"
        return f"{self.part.__name__} {self.fault} {self.moment} {memory}"


def make_cells() -> Iterator[Cell]:
    """Yield all that can be: what is not there yet cannot be moved, and no port attacked."""
    for part in PARTS:
        for fault in part.faults:
            for moment in MOMENTS[part.__name__ in {"History", "Port"} :]:
                for history in (True, False)[: 1 if part is History else 2]:
                    yield Cell(part, fault, moment, history)


CELLS = [*make_cells()]


@pytest.fixture
def _quick(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Make everybody less patient."""
    for module in (command, receivers):
        monkeypatch.setattr(module, "SECONDS_TO_TAKE", 200 * MS)
    monkeypatch.setattr(heartbeat, "TIMEOUT", 200 * MS)
    monkeypatch.setattr(heartbeat, "DELAYS", (20 * MS,))
    monkeypatch.setattr(notices, "DRAIN", 100 * MS)
    monkeypatch.setattr(notifier, "FIRST_DELAY", 50 * MS)
    monkeypatch.setattr(notifier, "MAX_DELAY", 50 * MS)
    monkeypatch.setattr(history_module, "PATIENCE", 50 * MS)
    monkeypatch.setattr(history_module, "PATIENCE_AT_THE_END", 50 * MS)


class Bench:
    """A small world that is watched, with one part around it that breaks."""

    def __init__(self, cell: Cell, simulator: Simulator, folder: Path) -> None:
        self.cell = cell
        self.simulator = simulator
        self.ear = Ear()
        self.part = cell.part(cell.fault, folder, simulator, self.ear)
        self.polls = 0
        self.last: dict[int, int] = {}
        # How many comments each post had, and has.
        self.truths = [self._truth()]

    def _truth(self) -> dict[int, int]:
        world = self.simulator.world
        return {story: len([*world.walk(story)]) for story in world.top}

    async def run(self) -> None:
        """Break the part, and repair it."""
        begins, ends = self.cell.moment == "begin", self.cell.moment == "end"
        if begins:
            await self.part.spoil()
        async with self.watching():
            if not begins:
                await self.pass_polls(BEFORE)
                await eventually(lambda: self.part.is_heard)
                await self.spoil()
            await self.pass_polls(DURING)
            await eventually(lambda: self.part.is_met)
            await self.part.look()
            if not ends:
                await self.settle()
        if ends and self.cell.history:
            async with self.watching():
                await self.settle()
        elif ends:
            await self.part.repair()

    async def spoil(self) -> None:
        """Break the part, and make news."""
        await self.part.spoil()
        world = self.simulator.world
        for _ in range(2):
            world.add_reply(world.top[0])
        self.truths.append(self._truth())

    async def settle(self) -> None:
        """Repair the part, and see that all is well again."""
        await self.part.repair()
        await self.pass_polls(AFTER)
        await eventually(lambda: self.last == self.truths[-1])
        await self.part.look()
        crossed = {post: 1 + (comments >= 5) for post, comments in self.truths[-1].items()}
        await self.part.check(crossed)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Run the engine and the port as the command does; it ends cleanly."""
        control = Control()
        self.task = asyncio.create_task(self._watch(control))
        try:
            yield
        finally:
            control.stop()
            await self.task

    async def _watch(self, control: Control) -> None:
        chosen = {
            "api_url": self.simulator.url,
            "period": 30 * MS,
            "max_errors": 0,
            "retries": 0,
            "history": str(self.part.history) if self.cell.history else None,
        }
        settings = Settings(**{**chosen, **self.part.settings})
        service = Service(settings, control, self.ear)
        async with service, aclosing(watch(settings, control=control, on_event=self.ear)) as polls:
            async for report in polls:
                service.publish(report)
                self._judge(report)

    def _judge(self, report: PollReport) -> None:
        """See that nothing else than the part is concerned."""
        self.polls += 1
        # A poll may be interrupted by the end of the run.
        if report.status == "exact":
            self.last = {post.id: post.count.comments for post in report.stories if post.count}
            assert self.last in self.truths
        elif report.error != INTERRUPTED:
            assert self.cell.part is Names, report.errors

    async def pass_polls(self, number: int) -> None:
        """Return when there were so many more polls."""
        end = self.polls + number
        await eventually(lambda: self.polls >= end or self.task.done())
        if self.task.done():
            await self.task

    def check(self) -> None:
        """See what was said, and what is in the file."""
        ends = self.cell.moment == "end"
        troubles = self.part.troubles
        first = [trouble for trouble in troubles if trouble.first]
        over = [trouble for trouble in troubles if trouble.over]
        # A connection that is still open can answer in the midst of an outage of names.
        assert len(first) <= 1 + ends + (self.cell.part is Names), first
        assert len(over) == len(first) or ends, over
        assert not [event for event in self.ear.events if isinstance(event, TaskFailed)]
        if self.cell.history:
            with closing(sqlite3.connect(self.part.history)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                found = dict(connection.execute("SELECT story_id, comments FROM latest_counts"))
            assert found == self.truths[-1]


async def check(cell: Cell, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Run a cell."""
    async with Simulator(front_page(4, 3)) as simulator:
        bench = Bench(cell, simulator, folder)
        async with bench.part.present():
            await bench.run()
            bench.check()
    assert not COMPLAINTS.search(caplog.text), caplog.text
    left = [task.get_name() for task in asyncio.all_tasks()]
    assert len(left) == 1, left


@posix_only
@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("cell", random.Random(3).sample(CELLS, SAMPLE), ids=str)
async def test_some_faults(cell: Cell, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A sample, the same each time."""
    await check(cell, tmp_path, caplog)


@posix_only
@pytest.mark.long
@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("cell", CELLS, ids=str)
async def test_all_faults(cell: Cell, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All cells."""
    await check(cell, tmp_path, caplog)
