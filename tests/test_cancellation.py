"""A poll can be cancelled at any moment: no task is left, and the next poll is right."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from hn_comments import PollReport, Session, Settings, URLFetcher
from hn_comments.history.history import History
from hn_comments.memory.memory import Memory
from hn_comments.settings import OnError
from hn_comments.simulator import World
from hn_comments.simulator.answers import answer
from hn_comments.stories import Poll

from .support import DEADLINE, front_page


# Turns of the event loop between two moments at which a poll is cancelled; the long test takes
# every turn.
STRIDE = 23


class LocalSession(Session):
    """Answers from a world in this process after a few turns, with the real pacer."""

    def __init__(self, world: World, **settings: Any) -> None:
        super().__init__(Settings(**settings))
        self.world = world

    async def get(self, path: str, url: URL, *, soon: bool = False) -> bytes | URL:  # noqa: ARG002
        for _ in range(len(str(url)) % 3):
            await asyncio.sleep(0)
        return json.dumps(answer(self.world, path.removesuffix(".json"))).encode()


async def cancel_after(turns: int, folder: Path, on_error: OnError) -> bool:
    """Cancel a first poll after *turns*, and do another; return whether the first still ran."""
    world = front_page(5, 2)
    memory = Memory()
    reports: list[PollReport] = []
    async with (
        LocalSession(world, on_error=on_error, connections=4) as session,
        History(str(folder / f"{turns}.db")) as history,
    ):

        async def poll() -> None:
            fetcher = URLFetcher(session)
            settings = session.settings
            one = Poll(fetcher, settings, memory=memory, number=1, history=history)
            await one.run(reports.append)

        before = asyncio.all_tasks()
        task = asyncio.create_task(poll())
        for _ in range(turns):
            await asyncio.sleep(0)
        cut = task.cancel()
        with suppress(asyncio.CancelledError):
            async with asyncio.timeout(DEADLINE):
                await task

        assert session.pacer.in_flight == 0
        assert not memory.turn.locked()
        assert asyncio.all_tasks() <= before
        assert len(reports) <= 1

        await poll()
        assert [story.count and story.count.comments for story in reports[-1].stories] == [5, 2]
        assert reports[-1].status == "exact"
    return cut


async def cancel_at_each(stride: int, folder: Path, on_error: OnError) -> int:
    turns = 0
    while await cancel_after(turns, folder, on_error):
        turns += stride
    return turns


@pytest.mark.parametrize("on_error", ["partial", "cancel"])
async def test_nothing_is_left_after_a_cancellation(
    tmp_path: Path, on_error: OnError, caplog: pytest.LogCaptureFixture
) -> None:
    """The memory's turn, the history and the pacer take part."""
    assert await cancel_at_each(STRIDE, tmp_path, on_error) > 5 * STRIDE
    assert not caplog.messages


@pytest.mark.long
@pytest.mark.parametrize("on_error", ["partial", "cancel"])
async def test_nothing_is_left_after_a_cancellation_at_any_turn(
    tmp_path: Path, on_error: OnError, caplog: pytest.LogCaptureFixture
) -> None:
    """As above, at every single turn."""
    assert await cancel_at_each(1, tmp_path, on_error) > 5 * STRIDE
    assert not caplog.messages
