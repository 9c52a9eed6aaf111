"""A poll can be cancelled at any of its steps: nothing is left behind, and the next is right."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from hn_comments import PollReport, Session, Settings, URLFetcher
from hn_comments.history import History
from hn_comments.memory import Memory
from hn_comments.models import OnError
from hn_comments.simulator import Simulator
from hn_comments.stories import Poll

from .support import DEADLINE, eventually, front_page


# Steps of the event loop between two at which a poll is cancelled, in the ordinary suite.
STRIDE = 29


class Polls:
    """Polls of one world, with a memory, a history and a pacer."""

    def __init__(
        self, simulator: Simulator, session: Session, history: History, settings: Settings
    ) -> None:
        self.simulator = simulator
        self.session = session
        self.history = history
        self.settings = settings
        self.memory = Memory()

    def poll(self, reports: list[PollReport]) -> Coroutine[Any, Any, None]:
        fetcher = URLFetcher(self.session)
        poll = Poll(fetcher, self.settings, memory=self.memory, number=1, history=self.history)
        return poll.run(reports.append)


@asynccontextmanager
async def polls(folder: Path, on_error: OnError) -> AsyncIterator[Polls]:
    world = front_page(3, 2)
    async with Simulator(world) as simulator, History(str(folder / "history.db")) as history:
        settings = Settings(api_url=simulator.url, on_error=on_error)
        async with Session(settings) as session:
            yield Polls(simulator, session, history, settings)


async def cancel_at(step: int, folder: Path, on_error: OnError) -> bool:
    """Cancel a first poll at one step and do another; return whether there was such a step."""
    async with polls(folder, on_error) as world:
        before = asyncio.all_tasks()
        reports: list[PollReport] = []
        task = asyncio.create_task(world.poll(reports), name="poll")
        for _ in range(step):
            await asyncio.sleep(0)
        was_cut = task.cancel()
        with suppress(asyncio.CancelledError):
            async with asyncio.timeout(DEADLINE):
                await task

        assert world.session.pacer.in_flight == 0
        assert not world.memory.turn.locked()
        await eventually(lambda: world.simulator.in_flight == 0)
        # The connections of the server have tasks of their own.
        left = asyncio.all_tasks() - before
        assert {name_of(task) for task in left} <= {"RequestHandler.start"}

        reports.clear()
        await world.poll(reports)

        (report,) = reports
        assert report.status == "exact"
        counts = [story.count.comments if story.count else None for story in report.stories]
        assert counts == [3, 2]
        return was_cut


def name_of(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    assert coroutine is not None
    return coroutine.__qualname__


@pytest.mark.parametrize("on_error", ["partial", "cancel"])
@pytest.mark.parametrize(
    "stride", [STRIDE, pytest.param(1, marks=pytest.mark.long)], ids=["some", "every"]
)
async def test_nothing_is_left_after_a_cancellation(
    tmp_path: Path, on_error: OnError, stride: int, caplog: pytest.LogCaptureFixture
) -> None:
    """At each step of the event loop until the poll is complete, or at some of them."""
    step = 0
    while True:
        folder = tmp_path / str(step)
        folder.mkdir()
        if not await cancel_at(step, folder, on_error):
            break
        step += stride

    assert step > 1
    assert not caplog.messages
