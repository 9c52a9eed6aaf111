"""One timer for many time limits: each ends its own block, and no other."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import pytest

from hn_comments.api.deadlines import Deadlines

from .support import MS, in_virtual_time


async def under(deadlines: Deadlines, work: Coroutine[Any, Any, str]) -> str:
    with deadlines.start():
        return await work


async def test_late_ones_time_out_and_quick_ones_do_not() -> None:
    """Each limit counts from its own start, though there is one timer."""
    deadlines = Deadlines(100 * MS)
    loop = asyncio.get_running_loop()
    start = loop.time()

    async def late(delay: float) -> float:
        await asyncio.sleep(delay)
        began = loop.time()
        with pytest.raises(TimeoutError):
            await under(deadlines, asyncio.sleep(10_000 * MS, "late"))
        return loop.time() - began

    quick = under(deadlines, asyncio.sleep(10 * MS, "quick"))
    took = await asyncio.gather(late(0), late(40 * MS), late(150 * MS), quick)

    assert took[3] == "quick"
    assert all(seconds > 90 * MS for seconds in took[:3])
    assert loop.time() - start < 5000 * MS
    assert not deadlines.running


async def test_cancellation_from_elsewhere_is_not_a_timeout() -> None:
    """Not even in the moment in which the time is over."""
    deadlines = Deadlines(20 * MS)
    early = asyncio.create_task(under(deadlines, asyncio.sleep(10_000 * MS, "x")))
    await asyncio.sleep(0)
    early.cancel()
    with pytest.raises(asyncio.CancelledError):
        await early

    async def stopped_twice() -> str:
        try:
            return await asyncio.sleep(10_000 * MS, "x")
        except asyncio.CancelledError:
            both.cancel()
            raise

    both = asyncio.create_task(under(deadlines, stopped_twice()))
    with pytest.raises(asyncio.CancelledError):
        await both
    assert not deadlines.running


async def test_result_in_the_last_moment_is_kept() -> None:
    """A block that ends although it was cancelled has ended."""
    deadlines = Deadlines(20 * MS)

    async def stubborn() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(10_000 * MS)
        return "done"

    assert await under(deadlines, stubborn()) == "done"
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


@in_virtual_time
async def test_block_may_take_its_time_to_end() -> None:
    """It is cancelled once: what it does then is not cut short by the limits of others."""
    deadlines, ended = Deadlines(2), []

    async def tidy() -> str:
        try:
            return await asyncio.sleep(3600, "never")
        finally:
            await asyncio.sleep(5)
            ended.append("tidily")

    first = asyncio.create_task(under(deadlines, tidy()))
    await asyncio.sleep(1)
    second = asyncio.create_task(under(deadlines, asyncio.sleep(3600, "never")))
    for task in (first, second):
        with pytest.raises(TimeoutError):
            await task
    assert ended == ["tidily"]


async def test_close_leaves_no_timer() -> None:
    """A session that is closed leaves nothing in the loop."""
    deadlines = Deadlines(50 * MS)
    with deadlines.start():
        pass
    deadlines.close()

    with pytest.raises(TimeoutError):
        await under(deadlines, asyncio.sleep(10_000 * MS, "x"))
